"""What stsnb has put into the environment is known again, and no secret is kept for it."""

from __future__ import annotations

import gc

import pytest

from stsnb.injection.issued_values import IssuedValues

KEYS = {
    "AWS_ACCESS_KEY_ID": "ASIA1",
    "AWS_SECRET_ACCESS_KEY": "TOPSECRET",
    "AWS_SESSION_TOKEN": "TOPSECRET-token",
    "AWS_PROFILE": None,
    "AWS_REGION": "eu-west-1",
}


@pytest.fixture
def issued() -> IssuedValues:
    found = IssuedValues()
    found.add(KEYS)
    return found


def test_each_identifying_value_is_known_under_its_own_name(issued: IssuedValues) -> None:
    assert issued.knows("AWS_ACCESS_KEY_ID", "ASIA1")
    assert issued.knows("AWS_SECRET_ACCESS_KEY", "TOPSECRET")
    assert not issued.knows("AWS_SESSION_TOKEN", "TOPSECRET")
    assert not issued.knows("AWS_ACCESS_KEY_ID", "AKIAMINE")
    assert not issued.knows("AWS_ACCESS_KEY_ID", None)


def test_a_region_identifies_nothing(issued: IssuedValues) -> None:
    assert not issued.knows("AWS_REGION", "eu-west-1")


@pytest.mark.parametrize(
    "variables",
    [KEYS, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/", "AWS_REGION": "eu-west-1"}],
)
def test_the_settings_that_went_with_a_set_are_found_by_it(variables: dict[str, str | None]) -> None:
    issued = IssuedValues()
    issued.add(variables)
    environ = {name: value for name, value in variables.items() if value is not None}
    found = issued.settings_in({**environ, "AWS_REGION": "us-east-1", "X": "1"})
    assert found is not None
    assert found["AWS_REGION"] == "eu-west-1"
    assert issued.settings_in({"AWS_ACCESS_KEY_ID": "AKIAMINE"}) is None
    assert issued.settings_in({}) is None


def test_no_secret_is_kept(issued: IssuedValues) -> None:
    held = gc.get_referents(issued, *gc.get_referents(vars(issued)))
    assert "TOPSECRET" not in f"{vars(issued)} {held}"


def test_a_value_that_is_no_text_of_utf_8_is_known_too() -> None:
    issued = IssuedValues()
    issued.add({"AWS_ACCESS_KEY_ID": "\udcff"})
    assert issued.knows("AWS_ACCESS_KEY_ID", "\udcff")
