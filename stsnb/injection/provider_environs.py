"""What botocore's providers read in place of os.environ, so that a session keeps the identity that it found first.

botocore reads keys with an expiration from os.environ again shortly before they end, and the token of a container
endpoint each time. By then another role may be active, or none: a session that was made under one role would go on
as another one, or a user's own session as a role. botocore has no public way to give new sessions another
environment, so the constructors of the two providers that read it are replaced while a role is, or was, active.
aiobotocore's providers inherit them, and with it s3fs, aioboto3 and pandas.
"""

from __future__ import annotations

import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.credentials import ContainerProvider, EnvProvider, RefreshableCredentials

from stsnb.injection.environment import Environment
from stsnb.roles.credentials import RoleCredentials
from stsnb.sources.isolated_session import UserEnviron

_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


class RoleEnviron(Mapping[str, str]):
    """The credential variables of one role, with the keys that it has now, whatever is active meanwhile.

    Parameters
    ----------
    credentials : RoleCredentials
        The role's. They are renewed for as long as a session holds this.
    """

    def __init__(self, credentials: RoleCredentials) -> None:
        self._credentials = credentials
        # botocore reads the access key first and the rest after it: all of one set.
        self._read = threading.local()

    def __getitem__(self, name: str) -> str:
        if name == EnvProvider.ACCESS_KEY or not hasattr(self._read, "variables"):
            self._read.variables = self._variables()
        found: str = self._read.variables[name]
        return found

    def _variables(self) -> dict[str, str]:
        keys = self._credentials.get_frozen_credentials()
        expiration = self._credentials.response.expiration.isoformat()
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key or "",
            "AWS_SECRET_ACCESS_KEY": keys.secret_key or "",
            "AWS_SESSION_TOKEN": keys.token or "",
            "AWS_CREDENTIAL_EXPIRATION": expiration,
        }

    def __iter__(self) -> Iterator[str]:
        return iter(
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
        )

    def __len__(self) -> int:
        return 4

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._credentials!r}>"


def install(environment: Environment) -> None:
    """Give botocore's new providers the environment of one identity. Installing it again changes nothing.

    Parameters
    ----------
    environment : Environment
        What roles are injected into.
    """
    if getattr(EnvProvider.__init__, "stsnb", None) is not None:
        return
    _replace(EnvProvider, lambda: _environ_of_keys(environment))
    _replace(ContainerProvider, lambda: _environ_of_endpoint(environment))
    user = environment.of_user()
    if any(user.get(name) for name in ("AWS_CREDENTIAL_EXPIRATION", _URI, ContainerProvider.ENV_VAR)):
        _keep_the_users_sessions(environment)


def uninstall() -> None:
    """Give botocore's constructors back. Providers that exist keep what they read."""
    for provider in (EnvProvider, ContainerProvider):
        original = getattr(provider.__init__, "stsnb", None)
        if original is not None:
            provider.__init__ = original  # type: ignore[method-assign]


def _replace(provider: Any, environ_now: Callable[[], Mapping[str, str]]) -> None:
    original = provider.__init__

    @functools.wraps(original)
    def __init__(self: Any, environ: Any = None, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, environ_now() if environ is None else environ, *args, **kwargs)

    __init__.stsnb = original  # type: ignore[attr-defined]
    provider.__init__ = __init__


def _environ_of_keys(environment: Environment) -> Mapping[str, str]:
    if environment.issued.settings_in(os.environ) is None:
        return UserEnviron(environment.of_user)  # no role is active, or the user has set other keys for now
    if environment.credentials is not None:
        return RoleEnviron(environment.credentials)
    # A live role's endpoint is asked, not the keys that the user may have. Without an active role, other code has
    # restored keys of an earlier one.
    return {} if environment.endpoint() else UserEnviron(environment.of_user)


def _environ_of_endpoint(environment: Environment) -> Mapping[str, str]:
    if environment.issued.settings_in(os.environ) is None:
        return UserEnviron(environment.of_user)
    return environment.endpoint() or UserEnviron(environment.of_user)


def _keep_the_users_sessions(environment: Environment) -> None:
    """Let sessions that were made before the first role read the user's environment again, not a role's.

    They can only be found among all objects of the process, which takes some 20 ms: this is called only where the
    user's environment holds credentials that end.
    """
    users = UserEnviron(environment.of_user)
    provider: Any = EnvProvider(users)
    for found in gc.get_objects():
        kind = type(found)
        if issubclass(kind, RefreshableCredentials) and vars(found).get("method") == EnvProvider.METHOD:
            found._refresh_using = provider._create_credentials_fetcher()
        elif issubclass(kind, ContainerProvider) and vars(found).get("_environ") is os.environ:
            found._environ = users
