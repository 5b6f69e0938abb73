"""Environment: os.environ and boto3's default session, as a role needs them and as the user left them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from stsnb.injection.issued_values import IDENTIFYING, IssuedValues
from stsnb.roles.credentials import RoleCredentials
from stsnb.sts.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3

_EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
#: Unset for a role, since they would beat its keys or name another identity: AWS_SECURITY_TOKEN is the old name of the
# token and beats the new one in botocore; the SDK for JavaScript prefers a profile to keys; account-based endpoints
# are made from AWS_ACCOUNT_ID.
UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID")


def credential_variables(response: AssumeRoleResponse) -> dict[str, str | None]:
    """Return the variables that make a process act with these credentials.

    Parameters
    ----------
    response : AssumeRoleResponse
        The credentials.

    Returns
    -------
    dict
        Values to set; None for a variable to unset.
    """
    return {
        "AWS_ACCESS_KEY_ID": response.access_key_id,
        "AWS_SECRET_ACCESS_KEY": response.secret_access_key,
        "AWS_SESSION_TOKEN": response.session_token,
        _EXPIRATION: response.expiration.isoformat(),
        **dict.fromkeys(UNSET),
    }


class UserChanges(NamedTuple):
    """What the user has changed while a role was injected."""

    #: The variables that the user has set or unset.
    names: frozenset[str] = frozenset()
    #: Whether the user has made another default session.
    session: bool = False


class Environment:
    """What stsnb has put into the environment, and what the user has there.

    It belongs to the kernel, which lets one thread at a time change it. Any thread may read it.

    Parameters
    ----------
    environ : mutable mapping
        os.environ, but for tests.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        #: Every credential that was put into the environment so far.
        self.issued = IssuedValues()
        # What the user had, or has set since, for each variable that a role has ever set or unset.
        self._users: dict[str, str | None] = {}
        # What the active role has put there.
        self._put: dict[str, str | None] = {}
        self._users_session: boto3.Session | None = None
        self._put_session: boto3.Session | None = None
        #: The active role's credentials, if it has keys in the environment; a live role has an endpoint there.
        self.credentials: RoleCredentials | None = None

    def of_user(self) -> dict[str, str]:
        """Return the environment as it would be without a role, with what the user has changed since."""
        found = dict(self._environ)
        for name, value in self._of_user().items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
        return found

    def session_of_user(self) -> boto3.Session | None:
        """Return the default session that the user had or has made since; None if there is none."""
        # boto3 that is not imported, or is being imported by another thread, has no default session.
        current: boto3.Session | None = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
        return self._users_session if current is self._put_session else current

    def endpoint(self) -> dict[str, str]:
        """Return the variables by which programs find the endpoint of a live role; empty if none is active."""
        names = [name for name in self._put if name.startswith("AWS_CONTAINER_")]
        return {name: value for name in names if (value := self._put[name]) is not None}

    @property
    def is_as_left(self) -> bool:
        """Whether nobody but stsnb has changed the credentials in the environment since a role was injected."""
        return self._restored() is None and not self.taken_over

    @property
    def taken_over(self) -> bool:
        """Whether the user has put credentials of their own in the place of the active role's, or unset those."""
        if not self._put:
            return False
        names: tuple[str, ...] = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if self._put.get(names[0]) is None:  # a live role has an endpoint in place of keys
            names = (*names, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_PROFILE")
        if self._environ.get("AWS_SESSION_TOKEN"):
            names = (*names, "AWS_SESSION_TOKEN")
        restored = self._restored()
        return not all(self._is_ours(name, restored) for name in names if name in self._put)

    def put(
        self,
        variables: Mapping[str, str | None],
        session: boto3.Session,
        credentials: RoleCredentials | None = None,
        kept: UserChanges | None = None,
    ) -> UserChanges:
        """Inject a role, in the place of another one if there is one.

        Parameters
        ----------
        variables : mapping
            Values to set; None for a variable to unset.
        session : boto3.Session
            The role's session, which becomes boto3's default.
        credentials : RoleCredentials, optional
            The role's, if the variables hold its keys.
        kept : UserChanges, optional
            What the user had changed under this role before another one replaced it: it is left as it is.

        Returns
        -------
        UserChanges
            What the user has changed under the role that is replaced.

        Raises
        ------
        OSError, ValueError
            If the system refuses a value; everything is as before then.
        """
        kept = kept or UserChanges()
        values = {name: value for name, value in variables.items() if name not in kept.names}
        self.issue(variables)
        changes = self._change(values, None if kept.session else session)
        self.credentials = credentials
        return changes

    def put_back(self) -> UserChanges:
        """Restore everything as it was before the first role, but for what the user has changed since.

        Returns
        -------
        UserChanges
            What the user has changed under the role that was injected.
        """
        changes = self._change({}, None)
        self.credentials = None
        return changes

    def reset(self) -> None:
        """Restore everything, and forget all that was ever put there."""
        self.put_back()
        self.issued = IssuedValues()
        self._users.clear()

    def renew(self, variables: Mapping[str, str | None]) -> None:
        """Put newer credentials in the place of the role's older ones, unless the user has replaced those.

        Parameters
        ----------
        variables : mapping
            As for `put`. Variables that the role has not set are left alone.
        """
        # An unset variable that the user has set since, a profile say, is no reason to let the keys end.
        names = [name for name in variables if self._put.get(name) is not None]
        restored = self._restored()
        if all(self._is_ours(name, restored) for name in names):
            self.issue({**self._put, **variables})
            self._write({name: variables[name] for name in names})
            self._put.update({name: variables[name] for name in names})
            self.repair()

    def issue(self, variables: Mapping[str, str | None]) -> None:
        """Remember credentials as issued by stsnb, but for values that are the user's own as well.

        A server for tests may give every caller the same secret.
        """
        users = self._of_user(variables)
        self.issued.add({name: value for name, value in variables.items() if value != users.get(name)})

    def repair(self) -> None:
        """Correct what a restored copy of the environment has brought back: credentials that were replaced since."""
        restored = self._restored()
        if restored is not None:
            ours = [name for name in self._names(restored) if self._is_ours(name, restored)]
            self._write({name: self._put.get(name, self._users.get(name)) for name in ours})

    def _change(self, variables: dict[str, str | None], session: boto3.Session | None) -> UserChanges:
        import boto3

        restored = self._restored()
        changed = frozenset(name for name in self._put if not self._is_ours(name, restored))
        own_session = self._put_session is not None and boto3.DEFAULT_SESSION is not self._put_session
        users, users_session = self._of_user(variables), self.session_of_user()
        before = self._users
        # Before anything is written, so that a reader on another thread finds what the user has for each variable.
        self._users = {**before, **users}
        try:
            self._write({**users, **variables})
        except BaseException:
            self._users = before
            raise
        self._forget_role(users_session)
        # Set outright: setup_default_session can make a session, but neither restore the user's own object nor the
        # absence of one.
        boto3.DEFAULT_SESSION = users_session if session is None else session
        self._put = variables
        self._users_session, self._put_session = (None, None) if session is None else (users_session, session)
        return UserChanges(changed, own_session)

    def _of_user(self, more: Mapping[str, object] | None = None) -> dict[str, str | None]:
        """Return what each variable that a role has set or unset is for the user."""
        restored = self._restored()
        return {
            name: self._users.get(name) if self._is_ours(name, restored) else self._environ.get(name)
            for name in self._names(restored, more)
        }

    def _names(self, *more: Mapping[str, object] | None) -> list[str]:
        return list(
            dict.fromkeys((*self._put, *IDENTIFYING, *(name for names in more for name in names or ())))
        )

    def _is_ours(self, name: str, restored: Mapping[str, str | None] | None) -> bool:
        """Say whether a variable is as stsnb has set or unset it, for the active role or for an earlier one."""
        value = self._environ.get(name)
        if name in self._put and value == self._put[name]:
            return True
        if self.issued.knows(name, value):
            return True
        if restored is None:
            return False
        return (name in restored and restored[name] == value) or (value is None and name in self._put)

    def _restored(self) -> Mapping[str, str | None] | None:
        """Return the settings that a restored copy of the environment brought back with replaced credentials.

        None if the environment holds no credentials of stsnb but those of the active role.
        """
        for name in IDENTIFYING:
            value = self._environ.get(name)
            if value != self._put.get(name) and self.issued.knows(name, value):
                return self.issued.settings_in(self._environ) or {}
        return None

    def _forget_role(self, session: boto3.Session | None) -> None:
        """Let a default session that the user has made under a role find its credentials anew.

        It keeps its region and its profile. boto3 has no public way to the botocore session below it, nor botocore
        to credentials that were found.
        """
        inner: Any = getattr(session, "_session", None)
        credentials = getattr(inner, "_credentials", None)
        held: dict[str, Any] = {} if credentials is None else vars(credentials)
        if self.issued.knows("AWS_ACCESS_KEY_ID", held.get("_access_key", held.get("access_key"))):
            inner._credentials = None
            inner._register_credential_provider()  # its providers have read the role's environment

    def _write(self, values: Mapping[str, str | None]) -> None:
        before = {name: self._environ.get(name) for name in values}
        try:
            self._write_each(values)
        except BaseException:
            self._write_each(before)
            raise

    def _write_each(self, values: Mapping[str, str | None]) -> None:
        # botocore reads keys again only while there is an expiration: without it first, with it last, no
        # reader sees half of the old and half of the new (0 torn of 20,000 reads, otherwise about 35 %).
        changed = {name: value for name, value in values.items() if value != self._environ.get(name)}
        order = sorted(changed, key=lambda name: name == _EXPIRATION)
        if _EXPIRATION in values and changed:
            order = [_EXPIRATION, *(name for name in order if name != _EXPIRATION), _EXPIRATION]
        for place, name in enumerate(order):
            value = None if name == _EXPIRATION and place == 0 and len(order) > 1 else values[name]
            if value == self._environ.get(name):
                continue
            if value is None:
                del self._environ[name]
            else:
                self._environ[name] = value
