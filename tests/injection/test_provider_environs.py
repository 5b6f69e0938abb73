"""botocore's providers read the environment of one identity for as long as they live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.credentials import ContainerProvider, EnvProvider

from stsnb.injection import provider_environs
from stsnb.injection.environment import Environment, credential_variables
from stsnb.sources.isolated_session import UserEnviron
from stsnb.sts.response import AssumeRoleResponse


class Credentials:
    """The part of RoleCredentials that a provider reads."""

    def __init__(self) -> None:
        self.renew(1)

    def renew(self, number: int) -> None:
        ends = datetime(2040, 1, 1, number, tzinfo=timezone.utc)
        self.response = AssumeRoleResponse(
            f"ASIA{number}", f"s{number}", f"t{number}", ends, "arn:aws:sts::1:assumed-role/r/s"
        )

    def get_frozen_credentials(self) -> Any:
        return mock.Mock(
            access_key=self.response.access_key_id,
            secret_key=self.response.secret_access_key,
            token=self.response.session_token,
        )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    found = Environment()
    provider_environs.install(found)
    yield found
    found.reset()
    provider_environs.uninstall()


def put(environment: Environment) -> Credentials:
    credentials = Credentials()
    environment.put(credential_variables(credentials.response), boto3.Session(), credentials)  # type: ignore[arg-type]
    return credentials


def test_a_provider_of_a_role_reads_its_newest_keys_all_of_one_set(environment: Environment) -> None:
    credentials = put(environment)
    provider: Any = EnvProvider()
    found = provider.load()
    assert found._access_key == "ASIA1"
    credentials.renew(2)
    environment.put_back()
    read = provider._create_credentials_fetcher()()
    assert (read["access_key"], read["secret_key"], read["token"]) == ("ASIA2", "s2", "t2")
    assert read["expiry_time"] == "2040-01-01T02:00:00+00:00"


def test_without_a_role_a_provider_reads_the_users_environment(environment: Environment) -> None:
    for provider in (EnvProvider().environ, ContainerProvider()._environ):  # type: ignore[attr-defined]
        assert isinstance(provider, UserEnviron)
        assert provider["AWS_ACCESS_KEY_ID"] == "AKIAMINE"
    put(environment)
    assert provider["AWS_ACCESS_KEY_ID"] == "AKIAMINE" != os.environ["AWS_ACCESS_KEY_ID"]


def test_an_environment_that_is_given_is_used(environment: Environment) -> None:
    put(environment)
    given = {"AWS_ACCESS_KEY_ID": "GIVEN"}
    assert EnvProvider(given).environ is given  # type: ignore[attr-defined]
    assert EnvProvider(environ=given, mapping=None).environ is given  # type: ignore[attr-defined]


def test_installing_twice_changes_nothing_and_uninstalling_gives_the_constructors_back() -> None:
    originals = EnvProvider.__init__, ContainerProvider.__init__
    for _ in range(2):
        provider_environs.install(Environment({}))
    installed = EnvProvider.__init__
    assert installed is not originals[0]
    for _ in range(2):
        provider_environs.uninstall()
    assert (EnvProvider.__init__, ContainerProvider.__init__) == originals


def test_a_live_role_gives_its_endpoint_and_no_keys(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
    }
    environment.put(variables, boto3.Session())
    assert EnvProvider().load() is None
    held: Any = ContainerProvider()
    environment.put_back()
    assert held._environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == "token"
