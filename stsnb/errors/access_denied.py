"""AccessDenied to AssumeRole: who was refused, and what would let them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stsnb.errors import AssumeRoleError
from stsnb.errors.answer import Answer
from stsnb.errors.attempt import Attempt, Sentences
from stsnb.sources.mfa import CODE_REFUSED, MFASource
from stsnb.sources.source import Source
from stsnb.sources.web_identity import WebIdentitySource
from stsnb.sts.arn import RoleArn
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import is_session_of
from stsnb.sts.trust_policies import statement, web_identity_statement

#: An MFA session that is younger can hardly be too old for a trust policy (``aws:MultiFactorAuthAge``).
RECENT = timedelta(minutes=1)


def access_denied(
    answer: Answer, attempt: Attempt, request: AssumeRoleRequest, source: Source
) -> AssumeRoleError:
    """Explain a refusal.

    Parameters
    ----------
    answer : Answer
        STS's answer.
    attempt : Attempt
        The call.
    request : AssumeRoleRequest
        Its request.
    source : Source
        Its source.

    Returns
    -------
    AssumeRoleError
        With the statement of a trust policy that would allow the call, if one can.
    """
    needed: Mapping[str, Any] | None = None
    if CODE_REFUSED in answer.message:
        happened, advice = _CODE_REFUSED.format(device=attempt.device), _NEXT_CODE
    elif isinstance(source, WebIdentitySource):
        happened = f"You can't assume {attempt.role} with {attempt.origin}: access denied."
        advice = "Its trust policy needs the statement below, and its account an identity provider for the token's issuer."
        needed = web_identity_statement(source.claims(), request)
    else:
        named = re.search(r"User: (arn:\S+) is not authorized", answer.message)
        identity = named[1] if named else source.identity(request.role_arn, attempt.region)
        caller = f"as {identity} ({attempt.origin})" if identity else f"with {attempt.origin}"
        if identity and ":assumed-role/" in identity and is_session_of(request.role_arn, identity):
            happened, advice = _is_that_role(identity, attempt)
        elif (impossible := _never(request.role_arn, identity, answer)) is not None:
            why, advice = impossible
            happened = f"You can't assume {attempt.role} {caller}: {why}."
        else:
            happened = f"You can't assume {attempt.role} {caller}: access denied."
            advice = _advice(identity, request, source)
            needed = statement(identity, request)
    return AssumeRoleError(happened, advice, code=answer.code, said=answer.said, statement=needed)


_CODE_REFUSED = "STS refused the code of the MFA device {device}."
_NEXT_CODE = (
    "Wait for the device's next code, since each can be used once and for 30 seconds, then run the cell again. If that"
    " fails too, check the device's clock, and that it is the caller's device: `aws iam list-mfa-devices` lists its ARN."
)


def _is_that_role(identity: str, attempt: Attempt) -> Sentences:
    session = identity.rpartition("/")[2]
    return (
        f"You are {attempt.role} already: the credentials of {attempt.origin} are its session {session}, and its trust policy does not allow it to assume itself.",
        "Use these credentials as they are, without assuming the role. To assume it again, pass the profile whose credentials call STS: --profile NAME.",
    )


def _never(role_arn: RoleArn, identity: str | None, answer: Answer) -> Sentences | None:
    """Return why no trust policy can allow this, and what to do; None if one can."""
    if role_arn.path.startswith("/aws-service-role/"):
        service = role_arn.path.split("/")[2] or "its AWS service"
        return (
            f"it is a service-linked role, which only {service} can assume",
            "Use a role of your own with the permissions that you need.",
        )
    if role_arn.path.startswith("/aws-reserved/sso.") or role_arn.name.startswith("AWSReservedSSO_"):
        return (
            "it is a role of IAM Identity Center, which AssumeRole can't assume",
            "Sign in through Identity Center: `aws configure sso` makes a profile for it; then use --profile NAME.",
        )
    if (identity or "").endswith(":root") or "by root accounts" in answer.message:
        return (
            "an account's root user can't assume roles",
            "Use the credentials of an IAM user or of a role: --profile NAME.",
        )
    return None


def _advice(identity: str | None, request: AssumeRoleRequest, source: Source) -> str:
    advice = (
        f"Its trust policy needs the statement below{'' if identity else ' (with your ARN in it)'}, and your own"
        f" policies must allow sts:AssumeRole on {request.role_arn}."
    )
    if not request.serial_number and source.role is None:
        return f"{advice} If it requires MFA, pass your device: --serial-number ARN."
    if request.token_code:
        first = "Try the device's next MFA code, since each can be used once and for 30 seconds."
    elif isinstance(source, MFASource) and source.session_of_mfa.age > RECENT:
        first = (
            "If it requires a recent MFA code (aws:MultiFactorAuthAge), pass a new one: --token-code 123456."
        )
    else:
        return advice
    return f"{first} Otherwise, {advice[0].lower()}{advice[1:]}"
