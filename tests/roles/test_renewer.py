"""The renewer: one thread renews all roles, and no caller waits for it."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timezone

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell
from werkzeug import Response

import stsnb
from stsnb.kernel import kernel
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.renewer import Renewer
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def token() -> str:
    return os.environ["AWS_SESSION_TOKEN"]


def test_the_renewer_renews_and_updates_the_environment(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    client, first, expiration = boto3.client("s3"), token(), held.expiration
    wait_until("the environment has newer credentials", lambda: token() != first)
    assert held.expiration > expiration
    assert os.environ["AWS_CREDENTIAL_EXPIRATION"] == held.expiration.isoformat()
    assert client._request_signer._credentials.get_frozen_credentials().token == token()
    assert boto3.Session().get_credentials().token == token()


def test_one_thread_renews_all_roles(short: ScriptedSTS) -> None:
    held = [stsnb.assume_role(ROLE, f"role{n}", inject=False) for n in range(5)]
    first = [one.expiration for one in held]
    wait_until(
        "all are renewed", lambda: all(one.expiration > was for one, was in zip(held, first, strict=True))
    )
    assert [thread.name for thread in threading.enumerate()].count("stsnb-renewer") == 1


def test_no_caller_waits_for_a_slow_sts_while_the_keys_are_valid(short: ScriptedSTS) -> None:
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
    """Let the renewer look as if two thirds of the session had passed."""
    kernel._renewer.unwatch(held.credentials)
    held.credentials._renew_at = held.credentials._renew_at_monotonic = 0.0
    kernel._renewer.watch(held.credentials)


def garbage(sts: ScriptedSTS) -> None:
    sts.answers(f"<html>{SECRET_MARK}")


@pytest.mark.parametrize(
    ("break_sts", "told"),
    [
        (lambda sts: sts.fails("ServiceUnavailable", status=503), "failed"),
        (lambda sts: sts.fails("Throttling", "Rate exceeded"), "too many requests"),
        (lambda sts: sts.fails("AccessDenied", "not authorized", 403), "access denied"),
        (lambda sts: sts.fails("ExpiredToken", "expired", 403), "have expired"),
        (garbage, "not STS's"),
    ],
    ids=["down", "throttled", "trust withdrawn", "source expired", "garbage"],
)
def test_a_failed_renewal_is_shown_changes_nothing_and_is_tried_again(
    short: ScriptedSTS, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    break_sts: Callable[[ScriptedSTS], None], told: str,
) -> None:  # fmt: skip
    short.seconds = 30
    held = stsnb.assume_role(ROLE)
    first = token()
    break_sts(short)
    now_due(held)
    wait_until("the failure is seen", lambda: held.renewal_error is not None)
    assert told in str(held.renewal_error)
    assert "renewal failed: " in str(held)
    assert "Renewal failed: " in held._repr_mimebundle_()["text/html"]
    assert held.session.get_credentials().get_frozen_credentials().token == token() == first
    short.recovers()
    wait_until("it is renewed", lambda: held.renewal_error is None)
    assert token() != first
    assert "renewal failed" not in str(held)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "Traceback" not in "".join(capfd.readouterr())
    assert SECRET_MARK not in caplog.text


def test_a_role_that_no_with_can_return_to_is_collected_and_not_renewed(short: ScriptedSTS) -> None:
    first = weakref.ref(stsnb.assume_role(ROLE, "first"))
    stsnb.assume_role(ROLE, "second")
    stsnb.assume_role(ROLE, "third")
    gc.collect()
    assert first() is None
    asked = len(short.requests)
    wait_until("the others are renewed", lambda: len(short.requests) > asked + 2)
    assert {request["RoleSessionName"] for request in short.requests[asked:]} <= {"second", "third"}


def test_a_with_returns_to_the_role_that_its_own_replaced_however_long_ago(short: ScriptedSTS) -> None:
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


def test_the_renewer_ends_when_the_last_role_is_dropped_or_released(short: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    assert kernel._renewer.running
    stsnb.drop_role()
    wait_until("the renewer has ended", lambda: not kernel._renewer.running)
    with held:
        assert kernel._renewer.running
    held.drop()
    wait_until("the renewer has ended", lambda: not kernel._renewer.running)


# --- the renewer sleeps ------------------------------------------------------------------------------------------


def test_the_renewer_sleeps_while_another_thread_calls_sts_and_where_nothing_can_be_renewed(
    sts: ScriptedSTS,
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    renewer = Renewer(look)
    held, stuck = stsnb.assume_role(ROLE, inject=False), stsnb.assume_role(ROLE, inject=False)
    for role in (held, stuck):
        role.credentials._store(dataclasses.replace(role.response, expiration=datetime.now(timezone.utc)))
        renewer.watch(role.credentials)
    stuck.credentials.renewable = False
    with held.credentials._renewal:  # as while STS is slow
        looks, began = 0, time.process_time()
        wait_until("the renewer has looked again and again", lambda: looks >= 5)
        assert time.process_time() - began < 1.0
    assert looks < 50
    renewer.stop()


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
