"""Scopes: which role is in force in which stretch of the notebook, and all that follows it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from stsnb.injection import library_caches
from stsnb.injection.environment import Environment, credential_variables
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.renewer import Renewer

if TYPE_CHECKING:
    from stsnb.injection.served_roles import ServedRoles

#: How long a role whose place another took is held for ``with stsnb.assume_role(…)``, which puts it back at its
#: end. After that it is put back if somebody else holds it; otherwise nobody wants it renewed any more.
REPLACED_HELD_SECONDS = 20.0


class Scope:
    """A stretch of the notebook in which one role is in force: all of it, one cell, or one ``with``.

    Parameters
    ----------
    role : AssumedRole, optional
        The role in force in it; None for the user's own credentials.
    opened_for : AssumedRole, optional
        The role whose ``with`` it is.
    """

    def __init__(self, role: AssumedRole | None = None, opened_for: AssumedRole | None = None) -> None:
        self.role = role
        self.opened_for = opened_for
        #: Roles that others took the place of in it, but whose child processes go on.
        self.lived: list[AssumedRole] = []
        #: Gives the role whose place `role` took, to which the scope returns if `role` gets one of its own.
        self.replaced: Callable[[], AssumedRole | None] = _nobody
        self.replaced_at = 0.0


def _nobody() -> None:
    return None


class RoleState(NamedTuple):
    """How a role stands in its kernel."""

    #: ``in force``; ``replaced`` by another role; ``dropped``; or ``apart``, which never was in force, so that only
    #: its own session acts as it.
    state: str
    #: The role that took its place, if one did.
    by: AssumedRole | None = None


class Scopes:
    """The scopes of a kernel; the environment, the libraries and the child processes follow the innermost.

    It belongs to the kernel, under whose lock it is changed: nothing here locks or waits. What changes it does
    so after all that can fail has succeeded.

    Parameters
    ----------
    environment : Environment
        What roles are put into.
    keeper : Renewer
        Who renews those that stand in a scope.
    """

    def __init__(self, environment: Environment, keeper: Renewer) -> None:
        self._environment = environment
        self._keeper = keeper
        # The innermost is last; the first is the notebook itself and stays.
        self._scopes = [Scope()]
        # The roles that were in force and are not, each with what gives the role that took its place.
        self._left: weakref.WeakKeyDictionary[AssumedRole, Callable[[], AssumedRole | None] | None] = (
            weakref.WeakKeyDictionary()
        )
        self._live: ServedRoles | None = None

    @property
    def role(self) -> AssumedRole | None:
        """The role in force."""
        return self._scopes[-1].role

    def standing(self, role: AssumedRole) -> RoleState:
        """Tell how a role stands: see `stsnb.kernel.Kernel.standing`."""
        if self.role is role:
            return RoleState("in force")
        if role not in self._left:
            return RoleState("apart")
        successor = self._left[role]
        return RoleState("dropped") if successor is None else RoleState("replaced", successor())

    def put(self, role: AssumedRole) -> None:
        """Put a role in force in the innermost scope.

        Raises
        ------
        OSError
            If the system refuses what it needs; everything is as before then.
        """
        try:
            self._show(role)
        except BaseException:
            self._serve_no_others()
            raise
        inner, replaced = self._scopes[-1], self.role
        inner.role, inner.replaced, inner.replaced_at = role, lambda: replaced, time.monotonic()
        if replaced is not None and replaced.live:
            inner.lived.append(replaced)
        if role.live:  # run again, it takes the place of the earlier one for the children too
            inner.lived = [lived for lived in inner.lived if not lived.is_same_as(role)]
        self._watch(role)
        if replaced is not None and replaced.is_same_as(role) and not self._stands(replaced):
            # The cell was run again: its earlier outputs hold the earlier role, which nobody needs any more.
            self._keeper.unwatch(replaced.credentials)

    def open(self, scope: Scope) -> None:
        """Begin a scope with the role that is in force now."""
        scope.role = self.role
        self._scopes.append(scope)

    def end(self, scope: Scope) -> None:
        """End a scope, in whatever order; one that has ended or never began is passed over."""
        if scope not in self._scopes:
            return
        left = [other for other in self._scopes if other is not scope]
        if left[-1].role is not self.role:
            self._show(left[-1].role)
        self._scopes = left
        self._watch(self.role)
        self._serve_no_others()

    def enter(self, role: AssumedRole) -> None:
        """Begin a scope for the ``with`` of a role."""
        inner = self._scopes[-1]
        if inner.role is not role:
            self._show(role)
        elif inner.opened_for is not role:
            inner.role, inner.replaced = inner.replaced(), _nobody
            self._watch(inner.role)
        self._scopes.append(Scope(role, opened_for=role))
        self._watch(role)

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was begun for a role."""
        for scope in reversed(self._scopes):
            if scope.opened_for is role:
                self.end(scope)
                break

    def drop(self) -> AssumedRole | None:
        """Take the role out of the innermost scope, and return it."""
        role = self.role
        if role is not None:
            self._show(None)
            self._scopes[-1].role, self._scopes[-1].replaced = None, _nobody
            self._scopes[-1].lived = []
            self._serve_no_others()
            if not self._stands(role):
                self._keeper.unwatch(role.credentials)
        return role

    def release(self, role: AssumedRole) -> None:
        """Take a role out of all scopes that it stands in."""
        if self.role is role:
            self.drop()
        for scope in self._scopes:
            scope.role = None if scope.role is role else scope.role
            scope.replaced = _nobody if scope.replaced() is role else scope.replaced
            scope.lived = [lived for lived in scope.lived if lived is not role]
        self._serve_no_others()
        self._left[role] = None
        self._keeper.unwatch(role.credentials)

    def reset(self) -> None:
        """End all scopes: nothing is left in the environment, and nobody is served."""
        self._show(None)
        self._scopes = [Scope()]
        if self._live is not None:
            self._live.end()

    def let_go(self) -> None:
        """Keep alive no role for the sake of a ``with`` that would have come by now."""
        for scope in self._scopes:
            if time.monotonic() - scope.replaced_at >= REPLACED_HELD_SECONDS:
                role = scope.replaced()
                scope.replaced = _nobody if role is None else weakref.ref(role)
        if self._live is not None:
            self._live.look()

    def _show(self, role: AssumedRole | None) -> None:
        if role is None:
            self._environment.put_back()
        else:
            variables = self._serve(role) if role.live else credential_variables(role.response)
            self._environment.put({**role.settings, **variables}, role.session)
        library_caches.let_go()
        left = self.role
        if left is not None and left is not role:
            self._left[left] = None if role is None else weakref.ref(role)

    def _serve(self, role: AssumedRole) -> dict[str, str | None]:
        if self._live is None:
            from stsnb.injection.served_roles import ServedRoles  # few ask for it: not before somebody does

            self._live = ServedRoles()
        return self._live.serve(role, self._environment.of_user())

    def _serve_no_others(self) -> None:
        """Have the roles that were dropped refused to their child processes."""
        if self._live is not None:
            roles = [role for scope in self._scopes for role in (scope.role, *scope.lived)]
            self._live.keep([role for role in roles if role is not None and role.live])

    def _watch(self, role: AssumedRole | None) -> None:
        if role is not None:
            self._keeper.watch(role.credentials)

    def _stands(self, role: AssumedRole) -> bool:
        return any(scope.role is role for scope in self._scopes)
