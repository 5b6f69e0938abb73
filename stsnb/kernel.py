"""Kernel: the one place that knows the role in force. It assumes, drops, puts back, and tells the listeners."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol, TypeVar

from stsnb._threads import BackgroundCall, in_forked_children, uninterrupted
from stsnb.config import catalog
from stsnb.injection.environment import Environment, credential_variables
from stsnb.injection.scopes import RoleState, Scope, Scopes
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.chaining import RoleSource
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.fetcher import AssumeRoleFetcher, explained
from stsnb.roles.renewer import Renewer
from stsnb.sources.mfa import MFASessions
from stsnb.sources.provider_chain import fingerprint
from stsnb.sources.source import Source
from stsnb.sources.web_identity import WebIdentitySource
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import AssumeRoleResponse

T = TypeVar("T")


class Listener(Protocol):
    """Who wants to know when something about any role may have changed: the badges."""

    def changed(self) -> None:
        """Look again; called on any thread, and never under the kernel's lock."""


class Kernel:
    """The roles of one process.

    Its state changes under its lock, on a thread that no interrupt reaches, and only after all that can fail
    has succeeded: a request that fails, or that is interrupted, leaves everything as it was.

    Parameters
    ----------
    environment : Environment, optional
        What roles are put into.
    """

    def __init__(self, environment: Environment | None = None) -> None:
        self._environment = environment or Environment()
        self._begin()
        in_forked_children(self._begin)
        self._keeper = Renewer(self._let_go)
        self._scopes = Scopes(self._environment, self._keeper)
        # By the profile that asks, the one that names the role, and the file of a web identity.
        self._sources: dict[tuple[str | None, ...], tuple[tuple[object, ...], Source]] = {}
        self._mfa_sessions = MFASessions()
        #: Makes the badge of a role, by MIME type; set by who stands on this file.
        self.face: Callable[[AssumedRole], dict[str, object]] | None = None

    def _begin(self) -> None:
        # Also in a forked child, where the thread that held the lock may not be.
        self._lock = threading.RLock()
        # Nor has a child a browser: its parent's is told by its parent.
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def current(self) -> AssumedRole | None:
        """Return the role in force, or None."""
        return self._scopes.role

    def bundle(self, role: AssumedRole) -> dict[str, object]:
        """Return what a notebook shows of a role beside text and HTML: what `face` makes of it.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.

        Returns
        -------
        dict of str to object
            By MIME type.
        """
        return self.face(role) if self.face is not None else {}

    def standing(self, role: AssumedRole) -> RoleState:
        """Tell how a role stands.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.

        Returns
        -------
        RoleState
        """
        return self._scopes.standing(role)

    def listen(self, listener: Listener) -> None:
        """Tell somebody of every change from now on: another role in force, a renewal that begins, ends, or fails.

        Parameters
        ----------
        listener : Listener
            A weak reference is all that is kept of it.
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
        """Assume a role and put it in force.

        Parameters
        ----------
        request : AssumeRoleRequest
            What to ask of STS.
        profile : str, optional
            The profile that asks; None for the credentials that the kernel had before any role.
        role_profile : str, optional
            The profile that names the role, whose settings hold, and whose source asks if there is no `profile`.
        chain : AssumedRole or bool, optional
            The role that asks; True for the one in force.
        region : str, optional
            The region of STS and of the role's clients; None for the source's.
        refresh : bool
            Whether to renew its credentials until nobody holds it; False for a session that ends.
        inject : bool
            Whether to put it in force.
        live : bool
            Whether child processes ask for its credentials while they run.

        Returns
        -------
        AssumedRole

        Raises
        ------
        stsnb.AssumeRoleError
            With everything as it was.
        """
        source: Source | None = None
        asks = profile, role_profile, request.web_identity_token_file
        try:
            if chain:
                link = self._link(chain, request)
                source, region = RoleSource(link, self.environ_of_user()), region or link.region
            else:
                source = self._source(*asks)
            role = self._ask(source, request, region, refresh, live and inject)
        except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
            self._sources.pop(asks, None)
            named = profile or role_profile or self._profile_of_user()
            raise explained(error, request, source, region, named) from None
        catalog.remember(role.role_arn, role.session_name)
        if inject:
            try:
                self._change(lambda: self._scopes.put(role))
            except OSError as error:
                raise _not_put(error) from None
        else:
            self._keeper.watch(role.credentials)
        return role

    def needs_code(self, serial_number: str) -> bool:
        """Say whether a role that is assumed with an MFA device would need a code of it now.

        Parameters
        ----------
        serial_number : str
            The device.

        Returns
        -------
        bool
            False while what an earlier code has bought is good.
        """
        return not self._mfa_sessions.holds(serial_number)

    def environ_of_user(self) -> dict[str, str]:
        """Return the environment as it would be without a role, never in the middle of a renewal."""
        with self._lock:
            return self._environment.of_user()

    def drop(self) -> AssumedRole | None:
        """Take the role in force out: everything is as it was before the first role.

        Returns
        -------
        AssumedRole or None
            The role that was in force.
        """
        return self._change(self._drop)

    def open(self, scope: Scope) -> None:
        """Begin a scope: whatever is assumed or dropped in it, `close` puts back what is in force now.

        Parameters
        ----------
        scope : Scope
            A new one. Who is interrupted here has it in hand, begun or not, and closes it.
        """
        self._change(lambda: self._scopes.open(scope))

    def close(self, scope: Scope) -> None:
        """End a scope, in whatever order: in force is then what is in the innermost scope that is left.

        Parameters
        ----------
        scope : Scope
            One that `open` began; one that has ended, or never began, is passed over.
        """
        self._change(lambda: self._scopes.end(scope))

    def enter(self, role: AssumedRole) -> None:
        """Give a role a scope of its own; the one that it stands in returns to what it replaced there.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.
        """
        self._change(lambda: self._scopes.enter(role))

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was opened for a role.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.
        """
        self._change(lambda: self._scopes.leave(role))

    def release(self, role: AssumedRole) -> None:
        """Take a role out of force in all scopes that it stands in.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.
        """
        self._change(lambda: self._release(role))

    def reset(self) -> None:
        """End all scopes: nothing of stsnb is left in the environment."""
        self._change(self._reset)

    def _change(self, change: Callable[[], T]) -> T:
        """Change what is in force, whatever the user presses meanwhile, and tell the listeners."""

        def run() -> T:
            with self._lock:
                result = change()
            self._tell()
            return result

        return uninterrupted(run)

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            with suppress(Exception):  # a badge that cannot be drawn keeps nobody from a role
                listener.changed()

    def _source(
        self, profile: str | None, role_profile: str | None = None, token_file: str | None = None
    ) -> Source:
        with self._lock:
            environ, default_session = self._environment.of_user(), self._environment.session_of_user()
        state, asks = (fingerprint(environ), default_session), (profile, role_profile, token_file)
        found = self._sources.get(asks)
        if found is not None and found[0] == state:
            return found[1]
        if token_file is None:
            source = Source.resolve(environ, profile, default_session, role_profile)
        else:
            source = WebIdentitySource.of(token_file, environ, role_profile or profile, default_session)
        self._sources[asks] = (state, source)
        return source

    def _link(self, chain: AssumedRole | bool, request: AssumeRoleRequest) -> AssumedRole:
        """Return the role to chain from."""
        if isinstance(chain, AssumedRole):
            return chain
        link = self.current()
        if link is None:
            none = "There is no role in force to chain from: assume that one first, or leave chain out."
            raise InvalidRequestError([("chain", none)])
        if link.chained_from is not None and link.role_arn == str(request.role_arn):
            return link.chained_from  # the cell was run again
        return link

    def _profile_of_user(self) -> str | None:
        environ = self.environ_of_user()
        return environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))

    def _ask(
        self, source: Source, request: AssumeRoleRequest, region: str | None, refresh: bool, live: bool
    ) -> AssumedRole:
        question = AssumeRoleFetcher(request, source, region, self._mfa_sessions, refresh=refresh)

        def ended(when: datetime, error: Exception | None) -> Exception:
            from stsnb.errors.explain import ended

            return ended(question.request, when, error, needs_code=question.needs_code)

        credentials = RoleCredentials(
            question.again,
            lambda response: self._renewed(credentials, response),
            ended,
            self._tell,
            renewable=refresh,
        )
        credentials.has_readers = live
        # The role's session needs boto3, whose import takes as long as STS does to answer: it begins when the
        # question has left, since two threads that both compute would only share one interpreter.
        session = BackgroundCall(lambda: source.session_for(credentials, self.environ_of_user, region))
        question.renew(credentials, request.token_code, meanwhile=session.start)
        settings = source.settings(self.environ_of_user(), region)
        profile = question.source.profile_settings() if live else None
        return AssumedRole(question, credentials, session.result(), settings, self, profile)

    def _renewed(self, credentials: RoleCredentials, response: AssumeRoleResponse) -> None:
        # Called under the lock of renewals, so nothing that holds this lock may wait for that one.
        with self._lock:
            role = self.current()
            if role is not None and role.credentials is credentials and not role.live:
                self._environment.renew(credential_variables(response))

    def _let_go(self) -> None:
        with self._lock:
            self._scopes.let_go()

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
        catalog.forget()
        self._keeper.stop()


def _not_put(error: OSError) -> Exception:
    from stsnb.errors import AssumeRoleError

    return AssumeRoleError(
        f"The role was assumed, but cannot be put in force: {error.strerror or error}.",
        "Try again; with --live it needs a port of 127.0.0.1 and room for a file in the temporary folder.",
    )


#: The kernel of this process: the magics, the functions and the widgets are its faces and know nothing themselves.
kernel = Kernel()
