"""Finds source credentials with botocore's own provider chain, run in the user's environment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.credentials import (
    AssumeRoleProvider,
    AssumeRoleWithWebIdentityProvider,
    CredentialProvider,
    Credentials,
    ProcessProvider,
)
from botocore.exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    PartialCredentialsError,
    RefreshWithMFAUnsupportedError,
)

from stsnb._redaction import no_secrets_logged
from stsnb.sources.isolated_session import IsolatedSession, UserEnviron
from stsnb.sources.profile_errors import fault
from stsnb.sources.prompt import NobodyToAskError, ask

if TYPE_CHECKING:
    import boto3

# Methods of credentials that the environment or the machine gives, whatever the profile.
_NOT_OF_A_PROFILE = frozenset({"env", "container-role", "iam-role", "assume-role-with-web-identity"})
# The names that botocore's own providers give to what they find. Credentials of a default session with any
# other name were set by the user.
_METHODS_OF_THE_CHAIN = _NOT_OF_A_PROFILE | {
    "assume-role",
    "sso",
    "login",
    "shared-credentials-file",
    "config-file",
    "custom-process",
    "ec2-credentials-file",
    "boto-config",
}


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


@dataclass(frozen=True)
class Found:
    """Source credentials, and the session that has the settings for them.

    Parameters
    ----------
    session : IsolatedSession
        A session of its own, whose profile is pinned.
    credentials : botocore.credentials.Credentials
        The credentials.
    owner : str or None
        The profile that has the credentials; None for that of the session.
    """

    session: IsolatedSession
    credentials: Credentials
    owner: str | None = None


def find(
    environ: Callable[[], Mapping[str, str]],
    profile: str | None,
    chosen: Choice,
    role_profile: str | None,
    region: str | None = None,
    *,
    before: Found | None = None,
) -> Found:
    """Find source credentials as botocore finds them.

    Parameters
    ----------
    environ : callable
        Returns the environment without what stsnb has put into it.
    profile : str, optional
        A profile of the user's configuration; None for what the environment names.
    chosen : Choice
        What the user gave to boto3's default session.
    role_profile : str, optional
        The profile with the ``role_arn`` that is to be assumed. Its settings apply; the credentials are those that
        botocore would assume the role with, or `profile`'s if that is given.
    region : str, optional
        The region of the call that the credentials are for; roles on the way are assumed there too, as by botocore.
    before : Found, optional
        What was found earlier and is to be found anew: the same profile's, although the environment may name
        another by now.

    Returns
    -------
    Found

    Raises
    ------
    botocore.exceptions.BotoCoreError
        As botocore's chain raises it; NoCredentialsError if it finds nothing.
    stsnb.sources.profile_errors.ProfileError
        A profile with ``role_arn`` leads to no credentials.
    """
    if role_profile is None:
        session = _session_again(environ, before) if before else session_of_user(environ, profile, chosen)
        vars(session)["_last_client_region_used"] = (
            region  # of the client that botocore finds credentials for
        )
        with no_secrets_logged(), _faults_named(session):
            credentials = chosen.credentials if profile is None else None
            return Found(session, credentials or credentials_of(session), profile)
    session = IsolatedSession(environ, role_profile, explicit=True)
    if profile is not None:
        return Found(session, find(environ, profile, Choice(None), None, region).credentials, profile)
    vars(session)["_last_client_region_used"] = region
    with no_secrets_logged(), _faults_named(session):
        return Found(session, *source_credentials_of(session, role_profile))


def is_same(one: Credentials, other: Credentials) -> bool:
    """Return whether credentials come from the same kind of place: a profile, or the same part of the environment.

    Parameters
    ----------
    one, other : botocore.credentials.Credentials
        What was found earlier, and what was found anew.

    Returns
    -------
    bool
    """
    return one.method == other.method or not {one.method, other.method} & _NOT_OF_A_PROFILE


def session_of_user(
    environ: Callable[[], Mapping[str, str]], profile: str | None, chosen: Choice
) -> IsolatedSession:
    """Return a session with the settings of a profile, or of what the user chose, or of the environment.

    Parameters
    ----------
    environ : callable
        Returns the environment without what stsnb has put into it.
    profile : str, optional
        A profile of the user's configuration.
    chosen : Choice
        What the user gave to boto3's default session.

    Returns
    -------
    IsolatedSession
    """
    explicit = profile or chosen.profile
    now = environ()
    named = now.get("AWS_DEFAULT_PROFILE", now.get("AWS_PROFILE"))
    session = IsolatedSession(environ, explicit or named, explicit=explicit is not None)
    if profile is None and chosen.region:
        session.set_config_variable("region", chosen.region)
    return session


def _session_again(environ: Callable[[], Mapping[str, str]], before: Found) -> IsolatedSession:
    """Return a session that reads the files anew, and finds no other credentials in the environment."""
    pinned = before.session.instance_variables()
    profile = before.session.get_config_variable("profile")
    explicit = before.credentials.method not in _NOT_OF_A_PROFILE
    profile = (profile or "default") if explicit else profile
    session = IsolatedSession(environ, profile, explicit=explicit or "profile" in pinned)
    if pinned.get("region"):
        session.set_config_variable("region", pinned["region"])
    return session


@contextmanager
def _faults_named(session: IsolatedSession) -> Iterator[None]:
    """Name the profile and the key, where botocore finds no credentials for a profile's role."""
    try:
        yield
    except (CredentialRetrievalError, InvalidConfigError, PartialCredentialsError) as error:
        profile = session.get_config_variable("profile") or "default"
        found = fault(session.full_config, profile)
        if found is None or error.kwargs.get("provider") == "env":
            raise
        raise found from None


