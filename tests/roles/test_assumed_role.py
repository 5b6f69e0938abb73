"""AssumedRole: what it has, what it shows, and its clients after a drop and after its end."""

from __future__ import annotations

import copy
import os
import pickle
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest

import stsnb
from stsnb.config import settings
from stsnb.demo import (
    ROLE_ARN,
    EmbeddedAWS,
)
from stsnb.kernel import kernel
from tests.access import me
from tests.interrupts import consistent, interrupt_at_each_line
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def test_a_role_has_what_sts_has_answered(aws: EmbeddedAWS) -> None:
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1", duration_seconds=1800)
    assert role.arn == "arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1" == me()
    assert role.role_arn == ROLE_ARN
    assert (role.role_name, role.account_id, role.session_name) == (
        "role-for-s3-fileserver",
        "123456789012",
        "RoleSession1",
    )
    assert role.role_id is not None
    assert role.role_id.startswith("ARO")
    assert role.expiration.utcoffset() is not None
    assert 1790 < role.remaining.total_seconds() <= 1800
    assert role.region == "ap-northeast-2"


def test_the_sizes_are_those_of_the_last_answer_and_none_where_it_has_none(sts: ScriptedSTS) -> None:
    def sizes() -> tuple[int | None, ...]:
        return role.packed_policy_size, role.session_token_size, role.session_token_utilization

    role = stsnb.assume_role(ROLE)
    assert sizes() == (None, None, None)
    sts.packed_policy_size, sts.session_token_size, sts.session_token_utilization = 0, 2048, 50
    role.refresh()
    assert sizes() == (0, 2048, 50)


def test_refresh_false_is_a_session_that_ends(short: ScriptedSTS) -> None:
    short.seconds = 1
    held = stsnb.assume_role(ROLE, refresh=False)
    assert "does not renew itself" in str(held)
    assert not kernel._renewer.running
    wait_until("it has ended", lambda: not held.remaining)
    with pytest.raises(
        stsnb.AssumeRoleError,
        match=r"ended at .* UTC. Automatic renewal was off \(--no-refresh\). Run %assume_role again.",
    ):
        held.client("sts").get_caller_identity()
    assert short.calls == 1


def test_after_the_end_a_client_says_what_happened_and_what_to_do(short: ScriptedSTS) -> None:
    short.seconds = 1
    stsnb.assume_role(ROLE)
    client = boto3.client("sts")
    short.fails("AccessDenied", "not authorized", 403)

    def refused() -> stsnb.AssumeRoleError | None:
        try:
            client.get_caller_identity()
        except stsnb.AssumeRoleError as error:
            return error
        return None

    error = wait_until("the session has ended", refused)
    assert "The session of role-for-s3-fileserver ended at 20" in error.happened
    assert "access denied" in error.happened
    assert error.statement is not None
    assert SECRET_MARK not in str(error)


def test_a_dropped_roles_own_client_still_renews_when_it_signs(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    client = held.client("sts")
    stsnb.drop_role()
    wait_until("its session has ended", lambda: not held.remaining)
    client.get_caller_identity()
    assert held.remaining


def test_an_interrupt_at_any_line_of_a_renewal_leaves_role_and_environment_together(sts: ScriptedSTS) -> None:
    own, outcomes = dict(os.environ), set()
    role = stsnb.assume_role(ROLE)
    before = role.response
    for _ in interrupt_at_each_line(role.refresh):
        consistent(own)
        outcomes.add(role.response is before)
        before = role.response
    assert outcomes == {True, False}


# --- what it has and shows --------------------------------------------------------------------------------------


def test_its_clients_and_resources_act_as_the_role(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, region="eu-west-1", inject=False)
    role.client("sts").get_caller_identity()
    assert sts.callers[-1] == role.response.access_key_id
    assert role.client("s3", region_name="us-west-2").meta.region_name == "us-west-2"
    assert role.resource("s3").meta.client.meta.region_name == "eu-west-1"
    assert role.session.region_name == role.region == "eu-west-1"


def test_it_shows_no_secret_and_cannot_be_pickled(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    shown = [
        str(role),
        repr(role),
        str(role._repr_mimebundle_()),
        repr(role.response),
        repr(role.credentials),
    ]
    assert SECRET_MARK not in "".join(shown)
    assert repr(role) == f"<AssumedRole {role}>"
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="can't be pickled"):
            copied(role)


def test_the_time_that_remains_is_never_negative(sts: ScriptedSTS) -> None:
    sts.seconds = -60
    role = stsnb.assume_role(ROLE, inject=False, refresh=False)
    assert role.expiration < datetime.now(timezone.utc)
    assert role.remaining == timedelta(0)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, True),
        ({"refresh": False}, True),
        ({"role": f"{ROLE}-2"}, False),
        ({"session_name": "other"}, False),
        ({"duration_seconds": 900}, False),
        ({"read_only": True}, False),
        ({"region": "eu-west-1"}, False),
        ({"profile": "work"}, False),
    ],
)
def test_a_role_is_the_same_as_one_that_was_assumed_in_the_same_way(
    sts: ScriptedSTS, config: Path, given: dict[str, Any], same: bool
) -> None:
    (config / "config").write_text(
        "[profile work]\nregion = ap-northeast-2\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n"
    )
    how = {"role": ROLE, "session_name": "RoleSession1", "inject": False}
    role, other = stsnb.assume_role(**how), stsnb.assume_role(**{**how, **given})
    assert role.is_same_as(other) is other.is_same_as(role) is same


def test_the_configuration_marks_a_role_as_dangerous(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, inject=False)
    assert (role.danger, role.dangerous) == (None, False)
    settings.put(settings.Settings(dangerous=("*FILESERVER",)))
    assert (role.danger, role.dangerous) == ("*FILESERVER", True)


def test_a_role_of_a_server_without_accounts_has_none(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role("arn:aws:iam:::role/reader", inject=False)
    assert (role.account_id, role.role_name) == (None, "reader")
