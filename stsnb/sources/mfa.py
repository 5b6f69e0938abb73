"""MFA: one code buys a session that assumes and renews roles for half a day, so that nobody is asked each hour."""

from __future__ import annotations

import threading
import weakref
from datetime import datetime, timedelta, timezone
from typing import NoReturn

from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError

from stsnb._redaction import no_secrets_logged
from stsnb._threads import in_forked_children
from stsnb.sources.credentials import FrozenCredentials
from stsnb.sources.source import Source
from stsnb.sts.arn import RoleArn
from stsnb.sts.response import error_of, is_refusal, read_credentials

#: What is asked for, and STS's own default (STS API reference, GetSessionToken); of an account's root user AWS
#: makes it an hour.
SESSION_SECONDS = 43200
#: With less left than this, whoever is at the notebook is asked for a new code already.
NEARLY_ENDED = timedelta(minutes=15)

#: What AWS says where it is the code, or the device.
CODE_REFUSED = "MultiFactorAuthentication failed"
_NOT_OFFERED = frozenset(
    {"InvalidAction", "MethodNotAllowed", "NotImplemented", "UnknownOperationException", "405", "501"}
)


class NotOfferedError(Exception):
    """The server has no GetSessionToken, or has it forbidden: the code goes with each role then."""


class MFASessionEndedError(Exception):
    """The session that a code has bought is over.

    Parameters
    ----------
    serial_number : str
        The device.
    when : datetime
        When it ended.
    """

    def __init__(self, serial_number: str, when: datetime) -> None:
        super().__init__(f"the MFA session of {serial_number} ended")
        self.serial_number = serial_number
        self.when = when


class MFASession(Credentials):
    """The credentials of a GetSessionToken with a code: what they do counts as done with MFA.

    It is in the kernel's memory and nowhere else. Any thread may sign with it; its lock lets one at a time buy.

    Parameters
    ----------
    serial_number : str
        The device.
    """

    def __init__(self, serial_number: str) -> None:
        super().__init__("", "", "", method="mfa-session")
        self.serial_number = serial_number
        #: False once the server was found to sell none.
        self.offered = True
        self.bought = self.expiration = datetime.min.replace(tzinfo=timezone.utc)
        self._frozen: ReadOnlyCredentials = FrozenCredentials("", "", "")
        self._buying = threading.Lock()
        _ALL.add(self)

    @property
    def remaining(self) -> timedelta:
        """How long it is good, never negative."""
        return max(timedelta(0), self.expiration - datetime.now(timezone.utc))

    @property
    def age(self) -> timedelta:
        """How long ago it was bought."""
        return datetime.now(timezone.utc) - self.bought

    def buy(self, source: Source, role_arn: RoleArn, token_code: str, *, replace: bool = False) -> None:
        """Give a code for a session, unless another thread has just done so.

        Parameters
        ----------
        source : Source
            Whose long-lived keys ask.
        role_arn : RoleArn
            The role that it is for, whose partition may tell where STS is.
        token_code : str
            What the device shows.
        replace : bool
            Whether to do so even if the session is good for long.

        Raises
        ------
        NotOfferedError
            The server does not do this for this caller, and has hardly looked at the code.
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            As botocore raises them; AccessDenied for a code that is wrong, used, or late.
        stsnb.sts.response.InvalidResponseError
            Something else answered.
        """
        with self._buying:
            if self.remaining > NEARLY_ENDED and not replace:
                return
            client, asked_at = source.client(role_arn), datetime.now(timezone.utc)
            parameters = {
                "SerialNumber": self.serial_number,
                "TokenCode": token_code,
                "DurationSeconds": SESSION_SECONDS,
            }
            source.frozen_credentials()
            try:
                with no_secrets_logged():
                    answer = source.call(client.get_session_token, parameters)
            except ClientError as error:
                if _not_offered(error):
                    raise NotOfferedError from None
                raise
            *keys, expiration = read_credentials(answer, asked_at, SESSION_SECONDS)
            self.access_key, self.secret_key, self.token = keys
            self._frozen, self.bought, self.expiration = FrozenCredentials(*keys), asked_at, expiration

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys to sign with.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        MFASessionEndedError
            If it is over.
        """
        if not self.remaining:
            raise MFASessionEndedError(self.serial_number, self.expiration)
        return self._frozen

    def __repr__(self) -> str:
        return f"<MFASession of {self.serial_number} until {self.expiration:%Y-%m-%d %H:%M:%S} UTC>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("An MFA session is not written anywhere: it stays in this process.")


_ALL: weakref.WeakSet[MFASession] = weakref.WeakSet()


def _in_forked_child() -> None:
    # The thread that held a lock when the process forked is not there to release it.
    for session in _ALL:
        session._buying = threading.Lock()


in_forked_children(_in_forked_child)


def _not_offered(error: ClientError) -> bool:
    """Say whether a server refused the call as such, and not the code.

    AWS says of a code that it is the code. Whatever else is refused, a policy that denies GetSessionToken or a
    server that wants a right for it (Ceph, without a word), the code may still be good for AssumeRole; if it is
    not, that says so.
    """
    code, message = error_of(error.response)
    return code in _NOT_OFFERED or (is_refusal(error) and CODE_REFUSED not in message)


class MFASource(Source):
    """Asks with an MFA session, with the settings of the source whose keys bought it.

    Parameters
    ----------
    base : Source
        That source.
    session : MFASession
        What was bought.
    """

    def __init__(self, base: Source, session: MFASession) -> None:
        super().__init__(base.session_with(session, base.environ), session, base.environ, owner=base.owner)
        self.session_of_mfa = session
        self._origin = base.origin

    @property
    def origin(self) -> str:
        """Where the keys were found that bought the session."""
        return self._origin


class MFASessions:
    """The MFA sessions of a kernel: one for each key and device, whatever the role and the region."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], MFASession] = {}

    def of(self, source: Source, serial_number: str) -> MFASession | None:
        """Return the session of a source and a device, bought or not yet.

        Parameters
        ----------
        source : Source
            Who asks.
        serial_number : str
            The device.

        Returns
        -------
        MFASession or None
            None where there can be none: only long-lived keys can buy one (STS API reference, GetSessionToken).

        Raises
        ------
        stsnb.sources.source.SourceError
            The source's own credentials cannot be had.
        """
        keys = source.frozen_credentials()
        if keys.token:
            return None
        return self._sessions.setdefault((keys.access_key or "", serial_number), MFASession(serial_number))

    def holds(self, serial_number: str) -> bool:
        """Say whether a code of a device has bought a session that is still good for a while.

        Parameters
        ----------
        serial_number : str
            The device.

        Returns
        -------
        bool
        """
        sessions = [
            session for (_, device), session in list(self._sessions.items()) if device == serial_number
        ]
        return any(session.remaining > NEARLY_ENDED for session in sessions)

    def clear(self) -> None:
        """Forget them all."""
        self._sessions.clear()
