"""The whole main job on an STS that is not AWS's and enforces everything: Ceph's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

import stsnb
from stsnb.kernel import kernel
from tests.ceph.gateway import CephGateway
from tests.ceph.world import ALLOWED, BODY, KEY, OTHER, READER_ARN, ROLE_ARN


@pytest.fixture
def alice(ceph: CephGateway, monkeypatch: pytest.MonkeyPatch) -> CephGateway:
    return _as("alice", ceph, monkeypatch)


def _as(user: str, ceph: CephGateway, monkeypatch: pytest.MonkeyPatch) -> CephGateway:
    for name, value in ceph.environment(user).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kernel.reset()
    return ceph


def read(bucket: str) -> bytes | str:
    try:
        return boto3.client("s3").get_object(Bucket=bucket, Key=KEY)["Body"].read()
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_a_trusted_user_reads_with_the_role_and_with_it_alone(alice: CephGateway) -> None:
    before = dict(os.environ)
    assert read(ALLOWED) == "AccessDenied"
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1")
    assert (read(ALLOWED), read(OTHER)) == (BODY, "AccessDenied")
    stsnb.assume_role(READER_ARN)
    assert (read(ALLOWED), read(OTHER)) == ("AccessDenied", BODY)
    assert role.client("s3").get_object(Bucket=ALLOWED, Key=KEY)["Body"].read() == BODY
    stsnb.drop_role()
    assert (read(ALLOWED), read(OTHER)) == ("AccessDenied", "AccessDenied")
    assert os.environ == before


def test_what_ceph_leaves_out_is_not_missed(alice: CephGateway) -> None:
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1")
    assert role.arn == "arn:aws:sts:::assumed-role/S3Access/RoleSession1"
    assert (role.account_id, role.role_id) == (None, None)
    assert 3500 < role.remaining.total_seconds() <= 3600
    assert str(role).startswith("S3Access · RoleSession1 · until 20")


def test_a_session_policy_narrows_the_role(alice: CephGateway) -> None:
    listing = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
    with stsnb.assume_role(ROLE_ARN, policy=listing):
        assert boto3.client("s3").list_objects_v2(Bucket=ALLOWED)["KeyCount"] == 1
        assert read(ALLOWED) == "AccessDenied"


def test_a_policy_in_a_file_narrows_the_role_to_the_keys_that_it_names(
    alice: CephGateway, tmp_path: Path
) -> None:
    elsewhere = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{ALLOWED}/reports/*"}
    policy = tmp_path / "narrow.json"
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [elsewhere]}, indent=2))
    role = stsnb.assume_role(ROLE_ARN, policy=policy)
    assert role.narrowing == "scoped"
    s3 = boto3.client("s3")
    s3.put_object(Bucket=ALLOWED, Key="reports/x", Body=b"x")
    s3.delete_object(Bucket=ALLOWED, Key="reports/x")
    assert read(ALLOWED) == "AccessDenied"


def test_read_only_reads_and_writes_nothing_also_once_renewed(alice: CephGateway) -> None:
    def writes() -> bool:
        s3 = boto3.client("s3")
        attempts = (
            lambda: s3.put_object(Bucket=ALLOWED, Key="written", Body=b"w"),
            lambda: s3.delete_object(Bucket=ALLOWED, Key=KEY),
            lambda: s3.create_multipart_upload(Bucket=ALLOWED, Key="written"),
            lambda: s3.put_bucket_acl(Bucket=ALLOWED, ACL="private"),
        )
        done = []
        for attempt in attempts:
            try:
                attempt()
                done.append(attempt)
            except ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017
        return bool(done)

    role = stsnb.assume_role(ROLE_ARN, read_only=True)
    assert role.narrowing == "read-only"
    for _ in range(2):
        assert read(ALLOWED) == BODY
        assert boto3.client("s3").list_objects_v2(Bucket=ALLOWED)["KeyCount"] == 1
        assert not writes()
        role.refresh()
    stsnb.assume_role(ROLE_ARN)
    boto3.client("s3").put_object(Bucket=ALLOWED, Key="written", Body=b"w")
    boto3.client("s3").delete_object(Bucket=ALLOWED, Key="written")


def test_a_managed_policy_which_ceph_would_pass_over_is_refused(alice: CephGateway) -> None:
    before = dict(os.environ)
    with pytest.raises(stsnb.AssumeRoleError, match=r"without managed policies .* Pass the policy itself"):
        stsnb.assume_role(ROLE_ARN, policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])
    assert os.environ == before


def test_a_caller_that_is_not_trusted_gets_the_facts_that_ceph_gives(
    ceph: CephGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as("mallory", ceph, monkeypatch)
    with pytest.raises(stsnb.AssumeRoleError, match="assume S3Access") as refused:
        stsnb.assume_role(ROLE_ARN)
    assert refused.value.code == "AccessDenied"
    assert "You can't assume S3Access with the environment: access denied." in str(refused.value)


def test_a_role_that_is_not_there_is_named(alice: CephGateway) -> None:
    with pytest.raises(stsnb.AssumeRoleError, match="There is no role arn:aws:iam:::role/Nowhere"):
        stsnb.assume_role("arn:aws:iam:::role/Nowhere")


def test_a_gateway_that_is_gone_is_named_and_one_that_is_back_is_used(alice: CephGateway) -> None:
    before = dict(os.environ)
    alice.kill_gateway()
    try:
        with pytest.raises(stsnb.AssumeRoleError, match="could not be reached") as gone:
            stsnb.assume_role(ROLE_ARN)
        assert alice.endpoint_url in str(gone.value)
        assert "AWS_ENDPOINT_URL" in str(gone.value)
        assert os.environ == before
    finally:
        alice.start_gateway()
    stsnb.assume_role(ROLE_ARN)
    assert read(ALLOWED) == BODY
