"""Roles in force: assumed, nested, dropped in any order, and never half."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
import pandas as pd
import pytest
from botocore.exceptions import ClientError

import stsnb
from stsnb._threads import BackgroundCall
from stsnb.demo import (
    ARCHIVE_BUCKET,
    ARCHIVE_KEY,
    ARCHIVE_ROLE_ARN,
    BUCKET,
    CSV_KEY,
    PAYROLL_ROLE_ARN,
    ROLE_ARN,
    USER_ARN,
    EmbeddedAWS,
)
from stsnb.injection.scopes import Scope
from stsnb.kernel import kernel
from stsnb.sts.request import AssumeRoleRequest
from tests.scripted_sts import ROLE, ScriptedSTS

State = tuple[dict[str, str], Any, Any]


def state() -> State:
    return dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()


@contextmanager
def unchanged() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


def me() -> str:
    """Who a new client is, as the server sees it."""
    return boto3.client("sts").get_caller_identity()["Arn"]


def can_read(bucket: str) -> bool:
    try:
        return boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 0
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017
        return False


# --- on an AWS that enforces --------------------------------------------------------------------------------


def test_a_role_may_what_its_user_may_not_until_it_is_dropped(aws: EmbeddedAWS) -> None:
    before = state()
    assert not can_read(BUCKET)
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1")
    assert can_read(BUCKET)
    assert not can_read(ARCHIVE_BUCKET)
    assert stsnb.current_role() is role
    assert stsnb.drop_role() is role
    assert not can_read(BUCKET)
    assert os.environ == before[0]


def test_a_role_tells_what_sts_told(aws: EmbeddedAWS) -> None:
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


def test_assuming_twice_is_the_same_as_once(aws: EmbeddedAWS) -> None:
    before = dict(os.environ)
    for _ in range(2):
        stsnb.assume_role(ROLE_ARN, "RoleSession1")
        assert can_read(BUCKET)
    stsnb.assume_role(ARCHIVE_ROLE_ARN)  # which trusts the user, not the role
    assert can_read(ARCHIVE_BUCKET)
    stsnb.drop_role()
    assert os.environ == before
    assert me() == USER_ARN


def test_a_client_keeps_the_role_that_it_was_made_under(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    old = boto3.client("s3")
    stsnb.assume_role(ARCHIVE_ROLE_ARN)
    assert old.list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
    stsnb.drop_role()
    assert old.list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0


def test_what_pandas_reads_follows_the_role_in_force(aws: EmbeddedAWS) -> None:
    """s3fs keeps its instances, and with them the identity that they saw first."""

    def read(url: str) -> int:
        try:
            return len(pd.read_parquet(url) if url.endswith(".parquet") else pd.read_csv(url))
        except OSError:  # PermissionError of s3fs, or what pyarrow makes of it
            return 0

    deliveries, archive = f"s3://{BUCKET}/{CSV_KEY}", f"s3://{ARCHIVE_BUCKET}/{ARCHIVE_KEY}"
    assert read(deliveries) == 0
    stsnb.assume_role(ROLE_ARN)
    assert read(deliveries) > 100
    with stsnb.assume_role(ARCHIVE_ROLE_ARN):
        assert read(archive) > 100
        assert read(deliveries) == 0
    assert (read(deliveries) > 100, read(archive)) == (True, 0)
    stsnb.drop_role()
    assert read(deliveries) == 0


def test_a_role_that_is_not_injected_leaves_the_process_alone(aws: EmbeddedAWS) -> None:
    assert me() == USER_ARN
    with unchanged():
        role = stsnb.assume_role(ROLE_ARN, inject=False)
        assert role.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
        assert len(list(role.resource("s3").Bucket(BUCKET).objects.all())) > 0
        assert me() == USER_ARN


def test_a_with_statement_puts_back_what_was_in_force(aws: EmbeddedAWS) -> None:
    outer = stsnb.assume_role(ROLE_ARN)
    with stsnb.assume_role(ARCHIVE_ROLE_ARN) as inner:
        assert stsnb.current_role() is inner
        assert can_read(ARCHIVE_BUCKET)
    assert stsnb.current_role() is outer
    assert can_read(BUCKET)
    assert not can_read(ARCHIVE_BUCKET)


def test_a_with_statement_puts_back_after_an_error(aws: EmbeddedAWS) -> None:
    with unchanged(), pytest.raises(ZeroDivisionError), stsnb.assume_role(ROLE_ARN):
        raise ZeroDivisionError


def test_a_refused_role_leaves_the_role_in_force(aws: EmbeddedAWS) -> None:
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


def test_a_profile_set_meanwhile_is_asked_and_given_back(
    aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE_ARN)
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with unchanged(), pytest.raises(stsnb.AssumeRoleError, match="no profile 'missing'"):
        stsnb.assume_role(ROLE_ARN)


def test_mended_files_are_read_again(aws: EmbeddedAWS, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


Line = tuple[str, int]
#: A folder above may have the same name: hatch's environments of this project do, with all other packages in them.
PACKAGE = f"{Path(stsnb.__file__).parent}{os.sep}"


def traced(action: Callable[[], object], at_line: Callable[[Line], None]) -> None:
    """Run `action`, and call `at_line` before each line of stsnb that this thread runs."""

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            at_line((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(None)


def interrupt_at_each_line(action: Callable[[], object]) -> Iterator[Line]:
    """Run `action` once for each of its lines, with a KeyboardInterrupt before that line.

    Python raises the real one between any two instructions of the main thread; this one needs no clock.
    """
    lines: dict[Line, None] = {}
    traced(action, lambda line: lines.setdefault(line))
    for line in lines:

        def press(reached: Line, line: Line = line) -> None:
            if reached == line:
                sys.settrace(None)
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            traced(action, press)
        yield line


def consistent(own: dict[str, str]) -> None:
    role = stsnb.current_role()
    if role is None:
        assert os.environ == own
        assert boto3.DEFAULT_SESSION is None
    else:
        assert os.environ["AWS_ACCESS_KEY_ID"] == role.response.access_key_id
        assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token
        assert boto3.DEFAULT_SESSION is role.session


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


def test_an_interrupt_at_any_line_of_a_renewal_leaves_role_and_environment_together(sts: ScriptedSTS) -> None:
    own, outcomes = dict(os.environ), set()
    role = stsnb.assume_role(ROLE)
    before = role.response
    for _ in interrupt_at_each_line(role.refresh):
        consistent(own)
        outcomes.add(role.response is before)
        before = role.response
    assert outcomes == {True, False}


def test_an_interrupt_at_any_line_of_a_drop_leaves_the_old_state_or_the_new_one(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    stsnb.assume_role(ROLE)
    for _ in interrupt_at_each_line(stsnb.drop_role):
        consistent(own)
        stsnb.assume_role(ROLE)
    stsnb.drop_role()
    assert os.environ == own


def test_an_interrupt_at_any_line_of_a_scopes_beginning_leaves_it_to_be_ended(sts: ScriptedSTS) -> None:
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


def test_what_runs_beside_is_begun_once_by_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = BackgroundCall(lambda: "done")
    begin, begun, other = beside._thread.start, [], threading.Thread(target=beside.start)

    def start() -> None:
        begun.append(threading.current_thread())
        if threading.current_thread() is not other:
            other.start()
            other.join(0.5)  # it gets no further than to the lock
            begin()

    monkeypatch.setattr(beside._thread, "start", start)
    assert beside.result() == "done"
    other.join()
    assert begun == [threading.current_thread()]
