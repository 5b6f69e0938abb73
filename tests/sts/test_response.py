"""What STS answers, read so that another server's gaps lose nothing and no secret shows."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import stsnb
from stsnb.sts.request import AssumeRoleRequest
from stsnb.sts.response import AssumeRoleResponse, InvalidResponseError
from tests.scripted_sts import ROLE, SECRET_MARK, XMLNS, ScriptedSTS

ASKED_AT = datetime(2025, 1, 1, 12, 0, 0, tzinfo=timezone.utc)
CREDENTIALS = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": f"{SECRET_MARK}secret",
    "SessionToken": f"{SECRET_MARK}token",
    "Expiration": datetime(2025, 1, 1, 13, 30, 0, tzinfo=timezone.utc),
}
ANSWER = {
    "Credentials": CREDENTIALS,
    "AssumedRoleUser": {
        "AssumedRoleId": "AROAEXAMPLE:RoleSession1",
        "Arn": "arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1",
    },
    "PackedPolicySize": 6,
    "SessionTokenSize": 1024,
    "SessionTokenUtilization": 25,
}


def request(**parameters: Any) -> AssumeRoleRequest:
    return AssumeRoleRequest.of(parameters.pop("role_arn", ROLE), "RoleSession1", **parameters)


def read(answer: dict[str, Any], **parameters: Any) -> AssumeRoleResponse:
    return AssumeRoleResponse.read(answer, request(**parameters), ASKED_AT)


def without(name: str) -> dict[str, Any]:
    return {**ANSWER, "Credentials": {key: value for key, value in CREDENTIALS.items() if key != name}}


def test_a_complete_answer_is_read_as_it_is() -> None:
    assert read(ANSWER) == AssumeRoleResponse(
        access_key_id="ASIAEXAMPLE",
        secret_access_key=f"{SECRET_MARK}secret",
        session_token=f"{SECRET_MARK}token",
        expiration=datetime(2025, 1, 1, 13, 30, 0, tzinfo=timezone.utc),
        arn="arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1",
        role_id="AROAEXAMPLE",
        packed_policy_size=6,
        session_token_size=1024,
        session_token_utilization=25,
    )


def test_an_expiration_in_another_time_zone_is_shown_in_utc() -> None:
    seoul = timezone(timedelta(hours=9))
    answer = {
        **ANSWER,
        "Credentials": {**CREDENTIALS, "Expiration": datetime(2025, 1, 1, 22, 30, tzinfo=seoul)},
    }
    assert read(answer).expiration.isoformat() == "2025-01-01T13:30:00+00:00"


@pytest.mark.parametrize("user", [{}, {"AssumedRoleUser": None}, {"AssumedRoleUser": {}}])
def test_an_answer_that_does_not_name_the_session_gets_the_name_that_aws_would_give(
    user: dict[str, Any],
) -> None:
    answer = {"Credentials": CREDENTIALS, **user}
    response = read(answer, role_arn="arn:aws-cn:iam::123456789012:role/analysis/name")
    assert response.arn == "arn:aws-cn:sts::123456789012:assumed-role/name/RoleSession1"
    assert response.role_id is None


def test_a_server_without_accounts_leaves_the_place_of_the_account_empty() -> None:
    assert read({"Credentials": CREDENTIALS}, role_arn="arn:aws:iam:::role/name").arn == (
        "arn:aws:sts:::assumed-role/name/RoleSession1"
    )


@pytest.mark.parametrize(
    "role_id", [{}, {"AssumedRoleId": None}, {"AssumedRoleId": ""}, {"AssumedRoleId": ":RoleSession1"}]
)
def test_an_answer_without_the_roles_id_has_none(role_id: dict[str, Any]) -> None:
    response = read(
        {
            **ANSWER,
            "AssumedRoleUser": {
                "Arn": "arn:aws:sts:::assumed-role/role-for-s3-fileserver/session",
                **role_id,
            },
        }
    )
    assert response.role_id is None
    assert response.arn == "arn:aws:sts:::assumed-role/role-for-s3-fileserver/session"


def test_an_id_without_a_session_is_the_roles_all_the_same() -> None:
    assert read({**ANSWER, "AssumedRoleUser": {"AssumedRoleId": "AROAEXAMPLE"}}).role_id == "AROAEXAMPLE"


@pytest.mark.parametrize(("asked_for", "seconds"), [({}, 3600), ({"duration_seconds": 900}, 900)])
@pytest.mark.parametrize("expiration", [{}, {"Expiration": None}, {"Expiration": "tomorrow"}])
def test_an_answer_without_an_end_ends_when_what_was_asked_for_ends(
    expiration: dict[str, Any], asked_for: dict[str, Any], seconds: int
) -> None:
    answer = {"Credentials": {**without("Expiration")["Credentials"], **expiration}}
    assert read(answer, **asked_for).expiration == ASKED_AT + timedelta(seconds=seconds)


@pytest.mark.parametrize("empty", [{}, {"Value": None}, {"Value": ""}], ids=["absent", "null", "empty"])
@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_a_key_that_is_missing_is_named_and_the_others_are_not_shown(
    name: str, empty: dict[str, Any]
) -> None:
    answer = without(name)
    answer["Credentials"].update(dict.fromkeys([name] if empty else [], empty.get("Value")))
    with pytest.raises(InvalidResponseError) as missing:
        read(answer)
    assert str(missing.value) == name
    assert SECRET_MARK not in repr(missing.value)


@pytest.mark.parametrize("answer", [{}, {"Credentials": None}, {"Credentials": {}}])
def test_all_keys_that_are_missing_are_named(answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError) as missing:
        read(answer)
    assert str(missing.value) == "AccessKeyId, SecretAccessKey, SessionToken"


def test_no_form_of_a_response_shows_a_secret() -> None:
    response = read(ANSWER)
    for shown in (repr(response), str(response), f"{response}", f"{response!r:>9}", repr([response])):
        assert SECRET_MARK not in shown
        assert "ASIAEXAMPLE" not in shown
        assert "assumed-role/role-for-s3-fileserver/RoleSession1" in shown


def test_an_end_with_nanoseconds_is_read(sts: ScriptedSTS) -> None:
    """MinIO and Ceph write the fraction of a second."""
    sts.answers(
        f'<AssumeRoleResponse xmlns="{XMLNS}"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>'
        f"<SecretAccessKey>{SECRET_MARK}</SecretAccessKey><SessionToken>{SECRET_MARK}</SessionToken>"
        "<Expiration>2099-01-01T00:00:00.123456789Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>"
    )
    expiration = stsnb.assume_role(ROLE, "RoleSession1").expiration
    assert expiration == datetime(2099, 1, 1, 0, 0, 0, 123456, tzinfo=timezone.utc)


def test_a_sparse_answer_of_a_server_is_a_whole_role(sts: ScriptedSTS) -> None:
    """Ceph leaves out what is not the credentials."""
    sts.answers(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        f"<SecretAccessKey>{SECRET_MARK}</SecretAccessKey><SessionToken>{SECRET_MARK}</SessionToken>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    before = datetime.now(timezone.utc)
    role = stsnb.assume_role("arn:aws:iam:::role/analysis/name", "RoleSession1", duration_seconds=900)
    after = datetime.now(timezone.utc)
    assert role.arn == "arn:aws:sts:::assumed-role/name/RoleSession1"
    assert role.role_id is None
    assert role.account_id is None
    assert before <= role.expiration - timedelta(seconds=900) <= after
    assert SECRET_MARK not in f"{role}{role!r}{role.response!r}{role._repr_mimebundle_()}"
    with pytest.raises(TypeError):
        pickle.dumps(role)
