"""Scopes: which role is active in which part of the notebook, and the environment that follows the innermost one."""

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

#: How long a replaced role is held for ``with stsnb.assume_role(…)``, which makes it active again at its end, in
#: seconds. Later it becomes active again only if another object holds it.
REPLACED_HELD_SECONDS = 20.0


class Scope:
    """A part of the notebook with an active role of its own: all of it, one cell, or one ``with``.

    Parameters
    ----------
    role : AssumedRole, optional
        The role that is active in it; None for the user's own credentials.
    opened_for : AssumedRole, optional
        The role whose ``with`` it is.
    """

    def __init__(self, role: AssumedRole | None = None, opened_for: AssumedRole | None = None) -> None:
        self.role = role
        self.opened_for = opened_for
        #: Live roles that were replaced in it, whose child processes go on.
        self.lived: list[AssumedRole] = []
        #: Returns the role that `role` has replaced, to which the scope returns if `role` gets a scope of its own.
        self.replaced: Callable[[], AssumedRole | None] = _none
        self.replaced_at = 0.0


def _none() -> None:
    return None


class RoleState(NamedTuple):
    """What has become of a role in its kernel."""

    #: ``active``; ``replaced`` by another role; ``dropped``; or ``not injected``: it never was active, and only its
    #: own session acts as it.
    name: str
    #: The role that has replaced it.
    by: AssumedRole | None = None


class Scopes:
    """The scopes of a kernel. Environment, library caches and child processes follow the innermost one.

    They belong to the kernel and are changed under its lock: nothing here locks or waits. Each change is made after
    all that can fail has succeeded.

    Parameters
    ----------
    environment : Environment
        What an active role is injected into.
    renewer : Renewer
        Renews the roles of all scopes.
    """

    def __init__(self, environment: Environment, renewer: Renewer) -> None:
        self._environment = environment
        self._renewer = renewer
        # The innermost is last; the first is the notebook itself and stays.
        self._scopes = [Scope()]
        # The roles that were active and are not, each with what returns the role that has replaced it.
        self._inactive: weakref.WeakKeyDictionary[AssumedRole, Callable[[], AssumedRole | None] | None] = (
            weakref.WeakKeyDictionary()
        )
        self._served: ServedRoles | None = None

    @property
    def role(self) -> AssumedRole | None:
        """The active role."""
        return self._scopes[-1].role

    def state_of(self, role: AssumedRole) -> RoleState:
        """Return what has become of a role."""
        if self.role is role:
            return RoleState("active")
        if role not in self._inactive:
            return RoleState("not injected")
        successor = self._inactive[role]
        return RoleState("dropped") if successor is None else RoleState("replaced", successor())

    def activate(self, role: AssumedRole) -> None:
        """Make a role active in the innermost scope.

        Parameters
        ----------
        role : AssumedRole
            The role.

        Raises
        ------
        OSError
            If the system refuses what it needs; everything is as before then.
        """
        try:
            self._inject(role)
        except BaseException:
            self._stop_serving_others()
            raise
        inner, replaced = self._scopes[-1], self.role
        inner.role, inner.replaced, inner.replaced_at = role, lambda: replaced, time.monotonic()
        if replaced is not None and replaced.live:
            inner.lived.append(replaced)
        if role.live:  # the cell was run again: it replaces the earlier role for the child processes too
            inner.lived = [lived for lived in inner.lived if not lived.is_same_as(role)]
        self._watch(role)
        if replaced is not None and replaced.is_same_as(role) and not self._is_in_a_scope(replaced):
            # The cell was run again: its earlier outputs hold the earlier role, which needs no renewal any more.
            self._renewer.unwatch(replaced.credentials)

    def open(self, scope: Scope) -> None:
        """Begin a scope with the role that is active now."""
        scope.role = self.role
        self._scopes.append(scope)

    def close(self, scope: Scope) -> None:
        """End a scope, in whatever order; one that has ended or never began is passed over."""
        if scope not in self._scopes:
            return
        rest = [other for other in self._scopes if other is not scope]
        if rest[-1].role is not self.role:
            self._inject(rest[-1].role)
        self._scopes = rest
        self._watch(self.role)
        self._stop_serving_others()

    def enter(self, role: AssumedRole) -> None:
        """Begin a scope for the ``with`` of a role; the scope around it returns to what the role had replaced."""
        inner = self._scopes[-1]
        if inner.role is not role:
            self._inject(role)
        elif inner.opened_for is not role:
            inner.role, inner.replaced = inner.replaced(), _none
            self._watch(inner.role)
        self._scopes.append(Scope(role, opened_for=role))
        self._watch(role)

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was begun for the ``with`` of a role."""
        for scope in reversed(self._scopes):
            if scope.opened_for is role:
                self.close(scope)
                break

    def drop(self) -> AssumedRole | None:
        """Make the role of the innermost scope inactive, and return it."""
        role = self.role
        if role is not None:
            self._inject(None)
            self._scopes[-1].role, self._scopes[-1].replaced = None, _none
            self._scopes[-1].lived = []
            self._stop_serving_others()
            if not self._is_in_a_scope(role):
                self._renewer.unwatch(role.credentials)
        return role

    def release(self, role: AssumedRole) -> None:
        """Make a role inactive in all scopes."""
        if self.role is role:
            self.drop()
        for scope in self._scopes:
            scope.role = None if scope.role is role else scope.role
            scope.replaced = _none if scope.replaced() is role else scope.replaced
            scope.lived = [lived for lived in scope.lived if lived is not role]
        self._stop_serving_others()
        self._inactive[role] = None
        self._renewer.unwatch(role.credentials)

    def reset(self) -> None:
        """End all scopes: the environment is the user's, and no role is served."""
        self._inject(None)
        self._scopes = [Scope()]
        if self._served is not None:
            self._served.end()

    def look(self) -> None:
        """Let go of roles that no ``with`` will make active again, and update the files of live roles."""
        for scope in self._scopes:
            if time.monotonic() - scope.replaced_at >= REPLACED_HELD_SECONDS:
                role = scope.replaced()
                scope.replaced = _none if role is None else weakref.ref(role)
        if self._served is not None:
            self._served.look()

    def _inject(self, role: AssumedRole | None) -> None:
        """Make environment, default session and libraries those of a role; of the user, with None."""
        if role is None:
            self._environment.put_back()
        else:
            variables = self._serve(role) if role.live else credential_variables(role.response)
            self._environment.put({**role.settings, **variables}, role.session)
        library_caches.clear()
        left = self.role
        if left is not None and left is not role:
            self._inactive[left] = None if role is None else weakref.ref(role)

    def _serve(self, role: AssumedRole) -> dict[str, str | None]:
        if self._served is None:
            from stsnb.injection.served_roles import ServedRoles  # few use it: not imported before

            self._served = ServedRoles()
        return self._served.serve(role, self._environment.of_user())

    def _stop_serving_others(self) -> None:
        """Refuse the roles of no scope to their child processes."""
        if self._served is not None:
            roles = [role for scope in self._scopes for role in (scope.role, *scope.lived)]
            self._served.keep([role for role in roles if role is not None and role.live])

    def _watch(self, role: AssumedRole | None) -> None:
        if role is not None:
            self._renewer.watch(role.credentials)

    def _is_in_a_scope(self, role: AssumedRole) -> bool:
        return any(scope.role is role for scope in self._scopes)
