"""AssumedRole: a role that this kernel acts as, or could."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from stsnb._redaction import bare_interrupt
from stsnb.config import settings
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.fetcher import AssumeRoleFetcher
from stsnb.sts.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3


class Owner(Protocol):
    """Who put a role in force, and takes it out again: the kernel."""

    def enter(self, role: AssumedRole) -> None:
        """Put the role in force until `leave`."""

    def leave(self, role: AssumedRole) -> None:
        """Put back what was in force before `enter`."""

    def release(self, role: AssumedRole) -> None:
        """Take the role out of force, wherever it is."""

    def bundle(self, role: AssumedRole) -> dict[str, object]:
        """Return what a notebook shows of the role beside text and HTML, by MIME type."""


class AssumedRole:
    """A role that this kernel has assumed.

    It is made by `stsnb.assume_role`, may be used from any thread, and as a context manager puts back at its
    end what was in force before. It shows no secret in any form, and cannot be pickled.
    """

    def __init__(
        self,
        question: AssumeRoleFetcher,
        credentials: RoleCredentials,
        session: boto3.Session,
        settings: Mapping[str, str],
        owner: Owner,
        profile_settings: Mapping[str, object] | None = None,
    ) -> None:
        self._request = question.request
        self._credentials = credentials
        self._session = session
        self._owner = owner
        #: What a renewal asks, and of whom.
        self.question = question
        #: What its source configures, as the variables that go into the environment with its keys.
        self.settings = settings
        #: For a live role, what its source's profile says; None for others.
        self.profile_settings = profile_settings

    @property
    def arn(self) -> str:
        """The ARN of the session: ``AssumedRoleUser.Arn``."""
        return self._credentials.response.arn

    @property
    def role_arn(self) -> str:
        """The ARN of the role."""
        return str(self._request.role_arn)

    @property
    def role_name(self) -> str:
        """The role's name, without its path."""
        return self._request.role_arn.name

    @property
    def account_id(self) -> str | None:
        """The account of the role, 12 digits; None where a server has no accounts (Ceph, MinIO)."""
        return self._request.role_arn.account_id or None

    @property
    def role_id(self) -> str | None:
        """The role's unique id (``AROA…``); None where a server does not tell it."""
        return self._credentials.response.role_id

    @property
    def session_name(self) -> str:
        """The session's name, by which CloudTrail knows it."""
        return self._request.session_name

    @property
    def region(self) -> str | None:
        """The region of the role's clients; None if none is configured."""
        return self._session.region_name

    @property
    def expiration(self) -> datetime:
        """When the credentials in force end, aware, in UTC; later after each renewal."""
        return self._credentials.response.expiration

    @property
    def remaining(self) -> timedelta:
        """How long the credentials in force are good, never negative."""
        return max(timedelta(0), self.expiration - datetime.now(timezone.utc))

    @property
    def renewal_error(self) -> Exception | None:
        """Why the last renewal failed (an AssumeRoleError); None if it did not."""
        return self._credentials.error

    @property
    def response(self) -> AssumeRoleResponse:
        """What STS answered last; its repr shows no secret."""
        return self._credentials.response

    @property
    def credentials(self) -> RoleCredentials:
        """The credentials that its clients sign with; their repr shows no secret."""
        return self._credentials

    @property
    def renewable(self) -> bool:
        """Whether it renews itself: not with ``refresh=False``, nor where each session needs an MFA code."""
        return self._credentials.renewable

    @property
    def live(self) -> bool:
        """Whether child processes ask for its credentials while they run (``live=True``), and so go on with it."""
        return self.profile_settings is not None

    @property
    def scope(self) -> str | None:
        """What narrows the session: ``read-only``, ``scoped`` (by session policies), or None."""
        return self._request.scope

    @property
    def packed_policy_size(self) -> int | None:
        """How full STS's room for session policies and tags is, in percent; None where a server does not tell."""
        return self._credentials.response.packed_policy_size

    @property
    def danger(self) -> str | None:
        """The pattern of ``AssumeRole.dangerous`` in the configuration that the role matches; None if it does not."""
        return settings.current().danger(self._request.role_arn)

    @property
    def dangerous(self) -> bool:
        """Whether the configuration marks the role as one that needs care."""
        return self.danger is not None

    @property
    def serial_number(self) -> str | None:
        """The MFA device that the role was assumed with; None if without."""
        return self._request.serial_number

    @property
    def needs_code(self) -> bool:
        """Whether it cannot go on without a new code of its MFA device: `refresh` takes one."""
        return self.question.needs_code

    @property
    def origin(self) -> str:
        """Where the credentials came from that it was asked for with: ``profile work``, ``the environment``."""
        return self.question.source.origin

    @property
    def chained_from(self) -> AssumedRole | None:
        """The role that it was assumed with; None if with the user's own credentials."""
        return self.question.link

    @property
    def session(self) -> boto3.Session:
        """A boto3 session that acts as the role, with what is configured for the source."""
        return self._session

    def client(self, service_name: str, **kwargs: Any) -> Any:
        """Return a client that acts as the role, and goes on when another role is in force.

        Parameters
        ----------
        service_name : str
            ``s3``, ``dynamodb``, …
        **kwargs
            As for ``boto3.Session.client``.

        Returns
        -------
        botocore.client.BaseClient
        """
        return self._session.client(service_name, **kwargs)  # type: ignore[call-overload]

    def resource(self, service_name: str, **kwargs: Any) -> Any:
        """Return a resource that acts as the role, and goes on when another role is in force.

        Parameters
        ----------
        service_name : str
            ``s3``, ``dynamodb``, …
        **kwargs
            As for ``boto3.Session.resource``.

        Returns
        -------
        boto3.resources.base.ServiceResource
        """
        return self._session.resource(service_name, **kwargs)  # type: ignore[call-overload]

    @bare_interrupt
    def refresh(self, token_code: str | None = None) -> None:
        """Renew the credentials now, for all who hold them.

        Parameters
        ----------
        token_code : str, optional
            The 6 digits that the role's MFA device shows. If left out where one is needed, you are asked for it.

        Raises
        ------
        stsnb.AssumeRoleError
            If STS refuses, or nobody can be asked; the credentials in force stay.
        """
        self.question.renew(self._credentials, token_code, new_code=token_code is not None)

    def drop(self) -> None:
        """Take the role out of force: the environment and the default session are as they were."""
        self._owner.release(self)

    def is_same_as(self, other: AssumedRole) -> bool:
        """Tell whether another is the same role, asked for in the same way, as when a cell is run again.

        Parameters
        ----------
        other : AssumedRole
            Of the same kernel.

        Returns
        -------
        bool
        """
        if self._request.parameters() != other._request.parameters():
            return False
        return (self.origin, self.settings) == (other.origin, other.settings)

    def __enter__(self) -> AssumedRole:
        self._owner.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.leave(self)

    def __str__(self) -> str:
        from stsnb.roles import display  # templates and HTML's entities, for those who look

        return display.text(self)

    def __repr__(self) -> str:
        return f"<AssumedRole {self}>"

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        from stsnb.roles import display

        return {"text/plain": str(self), "text/html": display.html(self), **self._owner.bundle(self)}

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("An assumed role is not written anywhere: its credentials stay in this process.")
