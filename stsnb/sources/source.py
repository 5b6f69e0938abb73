"""Source: whose credentials call STS, found by botocore's own chain and kept apart from the active role."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError

from stsnb._redaction import no_secrets_logged
from stsnb.sources.credentials import FetchedCredentials, set_credentials
from stsnb.sources.isolated_session import IsolatedSession, STSClients, at_sending, files
from stsnb.sources.provider_chain import Choice, Found, find, is_same
from stsnb.sts.arn import RoleArn
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import ENDED, AssumeRoleResponse, answer_of, error_of

if TYPE_CHECKING:
    import boto3

# botocore's default of a minute for each attempt is long for a person who waits for a cell.
_CLIENT_CONFIG = Config(connect_timeout=10, read_timeout=30)
# The names of botocore's providers whose credentials are a role's session, Identity Center's roles included.
_METHODS_OF_ROLES = frozenset({"assume-role", "assume-role-with-web-identity", "sso"})


class AddressError(ValueError):
    """The configured endpoint of STS is not a URL; the message is botocore's, which quotes it."""


class SourceError(Exception):
    """The source credentials can't be fetched.

    Parameters
    ----------
    cause : Exception
        What botocore raised when it fetched them.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Source:
    """The credentials that call STS, and the settings that go with them.

    It is made by `resolve`, belongs to the kernel, and may be used from any thread. Its session is pinned: neither
    its profile nor its keys change with what is put into the environment later. A source that gets its credentials
    in another way, or calls another operation, is a subclass in a file of its own.

    Parameters
    ----------
    session : IsolatedSession
        A session of its own, whose profile is pinned; it is made to sign with the credentials.
    credentials : botocore.credentials.Credentials
        The credentials.
    environ : callable
        Returns the environment without what stsnb has put into it.
    resolve : callable, optional
        Finds the same source anew, when its keys have ended or the user's files have changed; None where files
        play no part.
    owner : str, optional
        The profile that has the credentials; None for that whose settings apply.
    """

    #: How its clients differ from what is configured.
    client_config = _CLIENT_CONFIG

    def __init__(
        self,
        session: IsolatedSession,
        credentials: Credentials,
        environ: Callable[[], Mapping[str, str]],
        resolve: Callable[[], Source] | None = None,
        owner: str | None = None,
    ) -> None:
        self.session = session
        self.credentials = credentials
        self._signing = FetchedCredentials(credentials)
        set_credentials(session, self._signing)
        self.owner = owner or self.profile
        self.environ = environ
        self._resolve = resolve
        self._files = files(environ())
        self._clients = STSClients(session, self.client_config)
        self._identity: str | None = None

    @classmethod
    def resolve(
        cls,
        environ: Callable[[], Mapping[str, str]],
        profile: str | None = None,
        default_session: boto3.Session | None = None,
        role_profile: str | None = None,
        region: str | None = None,
    ) -> Source:
        """Find the source credentials with botocore's chain.

        Parameters
        ----------
        environ : callable
            Returns the environment without what stsnb has put into it.
        profile : str, optional
            A profile of the user's configuration; None for what the environment names.
        default_session : boto3.Session, optional
            The default session that the user had. A profile, a region or credentials that were given to it
            are the user's choice; what it found by itself is not.
        role_profile, region : str, optional
            As in `stsnb.sources.provider_chain.find`, whose exceptions it raises.

        Returns
        -------
        Source
        """

        def make(before: Found | None = None) -> Source:
            found = find(environ, profile, Choice(default_session), role_profile, region, before=before)
            return cls(found.session, found.credentials, environ, lambda: make(found), found.owner)

        return make()

    def up_to_date(self) -> Source:
        """Return this source, or the same found anew if the user's files have changed since.

        A company's login tools write short-lived keys into ~/.aws/credentials, again and again; botocore reads
        them once.
        """
        if self._resolve is None or files(self.environ()) == self._files:
            return self
        found = self._resolve()
        return found if is_same(self.credentials, found.credentials) else self

    @property
    def profile(self) -> str:
        """The profile whose settings apply."""
        return self.session.get_config_variable("profile") or "default"

    @property
    def region(self) -> str | None:
        """The region that the source's settings name."""
        region: str | None = self.session.get_config_variable("region")
        return region

    @property
    def origin(self) -> str:
        """The place where the credentials were found, in words: ``profile work``."""
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
        """The origin of credentials that certainly are a role's session; None for all others.

        What a role's session assumes lasts an hour at most on AWS (IAM user guide, "Role chaining"). An instance's
        own role does not count as such, and keys in the environment do not show what they are.
        """
        return self.origin if self.credentials.method in _METHODS_OF_ROLES else None

    def client(self, role_arn: RoleArn, region: str | None = None) -> Any:
        """Return the STS client that assumes a role, made once for each region and environment.

        Parameters
        ----------
        role_arn : RoleArn
            The role; without any region its partition decides which STS is called.
        region : str, optional
            The region of STS; None for the source's.

        Returns
        -------
        botocore.client.BaseClient
        """
        try:
            return self._clients.of(role_arn, region)
        except ValueError as error:
            raise (AddressError(str(error)) if "Invalid endpoint" in str(error) else error) from None

    def assume_role(
        self,
        request: AssumeRoleRequest,
        region: str | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> AssumeRoleResponse:
        """Assume a role: one call of STS, with the retries that the user's settings name.

        Parameters
        ----------
        request : AssumeRoleRequest
            The request.
        region : str, optional
            The region of STS; None for the source's.
        meanwhile : callable, optional
            Called when the request is about to be sent: there is time until the answer comes.

        Returns
        -------
        AssumeRoleResponse

        Raises
        ------
        botocore.exceptions.ClientError
            The error that STS answered.
        botocore.exceptions.BotoCoreError
            STS could not be called, or did not answer.
        stsnb.sts.response.InvalidResponseError
            An answer without credentials, or with those of another role.
        SourceError
            The source credentials can't be fetched.
        """
        client, asked_at = self.client(request.role_arn, region), datetime.now(timezone.utc)
        with no_secrets_logged():
            operation, parameters = self.operation(client, request)
            with at_sending(client, meanwhile):
                answer = self.call(operation, parameters)
        return AssumeRoleResponse.read(answer, request, asked_at)

    def operation(self, client: Any, request: AssumeRoleRequest) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return the client's operation and its parameters; the credentials that sign are fetched by then."""
        self.frozen_credentials()
        return client.assume_role, request.parameters()

    def call(self, operation: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        """Call an operation of this source's client, and once more with new keys if STS says that the old ones have ended.

        Keys of a ``credential_process`` may be temporary without saying so; botocore keeps them for good. Parameters,
        return value and exceptions are those of `stsnb.sts.response.answer_of`; SourceError if the keys have ended
        and new ones can't be fetched.
        """
        try:
            return answer_of(operation, parameters)
        except ClientError as error:
            if error_of(error.response)[0] not in ENDED or not self._find_new_keys():
                raise
        return answer_of(operation, parameters)

    def _find_new_keys(self) -> bool:
        if self._resolve is None:
            return False
        try:
            found = self._resolve()
        except Exception as error:
            raise SourceError(error) from error
        ended = self._signing.get_frozen_credentials()
        if not is_same(self.credentials, found.credentials) or found.frozen_credentials() == ended:
            return False
        self.credentials, self._identity = found.credentials, None
        self._signing.replace(found.credentials)
        return True

    def frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the source credentials, fetched or renewed, whose faults are not those of the role.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        SourceError
            They can't be fetched.
        """
        try:
            with no_secrets_logged():
                return self._signing.fetch()
        except Exception as error:
            raise SourceError(error) from error

    def identity(self, role_arn: RoleArn, region: str | None = None) -> str | None:
        """Return the caller's ARN as STS says it, for an error's text; not every server does (Ceph answers 405).

        Parameters
        ----------
        role_arn : RoleArn
            The role that was requested.
        region : str, optional
            The region of STS; None for the source's.

        Returns
        -------
        str or None
            None if it can't be known.
        """
        if self._identity is None:
            try:
                with no_secrets_logged():
                    self._identity = self.client(role_arn, region).get_caller_identity().get("Arn")
            except Exception:  # noqa: BLE001 # it is for an error's text, and must not become another error
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
        """Return what must not show in a message that quotes a server's answer; fetches nothing."""
        held = vars(self.credentials)
        names = ("secret_key", "token", "_secret_key", "_token")
        return [held[name] for name in names if held.get(name)]
