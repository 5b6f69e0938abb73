"""AssumedRole: a role's live credentials, renewed once for all who hold them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials

from stsnb.request import AssumeRoleRequest
from stsnb.response import AssumeRoleResponse

if TYPE_CHECKING:
    import boto3

#: Renewal begins when this part of a session is left, and at most this many seconds before its end.
RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS = 1 / 3, 1200
#: Callers wait for it when this part is left. botocore's windows (900 and 600 s) are longer than a short
#: session: with 900 seconds they ask STS at every signing.
WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS = 1 / 6, 600
#: How long nobody tries again after a renewal that failed, in seconds.
RETRY_SECONDS = 20


class FrozenCredentials(ReadOnlyCredentials):
    """One set of keys, as botocore signs with, that does not show itself: botocore's own repr tells all."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} …{(self.access_key or '')[-4:]}>"


class RoleCredentials(RefreshableCredentials):
    """A role's credentials, for botocore: asked for by `renew`, then renewed by whoever needs them first.

    Any thread may use them; one at a time asks STS.

    Parameters
    ----------
    ask : callable
        Asks STS once and returns the AssumeRoleResponse.
    on_renewed : callable
        Called with the new response, by the thread that renewed, under the lock of renewals.
    renewable : bool
        Whether it can be asked again without a person; if not, the credentials serve to their last second.
    """

    def __init__(
        self,
        ask: Callable[[], AssumeRoleResponse],
        on_renewed: Callable[[AssumeRoleResponse], None],
        *,
        renewable: bool,
    ) -> None:
        super().__init__("", "", "", datetime.now(timezone.utc), self._not_asked_by_botocore, "assume-role")
        self._renewal = threading.Lock()
        self._ask = ask
        self._on_renewed = on_renewed
        self.renewable = renewable
        self.error: Exception | None = None
        self.response: AssumeRoleResponse
        self._renew_at = self._wait_at = self._ends_at = self._retry_at = 0.0

    @staticmethod
    def _not_asked_by_botocore() -> NoReturn:
        raise NotImplementedError("a role renews by its own rules, not by botocore's")

    def renew(self) -> None:
        """Ask STS now.

        Raises
        ------
        Exception
            What `ask` raised; the credentials stay as they are then.
        """
        with self._renewal:
            self._renew_locked()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys that hold now, after a renewal if it is time for one.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        Exception
            If the session has ended and cannot be renewed: why, as `ask` said it.
        """
        if time.time() >= self._renew_at:
            self._refresh()
        return self._frozen_credentials

    def _refresh(self) -> None:
        """Renew if it is time to: botocore calls this from each of its accessors."""
        now = time.time()
        if now < self._renew_at:
            return
        if now >= self._ends_at:
            with self._renewal:
                if time.time() >= self._ends_at:
                    self._renew_locked()
        elif now >= self._retry_at and self._renewal.acquire(blocking=now >= self._wait_at):
            try:
                if time.time() >= max(self._renew_at, self._retry_at):
                    self._renew_locked()
            except Exception as error:  # noqa: BLE001 # kept and shown by the role; the keys in force are still good
                self.error = error
            finally:
                self._renewal.release()

    def _renew_locked(self) -> None:
        try:
            response = self._ask()
        except Exception as error:
            self.error = error
            self._retry_at = time.time() + RETRY_SECONDS
            raise
        self._take(response)
        self._on_renewed(response)

    def _take(self, response: AssumeRoleResponse) -> None:
        ends_at = response.expiration.timestamp()
        length = max(0.0, ends_at - time.time())
        renew_before = min(length * RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS) if self.renewable else 0.0
        wait_before = min(length * WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS) if self.renewable else 0.0
        self.response = response
        keys = response.access_key_id, response.secret_access_key, response.session_token
        self._access_key, self._secret_key, self._token = keys
        # The fifth part of an ARN; other servers may give something shorter.
        account_id = (response.arn.split(":") + [""] * 5)[4] or None
        self._account_id = account_id
        self._expiry_time = response.expiration
        self._frozen_credentials = FrozenCredentials(*keys, account_id)
        self.error = None
        self._retry_at = 0.0
        self._ends_at, self._wait_at = ends_at, ends_at - wait_before
        self._renew_at = ends_at - renew_before  # last: it is what readers look at first

    def __repr__(self) -> str:
        return f"<{type(self).__name__} until {self._expiry_time:%Y-%m-%d %H:%M:%S} UTC>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("The credentials of a role are not written anywhere: they stay in this process.")


class Owner(Protocol):
    """Who put a role in force, and takes it out again: the kernel."""

    def enter(self, role: AssumedRole) -> None:
        """Put the role in force until `leave`."""

    def leave(self, role: AssumedRole) -> None:
        """Put back what was in force before `enter`."""

    def release(self, role: AssumedRole) -> None:
        """Take the role out of force, wherever it is."""


class AssumedRole:
    """A role that this kernel has assumed.

    It is made by `stsnb.assume_role`, may be used from any thread, and as a context manager puts back at its
    end what was in force before. It shows no secret in any form, and cannot be pickled.
    """

    def __init__(
        self,
        request: AssumeRoleRequest,
        credentials: RoleCredentials,
        session: boto3.Session,
        settings: Mapping[str, str],
        owner: Owner,
    ) -> None:
        self._request = request
        self._credentials = credentials
        self._session = session
        self._owner = owner
        #: What its source configures, as the variables that go into the environment with its keys.
        self.settings = settings

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

    def has(self, credentials: RoleCredentials) -> bool:
        """Whether these are the role's credentials."""
        return self._credentials is credentials

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

    def refresh(self) -> None:
        """Renew the credentials now, for all who hold them.

        Raises
        ------
        stsnb.AssumeRoleError
            If STS refuses; the credentials in force stay.
        """
        self._credentials.renew()

    def drop(self) -> None:
        """Take the role out of force: the environment and the default session are as they were."""
        self._owner.release(self)

    def __enter__(self) -> AssumedRole:
        self._owner.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.leave(self)

    def __str__(self) -> str:
        from stsnb import card  # templates and HTML's entities, for those who look

        return card.text(self)

    def __repr__(self) -> str:
        return f"<AssumedRole {self}>"

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        from stsnb import card

        return {"text/plain": str(self), "text/html": card.html(self)}

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("An assumed role is not written anywhere: its credentials stay in this process.")
