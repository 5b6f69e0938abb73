"""What STS answers instead of credentials, in words: what happened and what to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from stsnb.errors import AssumeRoleError
from stsnb.sources.mfa import CODE_REFUSED, MFASource
from stsnb.sources.source import Source
from stsnb.sources.web_identity import WebIdentitySource
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import DEFAULT_DURATION_SECONDS, REFUSALS, error_of, is_session_of
from stsnb.sts.trust_policies import statement, web_identity_statement

#: How far a clock may be off before a signature is refused (Signature Version 4, AWS General Reference).
MAX_CLOCK_SKEW_SECONDS = 300
#: What was bought with a code less than this ago can hardly be too old for a trust policy.
RECENT = timedelta(minutes=1)


@dataclass(frozen=True)
class Attempt:
    """Who asked for what, as far as it got."""

    request: AssumeRoleRequest | None
    source: Source | None
    region: str | None
    profile: str | None

    @property
    def role(self) -> str:
        """Return the role's name."""
        return self.request.role_arn.name if self.request else "the role"

    @property
    def origin(self) -> str:
        """Return where the credentials were found, in words."""
        return self.source.origin if self.source else "the source"

    @property
    def endpoint(self) -> str:
        """Return STS's address and the setting that it came from."""
        if self.source is None or self.request is None:
            return "STS"
        setting = self.source.session.endpoint_setting()
        if self.region and setting.startswith(("region", "the default")):
            setting = f"region {self.region}"
        try:
            url = self.source.client(self.request.role_arn, self.region).meta.endpoint_url
        except Exception:  # noqa: BLE001 # no client can be made with these settings, which is being explained
            return f"STS (its address from {setting})"
        return f"STS at {without_password(url)} (from {setting})"

    @property
    def owner(self) -> str:
        """Return whose settings are meant, to go before a verb."""
        return f"Profile {self.profile}" if self.profile else "This kernel"

    def login(self) -> str:
        """Return the command that logs in to SSO again."""
        profile = self.profile or (self.source.profile if self.source else "default")
        return "aws sso login" + (f" --profile {shlex.quote(profile)}" if profile != "default" else "")


@dataclass(frozen=True)
class _Answer:
    """An error that a server answered, whichever of its parts are there."""

    code: str
    message: str
    status: int | None
    clock_skew: float | None

    @classmethod
    def of(cls, error: ClientError, source: Source | None) -> _Answer:
        response: Mapping[str, Any] = error.response or {}
        code, message = error_of(response)
        metadata = response.get("ResponseMetadata") or {}
        status = metadata.get("HTTPStatusCode")
        message = scrubbed(message, source)
        return cls(
            code=code,
            message=message,
            status=status,
            clock_skew=_clock_skew(message, metadata.get("HTTPHeaders") or {}),
        )

    @property
    def clock_is_off(self) -> bool:
        return self.clock_skew is not None and abs(self.clock_skew) > MAX_CLOCK_SKEW_SECONDS

    @property
    def said(self) -> str:
        """Return the server's own words; of some that is the code alone."""
        return ": ".join(part for part in (self.code, self.message) if part)


def answered(error: ClientError, asked: Attempt) -> AssumeRoleError:
    """Turn an error of STS into what a person can use.

    Parameters
    ----------
    error : botocore.exceptions.ClientError
        What STS answered, whichever of its parts are there.
    asked : Attempt
        Who asked for what.

    Returns
    -------
    AssumeRoleError
    """
    answer = _Answer.of(error, asked.source)
    if not answer.code and (answer.status or 0) < 500:
        happened, advice = not_sts(asked)
    elif answer.code in _SIGNATURES and answer.clock_is_off:
        happened, advice = _clock(answer, asked)
    elif answer.code in REFUSALS and asked.request and asked.source:
        if CODE_REFUSED in answer.message:
            happened, advice = _code_refused(answer, asked)
        else:
            return _refused(answer, asked.request, asked.source, asked.region)
    elif isinstance(asked.source, WebIdentitySource) and answer.code in _WEB_IDENTITY:
        happened, advice = _WEB_IDENTITY[answer.code](answer, asked)
    else:
        advise = _ANSWERS.get(answer.code)
        if advise is None:
            advise = _failed if (answer.status or 0) >= 500 else _other
        happened, advice = advise(answer, asked)
    return AssumeRoleError(happened, advice, code=answer.code or None, said=answer.said or None)


