"""What holds for every error: the fault first, then what to do, and everything unchanged."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stsnb
from stsnb import AssumeRoleError
from stsnb.kernel import kernel
from tests.errors.why import (
    HALF,
    address,
    unchanged,
    why,
)
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def test_a_renewal_that_fails_says_the_same(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.fails("ExpiredToken", "The security token included in the request is expired", 403)
    error = why(ask=lambda *_: role.refresh())
    assert "have expired" in error.happened
    assert role.renewal_error is error
    assert SECRET_MARK not in f"{role} {role._repr_mimebundle_()}"


def test_a_failure_leaves_the_active_role_as_it_is(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.fails("AccessDenied", "Access denied", 403)
    why(role="arn:aws:iam::123456789012:role/role-for-payroll")
    assert stsnb.current_role() is role
    assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token


def test_a_request_that_sts_could_only_refuse_is_not_sent(sts: ScriptedSTS) -> None:
    error = why(duration_seconds=1)
    assert error.happened == "Invalid duration: 1 s."
    assert "It must be 900 to 43200 s." in error.advice
    assert error.said is None
    assert sts.requests == []


def test_all_faults_of_a_request_are_shown_each_on_a_line(sts: ScriptedSTS) -> None:
    error = why("arn:aws:iam::123456789012:user/myid", duration_seconds=1, token_code="hunter2")
    lines = str(error).splitlines()
    assert lines[0] == "Several values are invalid."
    assert len(lines) == 5
    assert all(line.startswith("- ") and line.endswith(".") for line in lines[1:])
    assert "hunter2" not in str(error)
    assert sts.requests == []


def test_a_renewal_that_is_answered_by_half_of_the_credentials_does_not_show_them(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.answers(HALF)
    error = why(ask=lambda *_: role.refresh())
    assert error.happened.startswith(address(sts))
    assert SECRET_MARK not in f"{role} {role._repr_mimebundle_()}"


def test_an_answer_without_the_roles_id_is_a_role_all_the_same(sts: ScriptedSTS) -> None:
    user = "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/session</Arn></AssumedRoleUser>"
    answer = f"{HALF}<SessionToken>{SECRET_MARK}</SessionToken></Credentials>{user}"
    sts.answers(answer + "</AssumeRoleResult></AssumeRoleResponse>")
    role = stsnb.assume_role(ROLE)
    assert role.role_id is None
    assert role.arn == "arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/session"


# --- values of a wrong type ---------------------------------------------------------------------------------------

PARAMETERS = [name for name in inspect.signature(stsnb.assume_role).parameters if name != "policy"]
# For each parameter those that are of a right type.
RIGHT = {
    "policy_arns": {"list"},
    "transitive_tag_keys": {"list"},
    "tags": {"dict"},
    "minimum_session_token_size": {"number"},
    "web_identity_token_file": {"Path"},
}
VALUES: dict[str, object] = {
    "number": 5,
    "float": 0.5,
    "bytes": b"work",
    "Path": Path("/stsnb/work"),
    "list": ["work"],
    "dict": {1: 2},
    "object": object(),
    "class": str,
}


WRONG = [(name, kind) for name in PARAMETERS for kind in VALUES if kind not in RIGHT.get(name, ())]


@pytest.mark.parametrize(("name", "kind"), WRONG)
def test_a_value_of_a_wrong_type_gets_a_sentence(name: str, kind: str, sts: ScriptedSTS) -> None:
    parameters: dict[str, Any] = {"role": ROLE, name: VALUES[kind]}
    with unchanged(), pytest.raises(AssumeRoleError, match="Invalid "):
        stsnb.assume_role(parameters.pop("role"), **parameters)
    assert sts.requests == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    role=st.just(ROLE) | ANYTHING,
    given=st.dictionaries(st.sampled_from([*PARAMETERS[1:], "policy"]), ANYTHING),
)
def test_whatever_is_passed_only_sentences_come_out(
    role: Any, given: dict[str, Any], sts: ScriptedSTS
) -> None:
    try:
        stsnb.assume_role(role, **given)
    except AssumeRoleError as error:
        assert error.happened.endswith(".")  # noqa: PT017
    finally:
        kernel.reset()
