"""Credentials that never run out: who renews, when, and what nobody notices."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell
from werkzeug import Response

import stsnb
from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.renewer import Renewer
from stsnb.sts.response import AssumeRoleResponse
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


class Clock:
    """Stands in for the time module in `stsnb.roles.credentials`: time passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0
        self.since_start = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.since_start

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.since_start += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rules, "time", clock)
    return clock


class STS:
    """Grants sessions of `seconds` by a clock, without any network, and counts."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.calls = 0
        self.fault: Exception | None = None

    def __call__(self) -> AssumeRoleResponse:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        ends = datetime.fromtimestamp(self.clock.time() + self.seconds, timezone.utc)
        return AssumeRoleResponse(
            f"ASIA{self.calls}", "secret", "token", ends, "arn:aws:sts::1:assumed-role/r/s"
        )


def credentials(sts: STS, *, renewable: bool = True) -> RoleCredentials:
    def ended(when: datetime, error: Exception | None) -> Exception:
        return RuntimeError(f"ended at {when:%H:%M:%S}: {error}")

    made = RoleCredentials(sts, lambda _: None, ended, lambda: None, renewable=renewable)
    made.renew()
    return made


# --- windows, by a clock of the test's ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "renewed_after"), [(900, 600), (1800, 1200), (3600, 2400), (43200, 42000)]
)
def test_a_session_is_renewed_when_a_third_is_left_at_most_20_minutes(
    clock: Clock, length: int, renewed_after: int
) -> None:
    sts = STS(clock, length)
    held = credentials(sts)
    clock.passes(renewed_after - 1)
    assert held.get_frozen_credentials().access_key == "ASIA1"
    clock.passes(1)
    assert held.get_frozen_credentials().access_key == "ASIA2"
    assert sts.calls == 2


def test_an_hour_of_900_second_sessions_makes_seven_calls_for_20000_signings(clock: Clock) -> None:
    sts = STS(clock, 900)
    held = credentials(sts)
    for _ in range(20_000):
        clock.passes(3600 / 20_000)
        held.get_frozen_credentials()
    assert sts.calls <= 7


def test_callers_leave_the_renewal_to_the_keeper_until_the_last_sixth(clock: Clock) -> None:
    sts, nudges = STS(clock, 3600), []
    held = credentials(sts)
    held.nudge = lambda: nudges.append(1) is None
    clock.passes(2400)
    assert held.get_frozen_credentials().access_key == "ASIA1"
    clock.passes(599)
    assert held.get_frozen_credentials().access_key == "ASIA1"
    assert (len(nudges), sts.calls) == (2, 1)
    clock.passes(1)
    assert held.get_frozen_credentials().access_key == "ASIA2"


def test_good_credentials_are_given_whatever_the_renewal_meets(clock: Clock) -> None:
    sts = STS(clock, 3600)
    held = credentials(sts)
    sts.fault = OSError("STS is down")
    for _ in range(3599):
        clock.passes(1)
        assert held.get_frozen_credentials().access_key == "ASIA1"
    assert held.error is sts.fault
    assert 15 < sts.calls < 60  # growing pauses, a minute at most, over 20 minutes
    sts.fault = None
    clock.passes(60)
    assert held.get_frozen_credentials().access_key.startswith("ASIA")
    assert held.error is None


def test_after_the_end_a_call_says_so_and_why_without_asking_each_time(clock: Clock) -> None:
    sts = STS(clock, 900)
    held = credentials(sts)
    sts.fault = OSError("STS is down")
    clock.passes(901)
    for _ in range(100):
        with pytest.raises(RuntimeError, match=r"ended at .*: STS is down"):
            held.get_frozen_credentials()
    assert sts.calls == 2
    sts.fault = None
    clock.passes(rules.RETRY_AFTER_END_SECONDS)
    assert held.get_frozen_credentials().access_key == "ASIA3"


def test_a_session_that_is_not_renewed_serves_to_its_last_second(clock: Clock) -> None:
    sts = STS(clock, 900)
    held = credentials(sts, renewable=False)
    clock.passes(899)
    assert held.get_frozen_credentials().access_key == "ASIA1"
    clock.passes(1)
    with pytest.raises(RuntimeError, match=r"ended at .*: None"):
        held.get_frozen_credentials()
    assert sts.calls == 1


def test_a_clock_that_jumps_ahead_renews_at_the_first_look(clock: Clock) -> None:
    sts = STS(clock, 3600)
    held = credentials(sts)
    clock.now += 8 * 3600  # a night's sleep, in which the monotonic clock stood still
    held.renew_if_due()
    assert sts.calls == 2


def test_a_clock_that_is_set_back_does_not_put_the_renewal_off(clock: Clock) -> None:
    sts = STS(clock, 3600)
    held = credentials(sts)
    clock.passes(1000)
    clock.now -= 7200
    clock.passes(1400)
    held.renew_if_due()
    assert sts.calls == 2


def test_a_server_whose_sessions_have_ended_at_birth_is_not_asked_at_every_signing(clock: Clock) -> None:
    sts = STS(clock, -10)
    held = credentials(sts)
    for _ in range(100):
        with pytest.raises(RuntimeError):
            held.get_frozen_credentials()
    assert sts.calls == 1


def test_who_signs_across_an_expiry_in_500_threads_makes_one_call(clock: Clock) -> None:
    sts = STS(clock, 3600)
    held = credentials(sts)
    asked, answer = threading.Event(), threading.Event()
    ask = held._ask

    def slowly() -> AssumeRoleResponse:
        asked.set()
        assert answer.wait(30)
        return ask()

    held._ask = slowly
    clock.passes(3601)
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(held.get_frozen_credentials().access_key))
        for _ in range(500)
    ]
    for thread in threads:
        thread.start()
    assert asked.wait(30)
    answer.set()
    for thread in threads:
        thread.join(30)
    assert keys == ["ASIA2"] * 500
    assert sts.calls == 2


# --- the keeper, in real time ---------------------------------------------------------------------------------


@pytest.fixture
def short(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSTS]:
    """An STS whose sessions last 3 seconds, whatever is asked for; a renewal is due after 2."""
    sts.seconds = 3
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(rules, "RETRY_AT_MOST_SECONDS", 0.2)
    yield sts
    kernel.reset()
    wait_until("the keeper has ended", lambda: not kernel._renewer.running)


def token() -> str:
    return os.environ["AWS_SESSION_TOKEN"]


def test_the_keeper_renews_and_rewrites_the_environment_unasked(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    client, first, expiration = boto3.client("s3"), token(), held.expiration
    wait_until("the environment has newer credentials", lambda: token() != first)
    assert held.expiration > expiration
    assert os.environ["AWS_CREDENTIAL_EXPIRATION"] == held.expiration.isoformat()
    assert client._request_signer._credentials.get_frozen_credentials().token == token()
    assert boto3.Session().get_credentials().token == token()


def test_one_thread_keeps_all_roles(short: ScriptedSTS) -> None:
    held = [stsnb.assume_role(ROLE, f"role{n}", inject=False) for n in range(5)]
    first = [one.expiration for one in held]
    wait_until(
        "all are renewed", lambda: all(one.expiration > was for one, was in zip(held, first, strict=True))
    )
    assert [thread.name for thread in threading.enumerate()].count("stsnb-renewer") == 1


def test_a_slow_sts_keeps_nobody_waiting_while_the_keys_are_good(short: ScriptedSTS) -> None:
    short.seconds = 60
    held = stsnb.assume_role(ROLE)
    first, asked, answer = token(), threading.Event(), threading.Event()

    def slowly(request: dict[str, str]) -> Response:
        asked.set()
        assert answer.wait(30)
        return short.credentials(request)

    short.respond = slowly
    now_due(held)
    assert asked.wait(30)
    seen: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: seen.append(held.credentials.get_frozen_credentials().token))
        for _ in range(500)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == [first] * 500
    answer.set()
    wait_until("it is renewed", lambda: token() != first)
    assert short.calls == 2


def now_due(held: stsnb.AssumedRole) -> None:
    """Let the keeper look as if two thirds of the session had passed."""
    kernel._renewer.unwatch(held.credentials)
    held.credentials._renew_at = held.credentials._renew_at_monotonic = 0.0
    kernel._renewer.watch(held.credentials)


def garbage(sts: ScriptedSTS) -> None:
    sts.answers(f"<html>{SECRET_MARK}")


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda sts: sts.fails("ServiceUnavailable", status=503), "failed"),
        (lambda sts: sts.fails("Throttling", "Rate exceeded"), "too many requests"),
        (lambda sts: sts.fails("AccessDenied", "not authorized", 403), "access denied"),
        (lambda sts: sts.fails("ExpiredToken", "expired", 403), "have expired"),
        (garbage, "not STS's"),
    ],
    ids=["down", "throttled", "trust withdrawn", "source expired", "garbage"],
)
def test_a_failing_renewal_is_seen_costs_nothing_and_mends_itself(
    short: ScriptedSTS, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    break_it: Callable[[ScriptedSTS], None], told: str,
) -> None:  # fmt: skip
    short.seconds = 30
    held = stsnb.assume_role(ROLE)
    first = token()
    break_it(short)
    now_due(held)
    wait_until("the failure is seen", lambda: held.renewal_error is not None)
    assert told in str(held.renewal_error)
    assert "renewal fails: " in str(held)
    assert "Renewal fails: " in held._repr_mimebundle_()["text/html"]
    assert held.session.get_credentials().get_frozen_credentials().token == token() == first
    short.recovers()
    wait_until("it has mended itself", lambda: held.renewal_error is None)
    assert token() != first
    assert "renewal fails" not in str(held)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "Traceback" not in "".join(capfd.readouterr())
    assert SECRET_MARK not in caplog.text


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


def test_a_session_got_with_a_code_says_early_that_it_ends(
    short: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary already")
    short.seconds = 1
    held = stsnb.assume_role(ROLE, serial_number="arn:aws:iam::123456789012:mfa/myid", token_code="123456")
    assert "does not renew itself" in str(held)
    wait_until("it has ended", lambda: not held.remaining)
    with pytest.raises(stsnb.AssumeRoleError, match="Run %assume_role again with --token-code"):
        held.client("sts").get_caller_identity()
    assert short.calls == 1


def test_a_role_that_no_with_can_give_back_is_collected_and_not_renewed(short: ScriptedSTS) -> None:
    first = weakref.ref(stsnb.assume_role(ROLE, "first"))
    stsnb.assume_role(ROLE, "second")
    stsnb.assume_role(ROLE, "third")
    gc.collect()
    assert first() is None
    asked = len(short.requests)
    wait_until("the others are renewed", lambda: len(short.requests) > asked + 2)
    assert {request["RoleSessionName"] for request in short.requests[asked:]} <= {"second", "third"}


def test_a_with_gives_back_what_its_role_replaced_however_long_ago(short: ScriptedSTS) -> None:
    before = weakref.ref(stsnb.assume_role(ROLE, "before"))
    inside = stsnb.assume_role(ROLE, "inside")
    asked = len(short.requests)
    wait_until("both were renewed", lambda: len(short.requests) > asked + 3)
    kernel._look()
    gc.collect()
    with inside:
        assert stsnb.current_role() is inside
    assert stsnb.current_role() is before()
    assert token() == before().response.session_token
    with inside:  # entered a second time, it gives back what was active then
        assert stsnb.current_role() is inside
    assert stsnb.current_role() is before()


def test_the_keeper_ends_when_the_last_role_is_dropped_or_let_go(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    assert kernel._renewer.running
    stsnb.drop_role()
    wait_until("the keeper has ended", lambda: not kernel._renewer.running)
    with held:
        assert kernel._renewer.running
    held.drop()
    wait_until("the keeper has ended", lambda: not kernel._renewer.running)


def test_a_dropped_roles_own_client_still_renews_when_it_signs(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    client = held.client("sts")
    stsnb.drop_role()
    wait_until("its session has ended", lambda: not held.remaining)
    client.get_caller_identity()
    assert held.remaining


def test_keys_that_a_login_tool_rewrites_are_read_again(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys: list[str] = []

    def write(key: str) -> None:
        (config / "credentials").write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n"
        )

    def note(request: object) -> None:
        keys.append(str(request.headers["Authorization"]).split("Credential=")[1].split("/")[0])  # type: ignore[attr-defined]

    handle = sts._handle
    sts.server.clear()
    sts.server.expect_request("/", method="POST").respond_with_handler(lambda r: (note(r), handle(r))[1])
    write("AKIAMORNING000000000")
    held = stsnb.assume_role(ROLE)
    write("AKIAEVENING000000000 ")
    held.refresh()
    assert keys == ["AKIAMORNING000000000", "AKIAEVENING000000000"]


def test_a_source_that_cannot_be_found_again_is_told_and_the_role_stays(
    sts: ScriptedSTS, config: Path
) -> None:
    held = stsnb.assume_role(ROLE)
    before = dict(os.environ)
    (config / "config").write_text("not a section\n")
    with pytest.raises(stsnb.AssumeRoleError, match="has no section before line 1"):
        held.refresh()
    assert os.environ == before
    assert stsnb.current_role() is held


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork has no forked children")
def test_a_forked_child_signs_and_renews_by_itself(short: ScriptedSTS) -> None:
    code = """