def _refused(
    answer: _Answer, request: AssumeRoleRequest, source: Source, region: str | None
) -> AssumeRoleError:
    named = re.search(r"User: (arn:\S+) is not authorized", answer.message)
    identity = named[1] if named else source.identity(request.role_arn, region)
    if identity and ":assumed-role/" in identity and is_session_of(request.role_arn, identity):
        return _is_that_role(answer, request, source, identity)
    asked_as = f"you asked as {identity}" if identity else "STS does not tell as whom you asked"
    happened = (
        f"{request.role_arn.name} does not let you in: {asked_as}, with the credentials of {source.origin}."
    )
    advice = (
        f"Its trust policy needs the statement below{'' if identity else ' (with your ARN in it)'}, and your own"
        f" policies must allow sts:AssumeRole on {request.role_arn}."
    )
    needed = statement(identity, request)
    if isinstance(source, WebIdentitySource):
        happened = f"{request.role_arn.name} does not let you in with {source.origin}."
        needed = web_identity_statement(source.claims(), request)
        advice = "Its trust policy needs the statement below, and its account an identity provider for the token's issuer."
    elif not request.serial_number and source.role is None:
        advice += " If it wants MFA, name your device: --serial-number ARN."
    elif request.token_code:
        advice = f"Try that device's next MFA code, since each is good once and for 30 seconds. Otherwise, {advice[0].lower()}{advice[1:]}"
    elif isinstance(source, MFASource) and source.session_of_mfa.age > RECENT:
        advice = f"If it wants an MFA code that is not old (aws:MultiFactorAuthAge), give a new one: --token-code 123456. Otherwise, {advice[0].lower()}{advice[1:]}"
    return AssumeRoleError(happened, advice, code=answer.code, said=answer.said, statement=needed)


def _is_that_role(
    answer: _Answer, request: AssumeRoleRequest, source: Source, identity: str
) -> AssumeRoleError:
    return AssumeRoleError(
        f"You are {request.role_arn.name} already: the credentials of {source.origin} are its session {identity.rpartition('/')[2]}, and its trust policy does not let it assume itself.",
        "Use these credentials as they are, without assuming the role; to assume it anew, name the profile whose credentials call STS: --profile NAME.",
        code=answer.code,
        said=answer.said,
    )


def _code_refused(_answer: _Answer, asked: Attempt) -> tuple[str, str]:
    device = asked.request.serial_number if asked.request else None
    return (
        f"STS refused the code of the MFA device {device}.",
        "Wait for the device's next code, since each is good once and for 30 seconds, then run the cell again. "
        "If it stays so, check that the phone's clock is right, and that the device is that of the identity that asks: `aws iam list-mfa-devices` lists its ARN.",
    )


def _token_expired(_answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"The token of {asked.origin} has expired.",
        "What writes the file has to renew it (on EKS the kubelet does, on a JupyterHub its spawner); it is read again at each try.",
    )


def _token_invalid(_answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"STS does not take the token of {asked.origin}.",
        "Check that the file holds a whole token of OpenID Connect, and that its issuer (iss) is an identity provider of the role's account, with the token's audience (aud).",
    )


def _token_rejected(_answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"The identity provider rejected the token of {asked.origin}.",
        "It may have expired or been revoked: have a new one written, then run the cell again.",
    )


def _provider_silent(_answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"STS could not reach the identity provider that issued the token of {asked.origin}.",
        "Wait a moment, then run the cell again; if it stays so, the issuer's address (iss) has to be reachable from the internet.",
    )


def _clock(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    skew = answer.clock_skew or 0.0
    return (
        f"This machine's clock is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} that of {asked.endpoint}, and STS refuses over {MAX_CLOCK_SKEW_SECONDS}.",
        "Set the clock (NTP; in WSL and in virtual machines after sleep: `sudo hwclock -s`), then run the cell again.",
    )


def _wrong_secret(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"STS refused the signature: the secret access key of {asked.origin} is not that of its access key id.",
        "Copy both keys anew, without blanks around them.",
    )


def _expired(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    happened = f"The credentials of {asked.origin}, with which STS was asked, have expired."
    if asked.origin == "the environment":
        variables = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        return happened, f"Set new {variables}, then run the cell again."
    return happened, f"Renew them (`{asked.login()}` if it is an SSO profile), then run the cell again."


def _unknown_key(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} does not know the access key of {asked.origin}.",
        "It may be deleted or inactive, lack its session token, or belong to another partition or server: check the keys and the region.",
    )


def _invalid(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    happened = "STS found the request invalid."
    if "chain" in answer.message.lower() or "1 hour" in answer.message:
        return (
            happened,
            "A role that is assumed with another role's credentials lasts at most 3600 seconds: leave the duration out.",
        )
    if "DurationSeconds" in answer.message:
        seconds = (asked.request.duration_seconds if asked.request else None) or DEFAULT_DURATION_SECONDS
        return (
            happened,
            f"Ask for fewer than {seconds} seconds, or have the MaxSessionDuration of {asked.role} raised (3600 unless set, at most 43200).",
        )
    return happened, "Correct what it names below."


def _malformed_policy(answer: _Answer, _asked: Attempt) -> tuple[str, str]:
    return (
        "STS cannot use the session policy.",
        "Check it with `aws accessanalyzer validate-policy --policy-type IDENTITY_POLICY`: Version, Statement, Effect, Action, Resource.",
    )


def _packed(answer: _Answer, _asked: Attempt) -> tuple[str, str]:
    return (
        "The session policies and tags are too large for STS.",
        "Shorten them, or put the policy into a managed one and pass its ARN.",
    )


def _region_disabled(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} is not switched on for this account.",
        "Ask in another region (--region us-east-1), or have an administrator activate it in IAM's account settings.",
    )


def _no_role(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"There is no role {asked.request.role_arn if asked.request else ''}.",
        "Check its name, its path and its account.",
    )


def _throttled(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} is getting too many requests just now.",
        "Wait a moment, then run the cell again.",
    )


