"""Kernel: the one object that knows the active role. It assumes, drops, restores, and tells its listeners."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from stsnb._threads import in_forked_children, uninterrupted
from stsnb.errors.explain import explain
from stsnb.injection import role_changes
from stsnb.injection.environment import Environment, credential_variables
from stsnb.injection.scopes import RoleState, Scope, Scopes
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.assuming import assume, chain_start
from stsnb.roles.chaining import RoleSource
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.fetcher import AssumeRoleFetcher
from stsnb.roles.renewer import Renewer
from stsnb.sources.mfa import MFASessions
from stsnb.sources.source import Source
from stsnb.sources.source_cache import SourceCache, SourceKey
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3

T = TypeVar("T")


class Listener(Protocol):
    """What follows the state of roles: the badges."""

    def changed(self) -> None:
        """Look again: another role is active, or a renewal begins, ends or fails. On any thread, without a lock."""


class Kernel:
    """The roles of one process.

    Its state changes under its lock, on a thread that no interrupt reaches, and only after all that can fail has
    succeeded: a request that fails or is interrupted leaves everything as it was.

    Parameters
    ----------
    environment : Environment, optional
        What roles are injected into.
    """

    def __init__(self, environment: Environment | None = None) -> None:
        self._environment = environment or Environment()
        self._begin()
        in_forked_children(self._begin)
        self._renewer = Renewer(self._look)
        self._scopes = Scopes(self._environment, self._renewer)
        self._sources = SourceCache(self.environ_of_user, self._session_of_user)
        self._mfa_sessions = MFASessions()

    def _begin(self) -> None:
        # In a forked child too: the thread that held the lock may not exist there, and no browser is connected.
        self._lock = threading.RLock()
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def current(self) -> AssumedRole | None:
        """Return the active role, or None."""
        return self._scopes.role

    def state_of(self, role: AssumedRole) -> RoleState:
        """Return what has become of a role.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.

        Returns
        -------
        RoleState
        """
        return self._scopes.state_of(role)

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every change from now on.

        Parameters
        ----------
        listener : Listener
            Only a weak reference to it is kept.
        """
        with self._lock:
            self._listeners.add(listener)

    def assume(
        self,
        request: AssumeRoleRequest,
        *,
        profile: str | None = None,
        role_profile: str | None = None,
        chain: AssumedRole | bool | None = None,
        region: str | None = None,
        refresh: bool = True,
        inject: bool = True,
        live: bool = False,
    ) -> AssumedRole:
        """Assume a role and make it active.

        Parameters
        ----------
        request : AssumeRoleRequest
            The request.
        profile : str, optional
            The profile whose credentials call STS; None for those that the kernel had before any role.
        role_profile : str, optional
            The profile that names the role. Its settings apply, and its source's credentials without `profile`.
        chain : AssumedRole or bool, optional
            The role whose credentials call STS; True for the active one.
        region : str, optional
            The region of STS and of the role's clients; None for the source's.
        refresh : bool
            Whether to renew its credentials for as long as the role is held.
        inject : bool
            Whether to make it active.
        live : bool
            Whether child processes fetch its credentials while they run.

        Returns
        -------
        AssumedRole

        Raises
        ------
        stsnb.AssumeRoleError
            With everything as it was.
        """
        source: Source | None = None
        if inject:
            self._scopes.refuse_other_callers()
        key = SourceKey(profile, role_profile, request.web_identity_token_file, region)
        chained_from: AssumedRole | None = None
        try:
            if chain:
                chained_from = chain_start(chain, self.current(), request)
                source = RoleSource(chained_from, self.environ_of_user)
                region = region or chained_from.region
            else:
                source = self._sources.find(key)
            role = assume(
                AssumeRoleFetcher(request, source, region, self._mfa_sessions, refresh=refresh),
                source,
                region,
                self,
                token_code=request.token_code,
                environ=self.environ_of_user,
                on_renewed=self._renewed,
                on_change=self._tell,
                chained_from=chained_from,
                live=live and inject,
            )
        except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
            self._sources.forget(key)
            raise explain(
                error,
                request=request,
                source=source,
                region=region,
                profile=self._sources.profile_of(key),
                environ=self.environ_of_user(),
            ) from None
        if inject:
            self._change(lambda: self._scopes.activate(role))
        else:
            self._renewer.watch(role.credentials)
        return role

    def needs_code(self, serial_number: str) -> bool:
        """Say whether a role needs a code of its MFA device now; not while the session that one bought is good."""
        return not self._mfa_sessions.holds(serial_number)

    def environ_of_user(self) -> dict[str, str]:
        """Return the environment without what stsnb has put into it, never in the middle of a renewal."""
        with self._lock:
            return self._environment.of_user()

    def drop(self) -> AssumedRole | None:
        """Make the active role inactive: environment and default session are the user's again.

        Returns
        -------
        AssumedRole or None
            The role that was active.
        """
        return self._change(self._drop)

    def open(self, scope: Scope) -> None:
        """Begin a scope: whatever is assumed or dropped in it, `close` makes active again what is active now.

        Parameters
        ----------
        scope : Scope
            A new one. A caller that is interrupted here holds it, begun or not, and closes it.

        Raises
        ------
        stsnb.AssumeRoleError
            If another thread or task is in a scope of its own.
        """
        self._scopes.refuse_other_callers()
        self._change(lambda: self._scopes.open(scope))

    def close(self, scope: Scope) -> None:
        """End a scope, in whatever order: active is then the role of the innermost scope that is left.

        Parameters
        ----------
        scope : Scope
            One that `open` began; one that has ended, or never began, is passed over.
        """
        self._change(lambda: self._scopes.close(scope))

    def enter(self, role: AssumedRole) -> AssumedRole:
        """Begin a scope for a role and return the role; the scope around it returns to what the role had replaced.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.

        Raises
        ------
        stsnb.AssumeRoleError
            If another thread or task is in a scope of its own.
        """
        self._scopes.refuse_other_callers()
        scope = Scope()
        try:
            return self._change(lambda: self._scopes.enter(role, scope))
        except BaseException:
            # An interrupt comes after the change, and a `with` that has not begun does not end.
            self.close(scope)
            raise

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was begun for a role.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.
        """
        self._change(lambda: self._scopes.leave(role))

    def follow_user(self) -> None:
        """Make the active role inactive if the user has put credentials of their own in its place.

        The notebook calls this before each cell; each change of roles does the same.
        """
        if not self._environment.is_as_left and self._change(self._scopes.yield_to_user):
            self._sources.clear()

    def release(self, role: AssumedRole) -> None:
        """Make a role inactive in all scopes.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.
        """
        self._change(lambda: self._release(role))

    def reset(self) -> None:
        """End all scopes and forget all sources: nothing of stsnb is left in the environment."""
        self._change(self._reset)

    def _change(self, change: Callable[[], T]) -> T:
        """Change the active role to the end, whatever the user presses meanwhile, and tell the listeners."""
        roles: list[tuple[AssumedRole | None, AssumedRole | None]] = []

        def run() -> T:
            with self._lock:
                before = self.current()
                result = change()
                roles.append((before, self.current()))
                role_changes.replace_pools(*roles[0])
            self._tell()
            return result

        try:
            return uninterrupted(run)
        finally:  # also if it was interrupted meanwhile
            for before, after in roles:
                if before is not after:
                    role_changes.announce(before, after)

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            with suppress(Exception):  # a badge that can't be drawn must not fail a change of roles
                listener.changed()

    def _session_of_user(self) -> boto3.Session | None:
        with self._lock:
            return self._environment.session_of_user()

    def _renewed(self, credentials: RoleCredentials, response: AssumeRoleResponse) -> None:
        # Called under the lock of renewals, so nothing that holds this lock may wait for that one.
        with self._lock:
            active, variables = self.current(), credential_variables(response)
            if credentials.has_readers:
                self._environment.issue(variables)
            elif active is not None and active.credentials is credentials:
                self._environment.renew(variables)

    def _look(self) -> None:
        with self._lock:
            self._scopes.look()

    def _drop(self) -> AssumedRole | None:
        self._sources.clear()
        return self._scopes.drop()

    def _release(self, role: AssumedRole) -> None:
        if self.current() is role:
            self._sources.clear()
        self._scopes.release(role)

    def _reset(self) -> None:
        self._scopes.reset()
        self._sources.clear()
        self._mfa_sessions.clear()
        self._renewer.stop()


#: The kernel of this process. The magics, the functions and the widgets are its faces and keep no state of their own.
kernel = Kernel()
