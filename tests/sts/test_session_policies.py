"""Narrowing a session: read-only in every partition, session policies, and what the role tells of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from moto.iam.aws_managed_policies import aws_managed_policies_data

import stsnb
from stsnb.config import settings
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from tests.ipython.test_magics import run
from tests.scripted_sts import ROLE, ScriptedSTS
from tests.unchanged import unchanged

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
S3_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
OWN = "arn:aws:iam::123456789012:policy/team/deliveries"
CEPH = "arn:aws:iam:::role/S3Access"
NARROW = {"Version": "2012-10-17", "Statement": []}


def policies(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if "Policy" in name}


def request(role: str = ROLE, **parameters: Any) -> AssumeRoleRequest:
    return AssumeRoleRequest.of(role, "RoleSession1", **parameters)


# --- read-only ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-eusc"])
def test_read_only_is_the_managed_policy_of_the_roles_partition(partition: str) -> None:
    asked = request(f"arn:{partition}:iam::123456789012:role/path/reader", read_only=True)
    arn = f"arn:{partition}:iam::aws:policy/ReadOnlyAccess"
    assert policies(asked.parameters()) == {"PolicyArns": [{"arn": arn}]}
    assert asked.narrowing == "read-only"


def test_aws_has_the_policy() -> None:
    """By moto's copy of AWS's own list."""
    listed = aws_managed_policies_data
    known = json.loads(listed) if isinstance(listed, str) else listed
    assert known["ReadOnlyAccess"]["Path"] == "/"


@pytest.mark.parametrize(
    "role", [CEPH, "arn:aws:iam::tenant:role/S3Access", "arn:minio:iam:::role/reading-role"]
)
def test_a_server_without_accounts_gets_the_same_inline_for_s3(role: str) -> None:
    asked = request(role, read_only=True)
    sent = policies(asked.parameters())
    assert list(sent) == ["Policy"]
    assert json.loads(sent["Policy"])["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}
    ]
    assert " " not in sent["Policy"].replace("2012-10-17", "")
    assert asked.narrowing == "read-only"


def test_the_policy_is_sent_once_when_it_is_named_too() -> None:
    asked = request(read_only=True, policy_arns=[READ_ONLY])
    assert policies(asked.parameters()) == {"PolicyArns": [{"arn": READ_ONLY}]}


@pytest.mark.parametrize(
    "others", [{"policy": NARROW}, {"policy_arns": [S3_ONLY]}, {"policy_arns": [READ_ONLY, OWN]}]
)
def test_read_only_is_refused_with_policies_that_would_widen_it(others: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="A session may do what any one of its policies allows"):
        request(read_only=True, **others)


@pytest.mark.parametrize("value", ["yes", 1, [], "True"])
def test_read_only_is_true_or_false(value: object) -> None:
    with pytest.raises(InvalidRequestError, match="It must be True or False"):
        request(read_only=value)


def test_false_narrows_nothing() -> None:
    assert policies(request(read_only=False).parameters()) == {}
    assert request(read_only=False).narrowing is None


def test_the_magic_narrows_and_shows_it(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    shown = run(shell, f"%assume_role {ROLE} RoleSession1 --read-only")
    assert policies(sts.requests[-1]) == {"PolicyArns.member.1.arn": READ_ONLY}
    assert "RoleSession1 · read-only · until" in shown
    role = stsnb.current_role()
    assert role is not None
    role.refresh()
    assert policies(sts.requests[-1]) == {"PolicyArns.member.1.arn": READ_ONLY}
    run(shell, f"%assume_role {ROLE} --no-read-only")
    assert policies(sts.requests[-1]) == {}


def test_a_line_that_widens_is_refused_and_changes_nothing(
    shell: InteractiveShell, sts: ScriptedSTS, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(NARROW))
    with unchanged():
        shown = run(shell, f"%assume_role {ROLE} --read-only --policy {policy}", fails=True)
    assert "use one or the other" in " ".join(shown.split())
    assert sts.calls == 0


# --- managed policies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "arn", "told"),
    [
        (ROLE, "arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "Use one of partition aws "),
        (ROLE, "arn:aws:iam::210987654321:policy/theirs", "or of account 123456789012"),
        ("arn:aws-cn:iam::123456789012:role/x", READ_ONLY, "Use one of partition aws-cn "),
        (CEPH, READ_ONLY, "without managed policies (Ceph, MinIO)"),
        (ROLE, "arn:aws:s3:::a-bucket/with-a-name", "is not the ARN of a managed policy"),
    ],
)
def test_a_managed_policy_that_would_not_narrow_is_refused(role: str, arn: str, told: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request(role, policy_arns=[arn])
    assert told in str(refused.value)


def test_aws_own_policies_and_the_accounts_are_sent_each_once() -> None:
    asked = request(policy_arns=[S3_ONLY, OWN, S3_ONLY])
    assert policies(asked.parameters()) == {"PolicyArns": [{"arn": S3_ONLY}, {"arn": OWN}]}


@given(st.lists(st.text()))
def test_no_managed_policy_whatever_ends_in_anything_but_a_sentence(arns: list[str]) -> None:
    for role in (ROLE, CEPH):
        try:
            request(role, policy_arns=arns)
        except InvalidRequestError as error:
            assert str(error)  # noqa: PT017


# --- what the role tells --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "scope"),
    [
        ({}, None),
        ({"tags": {"team": "data"}}, None),
        ({"policy": NARROW}, "scoped"),
        ({"policy_arns": [S3_ONLY]}, "scoped"),
        ({"read_only": True}, "read-only"),
        ({"policy_arns": [READ_ONLY]}, "read-only"),
        # ReadOnlyAccess is among them, but the others may allow to write.
        ({"policy_arns": [READ_ONLY, OWN]}, "scoped"),
        ({"policy_arns": [READ_ONLY], "policy": NARROW}, "scoped"),
    ],
)
def test_a_role_shows_its_session_policies(
    sts: ScriptedSTS, parameters: dict[str, Any], scope: str | None
) -> None:
    role = stsnb.assume_role(ROLE, "RoleSession1", **parameters)
    assert role.narrowing == scope
    assert (f" · {scope} · until" in str(role)) is (scope is not None)
    assert (f"<span>{scope}</span>" in role._repr_mimebundle_()["text/html"]) is (scope is not None)


@pytest.mark.parametrize(
    ("percent", "told"), [(None, False), (0, False), (50, False), (51, True), (100, True)]
)
def test_the_size_of_the_policies_is_shown_over_half(
    sts: ScriptedSTS, percent: int | None, told: bool
) -> None:
    sts.packed_policy_size = percent
    role = stsnb.assume_role(ROLE, policy=NARROW)
    assert role.packed_policy_size == percent
    assert (f"session policies and tags {percent} % full" in str(role)) is told
    assert (f"Session policies and tags {percent} % full" in role._repr_mimebundle_()["text/html"]) is told


def test_a_dangerous_role_is_shown_by_the_current_configuration(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role("arn:aws:iam::123456789012:role/admin/Prod-Writer")
    assert not role.dangerous
    assert "caution" not in str(role)
    for pattern in ("*prod*", "PROD-*", "arn:*:role/admin/*", "*:123456789012:*"):
        settings.put(settings.Settings(dangerous=("nothing", pattern)))
        assert (role.dangerous, role.danger) == (True, pattern)
        assert f" · caution: matches {pattern}" in str(role)
        shown = role._repr_mimebundle_()["text/html"]
        assert f"Caution: matches {pattern}" in shown
        assert "--jp-warn-color1" in shown
    settings.put(settings.Settings(dangerous=("prod", "admin")))
    assert not role.dangerous
