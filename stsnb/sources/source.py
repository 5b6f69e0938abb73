"""Source: who asks STS, found once by botocore's own chain and kept apart from what stsnb puts in force."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidConfigError,
    PartialCredentialsError,
)

from stsnb._redaction import no_secrets_logged
from stsnb.sources.credentials import FetchedCredentials, set_credentials
from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.profile_errors import fault
from stsnb.sources.provider_chain import Choice, credentials_of, files, source_credentials_of
from stsnb.sts.arn import RoleArn
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import AssumeRoleResponse, InvalidResponseError

if TYPE_CHECKING:
    import boto3

# Nobody waits a minute per attempt (botocore's default) in front of a notebook for an STS that is not there.
_CLIENT_CONFIG = Config(connect_timeout=10, read_timeout=30)
# The names of botocore's providers whose credentials are a role's session, Identity Center's roles among them.
_METHODS_OF_ROLES = frozenset({"assume-role", "assume-role-with-web-identity", "sso"})


class AddressError(ValueError):
    """What is configured as STS's address is none; the message is botocore's, which quotes it."""


class SourceError(Exception):
    """The credentials to ask STS with cannot be had.

    Parameters
    ----------
    cause : Exception
        What botocore met when it fetched them.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Source:
    """The credentials that STS is asked with, and the settings that go with them.

    It is made by `resolve`, belongs to the kernel, and may be used from any thread. Its session is pinned:
    what is put into the environment later changes neither its profile nor its keys. A source that gets its
    credentials in another way, or asks in another, is a subclass in a file of its own.

    Parameters
    ----------
    session : IsolatedSession
        A session of its own, whose profile is pinned; it is made to sign with the credentials.
    credentials : botocore.credentials.Credentials
        What the session was found to have.
    environ : mapping
        The environment as it was without any role of stsnb.
    resolve : callable, optional
        Finds the same source anew, when the user's files have changed; None if they have no part in it.
    owner : str, optional
        The profile that the credentials are those of; None for that whose settings hold.
    """

    #: How its clients differ from what is configured.
    client_config = _CLIENT_CONFIG

    def __init__(
        self,
        session: IsolatedSession,
        credentials: Credentials,
        environ: Mapping[str, str],
        resolve: Callable[[], Source] | None = None,
        owner: str | None = None,
    ) -> None:
        self.session = session
        self.credentials = credentials
        self._signing = FetchedCredentials(credentials)
        set_credentials(session, self._signing)
        self.owner = owner or self.profile
        self._environ = environ
        self._resolve = resolve
        self._files = files(environ)
        self._clients: dict[str | None, Any] = {}
        self._identity: str | None = None

    @classmethod
    def resolve(
        cls,
        environ: Mapping[str, str],
        profile: str | None = None,
        default_session: boto3.Session | None = None,
        role_profile: str | None = None,
    ) -> Source:
        """Find who asks, by botocore's chain.

        Parameters
        ----------
        environ : mapping
            The environment without what stsnb put in.
        profile : str, optional
            A profile of the user's configuration; None for what the environment says.
        default_session : boto3.Session, optional
            The default session that the user had. A profile, a region or credentials that were given to it
            count as the user's choice; what it found by itself does not.
        role_profile : str, optional
            The profile with the ``role_arn`` that is to be assumed. Its settings hold; its credentials are
            those that botocore would assume the role with, or `profile`'s if that is given.

        Returns
        -------
        Source

        Raises
        ------
        botocore.exceptions.BotoCoreError
            As botocore's chain raises it; NoCredentialsError if it finds nothing.
        stsnb.sources.profile_errors.ProfileError
            A profile with ``role_arn`` leads to no credentials.
        """

        def anew() -> Source:
            return cls.resolve(environ, profile, default_session, role_profile)

        chosen, owner = Choice(default_session), profile
        if role_profile is None:
            session = session_of_user(environ, profile, chosen)
            with no_secrets_logged(), _faults_named(session):
                credentials = chosen.credentials if profile is None else None
                credentials = credentials or credentials_of(session, environ)
        else:
            session = IsolatedSession(lambda: environ, role_profile, explicit=True)
            if profile is not None:
                credentials = cls.resolve(environ, profile).credentials
            else:
                with no_secrets_logged(), _faults_named(session):
                    credentials, owner = source_credentials_of(session, role_profile, environ)
        return cls(session, credentials, environ, anew, owner)

    def up_to_date(self) -> Source:
        """Return this source, or the same found anew if the user's files have changed since.

        A company's login tools write short-lived keys into ~/.aws/credentials, again and again; botocore reads
        them once.
        """
        if self._resolve is None or files(self._environ) == self._files:
            return self
        return self._resolve()

    @property
    def profile(self) -> str:
        """The profile whose settings hold."""
        return self.session.get_config_variable("profile") or "default"

    @property
    def region(self) -> str | None:
        """The region that the source's settings name."""
        region: str | None = self.session.get_config_variable("region")
        return region

    @property
    def origin(self) -> str:
        """Where the credentials were found, in words: ``profile work``."""
        method = self.credentials.method
        return {
            "env": "the environment",
            "explicit": "boto3's default session",
            "assume-role-with-web-identity": "the web identity",
            "container-role": "the container's role",
            "iam-role": "the instance's role",
        }.get(method, f"profile {self.owner}")

    @property
    def role(self) -> str | None:
        """Whose session of a role its credentials are, in words; None where they are none for certain.

        AWS lets what a role's session assumes last an hour at most (IAM user guide, "Role chaining"). An
        instance's own role does not count as such, and of keys in the environment nobody can tell.
        """
        return self.origin if self.credentials.method in _METHODS_OF_ROLES else None

    def client(self, role_arn: RoleArn, region: str | None = None) -> Any:
        """Return the STS client to ask for a role, made once for each region.

        Parameters
        ----------
        role_arn : RoleArn
            The role; without any region its partition tells which STS to ask.
        region : str, optional
            The region of STS; None for the source's.

        Returns
        -------
        botocore.client.BaseClient
        """
        region = region or self.region or self._region_of_last_resort(role_arn)
        if region not in self._clients:
            try:
                made = self.session.create_client("sts", region_name=region, config=self.client_config)
            except ValueError as error:
                raise (AddressError(str(error)) if "Invalid endpoint" in str(error) else error) from None
            self._clients[region] = made
        return self._clients[region]

    def _region_of_last_resort(self, role_arn: RoleArn) -> str | None:
        if role_arn.partition == "aws" or self.session.endpoint("sts") is not None:
            return None  # botocore asks the global STS, and the session knows what to do at an address
        return next(iter(self.session.get_available_regions("sts", role_arn.partition)), None)

    def assume_role(
        self,
        request: AssumeRoleRequest,
        region: str | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> AssumeRoleResponse:
        """Ask STS for the role: one call, with the retries that the user's settings name.

        Parameters
        ----------
        request : AssumeRoleRequest
            What to ask.
        region : str, optional
            The region of STS; None for the source's.
        meanwhile : callable, optional
            Called when the question is about to leave: there is time now until the answer comes.

        Returns
        -------
        AssumeRoleResponse

        Raises
        ------
        botocore.exceptions.ClientError
            What STS answered.
        botocore.exceptions.BotoCoreError
            What kept the question from being asked or answered.
        stsnb.sts.response.InvalidResponseError
            An answer without credentials in it.
        SourceError
            The source's own credentials cannot be had.
        """
        client, asked_at = self.client(request.role_arn, region), datetime.now(timezone.utc)
        with no_secrets_logged():
            operation, parameters = self.operation(client, request)
            with _at_sending(client, meanwhile):
                answer = call(operation, parameters)
        return AssumeRoleResponse.read(answer, request, asked_at)

    def operation(self, client: Any, request: AssumeRoleRequest) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return what to call of the client for a request, and with what; all is there then to be sent."""
        self.frozen_credentials()
        return client.assume_role, request.parameters()

    def frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the source's own credentials, fetched or renewed, whose faults are not those of the role.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        SourceError
            They cannot be had.
        """
        try:
            with no_secrets_logged():
                return self._signing.fetch()
        except Exception as error:
            raise SourceError(error) from error

    def identity(self, role_arn: RoleArn, region: str | None = None) -> str | None:
        """Ask STS who is asking, for an error's sake; a server may not tell (Ceph answers 405).

        Parameters
        ----------
        role_arn : RoleArn
            The role that was asked for.
        region : str, optional
            The region of STS; None for the source's.

        Returns
        -------
        str or None
            The ARN, or None when it cannot be known.
        """
        if self._identity is None:
            try:
                with no_secrets_logged():
                    self._identity = self.client(role_arn, region).get_caller_identity().get("Arn")
            except Exception:  # noqa: BLE001 # it is asked for an error's sake, and must not become another
                return None
        return self._identity

    def session_for(
        self,
        credentials: Credentials,
        environ: Callable[[], Mapping[str, str]],
        region: str | None = None,
    ) -> boto3.Session:
        """Return a session with other credentials and all that is configured for this source.

        Parameters
        ----------
        credentials : botocore.credentials.Credentials
            Those of a role.
        environ : callable
            Returns the environment without what stsnb put in, as it is then.
        region : str, optional
            None for the source's.

        Returns
        -------
        boto3.Session
        """
        import boto3

        made = boto3.Session(botocore_session=self.session_with(credentials, environ, region))
        # Each boto3.Session adds boto3's folder to the loader, which is shared here.
        loader = self.session.get_component("data_loader")
        loader.search_paths[:] = dict.fromkeys(loader.search_paths)
        return made

    def session_with(
        self, credentials: Credentials, environ: Callable[[], Mapping[str, str]], region: str | None = None
    ) -> IsolatedSession:
        """Return the botocore session below `session_for`, with the same parameters."""
        handlers = copy.copy(self.session.get_component("event_emitter"))
        session = IsolatedSession(environ, self.session.get_config_variable("profile"), handlers=handlers)
        # One loader for all: else each session reads each service's model anew, 200 ms and 11 MB for S3.
        session.register_component("data_loader", self.session.get_component("data_loader"))
        if region or self.region:
            session.set_config_variable("region", region or self.region)
        if (config := self.session.get_default_client_config()) is not None:
            session.set_default_client_config(config)
        set_credentials(session, credentials)
        return session

    def secrets(self) -> list[str]:
        """Return what must not show in a message that quotes a server's answer; asks nobody for it."""
        held = vars(self.credentials)
        names = ("secret_key", "token", "_secret_key", "_token")
        return [held[name] for name in names if held.get(name)]


def session_of_user(environ: Mapping[str, str], profile: str | None, chosen: Choice) -> IsolatedSession:
    """Return a session with the settings of a profile, or of what the user chose, or of the environment."""
    explicit = profile or chosen.profile
    named = environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))
    session = IsolatedSession(lambda: environ, explicit or named, explicit=explicit is not None)
    if profile is None and chosen.region:
        session.set_config_variable("region", chosen.region)
    return session


@contextmanager
def _faults_named(session: IsolatedSession) -> Iterator[None]:
    """Say which profile and which key it is, where botocore finds no credentials for a profile's role."""
    try:
        yield
    except (CredentialRetrievalError, InvalidConfigError, PartialCredentialsError) as error:
        profile = session.get_config_variable("profile") or "default"
        found = fault(session.full_config["profiles"], profile)
        if found is None or error.kwargs.get("provider") == "env":
            raise
        raise found from None


def call(operation: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Call an operation of STS, whose answer may be something else's.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        As botocore raises them.
    stsnb.sts.response.InvalidResponseError
        Something else answered.
    """
    try:
        return operation(**parameters)
    except (BotoCoreError, ClientError):
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        # botocore's parser, over an answer of something else; its message would quote the answer.
        raise InvalidResponseError from None


@contextmanager
def _at_sending(client: Any, call: Callable[[], object] | None) -> Iterator[None]:
    if call is None:
        yield
        return

    def handle(**_: object) -> None:
        call()

    client.meta.events.register("before-send.sts", handle)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send.sts", handle)