def not_sts(asked: Attempt) -> tuple[str, str]:
    """Return the words for an answer that is none of STS's; it stays untold, for half of one may hold keys."""
    return (
        f"{asked.endpoint} gave an answer that is not STS's.",
        "Check that setting: it may be another service, a login page of a proxy, or a broken connection.",
    )


def _failed(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} failed.",
        "It is not your request: wait a moment, then run the cell again.",
    )


def _not_implemented(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    return (
        f"{asked.endpoint} does not do AssumeRole.",
        "Check that setting: the server may have no STS, or have it switched off.",
    )


def _other(answer: _Answer, asked: Attempt) -> tuple[str, str]:
    status = f" with HTTP status {answer.status}" if answer.status else ""
    return f"{asked.endpoint} refused{status}.", "Correct what it names below."


# What a server says that could not check a signature; whether for the clock, its Date header tells.
_SIGNATURES = frozenset(
    {
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
_ANSWERS: dict[str, Callable[[_Answer, Attempt], tuple[str, str]]] = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), _expired),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"), _unknown_key
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"), _wrong_secret
    ),
    **dict.fromkeys(("ValidationError", "ValidationException", "InvalidParameterValue"), _invalid),
    **dict.fromkeys(("MalformedPolicyDocument", "MalformedPolicyDocumentException"), _malformed_policy),
    **dict.fromkeys(("PackedPolicyTooLarge", "PackedPolicyTooLargeException"), _packed),
    "RegionDisabledException": _region_disabled,
    "NoSuchEntity": _no_role,
    **dict.fromkeys(
        (
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "SlowDown",
            "429",
        ),
        _throttled,
    ),
    **dict.fromkeys(("InvalidAction", "MethodNotAllowed", "NotImplemented", "405", "501"), _not_implemented),
}
# What AssumeRoleWithWebIdentity answers of the token (STS API reference), under the names on the wire and in code.
_WEB_IDENTITY: dict[str, Callable[[_Answer, Attempt], tuple[str, str]]] = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), _token_expired),
    **dict.fromkeys(("InvalidIdentityToken", "InvalidIdentityTokenException"), _token_invalid),
    **dict.fromkeys(("IDPRejectedClaim", "IDPRejectedClaimException"), _token_rejected),
    **dict.fromkeys(("IDPCommunicationError", "IDPCommunicationErrorException"), _provider_silent),
}


def _clock_skew(message: str, headers: Mapping[str, str]) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the server's, if the answer tells."""
    # "Signature expired: T is now earlier than T (NOW - 15 min.)", "… not yet current: T is still later than T (NOW + …)"
    told = re.search(r"Signature [^:]*: (\d{8}T\d{6}Z) is [^(]*\((\d{8}T\d{6}Z)", message)
    if told:
        signed, now = (datetime.strptime(time, "%Y%m%dT%H%M%SZ") for time in told.groups())
        return (signed - now).total_seconds()
    try:
        now = parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    if now.tzinfo is None:
        now = now.replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - now).total_seconds()


def scrubbed(text: str, source: Source | None, most: int = 400) -> str:
    """Return a server's words on one line, cut, and without the secrets that some servers quote back."""
    for secret in source.secrets() if source else ():
        text = text.replace(secret, "…")
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= most else text[: most - 1] + "…"


def without_password(url: str) -> str:
    """Return an address without the user and the password that may stand in it."""
    return re.sub(r"//[^@/]*@", "//", url)
