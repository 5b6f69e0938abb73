"""Answer: an error that a server answered, and how far the clocks differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from stsnb._redaction import quoted
from stsnb.errors.attempt import Attempt
from stsnb.sts.response import error_of

#: By how many seconds a clock may differ before a signature is refused (Signature Version 4, AWS General Reference).
MAX_CLOCK_SKEW_SECONDS = 300


@dataclass(frozen=True)
class Answer:
    """An error that a server answered; AWS's STS sends all of its parts, other servers leave some out.

    Parameters
    ----------
    code, message : str
        Of the error, without secrets; empty where the server leaves them out.
    status : int or None
        The HTTP status.
    clock_skew : float or None
        By how many seconds this machine's clock is ahead of the server's.
    """

    code: str
    message: str
    status: int | None = None
    clock_skew: float | None = None

    @classmethod
    def of(cls, error: ClientError, attempt: Attempt) -> Answer:
        """Read what botocore raised.

        Parameters
        ----------
        error : botocore.exceptions.ClientError
            The error.
        attempt : Attempt
            The call that it answers, whose secrets a server may quote.

        Returns
        -------
        Answer
        """
        response: Mapping[str, Any] = error.response or {}
        code, message = error_of(response)
        metadata = response.get("ResponseMetadata") or {}
        message = quoted(message, attempt.secrets)
        return cls(
            code=code,
            message=message,
            status=metadata.get("HTTPStatusCode"),
            clock_skew=_clock_skew(message, metadata.get("HTTPHeaders") or {}),
        )

    @property
    def clock_is_off(self) -> bool:
        """Whether the clocks differ by more than a signature allows."""
        return self.clock_skew is not None and abs(self.clock_skew) > MAX_CLOCK_SKEW_SECONDS

    @property
    def said(self) -> str:
        """The server's own words; of some servers that is the code alone."""
        return ": ".join(part for part in (self.code, self.message) if part)


def _clock_skew(message: str, headers: Mapping[str, str]) -> float | None:
    # "Signature expired: T is now earlier than T (NOW - 15 min.)", "… not yet current: T is still later than T (NOW + …)"
    times = re.search(r"Signature [^:]*: (\d{8}T\d{6}Z) is [^(]*\((\d{8}T\d{6}Z)", message)
    if times:
        signed, now = (datetime.strptime(time, "%Y%m%dT%H%M%SZ") for time in times.groups())
        return (signed - now).total_seconds()
    try:
        now = parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    if now.tzinfo is None:
        now = now.replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - now).total_seconds()
