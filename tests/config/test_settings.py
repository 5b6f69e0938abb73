"""Settings: aliases, defaults for all roles, and dangerous roles."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stsnb
from stsnb.config import settings
from stsnb.config.settings import Settings
from stsnb.sts.arn import RoleArn
from tests.scripted_sts import ROLE, SECRET_MARK


def test_an_alias_is_replaced_by_its_role_and_parameters() -> None:
    found = Settings(
        roles={"s3": {"role_arn": ROLE, "session_name": "me", "region": None, "policy": "a.json"}}
    )
    assert found.of_alias("s3", {}) == (ROLE, {"session_name": "me", "policy": Path("a.json")})
    assert found.of_alias("s3", {"session_name": "you"})[1]["session_name"] == "you"
    assert found.of_alias(ROLE, {"region": "r"}) == (ROLE, {"region": "r"})


@pytest.mark.parametrize("given", [{"profile": "p"}, {"chain": True}, {"web_identity_token_file": "f"}])
def test_given_source_credentials_replace_those_of_the_alias(given: dict[str, Any]) -> None:
    found = Settings(roles={"s3": {"role_arn": ROLE, "profile": "of-alias", "external_id": "e-1"}})
    assert found.of_alias("s3", given) == (ROLE, {"external_id": "e-1", **given})


def test_defaults_do_not_override_and_read_only_does_not_widen() -> None:
    found = Settings(general={"region": "r", "read_only": True})
    assert found.completed({"region": "s"}) == {"region": "s", "read_only": True}
    assert found.completed({"policy_arns": []}) == {"region": "r", "read_only": True, "policy_arns": []}
    for narrowed in ({"policy": "{}"}, {"policy_arns": ["a"]}, {"read_only": False}):
        assert found.completed(narrowed) == {"region": "r", **narrowed}


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), None),
        (("*prod*",), None),
        (("ROLE-for-*",), "ROLE-for-*"),
        (("*prod*", "*:role/role-for-s3-fileserver"), "*:role/role-for-s3-fileserver"),
    ],
)
def test_a_dangerous_role_matches_by_name_or_arn(patterns: tuple[str, ...], found: str | None) -> None:
    assert Settings(dangerous=patterns).danger(RoleArn.parse(ROLE)) == found


def test_put_replaces_the_settings_of_the_process() -> None:
    settings.put(Settings(general={"region": "r"}))
    assert settings.current().general == {"region": "r"}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("session_name", "me", None),
        ("duration_seconds", 900, None),
        ("region", "eu-west-1", None),
        ("read_only", True, None),
        ("region", "eu west", "Invalid region: 'eu west'"),
        ("duration_seconds", 1, "Invalid duration: 1 s"),
    ],
)
def test_a_default_is_checked(name: str, value: object, fault: str | None) -> None:
    found = settings.general_fault(name, value)
    assert found is None if fault is None else fault in str(found)


def test_an_alias_may_hold_all_that_assume_role_takes_but_what_is_not_about_the_role() -> None:
    taken = set(inspect.signature(stsnb.assume_role).parameters)
    assert set(settings.alias_parameters()) == taken - {"role", "token_code", "inject"}


@given(
    st.dictionaries(
        st.sampled_from(["role_arn", *settings.alias_parameters(), "other"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.lists(st.text())
        | st.just(ROLE)
        | st.just({}),
    )
)
def test_an_alias_of_anything_is_right_or_gets_a_sentence(held: dict[str, Any]) -> None:
    fault = settings.alias_fault("s3", held)
    assert fault is None or "'s3'" in fault


def test_no_fault_and_no_repr_shows_the_assertion_of_an_alias() -> None:
    for contexts in (
        [{"ProviderArn": SECRET_MARK, "ContextAssertion": SECRET_MARK}],
        [{"x": SECRET_MARK}],
        SECRET_MARK,
    ):
        held = {"role_arn": ROLE, "provided_contexts": contexts}
        fault = settings.alias_fault("s3", held)
        assert fault is not None
        assert "provided_contexts: " in fault
        assert SECRET_MARK not in fault
        assert SECRET_MARK not in repr(Settings(roles={"s3": held}))
