"""The kernel: roles assumed, nested and dropped in any order, whole or not at all."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import boto3
import pytest

import stsnb
from stsnb.demo import (
    ARCHIVE_BUCKET,
    ARCHIVE_ROLE_ARN,
    BUCKET,
    PAYROLL_ROLE_ARN,
    ROLE_ARN,
    EmbeddedAWS,
)
from stsnb.injection.scopes import Scope
from stsnb.kernel import kernel
from stsnb.sts.request import AssumeRoleRequest
from tests.access import can_read
from tests.interrupts import consistent, interrupt_at_each_line
from tests.scripted_sts import ROLE, ScriptedSTS
from tests.unchanged import unchanged

OTHER = "arn:aws:iam::123456789012:role/other"


def state() -> tuple[object, ...]:
    return dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()


# --- on an AWS that enforces --------------------------------------------------------------------------------


def test_a_with_statement_restores_the_role_that_was_active(aws: EmbeddedAWS) -> None:
    outer = stsnb.assume_role(ROLE_ARN)
    with stsnb.assume_role(ARCHIVE_ROLE_ARN) as inner:
        assert stsnb.current_role() is inner
        assert can_read(ARCHIVE_BUCKET)
    assert stsnb.current_role() is outer
    assert can_read(BUCKET)
    assert not can_read(ARCHIVE_BUCKET)


def test_a_with_statement_restores_after_an_error(aws: EmbeddedAWS) -> None:
    with unchanged(), pytest.raises(ZeroDivisionError), stsnb.assume_role(ROLE_ARN):
        raise ZeroDivisionError


def test_a_refused_role_leaves_the_active_role(aws: EmbeddedAWS) -> None:
    role = stsnb.assume_role(ROLE_ARN)
    with unchanged(), pytest.raises(stsnb.AssumeRoleError, match="access denied"):
        stsnb.assume_role(PAYROLL_ROLE_ARN)
    assert stsnb.current_role() is role
    assert can_read(BUCKET)


# --- scopes, in any order -----------------------------------------------------------------------------------


def test_withs_may_be_left_in_any_order(sts: ScriptedSTS) -> None:
    before = state()
    first, second, third = (
        stsnb.assume_role(ROLE, name, inject=False) for name in ("first", "second", "third")
    )
    for role in (first, second, third):
        role.__enter__()
    second.__exit__(None, None, None)
    assert stsnb.current_role() is third
    third.__exit__(None, None, None)
    assert stsnb.current_role() is first
    assert os.environ["AWS_SESSION_TOKEN"] == first.response.session_token
    first.__exit__(None, None, None)
    assert state() == before


def test_leaving_twice_does_nothing_the_second_time(sts: ScriptedSTS) -> None:
    outer = stsnb.assume_role(ROLE)
    role = stsnb.assume_role(ROLE, inject=False)
    role.__enter__()
    role.__exit__(None, None, None)
    role.__exit__(None, None, None)
    assert stsnb.current_role() is outer


def test_dropping_inside_a_with_shows_the_users_own_environment_until_its_end(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    outer = stsnb.assume_role(ROLE)
    with stsnb.assume_role(ROLE, "inner"):
        stsnb.drop_role()
        assert os.environ == own
        assert stsnb.current_role() is None
    assert stsnb.current_role() is outer


def test_what_is_assumed_inside_a_with_ends_with_it(sts: ScriptedSTS) -> None:
    with unchanged(), stsnb.assume_role(ROLE, "outer"):
        inner = stsnb.assume_role(ROLE, "inner")
        assert stsnb.current_role() is inner


def test_the_same_role_may_be_entered_twice(sts: ScriptedSTS) -> None:
    with unchanged(), stsnb.assume_role(ROLE) as role:
        with role:
            assert stsnb.current_role() is role
        assert stsnb.current_role() is role
        assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token


def test_an_earlier_role_can_be_entered_again(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE, "first")
    second = stsnb.assume_role(ROLE, "second")
    with first:
        assert os.environ["AWS_SESSION_TOKEN"] == first.response.session_token
    assert stsnb.current_role() is second


def test_a_role_drops_itself_wherever_it_is(sts: ScriptedSTS) -> None:
    before = state()
    first = stsnb.assume_role(ROLE, "first")
    with stsnb.assume_role(ROLE, "second") as second:
        first.drop()
        assert stsnb.current_role() is second
    assert state() == before
    second.drop()
    assert state() == before


def test_dropping_nothing_does_nothing() -> None:
    with unchanged():
        assert stsnb.drop_role() is None


# --- the source ---------------------------------------------------------------------------------------------


def test_the_source_is_resolved_anew_when_the_user_has_set_other_variables(
    aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE_ARN)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unknown")
    with unchanged(), pytest.raises(stsnb.AssumeRoleError) as refused:
        stsnb.assume_role(ARCHIVE_ROLE_ARN)
    assert "the environment" in str(refused.value)


def test_a_profile_set_meanwhile_is_used_and_restored(
    aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE_ARN)
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with unchanged(), pytest.raises(stsnb.AssumeRoleError, match="no profile 'missing'"):
        stsnb.assume_role(ROLE_ARN)


def test_fixed_files_are_read_again(aws: EmbeddedAWS, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = config / "credentials"
    credentials.write_text("[default]\naws_access_key_id = AKIAUNKNOWN000000000\naws_secret_access_key = x\n")
    good = Path(aws.environment["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    with pytest.raises(stsnb.AssumeRoleError):
        stsnb.assume_role(ROLE_ARN)
    credentials.write_text(good)
    stsnb.assume_role(ROLE_ARN)
    assert can_read(BUCKET)


# --- all or nothing -----------------------------------------------------------------------------------------


def test_an_interrupt_at_any_line_leaves_the_old_role_or_the_new_one(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    old, outcomes = stsnb.assume_role(ROLE), set()
    request = AssumeRoleRequest.of(ROLE)
    for _ in interrupt_at_each_line(lambda: kernel.assume(request)):
        consistent(own)
        outcomes.add(stsnb.current_role() is old)
        old = stsnb.current_role()
    assert outcomes == {True, False}
    stsnb.drop_role()
    assert os.environ == own


def test_an_interrupt_at_any_line_of_a_drop_leaves_the_old_state_or_the_new_one(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    stsnb.assume_role(ROLE)
    for _ in interrupt_at_each_line(stsnb.drop_role):
        consistent(own)
        stsnb.assume_role(ROLE)
    stsnb.drop_role()
    assert os.environ == own


def test_a_scope_can_be_closed_after_an_interrupt_at_any_line_of_opening_it(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    scopes, outcomes, scope = list(kernel._scopes._scopes), set(), Scope()

    def begin() -> None:
        nonlocal scope
        scope = Scope()
        kernel.open(scope)

    for _ in interrupt_at_each_line(begin):
        outcomes.add(scope in kernel._scopes._scopes)
        kernel.close(scope)
        assert kernel._scopes._scopes == scopes
        assert stsnb.current_role() is role
    assert outcomes == {True, False}


def test_an_interrupt_at_any_line_of_entering_a_with_leaves_the_old_state(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, "outer")
    inner, lines, entered = stsnb.assume_role(ROLE, "inner", inject=False), 0, 0
    before, scopes = state(), list(kernel._scopes._scopes)

    def enter() -> None:
        nonlocal entered
        with inner:
            sys.settrace(None)  # only entering is interrupted
            entered += 1

    for _ in interrupt_at_each_line(enter):
        lines += 1
        assert state() == before
        assert kernel._scopes._scopes == scopes
    assert (entered, lines > 10) == (1, True)


def test_roles_assumed_by_many_threads_at_once_leave_one_whole_role(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    threads = [threading.Thread(target=stsnb.assume_role, args=(ROLE, f"thread{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stsnb.current_role() is not None
    consistent(own)
    stsnb.drop_role()
    assert os.environ == own


# --- the state of a role --------------------------------------------------------------------------------------


def test_the_kernel_knows_the_state_of_each_role(sts: ScriptedSTS) -> None:
    apart = stsnb.assume_role(ROLE, inject=False)
    first = stsnb.assume_role(ROLE)
    assert kernel.state_of(apart) == ("not injected", None)
    assert kernel.state_of(first) == ("active", None)
    second = stsnb.assume_role(OTHER)
    assert kernel.state_of(first) == ("replaced", second)
    with first:
        assert kernel.state_of(first) == ("active", None)
        assert kernel.state_of(second) == ("replaced", first)
    assert kernel.state_of(second) == ("active", None)
    second.drop()
    assert kernel.state_of(second) == ("dropped", None)
    first.drop()
    assert kernel.state_of(first) == ("dropped", None)


def test_a_role_dropped_within_a_with_of_another_is_dropped(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    with stsnb.assume_role(OTHER):
        first.drop()
        assert kernel.state_of(first) == ("dropped", None)
