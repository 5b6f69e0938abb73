"""botocore's exceptions: servers that can't be reached, proxies, certificates, regions."""

from __future__ import annotations

import copy
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from stsnb.errors.attempt import Attempt
from stsnb.errors.botocore_errors import BOTOCORE_ERRORS, row_of
from stsnb.sources.source import Source
from tests.errors.why import (
    HALF,
    address,
    unused_url,
    why,
)
from tests.scripted_sts import IDENTITY_CENTER, SECRET_MARK, ScriptedSTS

CONTEXTS = [{"ProviderArn": IDENTITY_CENTER, "ContextAssertion": SECRET_MARK}]


def test_a_port_without_a_listener(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    url = unused_url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    error = why()
    assert error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) could not be reached."
    assert "Check the network" in error.advice
    assert error.said is None


def test_a_name_that_cannot_be_found(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.invalid")
    error = why()
    assert error.happened == "STS at http://sts.invalid (from AWS_ENDPOINT_URL_STS) could not be reached."
    assert "the host's name" in error.advice


def test_a_server_that_never_answers(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "client_config", Config(connect_timeout=5, read_timeout=0.1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) did not answer in time."
    assert "Try again" in error.advice


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that reads one request, writes these bytes and hangs up."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as asked:
            length = 0
            while (line := asked.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            asked.read(length)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        # A request that never comes must not keep the tests from ending.
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_hangs_up_without_a_word(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert (
        error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) closed the connection without an answer."
    )
    assert "check that setting" in error.advice


def test_a_server_that_hangs_up_in_the_middle_of_the_credentials(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(f"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{HALF}".encode()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert error.happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS) ")
    assert "connection" in str(error)


def test_https_to_a_server_that_speaks_http(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://127.0.0.1:{sts.server.port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    error = why()
    assert error.happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS)")
    assert "does not speak https" in error.happened
    assert "(_ssl.c" not in str(error)


@pytest.mark.parametrize("nonsense", ["nonsense", "http://", "localhost:8000"])
def test_an_address_that_is_none(nonsense: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", nonsense)
    error = why()
    assert "AWS_ENDPOINT_URL_STS" in error.happened
    assert nonsense in str(error)
    assert "The answer was" not in str(error), "STS was not called"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY"])
def test_a_proxy_that_is_not_there(variable: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = unused_url()
    monkeypatch.setenv(variable, proxy.replace("//", f"//me:{SECRET_MARK}@"))
    if variable == "HTTPS_PROXY":
        monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    error = why()
    assert error.happened == f"The proxy {proxy} could not be reached."
    assert variable in error.advice
    assert "NO_PROXY" in error.advice


def test_an_address_with_a_password_in_it_is_shown_without(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url.replace("//", "//me:hunter2@"))
    sts.fails("Throttling", "Rate exceeded")
    error = why()
    assert address(sts) in error.happened
    assert "hunter2" not in str(error)


def test_a_region_that_is_none(sts: ScriptedSTS) -> None:
    error = why(region="Seoul, Korea")
    assert error.happened == "Invalid region: 'Seoul, Korea'."
    assert "ap-northeast-2" in error.advice


PASSWORDS = [
    "user:hunter2",
    "user:a@hunter2@b",
    "user:hunter2/x",
    "user:a?hunter2",
    "user:a#hunter2",
    "hunter2",
]


@pytest.mark.parametrize("user", PASSWORDS)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_STS", "HTTP_PROXY"])
def test_a_password_in_an_address_is_not_shown(
    variable: str, user: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, unused_url().replace("//", f"//{user}@"))
    error = why()
    assert "hunter2" not in str(error)
    assert error.happened


def test_a_secret_in_an_addresss_query_is_not_shown(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"{unused_url()}/sts?token=a@hunter2")
    assert "hunter2" not in str(why())


@pytest.mark.parametrize("proxy", ["http://a b:c", "http://127.0.0.1:99999999"])
def test_a_proxy_that_is_not_an_address(
    proxy: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    error = why()
    assert error.happened == "The proxy's address is invalid."
    assert "HTTP_PROXY" in error.advice


@pytest.mark.parametrize("address", ["http://127.0.0.1:x", "http://[::1", "ftp://localhost"])
def test_an_address_that_no_client_can_use(
    address: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
    error = why()
    assert "AWS_ENDPOINT_URL_STS" in error.happened
    assert "address" in error.happened


def test_a_region_that_has_no_endpoint(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    assert why(region="eu west").happened == "Invalid region: 'eu west'."


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"minimum_session_token_size": 2048}, ["MinimumSessionTokenSize"]),
        (
            {"provided_contexts": CONTEXTS, "minimum_session_token_size": 1},
            ["ProvidedContexts", "MinimumSessionTokenSize"],
        ),
    ],
)
def test_a_botocore_that_is_too_old_for_a_parameter(
    given: dict[str, Any],
    names: list[str],
    sts: ScriptedSTS,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    loader = Loader()
    model: Any = copy.deepcopy(loader.load_service_model("sts", "service-2"))
    for name in ("ProvidedContexts", "MinimumSessionTokenSize"):
        del model["shapes"]["AssumeRoleRequest"]["members"][name]
    folder = tmp_path / "sts" / loader.determine_latest_version("sts", "service-2")
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    error = why(**given)
    assert (
        error.happened
        == f"The installed botocore {botocore.__version__} does not support {' and '.join(names)}."
    )
    assert error.advice.startswith("Run %pip install --upgrade boto3 and restart the kernel, or leave out ")
    assert all(name in error.advice for name in given)
    assert sts.calls == 0


def test_another_parameter_that_botocore_refuses_is_not_quoted() -> None:
    error = exceptions.ParamValidationError(report=f"Invalid type for parameter X, value: {SECRET_MARK}")
    happened, advice = Attempt().explain(BOTOCORE_ERRORS["ParamValidationError"], error)
    assert (happened, advice) == (
        "botocore does not accept the request for the role.",
        "Check the types of its parameters.",
    )


def test_each_row_is_of_an_exception_that_botocore_has() -> None:
    known = {**vars(exceptions), "ResponseParserError": ResponseParserError}
    unknown = [name for name in BOTOCORE_ERRORS if name not in known]
    assert unknown == []


#: Of botocore's data and configuration objects, which STS's client does not raise.
NOT_ON_THE_WAY = {
    "ApiVersionNotFoundError",
    "BotoCoreError",
    "CapacityNotAvailableError",
    "DataNotFoundError",
    "InvalidEndpointConfigurationError",
    "InvalidEndpointDiscoveryConfigurationError",
    "InvalidHostLabelError",
    "InvalidProxiesConfigError",
    "InvalidRetryConfigurationError",
    "ServiceNotInRegionError",
    "UnknownClientMethodError",
    "UnknownKeyError",
    "UnknownServiceError",
    "UnknownServiceStyle",
    "UnknownSignatureVersionError",
    "UnknownTokenProviderError",
    "UnseekableStreamError",
    "UnsupportedServiceProtocolsError",
    "UnsupportedSignatureVersionError",
    "ValidationError",
}


def test_each_of_botocores_exceptions_on_the_way_has_a_row() -> None:
    """Those of other services, and of what only a programmer can do wrong, have none."""
    of_others = re.compile(
        "S3|Outpost|Stub|Waiter|Paginat|Pageable|Checksum|Expression|Param|Event|DNS|MD5|Seek|Range|Chunk"
    )
    missing = [
        name
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type)
        and issubclass(kind, exceptions.BotoCoreError)
        and row_of(kind.__new__(kind)) is None
        and not of_others.search(name)
    ]
    assert set(missing) <= NOT_ON_THE_WAY, set(missing) - NOT_ON_THE_WAY
