"""Scopes: which role is active in which part of a notebook, with stand-ins for roles and without STS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import permutations
from typing import Any, cast

import boto3
import pytest

from stsnb.errors import AssumeRoleError
from stsnb.injection.environment import Environment
from stsnb.injection.scopes import RoleState, Scope, Scopes
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.renewer import Renewer
from stsnb.roles.source_settings import SourceSettings
from stsnb.sts.response import AssumeRoleResponse

USER = {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
ENDS = datetime(2100, 1, 1, tzinfo=timezone.utc)


class Credentials:
    """A role's credentials, which nothing renews here."""

    dropped = False


class Role:
    """What scopes use of an AssumedRole."""

    live = False

    def __init__(self, name: str, region: str = "us-east-1") -> None:
        self.role_name = name
        self.settings = SourceSettings("default", {"AWS_DEFAULT_REGION": region}, {}, needs_file=False)
        self.session = object()
        self.response = AssumeRoleResponse(f"ASIA{name}", "secret", f"token of {name}", ENDS, f"arn:{name}")
        self.credentials = Credentials()

    def is_same_as(self, other: Role) -> bool:
        return self.role_name == other.role_name


def role(name: str, region: str = "us-east-1") -> AssumedRole:
    return cast(AssumedRole, Role(name, region))


class Watched(set[Any]):
    """The credentials that a renewer would renew."""

    watch = set.add
    unwatch = set.discard


@pytest.fixture
def environ() -> dict[str, str]:
    return dict(USER)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def scopes(environ: MutableMapping[str, str], watched: Watched) -> Iterator[Scopes]:
    scopes = Scopes(Environment(environ), cast(Renewer, watched))
    yield scopes
    scopes.reset()
    assert environ == USER


@contextmanager
def within(scopes: Scopes, role: AssumedRole) -> Iterator[None]:
    """As ``with role``."""
    scopes.enter(role, Scope())
    try:
        yield
    finally:
        scopes.leave(role)


A, B, C = "A", "B", "C"


# --- activate, drop ---------------------------------------------------------------------------------------------