def credentials_of(session: IsolatedSession) -> Credentials:
    """Return what botocore's chain finds for a session.

    Parameters
    ----------
    session : IsolatedSession
        The session whose chain it is.

    Returns
    -------
    botocore.credentials.Credentials

    Raises
    ------
    botocore.exceptions.BotoCoreError
        As the chain raises it; NoCredentialsError if it finds nothing.
    """
    _providers(session)
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return credentials


def source_credentials_of(session: IsolatedSession, profile: str) -> tuple[Credentials, str]:
    """Return what botocore would assume a profile's role with, found by its own rules.

    Parameters
    ----------
    session : IsolatedSession
        A session with that profile.
    profile : str
        A profile with ``role_arn``.

    Returns
    -------
    credentials : botocore.credentials.Credentials
        Those of ``source_profile``, however it has them, or of ``credential_source``.
    owner : str
        The profile that has them: a source may be a role with a source of its own.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        As botocore's provider raises it.
    """
    providers: list[Any] = _providers(session)
    provider: Any = next(each for each in providers if isinstance(each, AssumeRoleProvider))
    # botocore has no public way to a role's source: its own `load` does these three steps, and then makes
    # credentials that assume the role.
    provider._loaded_config = provider._load_config()
    config = provider._get_role_config(profile)
    credentials: Credentials = provider._resolve_source_credentials(config, profile)
    return credentials, provider._visited_profiles[-1]


def _providers(session: IsolatedSession) -> list[CredentialProvider]:
    """Return the chain's providers, made to read the session's environment and to ask only in the foreground."""
    providers: list[Any] = session.get_component("credential_provider").providers
    for provider in providers:
        if hasattr(provider, "_prompter"):
            provider._prompter = _ask_in_foreground
        # A profile's credential_source has providers of its own; so has each source_profile, made when needed.
        sourcer = getattr(provider, "_credential_sourcer", None)
        for reader in (provider, *getattr(sourcer, "_providers", ())):
            _isolate(reader, session.user_environ)
        if (builder := getattr(provider, "_profile_provider_builder", None)) is not None:
            _isolate_built(builder, session.user_environ)
    return providers


def _isolate_built(builder: Any, environ: UserEnviron) -> None:
    build = builder.providers

    def providers(*args: Any, **kwargs: Any) -> list[Any]:
        built: list[Any] = build(*args, **kwargs)
        for provider in built:
            _isolate(provider, environ)
        return built

    builder.providers = providers


def _isolate(provider: Any, environ: UserEnviron) -> None:
    """Make a provider read `environ` in place of os.environ, at the time when it runs."""
    for name in ("environ", "_environ"):  # EnvProvider's, ContainerProvider's, and those of older formats
        if name in vars(provider):
            vars(provider)[name] = environ
    if isinstance(provider, ProcessProvider):
        vars(provider)["_popen"] = lambda *args, **kwargs: subprocess.Popen(  # noqa: S603 # the user's own command
            *args, **{**kwargs, "env": dict(environ)}
        )
    elif isinstance(provider, AssumeRoleWithWebIdentityProvider):
        variables: Mapping[str, str] = getattr(provider, "_CONFIG_TO_ENV_VAR", {})
        # The profile was named outright, or is a source_profile.
        ignored = getattr(provider, "_disable_env_vars", False)
        vars(provider)["_get_env_config"] = lambda key: (
            None if ignored else environ.get(variables.get(key, ""))
        )
    if (fetcher := vars(provider).get("_role_fetcher")) is not None:  # that of the instance metadata service
        fetcher._disabled = environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() == "true"


def _ask_in_foreground(prompt: str) -> str:
    """Ask for the MFA code of a source profile's role, as botocore expects it."""
    try:
        return ask(prompt)
    except NobodyToAskError:
        raise RefreshWithMFAUnsupportedError from None
