"""Scopes: which role is active in which part of the notebook, and the environment that follows the innermost one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from stsnb._threads import Caller
from stsnb.errors import AssumeRoleError
from stsnb.injection import library_caches, provider_environs
from stsnb.injection.config_overlay import SourceConfigs
from stsnb.injection.environment import Environment, UserChanges, credential_variables
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.renewer import Renewer

if TYPE_CHECKING:
    from stsnb.injection.served_roles import ServedRoles


class Scope:
    """A part of the notebook with an active role of its own: all of it, one cell, or one ``with``.

    It belongs to the thread, or the asyncio task, that creates it.

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
        self.caller = Caller()
        #: The role that `role` has replaced, to which the scope returns if `role` gets a scope of its own.
        self.replaced: AssumedRole | None = None
        #: Live roles that were replaced in it, whose child processes go on.
        self.lived: list[AssumedRole] = []


class RoleState(NamedTuple):
    """What has become of a role in its kernel."""

    #: ``active``; ``replaced`` by another role; ``overridden`` by credentials that the user has set in the
    #: environment; ``dropped``; or ``not injected``: it never was active, and only its own session acts as it.
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
        # The roles that were active and are not, each with what returns its state.
        self._inactive: weakref.WeakKeyDictionary[AssumedRole, Callable[[], RoleState]] = (
            weakref.WeakKeyDictionary()
        )
        # What the user had changed under a role when another one covered it.
        self._changes: weakref.WeakKeyDictionary[AssumedRole, UserChanges] = weakref.WeakKeyDictionary()
        self._configs = SourceConfigs()
        self._served: ServedRoles | None = None

    @property
    def role(self) -> AssumedRole | None:
        """The active role."""
        return self._scopes[-1].role

    def state_of(self, role: AssumedRole) -> RoleState:
        """Return what has become of a role."""
        if self.role is role:
            return RoleState("active")
        state = self._inactive.get(role)
        return RoleState("not injected") if state is None else state()

    def refuse_other_callers(self) -> None:
        """Check that no other thread or task is in a scope of its own.

        Raises
        ------
        AssumeRoleError
            If one is: a process has one environment.
        """
        for scope in self._scopes[1:]:
            if scope.caller.runs_elsewhere:
                name = "" if scope.role is None else f" of {scope.role.role_name}"
                raise AssumeRoleError(
                    f"Another thread or task is inside a `with`{name}, and a process has one environment.",
                    "Pass inject=False and use the session or the clients of the role, or wait until the `with` ends.",
                )

    def activate(self, role: AssumedRole) -> None:
        """Make a role active in the innermost scope.

        Parameters
        ----------
        role : AssumedRole
            The role.

        Raises
        ------
        AssumeRoleError
            If the system refuses what it needs; everything is as before then.
        """
        self.yield_to_user()
        self._changes.pop(role, None)
        try:
            self._inject(role)
        except BaseException:
            self._stop_serving_others()
            raise
        inner, replaced = self._scopes[-1], self.role
        inner.role, inner.replaced = role, replaced
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
        self.yield_to_user()
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

    def enter(self, role: AssumedRole, scope: Scope) -> AssumedRole:
        """Begin a scope for the ``with`` of a role, and return the role.

        The scope around it returns to what the role had replaced.
        """
        self.yield_to_user()
        inner = self._scopes[-1]
        if inner.role is not role:
            self._changes.pop(role, None)
            self._inject(role)
        elif inner.opened_for is not role:
            inner.role, inner.replaced = inner.replaced, None
            self._watch(inner.role)
        scope.role = scope.opened_for = role
        self._scopes.append(scope)
        self._watch(role)
        return role

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was begun for the ``with`` of a role."""
        for scope in reversed(self._scopes):
            if scope.opened_for is role:
                self.close(scope)
                break

    def drop(self) -> AssumedRole | None:
        """Make the role of the innermost scope inactive, and return it."""
        return self._deactivate(RoleState("dropped"))

    def yield_to_user(self) -> bool:
        """Make the active role inactive if the user has put credentials of their own in its place.

        Returns
        -------
        bool
            Whether it was.
        """
        self._environment.repair()
        if not self._environment.taken_over:
            return False
        self._deactivate(RoleState("overridden"))
        return True

    def release(self, role: AssumedRole) -> None:
        """Make a role inactive in all scopes."""
        if self.role is role:
            self.drop()
        for scope in self._scopes:
            scope.role = None if scope.role is role else scope.role
            scope.replaced = None if scope.replaced is role else scope.replaced
            scope.lived = [lived for lived in scope.lived if lived is not role]
        self._stop_serving_others()
        self._inactive[role] = lambda: RoleState("dropped")
        role.credentials.dropped = True
        self._renewer.unwatch(role.credentials)

    def reset(self) -> None:
        """End all scopes: the environment is the user's, and no role is served."""
        self._inject(None)
        self._environment.reset()
        self._scopes = [Scope()]
        self._changes.clear()
        self._configs.end()
        provider_environs.uninstall()
        if self._served is not None:
            self._served.end()

    def look(self) -> None:
        """Correct what has come back into the environment, and update the files that child processes read."""
        self._environment.repair()
        self._configs.look()
        if self._served is not None:
            self._served.look()

    def _deactivate(self, state: RoleState) -> AssumedRole | None:
        role = self.role
        if role is not None:
            self._inject(None)
            self._inactive[role] = lambda: state
            inner = self._scopes[-1]
            inner.role, inner.replaced, inner.lived = None, None, []
            self._stop_serving_others()
            if not self._is_in_a_scope(role):
                role.credentials.dropped = True
                self._renewer.unwatch(role.credentials)
        return role

    def _inject(self, role: AssumedRole | None) -> None:
        """Make environment, default session and libraries those of a role; of the user, with None."""
        if role is None:
            changes = self._environment.put_back()
        else:
            changes = self._put(role)
            role.credentials.dropped = False
        library_caches.clear()
        left = self.role
        if left is not None and left is not role:
            before = self._changes.get(left, UserChanges())
            self._changes[left] = UserChanges(before.names | changes.names, before.session or changes.session)
            replaced = weakref.ref(role) if role is not None else None
            self._inactive[left] = lambda: (
                RoleState("dropped") if replaced is None else RoleState("replaced", replaced())
            )

    def _put(self, role: AssumedRole) -> UserChanges:
        provider_environs.install(self._environment)
        kept, keys = self._changes.get(role), credential_variables(role.response)
        try:
            if role.live:
                self._environment.issue(keys)
                return self._environment.put(self._serve(role), role.session, kept=kept)
            configs = self._configs.variables(role.settings, self._environment.of_user())
            variables = {**configs, **role.settings.variables, **keys}
            return self._environment.put(variables, role.session, role.credentials, kept)
        except OSError as error:
            raise AssumeRoleError(
                f"The role was assumed but can't be made active: {error.strerror or error}.",
                "Try again. --live needs a port of 127.0.0.1 and space for a file in the temporary folder.",
            ) from None

    def _serve(self, role: AssumedRole) -> dict[str, str | None]:
        if self._served is None:
            from stsnb.injection.served_roles import ServedRoles  # few use it: not imported before

            self._served = ServedRoles()
        variables = self._served.serve(role, self._environment.of_user())
        return {**role.settings.variables, **variables}

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
