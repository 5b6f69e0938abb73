"""botocore's chain in the user's environment: every provider of it, and finding the same credentials again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import CredentialResolver, Credentials

from stsnb.sources import provider_chain
from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.provider_chain import Choice, find, is_same, source_credentials_of

KEYS = "aws_access_key_id = AKIA{}\naws_secret_access_key = x\n"


def held_by(value: Any, seen: set[int]) -> Iterator[Any]:
    """All that the providers of a chain hold, through lists and objects of botocore."""
    if id(value) in seen:
        return
    seen.add(id(value))
    yield value
    if isinstance(value, (list, tuple)):
        inner: Any = value
    elif type(value).__module__.startswith("botocore.credentials"):
        inner = list(vars(value).values())
    else:
        return
    for each in inner:
        yield from held_by(each, seen)


@pytest.mark.parametrize("explicit", [True, False])
def test_no_provider_reads_the_environment_of_the_process(explicit: bool, config: Path) -> None:
    (config / "config").write_text(f"[profile work]\n{KEYS}")
    session = IsolatedSession(lambda: dict(os.environ), "work", explicit=explicit)
    providers = provider_chain._providers(session)
    chain: Any = session.get_component("credential_provider")
    assert isinstance(chain, CredentialResolver)
    builders = [builder for each in providers if (builder := vars(each).get("_profile_provider_builder"))]
    assert builders
    of_sources = [provider for builder in builders for provider in builder.providers("work")]
    for value in held_by([providers, of_sources], set()):
        assert value is not os.environ
        assert value is not subprocess.Popen


def test_what_was_given_to_a_default_session_is_the_users_choice(config: Path) -> None:
    (config / "credentials").write_text(f"[default]\n{KEYS.format('DEFAULT')}[work]\n{KEYS.format('WORK')}")
    assert vars(Choice(None)) == {"profile": None, "region": None, "credentials": None}
    chosen = Choice(boto3.Session(profile_name="work", region_name="eu-west-3"))
    assert (chosen.profile, chosen.region, chosen.credentials) == ("work", "eu-west-3", None)
    found_by_itself = boto3.Session()
    assert found_by_itself.get_credentials()
    assert Choice(found_by_itself).credentials is None
    given = Choice(boto3.Session("AKIAGIVEN", "x"))
    assert given.credentials
    assert given.credentials.access_key == "AKIAGIVEN"


def key_of(found: provider_chain.Found) -> str | None:
    return found.credentials.get_frozen_credentials().access_key


def test_credentials_are_found_again_for_the_same_profile(config: Path) -> None:
    (config / "credentials").write_text(f"[default]\n{KEYS.format('DEFAULT')}[work]\n{KEYS.format('WORK')}")
    environ = {**os.environ, "AWS_PROFILE": "work"}
    first = find(lambda: environ, None, Choice(None), None)
    environ |= {"AWS_PROFILE": "default", "AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "x"}
    (config / "credentials").write_text(f"[default]\n{KEYS.format('DEFAULT')}[work]\n{KEYS.format('NEW')}")
    assert key_of(first) == "AKIAWORK"
    assert key_of(find(lambda: environ, None, Choice(None), None)) == "AKIAOTHER"
    assert key_of(find(lambda: environ, None, Choice(None), None, before=first)) == "AKIANEW"


def test_keys_of_the_environment_are_found_again_there(config: Path) -> None:
    environ = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAONE", "AWS_SECRET_ACCESS_KEY": "x"}
    first = find(lambda: environ, None, Choice(None), None)
    environ["AWS_ACCESS_KEY_ID"] = "AKIATWO"
    again = find(lambda: environ, None, Choice(None), None, before=first)
    assert (key_of(first), key_of(again)) == ("AKIAONE", "AKIATWO")
    assert is_same(first.credentials, again.credentials)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("env", "env", True),
        ("env", "shared-credentials-file", False),
        ("shared-credentials-file", "iam-role", False),
        ("container-role", "iam-role", False),
        ("config-file", "sso", True),
        ("custom-process", "shared-credentials-file", True),
        ("assume-role-with-web-identity", "assume-role", False),
    ],
)
def test_a_profile_may_change_its_kind_but_not_become_the_environment(
    one: str, other: str, same: bool
) -> None:
    assert is_same(Credentials("a", "b", method=one), Credentials("c", "d", method=other)) is same


def test_the_owner_is_the_profile_that_has_the_keys(config: Path) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = {}\n"
    (config / "config").write_text(
        f"[profile a]\n{role.format('b')}[profile b]\n{role.format('c')}[profile c]\n{KEYS.format('C')}"
    )
    session = IsolatedSession(lambda: dict(os.environ), "a", explicit=True)
    credentials, owner = source_credentials_of(session, "a")
    assert (credentials.method, owner) == ("assume-role", "c")