import os, sys, threading, stsnb
held = stsnb.assume_role(sys.argv[1])
held.credentials._renewal.acquire()  # as if the keeper were renewing just now
pid = os.fork()
if pid == 0:
    held.credentials._renew_at = held.credentials._renew_at_monotonic = 0.0
    held.session.get_credentials().get_frozen_credentials()
    os._exit(0 if held.response.access_key_id.endswith("2") and not threading.active_count() > 1 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, ROLE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr


# --- the keeper rests ------------------------------------------------------------------------------------------


def test_the_keeper_rests_while_another_thread_asks_and_where_nothing_can_be_renewed(
    sts: ScriptedSTS,
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    keeper = Renewer(look)
    held, stuck = stsnb.assume_role(ROLE, inject=False), stsnb.assume_role(ROLE, inject=False)
    for role in (held, stuck):
        role.credentials._take(dataclasses.replace(role.response, expiration=datetime.now(timezone.utc)))
        keeper.watch(role.credentials)
    stuck.credentials.renewable = False
    with held.credentials._renewal:  # as while STS is slow
        looks, began = 0, time.process_time()
        wait_until("the keeper has looked again and again", lambda: looks >= 5)
        assert time.process_time() - began < 1.0
    assert looks < 50
    keeper.stop()


def test_a_cell_that_is_run_again_leaves_one_role_to_renew(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    for _ in range(5):
        shell.run_cell(f"%assume_role {ROLE} RoleSession1", store_history=True)
    assert len([value for value in shell.user_ns["Out"].values() if isinstance(value, AssumedRole)]) == 5
    assert len(kernel._renewer._watched) == 1
    role = stsnb.current_role()
    assert role is not None
    with stsnb.assume_role(ROLE, "RoleSession1") as again:
        assert {role.credentials, again.credentials} <= set(kernel._renewer._watched)
    assert stsnb.current_role() is role
    assert role.credentials in kernel._renewer._watched
