"""The server that the other tests stand on really enforces what they rely on, seen with plain boto3."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.ceph import world
from tests.ceph.gateway import CephGateway
from tests.sandbox import wait_until

ONE_TRY = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
# botocore's own minimum is 900 s.
ANY_DURATION = ONE_TRY.merge(Config(parameter_validation=False))


def assume(sts: Any, role_arn: str = world.ROLE_ARN, **parameters: Any) -> dict[str, Any]:
    """Assume a role, and return the whole answer."""
    return dict(sts.assume_role(RoleArn=role_arn, RoleSessionName="RoleSession1", **parameters))


def s3_of(answer: dict[str, Any], endpoint_url: str) -> Any:
    """Make an S3 client that acts as the assumed role."""
    credentials = answer["Credentials"]
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=world.REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=ONE_TRY,
    )


def reads(s3: Any, bucket: str) -> bool:
    """Whether the client may read the bucket's object; any other error than a refusal is raised."""
    try:
        return bool(s3.get_object(Bucket=bucket, Key=world.KEY)["Body"].read() == world.BODY)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False


def refusal(error: ClientError) -> tuple[int, str]:
    """Return what the server answered to a refused STS request, whose code stands outside of ``Error``."""
    response: Any = error.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Code"]


def test_alice_reads_nothing_by_herself(ceph: CephGateway) -> None:
    s3 = ceph.client("s3", config=ONE_TRY)

    assert not reads(s3, world.ALLOWED)
    assert not reads(s3, world.OTHER)


def test_a_trusted_user_gets_the_rights_of_the_role_and_no_more(ceph: CephGateway) -> None:
    answer = assume(ceph.client("sts", config=ONE_TRY))

    s3 = s3_of(answer, ceph.endpoint_url)

    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts:::assumed-role/S3Access/RoleSession1"
    assert reads(s3, world.ALLOWED)
    assert not reads(s3, world.OTHER)
    s3.put_object(Bucket=world.ALLOWED, Key="written-by-the-role", Body=b"w")
    s3.delete_object(Bucket=world.ALLOWED, Key="written-by-the-role")


def test_the_second_role_reads_the_other_bucket_only(ceph: CephGateway) -> None:
    s3 = s3_of(assume(ceph.client("sts", config=ONE_TRY), world.READER_ARN), ceph.endpoint_url)

    assert reads(s3, world.OTHER)
    assert not reads(s3, world.ALLOWED)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=world.OTHER, Key="no", Body=b"w")


@pytest.mark.parametrize("role_arn", [world.ROLE_ARN, world.READER_ARN])
def test_a_user_whom_the_role_does_not_trust_is_refused(ceph: CephGateway, role_arn: str) -> None:
    with pytest.raises(ClientError) as caught:
        assume(ceph.client("sts", "mallory", config=ONE_TRY), role_arn)

    assert refusal(caught.value) == (403, "AccessDenied")


def test_a_role_that_does_not_exist_is_said_to(ceph: CephGateway) -> None:
    with pytest.raises(ClientError) as caught:
        assume(ceph.client("sts", config=ONE_TRY), "arn:aws:iam:::role/Nobody")

    assert refusal(caught.value) == (404, "NoSuchEntity")


def test_a_wrong_secret_is_refused(ceph: CephGateway) -> None:
    keys = world.Keys(ceph.keys().access_key_id, "x" * 40)

    with pytest.raises(ClientError) as caught:
        assume(keys.client("sts", ceph.endpoint_url, config=ONE_TRY))

    assert refusal(caught.value) == (403, "AccessDenied")


def test_a_session_token_that_was_changed_is_refused(ceph: CephGateway) -> None:
    answer = assume(ceph.client("sts", config=ONE_TRY))
    token = answer["Credentials"]["SessionToken"]
    middle = len(token) // 2
    answer["Credentials"]["SessionToken"] = (
        token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    )

    assert not reads(s3_of(answer, ceph.endpoint_url), world.ALLOWED)


def test_a_session_policy_narrows_the_role(ceph: CephGateway) -> None:
    policy = world.allow(["s3:ListBucket"], world.ALLOWED)

    s3 = s3_of(assume(ceph.client("sts", config=ONE_TRY), Policy=policy), ceph.endpoint_url)

    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=world.ALLOWED)["Contents"]] == [world.KEY]
    assert not reads(s3, world.ALLOWED)


def test_managed_session_policies_are_taken_and_passed_over(ceph: CephGateway) -> None:
    read_only = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    s3 = s3_of(assume(ceph.client("sts", config=ONE_TRY), PolicyArns=read_only), ceph.endpoint_url)

    s3.put_object(Bucket=world.ALLOWED, Key="written-by-the-role", Body=b"w")
    s3.delete_object(Bucket=world.ALLOWED, Key="written-by-the-role")


def test_a_session_policy_never_widens_the_role(ceph: CephGateway) -> None:
    policy = world.allow(["s3:*"], world.OTHER)

    s3 = s3_of(assume(ceph.client("sts", config=ONE_TRY), Policy=policy), ceph.endpoint_url)

    assert not reads(s3, world.OTHER)


def test_a_session_ends_when_it_expires(ceph: CephGateway) -> None:
    sts = ceph.client("sts", short=True, config=ANY_DURATION)
    s3 = s3_of(assume(sts, DurationSeconds=2), ceph.short_endpoint_url)

    assert reads(s3, world.ALLOWED)
    wait_until("the expired session is refused", lambda: not reads(s3, world.ALLOWED), seconds=20)


def test_the_first_gateway_refuses_sessions_under_900_seconds(ceph: CephGateway) -> None:
    with pytest.raises(ClientError):
        assume(ceph.client("sts", config=ANY_DURATION), DurationSeconds=899)

    assert assume(ceph.client("sts", config=ANY_DURATION), DurationSeconds=900)


def test_a_gateway_that_was_killed_comes_back_with_all_that_it_held(ceph: CephGateway) -> None:
    sts = ceph.client("sts", config=ONE_TRY)
    s3 = s3_of(assume(sts), ceph.endpoint_url)
    assert reads(s3, world.ALLOWED)

    ceph.kill_gateway()
    try:
        with pytest.raises(EndpointConnectionError):
            assume(sts)
        assert assume(ceph.client("sts", short=True, config=ONE_TRY))
    finally:
        ceph.start_gateway()

    assert reads(s3, world.ALLOWED)
    assert reads(s3_of(assume(sts), ceph.endpoint_url), world.ALLOWED)


def test_no_secret_shows_in_a_repr(ceph: CephGateway) -> None:
    keys = ceph.keys()

    assert keys.secret_access_key not in f"{keys!r} {ceph!r} {vars(ceph)!r}"
