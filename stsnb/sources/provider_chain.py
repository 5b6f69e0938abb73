"""botocore's chain of credential providers, led through the user's own environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.credentials import (
    AssumeRoleProvider,
    AssumeRoleWithWebIdentityProvider,
    ContainerProvider,
    CredentialProvider,
    Credentials,
    EnvProvider,
)
from botocore.exceptions import NoCredentialsError, RefreshWithMFAUnsupportedError

from stsnb.sources.prompt import NobodyToAskError, ask

if TYPE_CHECKING:
    import boto3

#: What botocore's chain reads of the environment to find who asks; when one changes, another may be asking.
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CA_BUNDLE",
)
#: The two files of the chain, with the variables that move them and where they are otherwise.
_FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
# The names that botocore's own providers give to what they find. Credentials of a default session with any
# other name were put there by the user.
_METHODS_OF_THE_CHAIN = frozenset(
    {
        "env",
        "assume-role",
        "assume-role-with-web-identity",
        "sso",
        "login",
        "shared-credentials-file",
        "config-file",
        "custom-process",
        "ec2-credentials-file",
        "boto-config",
        "container-role",
        "iam-role",
    }
)


class Choice:
    """What a user gave to boto3's default session, as opposed to what it found by itself."""

    def __init__(self, default_session: boto3.Session | None) -> None:
        # boto3 has no public way to the botocore session below it, nor botocore to credentials that were set.
        session: Any = getattr(default_session, "_session", None)
        pinned = session.instance_variables() if session is not None else {}
        credentials = getattr(session, "_credentials", None)
        self.profile: str | None = pinned.get("profile")
        self.region: str | None = pinned.get("region")
        found_by_itself = getattr(credentials, "method", None) in _METHODS_OF_THE_CHAIN
        self.credentials: Credentials | None = None if found_by_itself else credentials


def fingerprint(environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return what tells whether somebody else may be asking now: the variables, and the state of the files.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    tuple
        To compare with an earlier one; holds secrets and is never shown.
    """
    return (*(environ.get(name) for name in VARIABLES), *files(environ))


def files(environ: Mapping[str, str]) -> tuple[int | None, ...]:
    """Return what tells whether the user's configuration files have changed.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    tuple of (int or None)
        To compare with an earlier one.
    """
    return tuple(_modified(environ.get(variable, path)) for variable, path in _FILES)


def _modified(path: str) -> int | None:
    try:
        return Path(path).expanduser().stat().st_mtime_ns
    except (OSError, RuntimeError):  # not there, or no home to look in
        return None


def credentials_of(session: botocore.session.Session, environ: Mapping[str, str]) -> Credentials:
    """Return what the chain finds when it reads `environ`, which may differ from os.environ by a role.

    Parameters
    ----------
    session : botocore.session.Session
        The session whose chain it is.
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    botocore.credentials.Credentials

    Raises
    ------
    botocore.exceptions.BotoCoreError
        As the chain raises it; NoCredentialsError if it finds nothing.
    """
    _providers(session, environ)
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return credentials


def source_credentials_of(
    session: botocore.session.Session, profile: str, environ: Mapping[str, str]
) -> tuple[Credentials, str]:
    """Return what botocore would assume a profile's role with, found by its own rules.

    Parameters
    ----------
    session : botocore.session.Session
        A session with that profile.
    profile : str
        A profile with ``role_arn``.
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    credentials : botocore.credentials.Credentials
        Those of ``source_profile``, however it has them, or of ``credential_source``.
    owner : str
        The profile that has them at last: a source may be a role with a source of its own.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        As botocore's provider raises it.
    """
    providers: list[Any] = _providers(session, environ)
    provider: Any = next(each for each in providers if isinstance(each, AssumeRoleProvider))
    # botocore has no public way to a role's source: its own `load` does these three steps, and then makes
    # credentials that assume the role.
    provider._loaded_config = provider._load_config()
    config = provider._get_role_config(profile)
    credentials: Credentials = provider._resolve_source_credentials(config, profile)
    return credentials, provider._visited_profiles[-1]


def _providers(session: botocore.session.Session, environ: Mapping[str, str]) -> list[CredentialProvider]:
    """Return the chain's providers, made to read `environ` and to ask nobody behind the user's back."""
    providers: list[Any] = session.get_component("credential_provider").providers
    for provider in providers:
        if hasattr(provider, "_prompter"):
            provider._prompter = _ask_in_front
        # A profile's credential_source reads the environment through a provider of its own.
        sourcer = getattr(provider, "_credential_sourcer", None)
        for reader in (provider, *getattr(sourcer, "_providers", ())):
            _let_read(reader, environ)
    return providers


def _let_read(provider: Any, environ: Mapping[str, str]) -> None:
    """Lead a provider through another environment than os.environ, where a role of stsnb may stand."""
    if isinstance(provider, EnvProvider):
        provider.environ = environ
    elif isinstance(provider, ContainerProvider):  # os.environ may lead it to stsnb's own endpoint
        vars(provider)["_environ"] = environ
    elif isinstance(provider, AssumeRoleWithWebIdentityProvider):
        names: Mapping[str, str] = getattr(provider, "_CONFIG_TO_ENV_VAR", {})
        vars(provider)["_get_env_config"] = lambda key: environ.get(names.get(key, ""))


def _ask_in_front(prompt: str) -> str:
    """Ask for the MFA code of a profile that is a source, as botocore expects it."""
    try:
        return ask(prompt)
    except NobodyToAskError:
        raise RefreshWithMFAUnsupportedError from None