def test_an_active_role_is_in_the_environment_and_the_default_session(
    scopes: Scopes, environ: dict[str, str]
) -> None:
    a = role(A)
    scopes.activate(a)
    assert scopes.role is a
    assert (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SESSION_TOKEN"]) == ("ASIAA", "token of A")
    assert environ["AWS_DEFAULT_REGION"] == "us-east-1"
    assert boto3.DEFAULT_SESSION is a.session


def test_dropping_restores_environment_and_default_session(scopes: Scopes, environ: dict[str, str]) -> None:
    mine = boto3.DEFAULT_SESSION = boto3.Session()
    a, b = role(A), role(B)
    scopes.activate(a)
    scopes.activate(b)
    assert scopes.drop() is b
    assert (scopes.role, environ) == (None, USER)
    assert boto3.DEFAULT_SESSION is mine
    assert scopes.drop() is None


def test_each_role_has_its_state(scopes: Scopes) -> None:
    a, b, c = role(A), role(B), role(C)
    scopes.activate(a)
    assert scopes.state_of(a) == RoleState("active")
    assert scopes.state_of(b) == RoleState("not injected")
    scopes.activate(b)
    assert scopes.state_of(a) == RoleState("replaced", b)
    scopes.drop()
    assert scopes.state_of(b) == RoleState("dropped")
    assert scopes.state_of(a) == RoleState("replaced", b)
    scopes.activate(a)
    assert scopes.state_of(a) == RoleState("active")
    with within(scopes, c):
        assert scopes.state_of(a) == RoleState("replaced", c)
        scopes.release(a)
        assert scopes.state_of(a) == RoleState("dropped")


def test_a_role_is_renewed_until_it_is_dropped(scopes: Scopes, watched: Watched) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    scopes.activate(b)
    assert watched == {a.credentials, b.credentials}  # clients that were created under A sign with A
    scopes.drop()
    assert watched == {a.credentials}
    assert (a.credentials.dropped, b.credentials.dropped) == (False, True)
    scopes.activate(b)
    assert watched == {a.credentials, b.credentials}
    assert not b.credentials.dropped


def test_a_role_that_is_assumed_again_is_renewed_once(scopes: Scopes, watched: Watched) -> None:
    first, again = role(A), role(A)
    scopes.activate(first)
    scopes.activate(again)
    assert watched == {again.credentials}


def test_a_role_that_an_outer_scope_returns_to_stays_renewed(scopes: Scopes, watched: Watched) -> None:
    outer, again = role(A), role(A)
    scopes.activate(outer)
    scopes.open(Scope())
    scopes.activate(again)
    assert watched == {outer.credentials, again.credentials}


def test_an_environment_that_refuses_a_value_keeps_the_active_role(watched: Watched) -> None:
    class Full(dict[str, str]):
        def __setitem__(self, name: str, value: str) -> None:
            if value == "token of B":
                raise OSError("no space left")
            super().__setitem__(name, value)

    environ = Full(USER)
    scopes = Scopes(Environment(environ), cast(Renewer, watched))
    a, b = role(A), role(B)
    scopes.activate(a)
    under_a = dict(environ)
    with pytest.raises(OSError, match="no space left"):
        scopes.activate(b)
    assert (scopes.role, environ) == (a, under_a)
    assert scopes.state_of(b).name == "not injected"
    assert watched == {a.credentials}
    assert boto3.DEFAULT_SESSION is a.session
    scopes.reset()
    assert environ == USER


# --- scopes in any order ----------------------------------------------------------------------------------------


def test_closing_a_scope_restores_whatever_was_done_in_it(scopes: Scopes) -> None:
    a, b, scope = role(A), role(B), Scope()
    scopes.activate(a)
    for change in (lambda: scopes.activate(b), scopes.drop, lambda: None):
        scopes.open(scope)
        assert scopes.role is a
        change()
        scopes.close(scope)
        assert scopes.role is a


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_scopes_may_be_closed_in_any_order(
    scopes: Scopes, environ: dict[str, str], order: tuple[int, ...]
) -> None:
    outside, roles = role("outside"), [role(A), role(B), role(C)]
    scopes.activate(outside)
    opened = [Scope(), Scope(), Scope()]
    for scope, inside in zip(opened, roles, strict=True):
        scopes.open(scope)
        scopes.activate(inside)
    left = list(range(3))
    for number in order:
        scopes.close(opened[number])
        left.remove(number)
        expected = roles[left[-1]] if left else outside
        assert scopes.role is expected
        assert environ["AWS_ACCESS_KEY_ID"] == expected.response.access_key_id
        assert boto3.DEFAULT_SESSION is expected.session


def test_a_scope_that_has_ended_or_never_began_is_passed_over(scopes: Scopes) -> None:
    a, scope = role(A), Scope()
    scopes.close(Scope())
    scopes.open(scope)
    scopes.close(scope)
    scopes.activate(a)
    scopes.close(scope)
    assert scopes.role is a


def test_a_role_is_released_in_all_scopes(scopes: Scopes, environ: dict[str, str], watched: Watched) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    with within(scopes, b):
        with within(scopes, a):
            scopes.release(a)
            assert (scopes.role, environ) == (None, USER)
        assert scopes.role is b
    assert (scopes.role, environ) == (None, USER)
    assert watched == {b.credentials}
    assert scopes.state_of(a) == RoleState("dropped")


def test_a_released_role_is_not_what_a_with_returns_to(scopes: Scopes) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    scopes.activate(b)
    scopes.release(a)
    with within(scopes, b):
        assert scopes.role is b
    assert scopes.role is None


def test_reset_ends_all_scopes(scopes: Scopes, environ: dict[str, str]) -> None:
    scopes.activate(role(A))
    scope = Scope()
    scopes.open(scope)
    scopes.activate(role(B))
    scopes.reset()
    assert (scopes.role, environ) == (None, USER)
    scopes.close(scope)
    assert scopes.role is None


# --- with -------------------------------------------------------------------------------------------------------


def test_a_with_returns_to_the_role_that_its_own_replaced(scopes: Scopes, watched: Watched) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    scopes.activate(b)
    for _ in range(100):  # however long ago
        scopes.look()
    with within(scopes, b):
        assert scopes.role is b
        assert scopes.state_of(a) == RoleState("replaced", b)
    assert scopes.role is a
    assert watched >= {a.credentials}
    with within(scopes, b):  # entered a second time, it returns to what was active then
        assert scopes.role is b
    assert scopes.role is a


def test_a_with_of_the_first_role_returns_to_the_user(scopes: Scopes, environ: dict[str, str]) -> None:
    a = role(A)
    scopes.activate(a)
    with within(scopes, a):
        assert scopes.role is a
    assert (scopes.role, environ) == (None, USER)


def test_a_with_of_a_role_that_is_not_active_activates_it(scopes: Scopes) -> None:
    a, b, c = role(A), role(B), role(C)
    scopes.activate(a)
    scopes.activate(b)
    with within(scopes, a):
        assert scopes.role is a
    assert scopes.role is b
    with within(scopes, c):
        assert scopes.role is c
    assert scopes.role is b


def test_the_same_role_may_be_entered_in_its_own_with(scopes: Scopes, environ: dict[str, str]) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    scopes.activate(b)
    with within(scopes, b):
        with within(scopes, b):
            assert scopes.role is b
        assert scopes.role is b
        assert environ["AWS_ACCESS_KEY_ID"] == "ASIAB"
    assert scopes.role is a


def test_a_role_of_an_outer_scope_is_not_taken_from_it_by_an_inner_with(scopes: Scopes) -> None:
    a, b, scope = role(A), role(B), Scope()
    scopes.activate(a)
    scopes.activate(b)
    scopes.open(scope)  # B is active in it too, but has replaced nothing here
    with within(scopes, b):
        assert scopes.role is b
    scopes.close(scope)
    assert scopes.role is b


def test_leaving_a_with_again_does_nothing(scopes: Scopes) -> None:
    a, b = role(A), role(B)
    scopes.activate(a)
    with within(scopes, b):
        pass
    scopes.leave(b)
    scopes.leave(a)  # which has no `with` of its own
    assert scopes.role is a


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
