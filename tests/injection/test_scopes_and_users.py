"""Scopes keep what the user sets under a role, and refuse two threads or tasks at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from stsnb.errors import AssumeRoleError
from stsnb.injection.scopes import RoleState, Scope, Scopes
from tests.injection.roles import USER, A, B, C, role, within

# --- what the user changes --------------------------------------------------------------------------------------


def test_what_the_user_has_set_under_a_role_is_there_when_a_with_returns_to_it(
    scopes: Scopes, environ: dict[str, str]
) -> None:
    a, b = role(A, "us-east-1"), role(B, "sa-east-1")
    scopes.activate(a)
    environ["AWS_DEFAULT_REGION"] = "ap-northeast-2"
    mine = boto3.DEFAULT_SESSION = boto3.Session(region_name="ap-northeast-2")
    with within(scopes, b):
        assert environ["AWS_DEFAULT_REGION"] == "sa-east-1"
        assert boto3.DEFAULT_SESSION is b.session
    assert environ["AWS_DEFAULT_REGION"] == "ap-northeast-2"
    assert environ["AWS_ACCESS_KEY_ID"] == "ASIAA"
    assert boto3.DEFAULT_SESSION is mine
    with within(scopes, b), within(scopes, role(C, "sa-east-1")):  # also the second time, and from further in
        pass
    assert environ["AWS_DEFAULT_REGION"] == "ap-northeast-2"
    assert boto3.DEFAULT_SESSION is mine
    scopes.drop()
    assert environ == {**USER, "AWS_DEFAULT_REGION": "ap-northeast-2"}
    environ["AWS_DEFAULT_REGION"] = USER["AWS_DEFAULT_REGION"]


def test_a_role_that_is_assumed_again_has_its_own_region_again(
    scopes: Scopes, environ: dict[str, str]
) -> None:
    a, b = role(A, "us-east-1"), role(B)
    scopes.activate(a)
    environ["AWS_DEFAULT_REGION"] = "ap-northeast-2"
    scopes.activate(b)
    scopes.activate(a)
    assert environ["AWS_DEFAULT_REGION"] == "us-east-1"
    scopes.drop()
    environ["AWS_DEFAULT_REGION"] = USER["AWS_DEFAULT_REGION"]


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAMINE", "AWS_SECRET_ACCESS_KEY": "mine"}


def test_the_users_own_keys_make_the_role_inactive(scopes: Scopes, environ: dict[str, str]) -> None:
    a = role(A)
    scopes.activate(a)
    assert not scopes.yield_to_user()
    environ.update(KEYS)
    assert scopes.yield_to_user()
    assert (scopes.role, environ) == (None, {**USER, **KEYS})  # without the role's token and expiration
    assert scopes.state_of(a) == RoleState("overridden")
    assert a.credentials.dropped
    assert not scopes.yield_to_user()
    environ.update(USER)


@pytest.mark.parametrize("change", ["activate", "open", "enter"])
def test_each_change_of_roles_keeps_the_users_own_keys(
    scopes: Scopes, environ: dict[str, str], change: str
) -> None:
    a, b, scope = role(A), role(B), Scope()
    scopes.activate(a)
    environ.update(KEYS)
    if change == "activate":
        scopes.activate(b)
        scopes.drop()
    elif change == "open":
        scopes.open(scope)
        assert scopes.role is None
        scopes.close(scope)
    else:
        scopes.enter(b, scope)
        scopes.leave(b)
    assert environ == {**USER, **KEYS}
    assert scopes.role is None
    assert scopes.state_of(a).name == "overridden"
    environ.update(USER)


# --- other threads and tasks ------------------------------------------------------------------------------------


def refused(scopes: Scopes) -> bool:
    try:
        scopes.refuse_other_callers()
    except AssumeRoleError:
        return True
    return False


def in_thread(function: Callable[[], object]) -> Any:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(30)
    return results[0]


def test_a_with_of_another_thread_is_refused_and_one_in_the_same_thread_is_not(scopes: Scopes) -> None:
    with within(scopes, role(A)):
        assert not refused(scopes)
        with within(scopes, role(B)):
            assert not refused(scopes)
            assert in_thread(lambda: refused(scopes))
    assert not in_thread(lambda: refused(scopes))


def test_a_role_that_is_active_without_a_with_is_no_reason_to_refuse_a_thread(scopes: Scopes) -> None:
    scopes.activate(role(A))
    assert not in_thread(lambda: refused(scopes))


def test_a_with_of_a_thread_that_has_ended_refuses_no_other(scopes: Scopes) -> None:
    in_thread(lambda: scopes.enter(role(A), Scope()))
    assert not refused(scopes)


def test_the_refusal_names_the_role_of_the_other_with(scopes: Scopes) -> None:
    def refusal() -> AssumeRoleError:
        with pytest.raises(AssumeRoleError) as refused:
            scopes.refuse_other_callers()
        return refused.value

    with within(scopes, role("reports")):
        error = in_thread(refusal)
    assert "`with` of reports" in error.happened
    assert "inject=False" in error.advice


def test_a_with_of_another_task_is_refused_and_one_in_the_same_task_is_not(scopes: Scopes) -> None:
    async def main() -> None:
        entered, over = asyncio.Event(), asyncio.Event()

        async def with_a_role() -> None:
            with within(scopes, role(A)):
                entered.set()
                await over.wait()
                assert not refused(scopes)
                with within(scopes, role(B)):
                    assert not refused(scopes)

        task = asyncio.create_task(with_a_role())
        await entered.wait()
        assert refused(scopes)
        over.set()
        await task
        assert not refused(scopes)

    asyncio.run(main())


def test_a_with_of_a_task_that_has_ended_refuses_no_other(scopes: Scopes) -> None:
    async def main() -> None:
        task = asyncio.create_task(enter())
        await task
        assert not refused(scopes)

    async def enter() -> None:
        scopes.enter(role(A), Scope())

    asyncio.run(main())
