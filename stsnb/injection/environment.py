"""Environment: os.environ and boto3's default session, put in and put back."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from stsnb.sts.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3

_EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
# What would go before a role's keys, or beside them tell of another identity: AWS_SECURITY_TOKEN is the old
# name of the token and beats the new one in botocore; SDKs for JavaScript prefer a profile to keys; account-based
# endpoints go by AWS_ACCOUNT_ID.
_TAKEN_AWAY = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID")


def credential_variables(response: AssumeRoleResponse) -> dict[str, str | None]:
    """Return the variables that make a process act with these credentials.

    Parameters
    ----------
    response : AssumeRoleResponse
        The credentials.

    Returns
    -------
    dict
        Values to set; None where a variable has to go.
    """
    return {
        "AWS_ACCESS_KEY_ID": response.access_key_id,
        "AWS_SECRET_ACCESS_KEY": response.secret_access_key,
        "AWS_SESSION_TOKEN": response.session_token,
        _EXPIRATION: response.expiration.isoformat(),
        **dict.fromkeys(_TAKEN_AWAY),
    }


# What SDKs look for before they ask an endpoint. A web identity is that of the notebook's own pod.
_BEFORE_AN_ENDPOINT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    _EXPIRATION,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def live_variables(
    url: str, token: str, token_file: Path, config_file: Path, profile: str, environ: Mapping[str, str]
) -> dict[str, str | None]:
    """Return the variables that make a process ask an endpoint for its credentials, again and again.

    Parameters
    ----------
    url, token : str
        The endpoint, and what it is asked with.
    token_file : Path
        Where the token stands; object_store reads it there alone.
    config_file : Path
        A config with the user's profiles and `profile`.
    profile : str
        A profile without credentials, so that the user's default profile is not taken instead of the endpoint.
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    dict
        Values to set; None where a variable has to go.
    """
    return {
        **dict.fromkeys(_TAKEN_AWAY),
        **dict.fromkeys(_BEFORE_AN_ENDPOINT),
        **past_the_proxy(environ),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
        "AWS_CONFIG_FILE": str(config_file),
        "AWS_PROFILE": profile,
    }


def past_the_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep requests to the endpoint, and the token in them, from a proxy: some SDKs send it all of HTTP's.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    dict
        Values to set; none if no proxy stands between.
    """
    if not any(environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        return {}
    past = next((environ[name] for name in ("no_proxy", "NO_PROXY") if environ.get(name)), "")
    if past == "*" or "127.0.0.1" in past.replace(" ", "").split(","):
        return {}
    # Both spellings, since who reads one may not read the other.
    return dict.fromkeys(("no_proxy", "NO_PROXY"), f"{past},127.0.0.1".removeprefix(","))


class Environment:
    """What stsnb has put into the environment, and what stood there before.

    It belongs to the kernel, which lets one thread at a time change it.

    Parameters
    ----------
    environ : mutable mapping
        os.environ, but for tests.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        # For each variable that a role needs otherwise: what the user had, and what stands there for the role.
        self._users: dict[str, str | None] = {}
        self._put: dict[str, str | None] = {}
        self._users_session: boto3.Session | None = None
        self._put_session: boto3.Session | None = None

    def of_user(self) -> dict[str, str]:
        """Return the environment as it would be without a role: what the user has changed since included."""
        found = dict(self._environ)
        for name, value in self._of_user(self._put).items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
        return found

    def session_of_user(self) -> boto3.Session | None:
        """Return the default session that the user had or has made since; None if there is none."""
        # Who has not imported it has no default session, nor has who is just doing so on another thread.
        current: boto3.Session | None = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
        return self._users_session if current is self._put_session else current

    def put(self, variables: Mapping[str, str | None], session: boto3.Session) -> None:
        """Put a role in, in the place of one that may be there.

        Parameters
        ----------
        variables : mapping
            Values to set; None where a variable has to go.
        session : boto3.Session
            The role's session, which becomes boto3's default.

        Raises
        ------
        OSError, ValueError
            If the system refuses a value; everything is as before then.
        """
        self._change(dict(variables), session)

    def put_back(self) -> None:
        """Put everything back as it was before the first role, but for what the user has changed since."""
        self._change({}, None)

    def renew(self, variables: Mapping[str, str | None]) -> None:
        """Put newer credentials in the place of the role's older ones, unless the user has replaced those.

        Parameters
        ----------
        variables : mapping
            As for `put`; those that the role has not set are left alone.
        """
        # Not what was taken away: a profile that the user has set since is no reason to let the keys end.
        ours = {name: self._put[name] for name in variables if self._put.get(name) is not None}
        if all(self._environ.get(name) == value for name, value in ours.items()):
            renewed = {name: variables[name] for name in ours}
            self._write(renewed)
            self._put.update(renewed)

    def _change(self, variables: dict[str, str | None], session: boto3.Session | None) -> None:
        import boto3

        users = self._of_user({**self._put, **variables})
        users_session = self.session_of_user()
        self._write({**users, **variables})
        # Set outright: setup_default_session can make a session, but neither put back the user's own object
        # nor the absence of one.
        boto3.DEFAULT_SESSION = users_session if session is None else session
        self._users = {name: users[name] for name in variables}
        self._put = variables
        self._users_session, self._put_session = (None, None) if session is None else (users_session, session)

    def _of_user(self, names: Mapping[str, object]) -> dict[str, str | None]:
        """Return what each variable is, or would be again, without a role."""
        found = {}
        for name in names:
            current = self._environ.get(name)
            found[name] = self._users[name] if name in self._put and current == self._put[name] else current
        return found

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
        order = sorted(values, key=lambda name: name == _EXPIRATION)
        if _EXPIRATION in values:
            order.insert(0, _EXPIRATION)
        for place, name in enumerate(order):
            value = None if name == _EXPIRATION and place == 0 and len(order) > 1 else values[name]
            if value == self._environ.get(name):
                continue
            if value is None:
                del self._environ[name]
            else:
                self._environ[name] = value
