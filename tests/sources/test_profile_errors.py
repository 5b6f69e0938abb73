"""Which profile and which key keep a profile's role from its source credentials."""

from __future__ import annotations

import pytest

from stsnb.sources.profile_errors import fault

ROLE = {"role_arn": "arn:aws:iam::123456789012:role/r"}
KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x"}


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        ({"a": ROLE}, ["a", "source_profile", "credential_source"]),
        ({"a": {**ROLE, "source_profile": "b", "credential_source": "Environment"}}, ["a", "source_profile"]),
        ({"a": {**ROLE, "credential_source": "environ"}}, ["a", "credential_source", "environ"]),
        ({"a": {**ROLE, "credential_source": "Environment"}}, ["a", "environment"]),
        ({"a": {**ROLE, "source_profile": "bb"}, "b": KEYS}, ["a", "source_profile", "bb"]),
        ({"a": {**ROLE, "source_profile": "a"}}, ["a", "source_profile"]),
        ({"a": {**ROLE, "source_profile": "b"}, "b": {}}, ["b", "credentials"]),
        (
            {"a": {**ROLE, "source_profile": "b"}, "b": {"aws_access_key_id": "AKIA"}},
            ["b", "aws_secret_access_key"],
        ),
        (
            {"a": {**ROLE, "source_profile": "b"}, "b": {"sso_session": "s", "sso_role_name": "r"}},
            ["b", "sso_account_id"],
        ),
        (
            {
                "a": {**ROLE, "source_profile": "b"},
                "b": {**ROLE, "source_profile": "c"},
                "c": {**ROLE, "source_profile": "b"},
            },
            ["b", "c", "loop"],
        ),
    ],
)
def test_a_fault_names_the_profile_and_the_key(profiles: dict[str, dict[str, str]], words: list[str]) -> None:
    found = fault({"profiles": profiles}, "a")
    assert found
    assert found.advice
    for word in words:
        assert word in found.happened


@pytest.mark.parametrize(
    "profiles",
    [
        {},
        {"a": KEYS},
        {"a": {**ROLE, "web_identity_token_file": "token"}},
        {"a": {**ROLE, "source_profile": "a", **KEYS}},
        {"a": {**ROLE, "source_profile": "b"}, "b": KEYS},
        {"a": {**ROLE, "source_profile": "b"}, "b": {"credential_process": "login"}},
        {"a": {**ROLE, "source_profile": "b"}, "b": {**ROLE, "source_profile": "c"}, "c": KEYS},
    ],
)
def test_where_no_key_about_roles_is_at_fault_there_is_none(profiles: dict[str, dict[str, str]]) -> None:
    assert fault({"profiles": profiles}, "a") is None


def test_a_misspelt_profile_gets_the_nearest_name() -> None:
    found = fault({"profiles": {"a": {**ROLE, "source_profile": "wrok"}, "work": KEYS}}, "a")
    assert found
    assert "work" in found.advice
