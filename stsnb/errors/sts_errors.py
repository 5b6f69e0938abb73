"""The errors that STS answers, by their code: what happened and what to do."""

from __future__ import annotations

from botocore.exceptions import ClientError

from stsnb.errors import AssumeRoleError
from stsnb.errors.access_denied import access_denied
from stsnb.errors.answer import MAX_CLOCK_SKEW_SECONDS, Answer
from stsnb.errors.attempt import Attempt, Row, Sentences
from stsnb.errors.credential_errors import malformed_keys
from stsnb.sources.web_identity import WebIdentitySource
from stsnb.sts.response import DEFAULT_DURATION_SECONDS, REFUSALS


def explain_answer(error: ClientError, attempt: Attempt) -> AssumeRoleError:
    """Explain an error that STS answered.

    Parameters
    ----------
    error : botocore.exceptions.ClientError
        The error, whichever of its parts the server sent.
    attempt : Attempt
        The call that it answers.

    Returns
    -------
    AssumeRoleError
    """
    answer = Answer.of(error, attempt)
    if answer.code in REFUSALS and attempt.request and attempt.source:
        return access_denied(answer, attempt, attempt.request, attempt.source)
    happened, advice = attempt.explain(_row(answer, attempt), answer)
    return AssumeRoleError(happened, advice, code=answer.code or None, said=answer.said or None)


def _row(answer: Answer, attempt: Attempt) -> Row:
    if not answer.code and (answer.status or 0) < 500:
        return NOT_STS
    if answer.code in _SIGNATURES and answer.clock_is_off:
        return _clock
    if isinstance(attempt.source, WebIdentitySource) and answer.code in _WEB_IDENTITY:
        return _WEB_IDENTITY[answer.code]
    return STS_ERRORS.get(answer.code) or (_FAILED if (answer.status or 0) >= 500 else _other)


def _clock(answer: Answer, attempt: Attempt) -> Sentences:
    skew = answer.clock_skew or 0.0
    return (
        f"This machine's clock is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} that of {attempt.endpoint}, which allows {MAX_CLOCK_SKEW_SECONDS}.",
        "Set the clock (NTP; in WSL and in virtual machines after sleep: `sudo hwclock -s`), then run the cell again.",
    )


def _signature(answer: Answer, attempt: Attempt) -> Sentences:
    if "valid region" in answer.message or "Credential should be scoped" in answer.message:
        return _wrong_region(attempt)
    return malformed_keys(attempt) or (
        f"The secret access key of {attempt.origin} does not match its access key id.",
        "Copy both keys again, without spaces around them.",
    )


def _wrong_region(attempt: Attempt) -> Sentences:
    region = attempt.region or (attempt.source.region if attempt.source else None)
    signed = f"region {region}" if region else "the default region"
    return (
        f"Wrong region: {attempt.endpoint} does not accept requests that are signed for {signed}.",
        "Set the server's region: --region REGION, AWS_DEFAULT_REGION, or region in the profile.",
    )


def _expired(_answer: Answer, attempt: Attempt) -> Sentences:
    happened = f"The credentials of {attempt.origin} have expired."
    if attempt.method == "env":
        variables = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        return happened, f"Set new {variables}, then run the cell again."
    return happened, f"Renew them (`{attempt.login}` if it is an SSO profile), then run the cell again."


def _unknown_key(_answer: Answer, attempt: Attempt) -> Sentences:
    return malformed_keys(attempt) or (
        f"{attempt.endpoint} does not know the access key of {attempt.origin}.",
        "It may be deleted or inactive, lack its session token, or belong to another partition or server: check the keys and the region.",
    )


def _invalid(answer: Answer, attempt: Attempt) -> Sentences:
    if "chain" in answer.message.lower() or "1 hour" in answer.message:
        return (
            "The duration is too long for role chaining.",
            "A role that is assumed with another role lasts at most 3600 seconds: leave out the duration.",
        )
    if "DurationSeconds" in answer.message:
        seconds = (attempt.request.duration_seconds if attempt.request else None) or DEFAULT_DURATION_SECONDS
        return (
            f"The duration of {seconds} seconds is too long for {attempt.role}.",
            f"Pass a shorter one, or have the MaxSessionDuration of {attempt.role} raised (3600 unless set, at most 43200).",
        )
    return "STS rejected a value of the request.", "Correct the value that the answer names."


def _other(answer: Answer, attempt: Attempt) -> Sentences:
    status = f" with HTTP status {answer.status}" if answer.status else ""
    return f"{attempt.endpoint} refused the request{status}.", "Correct what the answer names."


