"""AssumedRole: a role with its credentials, its session, and what a user can do with it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from stsnb._redaction import bare_interrupt
from stsnb.config import settings
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.fetcher import AssumeRoleFetcher
from stsnb.roles.source_settings import SourceSettings
from stsnb.sources.source import Source
from stsnb.sts.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3


class Owner(Protocol):
    """Makes a role active and inactive: the kernel."""

    def enter(self, role: AssumedRole) -> AssumedRole:
        """Make the role active until `leave`, and return it."""

    def leave(self, role: AssumedRole) -> None:
        """Make active what was active before `enter`."""

    def release(self, role: AssumedRole) -> None:
        """Make the role inactive in all scopes."""


class AssumedRole:
    """A role that this kernel has assumed.

    `stsnb.assume_role` makes it. Any thread may use it. As a context manager it makes active at its end what was
    active before. It shows no secret in any form, and cannot be pickled.

    Parameters
    ----------
    fetcher : AssumeRoleFetcher
        Calls STS for the role.
    credentials : RoleCredentials
        What `fetcher` has fetched.
    session : boto3.Session
        A session that signs with the credentials.
    settings : SourceSettings
        What its source configures about servers.
    owner : Owner
        The kernel.
    chained_from : AssumedRole, optional
        The role whose credentials called STS.
    live : bool
        Whether child processes fetch its credentials while they run.
    """

    def __init__(
        self,
        fetcher: AssumeRoleFetcher,
        credentials: RoleCredentials,
        session: boto3.Session,
        settings: SourceSettings,
        owner: Owner,
        chained_from: AssumedRole | None = None,
        live: bool = False,
    ) -> None:
        self._request = fetcher.request
        self._credentials = credentials
        self._session = session
        self._owner = owner
        self._fetcher = fetcher
        #: The role whose credentials called STS; None for the user's own credentials.
        self.chained_from = chained_from
        #: What its source configures about servers.
        self.settings = settings
        #: Whether child processes fetch its credentials while they run (``live=True``), and so outlive a session.
        self.live = live

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
        """When the current credentials end, aware, in UTC; later after each renewal."""
        return self._credentials.response.expiration

    @property
    def remaining(self) -> timedelta:
        """How long the current credentials are good, never negative."""
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
        """Whether it is renewed: not with ``refresh=False``, nor where each session needs an MFA code."""
        return self._credentials.renewable

    @property
    def narrowing(self) -> str | None:
        """What narrows the session: ``read-only``, ``scoped`` (by session policies), or None."""
        return self._request.narrowing

    @property
    def packed_policy_size(self) -> int | None:
        """How much of STS's limit session policies and tags use, in percent; None where a server does not tell."""
        return self._credentials.response.packed_policy_size

    @property
    def session_token_size(self) -> int | None:
        """The size of the session token in bytes; None where a server does not tell."""
        return self._credentials.response.session_token_size

    @property
    def session_token_utilization(self) -> int | None:
        """How much of STS's limit the session token uses, in percent; None where a server does not tell."""
        return self._credentials.response.session_token_utilization

    @property
    def danger(self) -> str | None:
        """The pattern of ``AssumeRole.dangerous`` that the role matches; None if it matches none."""
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
        """Whether only a new code of its MFA device can renew it: `refresh` takes one."""
        return self._fetcher.needs_code

    @property
    def origin(self) -> str:
        """Where the credentials were found that called STS: ``profile work``, ``the environment``."""
        return self.source.origin

    @property
    def source(self) -> Source:
        """Whose credentials call STS for it."""
        return self._fetcher.source

    @property
    def session(self) -> boto3.Session:
        """A boto3 session that acts as the role, with what is configured for the source."""
        return self._session

    def client(self, service_name: str, **kwargs: Any) -> Any:
        """Return a client that acts as the role, and goes on when another role is active.

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
        """Return a resource that acts as the role, and goes on when another role is active.

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
            If STS refuses, or no user can be asked; the current credentials stay.
        """
        self._fetcher.renew(self._credentials, token_code, new_code=token_code is not None)

    def drop(self) -> None:
        """Make the role inactive: the environment and the default session become what they were before it."""
        self._owner.release(self)

    def is_same_as(self, other: AssumedRole) -> bool:
        """Tell whether another role is the same, assumed in the same way, as when a cell is run again.

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
        return (self.origin, self.settings.variables) == (other.origin, other.settings.variables)

    def __enter__(self) -> AssumedRole:
        """Make the role active until the end of the ``with``.

        At its end is active what was active before this role, however long ago it was assumed. Entered a second
        time, it gives back what was active then.

        Raises
        ------
        stsnb.AssumeRoleError
            If another thread or task is inside a ``with`` of a role: a process has one environment.
        """
        # In one line: after an interrupt between two, the role would be active and its `with` would never end.
        return self._owner.enter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.leave(self)

    def __str__(self) -> str:
        from stsnb.roles import (
            display,  # imports templates and HTML's entities: not before something is shown
        )

        return display.text(self)

    def __repr__(self) -> str:
        return f"<AssumedRole {self}>"

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        from stsnb.roles import display

        return {"text/plain": str(self), "text/html": display.html(self)}

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("An assumed role can't be pickled: its credentials stay in this process.")
