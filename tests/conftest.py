"""What all tests stand on: a clean environment, the embedded AWS, a real shell, a scripted STS."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import boto3
import hypothesis
import pytest
from botocore.loaders import JSONFileLoader, Loader
from IPython.core.interactiveshell import InteractiveShell
from pytest_httpserver import HTTPServer

from stsnb.config import catalog, settings
from stsnb.demo import EmbeddedAWS
from stsnb.kernel import kernel
from tests.person import Person
from tests.scripted_sts import MFADevice, ScriptedSTS

# `hatch run test-quick`. A test that wants another number of examples than the profile multiplies it.
hypothesis.settings.register_profile("quick", max_examples=10)


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAWS]:
    """An AWS that enforces who may do what, for all tests; they leave it as it is."""
    with EmbeddedAWS() as aws:
        yield aws


@pytest.fixture(autouse=True, scope="session")
def models_read_once() -> Iterator[None]:
    """Let botocore list and read its service models once for all tests: that is 65 of a client's 75 ms."""
    list_services, listed = Loader.list_available_services, dict[tuple[str, ...], list[str]]()

    def list_available_services(self: Loader, type_name: str) -> list[str]:
        place = type_name, *self.search_paths
        if place not in listed:
            listed[place] = list_services(self, type_name)
        return listed[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file)))
        patch.setattr(Loader, "list_available_services", list_available_services)
        yield


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No AWS setting of the machine, no role of an earlier test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws" / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kernel.reset()
    catalog.forget()
    settings.put(settings.Settings())
    yield
    kernel.reset()
    catalog.forget()
    settings.put(settings.Settings())


@pytest.fixture
def aws(embedded_aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAWS:
    """The embedded AWS, with this process's environment pointing at it as user myid."""
    for name, value in embedded_aws.environment.items():
        monkeypatch.setenv(name, value)
    return embedded_aws


@pytest.fixture
def sts(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedSTS:
    """An STS that answers as a test says, with keys and a region in the environment to ask it."""
    scripted = ScriptedSTS(httpserver)
    for name, value in scripted.environment.items():
        monkeypatch.setenv(name, value)
    return scripted


@pytest.fixture
def device(sts: ScriptedSTS) -> MFADevice:
    """The user's MFA device, whose code the scripted STS requires."""
    sts.device = MFADevice()
    return sts.device


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A user who can be prompted for a code."""
    person = Person()
    monkeypatch.setattr(getpass, "getpass", person)
    return person


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_cell("%load_ext stsnb")
    yield shell
    shell.run_cell("%unload_ext stsnb")
    InteractiveShell.clear_instance()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The folder where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE point: ``config``, ``credentials``."""
    folder = tmp_path / "aws"
    folder.mkdir()
    return folder
