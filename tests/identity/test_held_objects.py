"""An object that was made under a role keeps that role, or is refused; it never acts as another one, or as the user."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import boto3
import botocore.credentials
import pytest
from aiobotocore.session import get_session

import stsnb
from stsnb.injection import provider_environs
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, ScriptedSTS

OTHER = f"{ROLE}-other"
Caller = Callable[[], str]


@pytest.fixture
def sts(sts: ScriptedSTS) -> ScriptedSTS:
    """Sessions so short that botocore reads the environment again at every signing."""
    sts.seconds = 600
    return sts


def sync_caller(sts: ScriptedSTS) -> Caller:
    client = boto3.Session().client("sts")

    def call() -> str:
        client.get_caller_identity()
        return sts.callers[-1]

    return call


def async_caller(sts: ScriptedSTS) -> Caller:
    session = get_session()

    async def ask() -> None:
        async with session.create_client("sts") as client:
            await client.get_caller_identity()

    def call() -> str:
        asyncio.run(ask())
        return sts.callers[-1]

    return call


MAKERS = pytest.mark.parametrize("make", [sync_caller, async_caller])


def key(role: stsnb.AssumedRole) -> str:
    return role.response.access_key_id


@MAKERS
def test_a_session_keeps_its_role_over_a_renewal_a_switch_and_a_drop(
    sts: ScriptedSTS, make: Callable[[ScriptedSTS], Caller]
) -> None:
    first = stsnb.assume_role(ROLE)
    held = make(sts)
    assert held() == key(first)
    first.refresh()
    assert held() == key(first)
    second = stsnb.assume_role(OTHER)
    assert held() == key(first)
    assert make(sts)() == key(second)
    stsnb.drop_role()
    assert held() == key(first)
    assert make(sts)() == sts.environment["AWS_ACCESS_KEY_ID"]


def test_a_session_of_a_role_that_has_ended_is_refused_with_a_sentence(sts: ScriptedSTS) -> None:
    sts.seconds = 1
    role = stsnb.assume_role(ROLE, refresh=False)
    held = sync_caller(sts)
    stsnb.assume_role(OTHER)
    role._credentials._ends_at = role._credentials._renew_at = 0.0
    with pytest.raises(stsnb.AssumeRoleError, match="session of role-for-s3-fileserver ended"):
        held()


def test_a_session_of_the_user_whose_keys_end_stays_the_users(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As aws-vault and granted put keys into the environment."""
    soon = datetime.now(timezone.utc) + timedelta(minutes=5)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", soon.isoformat())
    before = sync_caller(sts)
    before()
    role = stsnb.assume_role(ROLE)
    assert before() == sts.environment["AWS_ACCESS_KEY_ID"]
    assert sync_caller(sts)() == key(role)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANEWER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "newer")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert before() == "AKIANEWER"  # which boto3 alone would read, too


def test_a_live_session_keeps_its_role_over_a_switch_and_is_refused_after_the_drop(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE, live=True)
    held = sync_caller(sts)
    assert held() == key(first)
    second = stsnb.assume_role(OTHER, live=True)
    assert held() == key(first)
    assert sync_caller(sts)() == key(second)
    third = stsnb.assume_role(f"{ROLE}-third")
    assert held() == key(first)
    assert sync_caller(sts)() == key(third)
    first.drop()
    second.drop()
    with pytest.raises(botocore.exceptions.CredentialRetrievalError, match="has dropped the role"):
        held()


def test_a_session_made_under_a_live_role_does_not_use_the_users_keys(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, live=True)
    assert sync_caller(sts)() == key(role) != sts.environment["AWS_ACCESS_KEY_ID"]


def test_keys_that_a_test_sets_for_a_while_are_not_mixed_with_the_roles_token(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    testing = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with mock.patch.dict(os.environ, testing):
        credentials: Any = boto3.Session().get_credentials()
        assert (credentials.access_key, credentials.token) == ("testing", None)
    assert sync_caller(sts)() == key(role)


def test_botocore_is_restored_when_no_role_is_active(sts: ScriptedSTS) -> None:
    before = botocore.credentials.EnvProvider.__init__, botocore.credentials.ContainerProvider.__init__
    stsnb.assume_role(ROLE)
    assert botocore.credentials.EnvProvider.__init__ is not before[0]
    kernel.reset()
    assert before == (
        botocore.credentials.EnvProvider.__init__,
        botocore.credentials.ContainerProvider.__init__,
    )


def test_no_environ_shows_a_secret(sts: ScriptedSTS) -> None:
    environ = provider_environs.RoleEnviron(stsnb.assume_role(ROLE).credentials)
    assert "TOPSECRET" not in f"{environ} {environ!r}"
