"""Kernel: the one place that knows the role in force. It assumes, drops, puts back, and tells the listeners."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from stsnb import known, libraries
from stsnb.chain import fingerprint
from stsnb.credentials import RoleCredentials
from stsnb.environment import Environment, credential_variables
from stsnb.keeper import Keeper
from stsnb.mfa import MFASessions
from stsnb.question import Question, explained
from stsnb.request import AssumeRoleRequest, InvalidRequestError
from stsnb.response import AssumeRoleResponse
from stsnb.role import AssumedRole
from stsnb.rolechain import RoleSource
from stsnb.source import Source
from stsnb.threads import Beside, in_forked_children, uninterrupted
from stsnb.webidentity import WebIdentitySource

T = TypeVar("T")

if TYPE_CHECKING:
    from stsnb.live import Live

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


class Standing(NamedTuple):
    """How a role stands in its kernel."""

    #: ``in force``; ``replaced`` by another role; ``dropped``; or ``apart``, which never was in force, so that only
    #: its own session acts as it.
    state: str
    #: The role that took its place, if one did.
    by: AssumedRole | None = None


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
        # The innermost is last; the first is the notebook itself and stays.
        self._scopes = [Scope()]
        self._keeper = Keeper(self._let_go)
        # By the profile that asks, the one that names the role, and the file of a web identity.
        self._sources: dict[tuple[str | None, ...], tuple[tuple[object, ...], Source]] = {}
        self._mfa_sessions = MFASessions()
        #: Makes the badge of a role, by MIME type; set by who stands on this file.
        self.face: Callable[[AssumedRole], dict[str, object]] | None = None
        # The roles that were in force and are not, each with what gives the role that took its place.
        self._left: weakref.WeakKeyDictionary[AssumedRole, Callable[[], AssumedRole | None] | None] = (
            weakref.WeakKeyDictionary()
        )
        self._live: Live | None = None

    def _begin(self) -> None:
        # Also in a forked child, where the thread that held the lock may not be.
        self._lock = threading.RLock()
        # Nor has a child a browser: its parent's is told by its parent.
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()

    def current(self) -> AssumedRole | None:
        """Return the role in force, or None."""
        return self._scopes[-1].role

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

    def standing(self, role: AssumedRole) -> Standing:
        """Tell how a role stands.

        Parameters
        ----------
        role : AssumedRole
            A role of this kernel.

        Returns
        -------
        Standing
        """
        if self.current() is role:
            return Standing("in force")
        if role not in self._left:
            return Standing("apart")
        successor = self._left[role]
        return Standing("dropped") if successor is None else Standing("replaced", successor())

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
        known.remember(role.role_arn, role.session_name)
        if inject:
            try:
                self._change(lambda: self._put_in_force(role))
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
        self._change(lambda: self._open(scope))

    def close(self, scope: Scope) -> None:
        """End a scope, in whatever order: in force is then what is in the innermost scope that is left.

        Parameters
        ----------
        scope : Scope
            One that `open` began; one that has ended, or never began, is passed over.
        """
        self._change(lambda: self._end(scope))

    def enter(self, role: AssumedRole) -> None:
        """Give a role a scope of its own; the one that it stands in returns to what it replaced there.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.
        """
        self._change(lambda: self._enter(role))

    def leave(self, role: AssumedRole) -> None:
        """End the innermost scope that was opened for a role.

        Parameters
        ----------
        role : AssumedRole
            The role of a ``with`` statement.
        """
        self._change(lambda: self._leave(role))

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
        question = Question(request, source, region, self._mfa_sessions, refresh=refresh)

        def ended(when: datetime, error: Exception | None) -> Exception:
            from stsnb.advice import ended

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
        session = Beside(lambda: source.session_for(credentials, self.environ_of_user, region))
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
        """Keep alive no role for the sake of a ``with`` that would have come by now."""
        with self._lock:
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
        libraries.let_go()
        self._note(self.current(), role)

    def _note(self, left: AssumedRole | None, taken_by: AssumedRole | None) -> None:
        if left is not None and left is not taken_by:
            self._left[left] = None if taken_by is None else weakref.ref(taken_by)

    def _serve(self, role: AssumedRole) -> dict[str, str | None]:
        if self._live is None:
            from stsnb.live import Live  # few ask for it: not before somebody does

            self._live = Live()
        return self._live.serve(role, self._environment.of_user())

    def _serve_no_others(self) -> None:
        """Have the roles that were dropped refused to their child processes."""
        if self._live is not None:
            roles = [role for scope in self._scopes for role in (scope.role, *scope.lived)]
            self._live.keep([role for role in roles if role is not None and role.live])

    def _open(self, scope: Scope) -> None:
        scope.role = self.current()
        self._scopes.append(scope)

    def _put_in_force(self, role: AssumedRole) -> None:
        try:
            self._show(role)
        except BaseException:
            self._serve_no_others()
            raise
        inner, replaced = self._scopes[-1], self.current()
        inner.role, inner.replaced, inner.replaced_at = role, lambda: replaced, time.monotonic()
        if replaced is not None and replaced.live:
            inner.lived.append(replaced)
        if role.live:  # run again, it takes the place of the earlier one for the children too
            inner.lived = [lived for lived in inner.lived if not lived.is_same_as(role)]
        self._watch(role)
        if replaced is not None and replaced.is_same_as(role) and not self._stands(replaced):
            # The cell was run again: its earlier outputs hold the earlier role, which nobody needs any more.
            self._keeper.unwatch(replaced.credentials)

    def _watch(self, role: AssumedRole | None) -> None:
        if role is not None:
            self._keeper.watch(role.credentials)

    def _stands(self, role: AssumedRole) -> bool:
        return any(scope.role is role for scope in self._scopes)

    def _enter(self, role: AssumedRole) -> None:
        inner = self._scopes[-1]
        if inner.role is not role:
            self._show(role)
        elif inner.opened_for is not role:
            inner.role, inner.replaced = inner.replaced(), _nobody
            self._watch(inner.role)
        self._scopes.append(Scope(role, opened_for=role))
        self._watch(role)

    def _leave(self, role: AssumedRole) -> None:
        for scope in reversed(self._scopes):
            if scope.opened_for is role:
                self._end(scope)
                break

    def _end(self, scope: Scope) -> None:
        if scope not in self._scopes:
            return
        left = [other for other in self._scopes if other is not scope]
        if left[-1].role is not self.current():
            self._show(left[-1].role)
        self._scopes = left
        self._watch(self.current())
        self._serve_no_others()

    def _drop(self) -> AssumedRole | None:
        role = self.current()
        if role is not None:
            self._show(None)
            self._scopes[-1].role, self._scopes[-1].replaced = None, _nobody
            self._scopes[-1].lived = []
            self._serve_no_others()
            if not self._stands(role):
                self._keeper.unwatch(role.credentials)
        self._sources.clear()
        return role

    def _release(self, role: AssumedRole) -> None:
        if self.current() is role:
            self._drop()
        for scope in self._scopes:
            scope.role = None if scope.role is role else scope.role
            scope.replaced = _nobody if scope.replaced() is role else scope.replaced
            scope.lived = [lived for lived in scope.lived if lived is not role]
        self._serve_no_others()
        self._left[role] = None
        self._keeper.unwatch(role.credentials)

    def _reset(self) -> None:
        self._show(None)
        self._scopes = [Scope()]
        self._sources.clear()
        self._mfa_sessions.clear()
        known.forget()
        if self._live is not None:
            self._live.end()
        self._keeper.stop()


def _not_put(error: OSError) -> Exception:
    from stsnb.errors import AssumeRoleError

    return AssumeRoleError(
        f"The role was assumed, but cannot be put in force: {error.strerror or error}.",
        "Try again; with --live it needs a port of 127.0.0.1 and room for a file in the temporary folder.",
    )


#: The kernel of this process: the magics, the functions and the widgets are its faces and know nothing themselves.
kernel = Kernel()
