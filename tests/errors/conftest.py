"""No secret is logged, no network is used, and models are read once."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import SSOProvider
from botocore.loaders import JSONFileLoader
from botocore.tokens import SSOTokenProvider
from pytest_httpserver import HTTPServer

from tests.scripted_sts import SECRET_MARK, ScriptedSTS


class Secrets(logging.Handler):
    """Keeps the log records that show a secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if SECRET_MARK in (text := self.format(record)):
            self.told.append(text)


@pytest.fixture(autouse=True)
def nothing_secret_is_logged() -> Iterator[None]:
    secrets = Secrets()
    loggers = [logging.getLogger(name) for name in ("botocore", "boto3", "urllib3", "stsnb")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(secrets)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # hundreds of records, all of which a failure would show
    yield
    for logger, (level, propagate) in zip(loggers, before, strict=True):
        logger.removeHandler(secrets)
        logger.setLevel(level)
        logger.propagate = propagate
    assert secrets.told == []


@pytest.fixture(scope="module", autouse=True)
def models_read_once() -> Iterator[None]:
    """Each failure here makes a client of its own, and each client reads botocore's files anew: 40 of its 60 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name but this machine's is found, as without a network; no proxy of the machine is asked."""
    look_up = socket.getaddrinfo

    def local_only(host: Any, *arguments: Any, **more: Any) -> Any:
        if host in ("localhost", "127.0.0.1"):
            return look_up(host, *arguments, **more)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def no_keys(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted STS is there, but the environment has no keys to ask it with."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="module")
def other_server() -> Iterator[HTTPServer]:
    with HTTPServer() as server:
        yield server


@pytest.fixture
def other_sts(other_server: HTTPServer) -> ScriptedSTS:
    """A second STS, on a port of its own."""
    other_server.clear()
    return ScriptedSTS(other_server)


@pytest.fixture
def sso_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `aws sso login` leaves its token; botocore takes it from the home directory when it is imported."""
    folder = tmp_path / "sso"
    folder.mkdir()
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(folder))
    return folder
