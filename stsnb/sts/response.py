"""AssumeRoleResponse: the answer of STS; another server may leave out all but the three keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stsnb.sts.arn import RoleArn, shorten
from stsnb.sts.request import AssumeRoleRequest

#: How long a session is when no duration is requested (STS API reference, AssumeRole).
DEFAULT_DURATION_SECONDS = 3600

#: The codes of errors that mean: the caller may not do this.
REFUSALS = frozenset({"AccessDenied", "AccessDeniedException"})

#: What servers answer when the caller's keys have ended, or have been replaced by others.
ENDED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
    }
)

_INDISPENSABLE = ("AccessKeyId", "SecretAccessKey", "SessionToken")


class InvalidResponseError(ValueError):
    """An answer without credentials in it."""


class OtherRoleError(InvalidResponseError):
    """An answer with the credentials of another role; the message is a sentence with both ARNs."""


@dataclass(frozen=True)
class AssumeRoleResponse:
    """The answer to an `AssumeRoleRequest`.

    Parameters
    ----------
    access_key_id, secret_access_key, session_token : str
        The credentials; no repr shows them.
    expiration : datetime
        When they end, aware, in UTC.
    arn : str
        ``AssumedRoleUser.Arn``; made from the role's ARN where a server leaves it out.
    role_id : str or None
        The role's unique id, from ``AssumedRoleId``; Ceph leaves it out.
    packed_policy_size : int or None
        The size of the packed session policy and tags, in percent of the limit.
    session_token_size, session_token_utilization : int or None
        The size of the session token, in bytes and in percent of the limit.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
    arn: str
    role_id: str | None = None
    packed_policy_size: int | None = None
    session_token_size: int | None = None
    session_token_utilization: int | None = None

    @classmethod
    def read(
        cls, answer: Mapping[str, Any], request: AssumeRoleRequest, asked_at: datetime
    ) -> AssumeRoleResponse:
        """Read what botocore's ``client.assume_role`` returned.

        Parameters
        ----------
        answer : mapping
            STS's answer; only the three keys are indispensable.
        request : AssumeRoleRequest
            The request, for what the answer leaves out.
        asked_at : datetime
            When it was sent, for an answer without ``Expiration``.

        Returns
        -------
        AssumeRoleResponse

        Raises
        ------
        InvalidResponseError
            If a key is missing or empty; the message names which, and none of the others' values.
        OtherRoleError
            If ``AssumedRoleUser`` is a session of another role.
        """
        seconds = request.duration_seconds or DEFAULT_DURATION_SECONDS
        access_key_id, secret_access_key, session_token, expiration = read_credentials(
            answer, asked_at, seconds
        )
        user = answer.get("AssumedRoleUser") or {}
        role = request.role_arn
        if not is_session_of(role, str(user.get("Arn") or "")):
            raise OtherRoleError(f"{role} was requested, and the answer is for {shorten(user['Arn'])}.")
        return cls(
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            expiration=expiration,
            arn=user.get("Arn")
            or f"arn:{role.partition}:sts::{role.account_id}:assumed-role/{role.name}/{request.session_name}",
            role_id=(user.get("AssumedRoleId") or "").partition(":")[0] or None,
            packed_policy_size=answer.get("PackedPolicySize"),
            session_token_size=answer.get("SessionTokenSize"),
            session_token_utilization=answer.get("SessionTokenUtilization"),
        )


def is_session_of(role: RoleArn, arn: str) -> bool:
    """Return whether an ARN can be that of a session of a role.

    Parameters
    ----------
    role : RoleArn
        The role.
    arn : str
        ``arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION``, without the role's path (Ceph keeps it).

    Returns
    -------
    bool
        True for an ARN without the parts to compare: servers other than AWS have no accounts, or leave it empty.
    """
    parts = arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    name, slash, _ = rest.rpartition("/")
    if len(parts) < 6 or kind != "assumed-role" or not slash:
        return True
    account = parts[4]
    other_account = (
        role.has_account and len(account) == 12 and account.isdigit() and account != role.account_id
    )
    # A role's name is unique in its account whatever the case (IAM API reference, CreateRole).
    return not other_account and name.rpartition("/")[2].lower() == role.name.lower()


def read_credentials(
    answer: Mapping[str, Any], asked_at: datetime, seconds: int
) -> tuple[str, str, str, datetime]:
    """Read the credentials that any operation of STS answers with.

    Parameters
    ----------
    answer : mapping
        STS's answer.
    asked_at : datetime
        When the request was sent, for an answer without ``Expiration``.
    seconds : int
        The duration that was requested, likewise.

    Returns
    -------
    access_key_id, secret_access_key, session_token : str
    expiration : datetime
        Aware, in UTC.

    Raises
    ------
    InvalidResponseError
        If a key is missing or empty; the message names which, and none of the others' values.
    """
    credentials = answer.get("Credentials") or {}
    missing = [name for name in _INDISPENSABLE if not credentials.get(name)]
    if missing:
        raise InvalidResponseError(", ".join(missing))
    expiration = credentials.get("Expiration")
    if not isinstance(expiration, datetime):
        expiration = asked_at + timedelta(seconds=seconds)
    access_key_id, secret_access_key, session_token = (credentials[name] for name in _INDISPENSABLE)
    return access_key_id, secret_access_key, session_token, expiration.astimezone(timezone.utc)


def answer_of(operation: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Call an operation of botocore's client for STS, whose answer may not be one of STS.

    Parameters
    ----------
    operation : callable
        The client's method.
    parameters : mapping
        Its parameters.

    Returns
    -------
    dict
        The answer.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        As botocore raises them.
    InvalidResponseError
        The answer is not one of STS.
    """
    try:
        return operation(**parameters)
    except (BotoCoreError, ClientError):
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        # botocore's parser, over an answer that is not STS's; its message would quote the answer.
        raise InvalidResponseError from None


def error_of(answer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the code and the message of a server's error.

    Parameters
    ----------
    answer : mapping
        The response of botocore's ClientError.

    Returns
    -------
    code, message : str
        Empty where the server leaves them out.
    """
    # A bare <Error> (Ceph) leaves no "Error" in botocore's response: the code is at its top.
    found = answer.get("Error") or answer
    return str(found.get("Code") or ""), str(found.get("Message") or found.get("message") or "")


def is_refusal(error: ClientError) -> bool:
    """Return whether a server's error means that the caller may not do this, as opposed to a fault.

    Parameters
    ----------
    error : botocore.exceptions.ClientError
        The error.

    Returns
    -------
    bool
    """
    return error_of(error.response or {})[0] in REFUSALS
