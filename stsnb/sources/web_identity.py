"""WebIdentitySource: calls STS with an OpenID Connect token in place of AWS credentials, as on EKS."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials

from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.provider_chain import Choice, session_of_user
from stsnb.sources.source import Source
from stsnb.sts.arn import RoleArn, shorten
from stsnb.sts.request import AssumeRoleRequest

if TYPE_CHECKING:
    import boto3

#: The length of a token, in characters (STS API reference, AssumeRoleWithWebIdentity).
MIN_TOKEN_LENGTH, MAX_TOKEN_LENGTH = 4, 20000


class WebIdentityTokenError(ValueError):
    """The file has no token that STS would take; the message is a sentence, without the token."""


class WebIdentitySource(Source):
    """Calls STS with a token from a file, which is read at each call, since its writer renews it.

    It has no credentials and signs nothing; the user's settings give its region, endpoint, proxies and the like.

    Parameters
    ----------
    session : IsolatedSession
        A session of its own, with the settings.
    environ : callable
        Returns the environment without what stsnb has put into it.
    token_file : str
        The path of the file.
    """

    client_config = Source.client_config.merge(Config(signature_version=UNSIGNED))

    def __init__(
        self, session: IsolatedSession, environ: Callable[[], Mapping[str, str]], token_file: str
    ) -> None:
        super().__init__(session, Credentials("", "", method="web-identity"), environ)
        self.token_file = token_file

    @classmethod
    def of(
        cls,
        token_file: str,
        environ: Callable[[], Mapping[str, str]],
        profile: str | None = None,
        default_session: boto3.Session | None = None,
    ) -> WebIdentitySource:
        """Make a source with the settings of a profile.

        Parameters
        ----------
        token_file : str
            The path of the file.
        environ : callable
            Returns the environment without what stsnb has put into it.
        profile : str, optional
            A profile of the user's configuration; None for what the environment names.
        default_session : boto3.Session, optional
            The default session that the user had, whose profile and region count.

        Returns
        -------
        WebIdentitySource
        """
        return cls(session_of_user(environ, profile, Choice(default_session)), environ, token_file)

    @property
    def origin(self) -> str:
        """The file, in words."""
        return f"the web identity in {self.token_file}"

    def operation(self, client: Any, request: AssumeRoleRequest) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return AssumeRoleWithWebIdentity, and the request with the token that the file has now.

        Raises
        ------
        WebIdentityTokenError
            If the file has no token that STS would take.
        """
        token = read_token(self.token_file)
        return client.assume_role_with_web_identity, {**request.parameters(), "WebIdentityToken": token}

    def frozen_credentials(self) -> ReadOnlyCredentials:
        """Return nothing to sign with."""
        return self.credentials.get_frozen_credentials()

    def identity(self, role_arn: RoleArn, region: str | None = None) -> None:
        """Return None: GetCallerIdentity needs credentials."""

    def claims(self) -> dict[str, Any]:
        """Return the token's claims (``iss``, ``aud``, ``sub``); none if it can't be read."""
        try:
            payload = read_token(self.token_file).split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (ValueError, IndexError, RecursionError):
            return {}
        return claims if isinstance(claims, dict) else {}

    def secrets(self) -> list[str]:
        """Return the token, which must not show in a message that quotes a server's answer."""
        try:
            return [read_token(self.token_file)]
        except WebIdentityTokenError:
            return []


def read_token(path: str) -> str:
    """Return the token that a file holds.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    str
        4 to 20000 characters, without the white space around them.

    Raises
    ------
    WebIdentityTokenError
        If there is none; the message is a sentence about the file.
    """
    shown = f"The web identity token file {shorten(path)}"
    try:
        with Path(path).open("rb") as file:
            content = file.read(2 * MAX_TOKEN_LENGTH)
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise WebIdentityTokenError(f"{shown} is not text.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise WebIdentityTokenError(f"{shown} can't be read: {reason}.") from None
    if not token:
        raise WebIdentityTokenError(f"{shown} is empty.")
    if not MIN_TOKEN_LENGTH <= len(token) <= MAX_TOKEN_LENGTH:
        length = f"more than {MAX_TOKEN_LENGTH}" if len(token) > MAX_TOKEN_LENGTH else len(token)
        raise WebIdentityTokenError(
            f"{shown} has {length} characters: a token has {MIN_TOKEN_LENGTH} to {MAX_TOKEN_LENGTH}."
        )
    return token
