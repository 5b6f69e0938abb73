"""MFA sessions: one code starts a session that assumes and renews roles for up to 12 hours."""

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

#: The duration that is requested, and STS's own default (STS API reference, GetSessionToken); AWS gives an account's
#: root user an hour.
SESSION_SECONDS = 43200
#: With less left than this, a user in the foreground is asked for a new code.
NEARLY_ENDED = timedelta(minutes=15)

#: The text of AWS's error for a wrong code or device.
CODE_REFUSED = "MultiFactorAuthentication failed"
_NOT_OFFERED = frozenset(
    {"InvalidAction", "MethodNotAllowed", "NotImplemented", "UnknownOperationException", "405", "501"}
)


class NotOfferedError(Exception):
    """The server has no GetSessionToken or forbids it: each AssumeRole needs a code then."""


class MFASessionEndedError(Exception):
    """The MFA session has ended.

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
    """The credentials of GetSessionToken with a code: calls that they sign count as made with MFA.

    It exists in the kernel's memory only. Any thread may sign with it; its lock lets one thread at a time start it.

    Parameters
    ----------
    serial_number : str
        The device.
    """

    def __init__(self, serial_number: str) -> None:
        super().__init__("", "", "", method="mfa-session")
        self.serial_number = serial_number
        #: False once the server has refused one.
        self.offered = True
        self.started = self.expiration = datetime.min.replace(tzinfo=timezone.utc)
        self._frozen: ReadOnlyCredentials = FrozenCredentials("", "", "")
        self._starting = threading.Lock()
        _ALL.add(self)

    @property
    def remaining(self) -> timedelta:
        """The time until it ends, never negative."""
        return max(timedelta(0), self.expiration - datetime.now(timezone.utc))

    @property
    def age(self) -> timedelta:
        """The time since it was started."""
        return datetime.now(timezone.utc) - self.started

    def start(self, source: Source, role_arn: RoleArn, token_code: str, *, replace: bool = False) -> None:
        """Start the session with a code, unless another thread has just done so.

        Parameters
        ----------
        source : Source
            Whose long-lived keys call STS.
        role_arn : RoleArn
            The role that it is for, whose partition may decide which STS is called.
        token_code : str
            What the device shows.
        replace : bool
            Whether to do so even if the session has long to go.

        Raises
        ------
        NotOfferedError
            The server does not do this for this caller; the code is probably unused.
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            As botocore raises them; AccessDenied for a code that is wrong, used, or late.
        stsnb.sts.response.InvalidResponseError
            The answer is not one of STS.
        """
        with self._starting:
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
            self._frozen, self.started, self.expiration = FrozenCredentials(*keys), asked_at, expiration

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys to sign with.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        MFASessionEndedError
            If it has ended.
        """
        if not self.remaining:
            raise MFASessionEndedError(self.serial_number, self.expiration)
        return self._frozen

    def __repr__(self) -> str:
        return f"<MFASession of {self.serial_number} until {self.expiration:%Y-%m-%d %H:%M:%S} UTC>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("An MFA session can't be pickled: it stays in this process.")


_ALL: weakref.WeakSet[MFASession] = weakref.WeakSet()


def _in_forked_child() -> None:
    # The thread that held a lock when the process forked does not exist here.
    for session in _ALL:
        session._starting = threading.Lock()


in_forked_children(_in_forked_child)


def _not_offered(error: ClientError) -> bool:
    """Return whether a server refused the call as such, and not the code.

    AWS's error names the code. After any other refusal, by a policy that denies GetSessionToken or by a server that
    needs a permission for it (Ceph gives no reason), the code may still be good for AssumeRole; if not, that call
    fails.
    """
    code, message = error_of(error.response)
    return code in _NOT_OFFERED or (is_refusal(error) and CODE_REFUSED not in message)


class MFASource(Source):
    """Calls STS with an MFA session, with the settings of the source whose keys started it.

    Parameters
    ----------
    base : Source
        That source.
    session : MFASession
        The session.
    """

    def __init__(self, base: Source, session: MFASession) -> None:
        super().__init__(base.session_with(session, base.environ), session, base.environ, owner=base.owner)
        self.session_of_mfa = session
        self._origin = base.origin

    @property
    def origin(self) -> str:
        """The place where the keys were found that started the session."""
        return self._origin


class MFASessions:
    """The MFA sessions of a kernel: one for each access key and device, for all roles and regions."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], MFASession] = {}

    def of(self, source: Source, serial_number: str) -> MFASession | None:
        """Return the session of a source and a device, started or not.

        Parameters
        ----------
        source : Source
            The source.
        serial_number : str
            The device.

        Returns
        -------
        MFASession or None
            None for temporary keys, which can't start one (STS API reference, GetSessionToken).

        Raises
        ------
        stsnb.sources.source.SourceError
            The source credentials can't be fetched.
        """
        keys = source.frozen_credentials()
        if keys.token:
            return None
        return self._sessions.setdefault((keys.access_key or "", serial_number), MFASession(serial_number))

    def holds(self, serial_number: str) -> bool:
        """Return whether a device has a session with more than `NEARLY_ENDED` left.

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
