"""RoleCredentials: when they are renewed, and what their users get meanwhile, by a clock of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime, timezone

import pytest

from stsnb.roles import credentials as rules
from stsnb.roles.credentials import RoleCredentials
from stsnb.sts.response import AssumeRoleResponse
from tests.scripted_sts import ROLE, ScriptedSTS


class Clock:
    """Replaces the time module in `stsnb.roles.credentials`: time passes when a test says so."""

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


def test_callers_leave_the_renewal_to_the_renewer_until_the_last_sixth(clock: Clock) -> None:
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


def test_valid_credentials_are_returned_however_the_renewal_fails(clock: Clock) -> None:
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


def test_after_the_end_a_caller_gets_the_reason_without_a_call_of_sts_each_time(clock: Clock) -> None:
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


def test_a_session_that_is_not_renewed_can_be_used_to_its_last_second(clock: Clock) -> None:
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


def test_a_server_whose_sessions_have_ended_at_once_is_not_called_at_each_signing(clock: Clock) -> None:
    sts = STS(clock, -10)
    held = credentials(sts)
    for _ in range(100):
        with pytest.raises(RuntimeError):
            held.get_frozen_credentials()
    assert sts.calls == 1


def test_500_threads_that_sign_after_an_expiry_make_one_call(clock: Clock) -> None:
    sts = STS(clock, 3600)
    held = credentials(sts)
    asked, answer = threading.Event(), threading.Event()
    ask = held._call_sts

    def slowly() -> AssumeRoleResponse:
        asked.set()
        assert answer.wait(30)
        return ask()

    held._call_sts = slowly
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork has no forked children")
def test_a_forked_child_signs_and_renews_by_itself(short: ScriptedSTS) -> None:
    code = """
import os, sys, threading, stsnb
held = stsnb.assume_role(sys.argv[1])
held.credentials._renewal.acquire()  # as if the renewer were renewing just now
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
