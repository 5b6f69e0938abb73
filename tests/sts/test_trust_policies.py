"""The statement that lets an identity in: ready to paste into the role's trust policy."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.trust_policies import UNKNOWN, statement
from tests.scripted_sts import IDENTITY_CENTER, ROLE, SECRET_MARK, USER

DEVICE = "arn:aws:iam::123456789012:mfa/myid"


def asked(**parameters: Any) -> AssumeRoleRequest:
    return AssumeRoleRequest.of(ROLE, "RoleSession1", **parameters)


@pytest.mark.parametrize(
    "identity",
    [
        USER,
        "arn:aws:iam::123456789012:user/analysts/alice",
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/bob",
        "arn:aws:iam:::user/ceph-user",
    ],
)
def test_an_identity_that_lasts_is_the_principal(identity: str) -> None:
    assert statement(identity, asked()) == {
        "Effect": "Allow",
        "Principal": {"AWS": identity},
        "Action": "sts:AssumeRole",
    }


@pytest.mark.parametrize(
    ("session", "role"),
    [
        ("arn:aws:sts::123456789012:assumed-role/hop/alice", "arn:aws:iam::123456789012:role/hop"),
        ("arn:aws-cn:sts::123456789012:assumed-role/hop/alice", "arn:aws-cn:iam::123456789012:role/hop"),
        ("arn:aws:sts::123456789012:assumed-role/hop/i-0123456789", "arn:aws:iam::123456789012:role/hop"),
        ("arn:aws:sts:::assumed-role/hop/alice", "arn:aws:iam:::role/hop"),
    ],
)
def test_for_a_session_of_a_role_the_role_is_the_principal(session: str, role: str) -> None:
    made = statement(session, asked())
    assert made["Principal"] == {"AWS": role}
    assert "Condition" not in made


@pytest.mark.parametrize(
    ("partition", "folder"), [("aws", ""), ("aws", "ap-northeast-2/"), ("aws-us-gov", "us-gov-west-1/")]
)
def test_the_statement_for_an_identity_center_session_has_a_pattern_that_outlives_its_role(
    partition: str, folder: str
) -> None:
    session = f"arn:{partition}:sts::123456789012:assumed-role/AWSReservedSSO_Data_Analyst_0123456789abcdef/alice@example.com"
    made = statement(session, asked())
    assert made["Principal"] == {"AWS": f"arn:{partition}:iam::123456789012:root"}
    pattern = made["Condition"]["ArnLike"]["aws:PrincipalArn"]
    reserved = (
        f"arn:{partition}:iam::123456789012:role/aws-reserved/sso.amazonaws.com/{folder}AWSReservedSSO_"
    )
    assert fnmatchcase(f"{reserved}Data_Analyst_0123456789abcdef", pattern)
    assert fnmatchcase(f"{reserved}Data_Analyst_fedcba9876543210", pattern), "it is made anew now and then"
    assert not fnmatchcase(f"{reserved}Data_Admin_0123456789abcdef", pattern)
    assert not fnmatchcase(f"{reserved}Data_Analyst_0123".replace("123456789012", "999999999999"), pattern)


@pytest.mark.parametrize("identity", [None, ""])
def test_an_unknown_identity_leaves_a_place_to_fill_in(identity: str | None) -> None:
    made = statement(identity, asked())
    assert made["Principal"] == {"AWS": UNKNOWN}
    assert "*" not in json.dumps(made), "a role that is open to all must not be pasted"


def test_tags_and_a_source_identity_need_actions_of_their_own() -> None:
    assert statement(USER, asked(tags={"team": "data"}))["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement(USER, asked(source_identity="alice"))["Action"] == [
        "sts:AssumeRole",
        "sts:SetSourceIdentity",
    ]
    assert statement(USER, asked(tags={"team": "data"}, source_identity="alice"))["Action"] == [
        "sts:AssumeRole",
        "sts:TagSession",
        "sts:SetSourceIdentity",
    ]


def test_provided_contexts_need_an_action_of_their_own_and_are_not_shown() -> None:
    contexts = [{"ProviderArn": IDENTITY_CENTER, "ContextAssertion": SECRET_MARK}]
    made = statement(USER, asked(provided_contexts=contexts))
    assert made["Action"] == ["sts:AssumeRole", "sts:SetContext"]
    assert SECRET_MARK not in json.dumps(made)


def test_an_external_id_and_mfa_are_conditions() -> None:
    assert statement(USER, asked(external_id="id"))["Condition"] == {"StringEquals": {"sts:ExternalId": "id"}}
    assert statement(USER, asked(serial_number=DEVICE, token_code="493817"))["Condition"] == {
        "Bool": {"aws:MultiFactorAuthPresent": "true"}
    }


def test_all_conditions_stand_together() -> None:
    session = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Analyst_0123456789abcdef/alice"
    made = statement(session, asked(external_id="id", serial_number=DEVICE, token_code="493817"))
    assert set(made["Condition"]) == {"ArnLike", "StringEquals", "Bool"}


def test_a_statement_is_json_without_the_code() -> None:
    made = statement(USER, asked(tags={"부서": "데이터"}, serial_number=DEVICE, token_code="493817"))
    assert json.loads(json.dumps(made)) == made
    assert "493817" not in json.dumps(made)
