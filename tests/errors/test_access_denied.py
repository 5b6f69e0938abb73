"""AccessDenied: the refused caller, and the statement that its trust policy needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug import Response

from stsnb.sts.trust_policies import UNKNOWN
from tests.errors.why import (
    DEVICE,
    KEYS,
    nameless,
    pasted,
    why,
)
from tests.scripted_sts import INVALID_CODE, ROLE, USER, ScriptedSTS
from tests.scripted_sts import error as sts_error


def test_a_refusal_names_the_caller_and_the_statement_that_its_trust_policy_needs(sts: ScriptedSTS) -> None:
    message = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    sts.fails("AccessDenied", message, 403)
    error = why()
    assert (
        error.happened
        == f"You can't assume role-for-s3-fileserver as {USER} (the environment): access denied."
    )
    assert f"as {USER} (the environment)" in error.happened
    assert "trust policy needs the statement below" in error.advice
    assert f"your own policies must allow sts:AssumeRole on {ROLE}" in error.advice
    assert error.code == "AccessDenied"
    assert error.said == f"AccessDenied: {message}"
    assert pasted(error) == {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}
    assert [asked["Action"] for asked in sts.requests] == ["AssumeRole"], (
        "the message has told already who it was"
    )


def test_a_refusal_that_does_not_say_whom_is_asked_whom(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    error = why()
    assert f"as {USER} (the environment)" in error.happened
    assert pasted(error)["Principal"] == {"AWS": USER}
    assert [asked["Action"] for asked in sts.requests] == ["AssumeRole", "GetCallerIdentity"]


def test_a_refusal_of_an_unknown_caller_leaves_a_placeholder(sts: ScriptedSTS) -> None:
    with nameless(sts):
        sts.fails("AccessDenied", "Access denied", 403)
        error = why()
    assert "with the environment: access denied" in error.happened
    assert "with your ARN in it" in error.advice
    assert pasted(error)["Principal"] == {"AWS": UNKNOWN}


def test_the_statement_for_a_session_of_another_role_names_that_role(sts: ScriptedSTS) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/hop/alice"
    sts.fails(
        "AccessDenied",
        f"User: {session} is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
        403,
    )
    error = why()
    assert f"as {session} (the environment)" in error.happened
    assert pasted(error)["Principal"] == {"AWS": "arn:aws:iam::123456789012:role/hop"}


def test_the_statement_has_what_the_request_needs(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    error = why(tags={"team": "data"}, source_identity="alice", external_id="id")
    assert pasted(error)["Action"] == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    assert pasted(error)["Condition"] == {"StringEquals": {"sts:ExternalId": "id"}}


def test_a_refused_mfa_code_may_just_have_been_used(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", INVALID_CODE, 403)
    error = why(serial_number=DEVICE, token_code="493817")
    assert error.happened == f"STS refused the code of the MFA device {DEVICE}."
    assert "the device's next code" in error.advice
    assert "clock" in error.advice
    assert "493817" not in str(error)
    assert error.statement is None


def test_a_role_that_refuses_a_good_code_gets_the_statement_with_mfa(sts: ScriptedSTS) -> None:
    def refuse(asked: dict[str, str]) -> Response:
        return (
            sts.credentials(asked)
            if asked["Action"] == "GetSessionToken"
            else sts_error("AccessDenied", "Access denied", 403)
        )

    sts.respond = refuse
    error = why(serial_number=DEVICE, token_code="493817")
    assert "next MFA code" not in error.advice
    assert pasted(error)["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_refusal_without_an_mfa_device_says_how_to_pass_one(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    assert why().advice.endswith("If it requires MFA, pass your device: --serial-number ARN.")
    assert "--serial-number" not in why(serial_number=DEVICE, token_code="493817").advice


def test_a_refusal_names_the_profile_that_asked(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    sts.fails("AccessDenied", "Access denied", 403)
    assert "(profile work): access denied." in why(profile="work").happened


# --- roles and callers that no trust policy can help -------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "fault", "remedy"),
    [
        (
            "arn:aws:iam::123456789012:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
            "it is a service-linked role, which only eks.amazonaws.com can assume",
            "a role of your own",
        ),
        (
            "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
            "it is a role of IAM Identity Center, which AssumeRole can't assume",
            "`aws configure sso`",
        ),
        (
            "arn:aws:iam::123456789012:role/AWSReservedSSO_Admin_0123456789abcdef",
            "it is a role of IAM Identity Center, which AssumeRole can't assume",
            "`aws configure sso`",
        ),
    ],
)
def test_a_role_that_users_cannot_assume(role: str, fault: str, remedy: str, sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", f"User: {USER} is not authorized to perform: sts:AssumeRole", 403)
    error = why(role=role)
    assert error.happened.endswith(f"as {USER} (the environment): {fault}.")
    assert remedy in error.advice
    assert error.statement is None


@pytest.mark.parametrize(
    "message",
    [
        "Roles may not be assumed by root accounts.",
        f"User: arn:aws:iam::123456789012:root is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
    ],
)
def test_root_cannot_assume_roles(message: str, sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", message, 403)
    error = why()
    assert "an account's root user can't assume roles." in error.happened
    assert "IAM user" in error.advice
    assert error.statement is None
