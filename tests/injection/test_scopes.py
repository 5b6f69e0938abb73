"""Scopes: which role is active in which part of a notebook, with stand-ins for roles and without STS."""

from __future__ import annotations

from itertools import permutations
from typing import cast

import boto3
import pytest

from stsnb.errors import AssumeRoleError
from stsnb.injection.environment import Environment
from stsnb.injection.scopes import RoleState, Scope, Scopes
from stsnb.roles.renewer import Renewer
from tests.injection.roles import USER, A, B, C, Watched, role, within

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
    with pytest.raises(AssumeRoleError, match="no space left"):
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
