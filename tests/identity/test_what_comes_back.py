"""After a role the user's identity is back, whatever other code has done to the environment and the default session."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from unittest import mock

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, ScriptedSTS

OTHER = f"{ROLE}-other"
OURS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION")


def caller(sts: ScriptedSTS) -> str:
    """Whom a client of the default session acts as."""
    boto3.client("sts").get_caller_identity()
    return sts.callers[-1]


def user(sts: ScriptedSTS) -> str:
    return sts.environment["AWS_ACCESS_KEY_ID"]


# --- a default session that the user makes under a role ---------------------------------------------------------


def _with_region() -> None:
    boto3.setup_default_session(region_name="eu-west-1")


def _none() -> None:
    boto3.DEFAULT_SESSION = None


def _reloaded() -> None:
    importlib.reload(boto3)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("make", [_with_region, _none, _reloaded])
def test_a_default_session_of_the_user_does_not_keep_the_role(
    sts: ScriptedSTS, make: Callable[[], None], live: bool
) -> None:
    role = stsnb.assume_role(ROLE, live=live)
    make()
    assert caller(sts) == role.response.access_key_id
    made = boto3.DEFAULT_SESSION
    second = stsnb.assume_role(OTHER, live=live)
    assert caller(sts) == second.response.access_key_id
    stsnb.drop_role()
    assert caller(sts) == user(sts)
    assert boto3.DEFAULT_SESSION is made
    assert boto3.DEFAULT_SESSION.region_name == ("eu-west-1" if make is _with_region else "ap-northeast-2")


def test_a_default_session_made_in_a_with_does_not_keep_its_role(sts: ScriptedSTS) -> None:
    outer = stsnb.assume_role(ROLE)
    with stsnb.assume_role(OTHER) as inner:
        _with_region()
        assert caller(sts) == inner.response.access_key_id
    assert caller(sts) == outer.response.access_key_id
    stsnb.drop_role()
    assert caller(sts) == user(sts)


# --- code that restores a copy of the environment ----------------------------------------------------------------


def test_a_copy_from_before_a_renewal_is_renewed(sts: ScriptedSTS) -> None:
    before = dict(os.environ)
    role = stsnb.assume_role(ROLE)
    with mock.patch.dict(os.environ):
        role.refresh()
    role.refresh()
    assert os.environ["AWS_ACCESS_KEY_ID"] == role.response.access_key_id
    stsnb.drop_role()
    assert os.environ == before


def test_a_copy_that_brings_a_dropped_role_back_is_corrected(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    before = dict(os.environ)
    stsnb.assume_role(ROLE, region="eu-west-3")
    with mock.patch.dict(os.environ):
        stsnb.drop_role()
        assert os.environ == before
    assert boto3.Session().get_credentials().access_key == user(sts)  # type: ignore[union-attr] # at once in boto3
    shell.run_cell("1")
    assert os.environ == before  # in everything else from the next cell on


@pytest.mark.parametrize("live", [False, True])
def test_a_copy_of_an_earlier_role_is_corrected_to_the_active_one(
    shell: InteractiveShell, sts: ScriptedSTS, live: bool
) -> None:
    before = dict(os.environ)
    stsnb.assume_role(ROLE, region="eu-west-3", live=live)
    with mock.patch.dict(os.environ):
        role = stsnb.assume_role(OTHER, region="eu-west-1")
        under_the_second = dict(os.environ)
    shell.run_cell("1")
    assert os.environ == under_the_second
    assert stsnb.current_role() is role
    stsnb.drop_role()
    assert os.environ == before


def test_a_copy_from_under_a_role_does_not_become_the_source_of_the_next_one(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE)
    with mock.patch.dict(os.environ):
        stsnb.drop_role()
    role = stsnb.assume_role(OTHER)
    assert sts.callers[-1] == user(sts)
    assert stsnb.current_role() is role
    stsnb.drop_role()
    assert os.environ["AWS_ACCESS_KEY_ID"] == user(sts)
    assert "AWS_SESSION_TOKEN" not in os.environ


def test_a_copy_restored_at_the_end_of_a_with_is_corrected(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    before = dict(os.environ)
    with stsnb.assume_role(ROLE):
        copy = mock.patch.dict(os.environ)
        copy.start()
    copy.stop()
    shell.run_cell("1")
    assert os.environ == before


def test_the_users_own_copy_makes_the_role_inactive(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    before = dict(os.environ)
    with mock.patch.dict(os.environ):
        role = stsnb.assume_role(ROLE)
    shell.run_cell("1")
    assert os.environ == before
    assert stsnb.current_role() is None
    assert kernel.state_of(role).name == "overridden"
    assert caller(sts) == user(sts)


# --- keys that the user sets under a role -------------------------------------------------------------------------


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAMINE", "AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "my-token"}


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("names", [list(KEYS)[:2], list(KEYS)])
def test_the_users_own_keys_take_the_place_of_all_of_the_roles(
    shell: InteractiveShell, sts: ScriptedSTS, names: list[str], live: bool
) -> None:
    before = dict(os.environ)
    role = stsnb.assume_role(ROLE, live=live)
    mine = {name: KEYS[name] for name in names}
    shell.run_cell(f"import os; os.environ.update({mine!r})")
    shell.run_cell("1")
    assert os.environ == {**before, **mine}
    assert stsnb.current_role() is None
    assert kernel.state_of(role).name == "overridden"
    assert caller(sts) == "AKIAMINE"
    role.refresh()
    assert os.environ == {**before, **mine}
    stsnb.assume_role(OTHER)
    assert sts.callers[-1] == "AKIAMINE"
    stsnb.drop_role()
    assert os.environ == {**before, **mine}


def test_keys_that_the_user_unsets_make_the_role_inactive(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    shell.run_cell("import os; del os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SECRET_ACCESS_KEY']")
    shell.run_cell("1")
    assert stsnb.current_role() is None
    assert kernel.state_of(role).name == "overridden"
    assert not any(name in os.environ for name in OURS)


def test_a_with_gives_back_what_the_user_has_set_since(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE, region="us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    mine = boto3.DEFAULT_SESSION = boto3.Session(region_name="eu-west-2")
    with stsnb.assume_role(OTHER, region="sa-east-1"):
        assert os.environ["AWS_DEFAULT_REGION"] == "sa-east-1"
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert boto3.DEFAULT_SESSION is mine
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, KEYS[name])
    with stsnb.assume_role(OTHER):
        assert sts.callers[-1] == "AKIAMINE"
    assert {name: os.environ.get(name) for name in OURS[:3]} == {
        "AWS_ACCESS_KEY_ID": "AKIAMINE",
        "AWS_SECRET_ACCESS_KEY": "mine",
        "AWS_SESSION_TOKEN": None,
    }
    assert stsnb.current_role() is None
