"""Chaining where the trust of each role is enforced, and every session ends to the second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

import stsnb
from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from stsnb.sts import limits
from tests.ceph.gateway import CephGateway
from tests.ceph.world import ALLOWED, BODY, CHAINED_ARN, KEY, OTHER, READER_ARN, ROLE_ARN
from tests.sandbox import wait_until


@pytest.fixture
def alice(ceph: CephGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[CephGateway]:
    for name, value in ceph.environment("alice").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kernel.reset()
    yield ceph
    kernel.reset()


def read(bucket: str) -> bytes | str:
    try:
        return boto3.client("s3").get_object(Bucket=bucket, Key=KEY)["Body"].read()
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_a_role_opens_the_one_that_trusts_it_and_only_that(alice: CephGateway) -> None:
    before = dict(os.environ)
    with pytest.raises(stsnb.AssumeRoleError, match="assume S3Chained"):
        stsnb.assume_role(CHAINED_ARN)
    stsnb.assume_role(ROLE_ARN)
    second = stsnb.assume_role(CHAINED_ARN, chain=True)
    assert (read(ALLOWED), read(OTHER)) == ("AccessDenied", BODY)
    assert "via S3Access" in str(second)
    # Ceph takes a role's session for the user behind it too, so that only one without this trust tells.
    reader = stsnb.assume_role(READER_ARN, inject=False)
    with pytest.raises(stsnb.AssumeRoleError) as refused:
        stsnb.assume_role(CHAINED_ARN, chain=reader)
    assert "You can't assume S3Chained as arn:aws:sts:::assumed-role/S3Reader/" in refused.value.happened
    assert stsnb.current_role() is second
    stsnb.drop_role()
    assert os.environ == before


def test_both_links_are_renewed_though_each_session_really_ends(
    ceph: CephGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ceph.environment("alice", short=True).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text("[default]\nparameter_validation = false\nmax_attempts = 1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(limits, "MIN_DURATION_SECONDS", 1)
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kernel.reset()
    first = stsnb.assume_role(ROLE_ARN, duration_seconds=5, inject=False)
    second = stsnb.assume_role(CHAINED_ARN, duration_seconds=4, chain=first)
    first.drop()  # what stands on it keeps it going
    client, ends = boto3.client("s3"), {second.expiration}

    def renewed() -> bool:
        assert client.get_object(Bucket=OTHER, Key=KEY)["Body"].read() == BODY
        ends.add(second.expiration)
        return len(ends) > 4

    wait_until("the chained role is renewed four times", renewed, seconds=60)
    kernel.reset()