#: An answer that is not STS's. It is not quoted: half of an answer may hold keys.
NOT_STS: Sentences = (
    "{endpoint} gave an answer that is not STS's.",
    "Check that setting: it may lead to another service, a login page of a proxy, or a broken connection.",
)
_FAILED: Sentences = (
    "{endpoint} failed.",
    "It is not your request: wait a moment, then run the cell again.",
)
_MALFORMED_POLICY: Sentences = (
    "Invalid session policy.",
    "Check it with `aws accessanalyzer validate-policy --policy-type IDENTITY_POLICY`: Version, Statement, Effect, Action, Resource.",
)
_PACKED: Sentences = (
    "The session policies and tags are too large.",
    "Shorten them, or put the policy into a managed one and pass its ARN.",
)
_THROTTLED: Sentences = (
    "{endpoint} gets too many requests at the moment.",
    "Wait a moment, then run the cell again.",
)
_NO_ASSUME_ROLE: Sentences = (
    "{endpoint} does not support AssumeRole.",
    "Check that setting: the server may have no STS, or have it switched off.",
)
# The codes of a server that could not verify a signature. Its Date header tells whether the clock is the cause.
_SIGNATURES = frozenset(
    {
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
#: A row for each code. The codes on the wire and in botocore's models differ, and so do those of other servers.
STS_ERRORS: dict[str, Row] = {
    "ExpiredToken": _expired,
    "ExpiredTokenException": _expired,
    "InvalidClientTokenId": _unknown_key,
    "UnrecognizedClientException": _unknown_key,
    "InvalidAccessKeyId": _unknown_key,
    "SignatureDoesNotMatch": _signature,
    "InvalidSignatureException": _signature,
    "IncompleteSignature": _signature,
    "AuthorizationHeaderMalformed": _signature,
    "ValidationError": _invalid,
    "ValidationException": _invalid,
    "InvalidParameterValue": _invalid,
    "MalformedPolicyDocument": _MALFORMED_POLICY,
    "MalformedPolicyDocumentException": _MALFORMED_POLICY,
    "PackedPolicyTooLarge": _PACKED,
    "PackedPolicyTooLargeException": _PACKED,
    "RegionDisabledException": (
        "{endpoint} is not activated for this account.",
        "Use another region (--region us-east-1), or have an administrator activate it in IAM's account settings.",
    ),
    "NoSuchEntity": ("There is no role {role_arn}.", "Check its name, its path and its account."),
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "ThrottledException": _THROTTLED,
    "RequestLimitExceeded": _THROTTLED,
    "TooManyRequestsException": _THROTTLED,
    "SlowDown": _THROTTLED,
    "429": _THROTTLED,
    "InvalidAction": _NO_ASSUME_ROLE,
    "MethodNotAllowed": _NO_ASSUME_ROLE,
    "NotImplemented": _NO_ASSUME_ROLE,
    "405": _NO_ASSUME_ROLE,
    "501": _NO_ASSUME_ROLE,
}
_TOKEN_EXPIRED: Sentences = (
    "The token of {origin} has expired.",
    "Whatever writes the file must renew it (on EKS the kubelet, on a JupyterHub its spawner); it is read again at each call.",
)
_TOKEN_INVALID: Sentences = (
    "Invalid token of {origin}.",
    "Check that the file holds a whole OpenID Connect token, and that its issuer (iss) is an identity provider of the role's account, with the token's audience (aud).",
)
_TOKEN_REJECTED: Sentences = (
    "The identity provider rejected the token of {origin}.",
    "It may have expired or been revoked: have a new one written, then run the cell again.",
)
_PROVIDER_SILENT: Sentences = (
    "STS could not reach the identity provider that issued the token of {origin}.",
    "Wait a moment, then run the cell again. The issuer's address (iss) must be reachable from the internet.",
)
# What AssumeRoleWithWebIdentity answers about the token (STS API reference).
_WEB_IDENTITY: dict[str, Row] = {
    "ExpiredToken": _TOKEN_EXPIRED,
    "ExpiredTokenException": _TOKEN_EXPIRED,
    "InvalidIdentityToken": _TOKEN_INVALID,
    "InvalidIdentityTokenException": _TOKEN_INVALID,
    "IDPRejectedClaim": _TOKEN_REJECTED,
    "IDPRejectedClaimException": _TOKEN_REJECTED,
    "IDPCommunicationError": _PROVIDER_SILENT,
    "IDPCommunicationErrorException": _PROVIDER_SILENT,
}
