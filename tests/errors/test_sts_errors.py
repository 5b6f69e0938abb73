"""Each error of STS: what happened and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.errors.why import (
    KEYS,
    OVER_MAXIMUM,
    address,
    why,
)
from tests.scripted_sts import CHAINED, ROLE, ScriptedSTS

DISABLED = (
    "STS is not activated in this region for account:123456789012."
    " Your account administrator can activate STS in this region using the IAM Console."
)


ANSWERS: list[tuple[str, int, str, dict[str, Any], list[str], list[str]]] = [
    ("ExpiredToken", 403, "The security token included in the request is expired", {}, ["the environment", "have expired"], ["Set new", "run the cell again"]),
    ("ExpiredTokenException", 400, "The token has expired", {}, ["have expired"], ["Set new"]),
    ("InvalidClientTokenId", 403, "The security token included in the request is invalid.", {}, ["ENDPOINT", "does not know the access key of the environment"], ["check the keys and the region"]),
    ("InvalidAccessKeyId", 403, "", {}, ["does not know the access key"], ["belong to another partition or server"]),
    ("SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided.", {}, ["The secret access key of the environment does not match its access key id"], ["Copy both keys again"]),
    ("ValidationError", 400, OVER_MAXIMUM, {"duration_seconds": 43200}, ["43200 seconds is too long for role-for-s3-fileserver"], ["Pass a shorter one", "MaxSessionDuration of role-for-s3-fileserver", "3600 unless set"]),
    ("ValidationError", 400, OVER_MAXIMUM, {}, ["3600 seconds is too long"], ["MaxSessionDuration of role-for-s3-fileserver"]),
    ("ValidationError", 400, CHAINED, {"duration_seconds": 7200}, ["too long for role chaining"], ["at most 3600 seconds", "leave out the duration"]),
    ("ValidationError", 400, "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint", {}, ["rejected a value"], ["Correct the value that the answer names"]),
    ("MalformedPolicyDocument", 400, "Syntax errors in policy.", {"policy": {}}, ["Invalid session policy"], ["Version, Statement, Effect, Action, Resource"]),
    ("PackedPolicyTooLarge", 400, "Packed size of session tags consumes 112% of allotted space.", {}, ["too large"], ["Shorten", "pass its ARN"]),
    ("RegionDisabledException", 403, DISABLED, {}, ["ENDPOINT", "not activated for this account"], ["another region", "administrator"]),
    ("NoSuchEntity", 404, "Role not found", {}, [f"no role {ROLE}"], ["its name, its path and its account"]),
    ("Throttling", 400, "Rate exceeded", {}, ["ENDPOINT", "too many requests"], ["Wait a moment"]),
    ("SlowDown", 503, "", {}, ["ENDPOINT", "too many requests"], ["Wait a moment"]),
    ("InternalFailure", 500, "An internal error occurred", {}, ["ENDPOINT", "failed"], ["not your request", "run the cell again"]),
    ("ServiceUnavailable", 503, "", {}, ["ENDPOINT", "failed"], ["not your request", "run the cell again"]),
    ("MethodNotAllowed", 405, "", {}, ["ENDPOINT", "does not support AssumeRole"], ["no STS", "switched off"]),
    ("NotImplemented", 501, "A header you provided implies functionality that is not implemented.", {}, ["does not support AssumeRole"], ["no STS"]),
    ("IDPCommunicationError", 418, "Who knows", {}, ["ENDPOINT", "418"], ["Correct what the answer names"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "message", "parameters", "happened", "advice"),
    ANSWERS,
    ids=[f"{code} {message[:40]}".strip() for code, _, message, *_ in ANSWERS],
)
def test_each_error_of_sts_says_what_is_wrong_and_what_to_do(
    code: str,
    status: int,
    message: str,
    parameters: dict[str, Any],
    happened: list[str],
    advice: list[str],
    sts: ScriptedSTS,
) -> None:
    sts.fails(code, message, status)
    error = why(**parameters)
    for part in happened:
        assert part.replace("ENDPOINT", address(sts)) in error.happened
    for part in advice:
        assert part in error.advice
    assert error.code == code
    assert error.said == (f"{code}: {message.rstrip('.')}" if message else code)
    assert error.statement is None
    assert sts.calls == 1


def test_expired_credentials_of_a_profile_are_renewed_by_its_own_command(
    sts: ScriptedSTS, config: Path
) -> None:
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    sts.fails("ExpiredToken", "The security token included in the request is expired", 403)
    error = why(profile="work")
    assert "profile work" in error.happened
    assert "aws sso login --profile work" in error.advice


@pytest.mark.parametrize(
    "code", ["SignatureDoesNotMatch", "IncompleteSignature", "AuthorizationHeaderMalformed"]
)
def test_a_wrong_region_is_not_taken_for_a_wrong_key(code: str, sts: ScriptedSTS) -> None:
    sts.fails(code, "Credential should be scoped to a valid region.", 403)
    error = why()
    assert (
        error.happened
        == f"Wrong region: {address(sts)} does not accept requests that are signed for region ap-northeast-2."
    )
    assert "--region REGION" in error.advice
    assert "signed for region eu-west-1" in why(region="eu-west-1").happened
