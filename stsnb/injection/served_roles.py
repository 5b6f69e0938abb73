"""ServedRoles: the roles whose credentials child processes fetch while they run (``--live``)."""

from __future__ import annotations

import atexit
import hmac
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from stsnb._threads import in_forked_children
from stsnb.injection.config_overlay import ConfigOverlay, files_of
from stsnb.injection.credential_server import Answer, CredentialServer
from stsnb.injection.environment import UNSET
from stsnb.roles.assumed_role import AssumedRole
from stsnb.sts.response import AssumeRoleResponse

#: The time that served credentials should have left, in seconds: with less, botocore fetches them again at every
#: signing (its advisory window); other SDKs do from 5 minutes on.
WINDOW_SECONDS = 900.0
#: With more than so many seconds left, a response names an end that is that many seconds early: botocore, which fetches
#: again a quarter of an hour before the end that it knows, then never hands out keys with less than half an hour left
#: (obstore keeps them for so long), while renewal works.
EARLY_ABOVE_SECONDS, EARLY_SECONDS = 1800.0, 900
#: How many dropped roles are remembered, so that their child processes get an error that says so.
_REMEMBERED = 16


class ServedRoles:
    """The roles that are served to child processes, each with a token of its own.

    A child process keeps the role that it was started under: its token gets that role's credentials, whichever role
    is active in the notebook, until the role is dropped; then it gets an error that says so.

    It belongs to the kernel, which lets one thread at a time change it; the server's thread only reads.
    """

    def __init__(self) -> None:
        self._served: dict[str, _Served] = {}
        self._server = CredentialServer(self._answer)
        in_forked_children(self._forget)
        atexit.register(self.end)

    def _forget(self) -> None:
        # In a forked child: the files and the server are its parent's, which serves the child too.
        self._served = {}

    def serve(self, role: AssumedRole, environ: Mapping[str, str]) -> dict[str, str | None]:
        """Serve a role; it replaces one with the same ARN and session name.

        Child processes that run already keep their token. New ones get the same token, unless the user has changed
        the configuration files or proxies since.

        Parameters
        ----------
        role : AssumedRole
            The role.
        environ : mapping
            The environment without the variables of stsnb.

        Returns
        -------
        dict
            The variables by which a child process finds it; None for a variable to unset.

        Raises
        ------
        OSError
            If no port is free or a file can't be written; nothing is served then.
        """
        surroundings = _Surroundings.of(self._server.start(), environ)
        same = [
            served
            for served in self._served.values()
            if served.role is not None and served.role.is_same_as(role)
        ]
        fitting = next((served for served in same if served.surroundings == surroundings), None)
        if fitting is None:
            fitting = self._begin(role, surroundings, environ)
        for served in same:
            served.role = role
        return fitting.variables

    def _begin(self, role: AssumedRole, surroundings: _Surroundings, environ: Mapping[str, str]) -> _Served:
        token = secrets.token_urlsafe(32)
        # mkdtemp makes a folder that only its user can read.
        folder = Path(tempfile.mkdtemp(prefix="stsnb-")).resolve()
        try:
            token_file = folder / "token"
            descriptor = os.open(token_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(token)  # no newline: botocore refuses a token that has one
            overlay = ConfigOverlay(
                folder,
                surroundings.config,
                surroundings.credentials,
                role.settings.profile,
                source_profile=role.settings.name,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        variables = live_variables(
            surroundings.url, token, token_file, overlay.path, overlay.profile, environ
        )
        served = _Served(role, folder, overlay, surroundings, variables)
        self._served = {**self._served, token: served}
        return served

    def keep(self, roles: Collection[AssumedRole]) -> None:
        """Stop serving all roles except these.

        Parameters
        ----------
        roles : collection of AssumedRole
            The roles that stay.
        """
        for served in self._served.values():
            if served.role is not None and not any(served.role.is_same_as(role) for role in roles):
                served.end()
        ended = [token for token, served in self._served.items() if served.role is None]
        for token in ended[:-_REMEMBERED]:
            self._served.pop(token).remove()

    def look(self) -> None:
        """Copy the user's changes to the configuration file for child processes."""
        for served in list(self._served.values()):
            try:
                served.overlay.write()
            except OSError:  # no space left, or the folder was removed: the caller goes on
                continue

    def end(self) -> None:
        """Stop the server and remove all files."""
        try:
            self._server.stop()
        finally:
            for served in self._served.values():
                served.remove()
            self._served = {}

    def _answer(self, token: str, patient: bool) -> Answer | None:
        """Answer a request, on the server's thread."""
        found = None
        for known, served in list(self._served.items()):  # all, for constant time
            if hmac.compare_digest(known.encode(), token.encode()):
                found = served
        if found is None:
            return _UNKNOWN_TOKEN
        return found.answer(patient)


class _Surroundings(NamedTuple):
    """What the variables of child processes depend on, in addition to the role."""

    url: str
    config: Path
    credentials: Path
    past_the_proxy: dict[str, str]

    @classmethod
    def of(cls, url: str, environ: Mapping[str, str]) -> _Surroundings:
        return cls(url, *files_of(environ), past_the_proxy(environ))


class _Served:
    """One role, and the variables and files of its child processes."""

    def __init__(
        self,
        role: AssumedRole,
        folder: Path,
        overlay: ConfigOverlay,
        surroundings: _Surroundings,
        variables: dict[str, str | None],
    ) -> None:
        self.role: AssumedRole | None = role
        self.overlay = overlay
        self.surroundings = surroundings
        self.variables = variables
        self._folder = folder
        self._name = role.role_name
        self._last: tuple[AssumeRoleResponse | None, datetime | None, bytes] = None, None, b""

    def end(self) -> None:
        """Stop serving it. The files stay until the kernel ends: with the token a child process gets the reason."""
        self.role, self._last = None, (None, None, b"")

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def answer(self, patient: bool) -> Answer | None:
        role = self.role
        if role is None:
            return Answer.refusal(404, "RoleDropped", f"The notebook has dropped the role {self._name}.")
        credentials, response = role.credentials, role.response
        left = (response.expiration - datetime.now(timezone.utc)).total_seconds()
        if left < WINDOW_SECONDS and credentials.is_due:
            if credentials.nudge is not None:
                credentials.nudge()
            if patient:
                return None
        if left <= 0:
            return Answer.refusal(503 if role.renewable else 403, "ExpiredToken", _ended(role))
        ends = response.expiration - timedelta(seconds=EARLY_SECONDS if left > EARLY_ABOVE_SECONDS else 0)
        if self._last[:2] != (response, ends):
            self._last = response, ends, _written(response, ends, role.account_id)
        return Answer(200, self._last[2])


_UNKNOWN_TOKEN = Answer.refusal(
    403, "AccessDenied", "The Authorization header is not a token of this notebook's kernel."
)


def _ended(role: AssumedRole) -> str:
    ended = f"The session of the role {role.role_name} ended at {role.expiration:%Y-%m-%d %H:%M:%S} UTC."
    if role.renewal_error is None:
        return f"{ended} Run %assume_role again in the notebook."
    return f"{ended} Renewal failed: {role.renewal_error}"


def _written(response: AssumeRoleResponse, ends: datetime, account_id: str | None) -> bytes:
    found = {
        "AccessKeyId": response.access_key_id,
        "SecretAccessKey": response.secret_access_key,
        "Token": response.session_token,
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(found if account_id is None else {**found, "AccountId": account_id}).encode()


# SDKs prefer these to a container endpoint. A web identity is the one of the notebook's pod.
_PREFERRED_TO_AN_ENDPOINT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def live_variables(
    url: str, token: str, token_file: Path, config_file: Path, profile: str, environ: Mapping[str, str]
) -> dict[str, str | None]:
    """Return the variables that make a process fetch its credentials from an endpoint, and fetch them again in time.

    Parameters
    ----------
    url, token : str
        The endpoint, and the token that authorizes a request.
    token_file : Path
        A file with the token. object_store reads it only there.
    config_file : Path
        A config with the user's profiles and `profile`.
    profile : str
        A profile without credentials, so that SDKs do not prefer the user's default profile to the endpoint.
    environ : mapping
        The environment without the variables of stsnb.

    Returns
    -------
    dict
        Values to set; None for a variable to unset.
    """
    return {
        **dict.fromkeys(UNSET),
        **dict.fromkeys(_PREFERRED_TO_AN_ENDPOINT),
        **past_the_proxy(environ),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
        "AWS_CONFIG_FILE": str(config_file),
        "AWS_PROFILE": profile,
    }


def past_the_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep requests to the endpoint, and their token, from a proxy.

    Parameters
    ----------
    environ : mapping
        The environment without the variables of stsnb.

    Returns
    -------
    dict
        Values to set; empty without a proxy for HTTP, or if 127.0.0.1 is excluded already.
    """
    if not any(environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        return {}
    past = next((environ[name] for name in ("no_proxy", "NO_PROXY") if environ.get(name)), "")
    if past == "*" or "127.0.0.1" in past.replace(" ", "").split(","):
        return {}
    # Both spellings, since some programs read only one.
    return dict.fromkeys(("no_proxy", "NO_PROXY"), f"{past},127.0.0.1".removeprefix(","))
