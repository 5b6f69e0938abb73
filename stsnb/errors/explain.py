"""explain: any error on the way to a role, as an AssumeRoleError: what happened and what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from stsnb._redaction import without_password
from stsnb.errors import AssumeRoleError
from stsnb.errors.attempt import Attempt, Row, Sentences
from stsnb.errors.botocore_errors import row_of
from stsnb.errors.config_errors import number_setting
from stsnb.errors.credential_errors import malformed_keys, retrieval
from stsnb.errors.sts_errors import NOT_STS, explain_answer
from stsnb.sources.mfa import MFASessionEndedError
from stsnb.sources.profile_errors import ProfileError
from stsnb.sources.prompt import NobodyToAskError
from stsnb.sources.source import AddressError, Source, SourceError
from stsnb.sources.web_identity import WebIdentityTokenError
from stsnb.sts.arn import shorten
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import InvalidResponseError, OtherRoleError


def explain(
    error: Exception,
    *,
    request: AssumeRoleRequest | None = None,
    source: Source | None = None,
    region: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> AssumeRoleError:
    """Turn an error into sentences.

    Parameters
    ----------
    error : Exception
        What was raised on the way to the role.
    request : AssumeRoleRequest, optional
        The request; None if none could be made.
    source : Source, optional
        Whose credentials call STS; None if they were not found.
    region, profile : str, optional
        The region and the source profile that the user named.
    environ : mapping, optional
        The user's environment, without what stsnb has put into it; os.environ if left out.

    Returns
    -------
    AssumeRoleError
        Without a secret in it: neither the source's nor the role's, not even where a server quotes them.
    """
    if isinstance(error, AssumeRoleError):
        return error
    attempt = Attempt(request, source, region, profile, os.environ if environ is None else environ)
    if isinstance(error, InvalidRequestError):
        return _invalid_request(error)
    if isinstance(error, ClientError):
        return explain_answer(error, attempt)
    own = error.cause if isinstance(error, SourceError) else error
    if isinstance(own, AssumeRoleError):  # of the role that this one is chained from
        happened = f"{_capital(attempt.origin)} has no valid credentials to assume {attempt.role} with: {own.happened}"
        return AssumeRoleError(happened, own.advice, code=own.code, said=own.said, statement=own.statement)
    return AssumeRoleError(*_sentences(own, attempt, getting_credentials=source is None or own is not error))


def _sentences(error: Exception, attempt: Attempt, *, getting_credentials: bool) -> Sentences:
    if isinstance(error, ProfileError):
        return error.happened, error.advice
    if (
        isinstance(error, ValueError)
        and "int()" in str(error)
        and (found := number_setting(attempt)) is not None
    ):
        return found
    if not getting_credentials and _may_be_the_keys(error) and (found := malformed_keys(attempt)) is not None:
        return found
    row = next((_OWN[kind] for kind in type(error).__mro__ if kind in _OWN), None) or row_of(error)
    if row is not None and not (getting_credentials and type(error).__name__ == "HTTPClientError"):
        return attempt.explain(row, error)
    if getting_credentials:
        return retrieval(error, attempt)
    if isinstance(error, ValueError) and "Invalid IPv6 URL" in str(error):
        return _no_address(error, attempt)
    # Of an error that nobody knows the message may quote anything: its type alone is shown.
    return (
        f"{attempt.role} could not be assumed: {type(error).__name__} at {attempt.endpoint}.",
        f"Check that setting and the credentials of {attempt.origin}.",
    )


def _may_be_the_keys(error: Exception) -> bool:
    """Whether an error may come of writing the keys into a request's headers."""
    return row_of(error) is None or type(error).__name__ in ("HTTPClientError", "NoCredentialsError")


def _invalid_request(error: InvalidRequestError) -> AssumeRoleError:
    faults = [fault for _, fault in error.faults]
    if len(faults) == 1:
        return AssumeRoleError(faults[0].happened, faults[0].advice)
    return AssumeRoleError("Several values are invalid.", "".join(f"\n- {fault}" for fault in faults))


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def ended(
    request: AssumeRoleRequest, when: datetime, error: Exception | None, *, needs_code: bool = False
) -> AssumeRoleError:
    """Explain that a session has ended and was not renewed.

    Parameters
    ----------
    request : AssumeRoleRequest
        The request that the session was got with.
    when : datetime
        When it ended.
    error : Exception or None
        Why the last renewal failed; None if there was none.
    needs_code : bool
        Whether only a new MFA code can renew it.

    Returns
    -------
    AssumeRoleError
    """
    happened = f"The session of {request.role_arn.name} ended at {when:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(error, AssumeRoleError):
        return AssumeRoleError(
            f"{happened} and could not be renewed: {error.happened}",
            error.advice,
            code=error.code,
            said=error.said,
            statement=error.statement,
        )
    if needs_code:
        return AssumeRoleError(f"{happened}; renewing it needs a new MFA code.", _NEW_CODE)
    return AssumeRoleError(
        f"{happened}.", "Automatic renewal was off (--no-refresh). Run %assume_role again."
    )


_NEW_CODE = "Run %assume_role again with --token-code, or pass one to the role: refresh(token_code=…)."


def _mfa_session_ended(error: Any, attempt: Attempt) -> Sentences:
    when = f"{error.when:%Y-%m-%d %H:%M:%S} UTC"
    return f"The MFA session of {error.serial_number} that renews {attempt.role} ended at {when}.", _NEW_CODE


def _no_token(error: Exception, _attempt: Attempt) -> Sentences:
    return str(error), "Pass the file that holds a token now; on EKS AWS_WEB_IDENTITY_TOKEN_FILE names it."


def _no_credentials_in_answer(error: Exception, attempt: Attempt) -> Sentences:
    if not str(error):
        return _no_address(error, attempt) if _has_bad_port(attempt) else attempt.explain(NOT_STS, error)
    return f"{attempt.endpoint} answered without {error}.", "Check that setting: the server is not AWS's STS."


def _has_bad_port(attempt: Attempt) -> bool:
    url = attempt.source.session.endpoint("sts") if attempt.source else None
    try:
        return urlsplit(url or "").port == 0
    except ValueError:
        return True


def _no_address(error: Exception, attempt: Attempt) -> Sentences:
    setting = attempt.source.session.endpoint_setting() if attempt.source else "The setting of STS's address"
    configured = attempt.source.session.endpoint("sts") if attempt.source else None
    given = configured or str(error).removeprefix("Invalid endpoint: ")
    shown = f": {shorten(without_password(given))}" if given else ""
    return (
        f"{_capital(setting)} is not an address{shown}.",
        "Set it to one such as https://sts.ap-northeast-2.amazonaws.com, or unset it.",
    )


def _other_role(error: Exception, attempt: Attempt) -> Sentences:
    return (
        f"{attempt.endpoint} returned the credentials of another role: {error}",
        "They were not used. Try again. If that fails too, check that setting: a proxy may mix up answers.",
    )


# The errors of stsnb's own modules.
_OWN: dict[type[Exception], Row] = {
    AddressError: _no_address,
    InvalidResponseError: _no_credentials_in_answer,
    OtherRoleError: _other_role,
    MFASessionEndedError: _mfa_session_ended,
    NobodyToAskError: (
        "{role} needs the code of the MFA device {device}, and you can't be asked for it here.",
        'Pass it: --token-code 123456 on the line, token_code="123456" from Python.',
    ),
    WebIdentityTokenError: _no_token,
}
