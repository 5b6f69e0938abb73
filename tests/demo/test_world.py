"""The users, roles and buckets of the embedded AWS: who may do what."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest

from stsnb import demo
from stsnb.demo import EmbeddedAWS
from stsnb.demo.deliveries import as_csv, deliveries
from stsnb.demo.world import TABLE_KEYS
from tests.demo.calls import assume, keys, refusal
from tests.sandbox import wait_until


class TestTheUser:
    def test_is_the_user_of_the_seed(self, aws: EmbeddedAWS) -> None:
        identity = boto3.Session().client("sts").get_caller_identity()

        assert (identity["Account"], identity["Arn"]) == (demo.ACCOUNT_ID, demo.USER_ARN)

    @pytest.mark.parametrize(
        ("service", "operation", "parameters"),
        [
            ("s3", "list_buckets", {}),
            ("s3", "list_objects_v2", {"Bucket": demo.BUCKET}),
            ("s3", "get_object", {"Bucket": demo.BUCKET, "Key": demo.CSV_KEY}),
            ("iam", "list_users", {}),
            ("iam", "list_roles", {}),
        ],
    )
    def test_can_do_nothing_but_assume_roles(
        self, aws: EmbeddedAWS, service: str, operation: str, parameters: dict[str, str]
    ) -> None:
        client = boto3.Session().client(service)  # type: ignore[call-overload]

        assert refusal(getattr(client, operation), **parameters) == "AccessDenied"

    def test_is_refused_with_a_wrong_secret(self, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
        own = boto3.Session().get_credentials()
        assert own is not None
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

        assert refusal(assume, demo.ROLE_ARN) == "SignatureDoesNotMatch"

    def test_is_refused_with_an_unknown_key(self, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN000000000")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")

        assert refusal(assume, demo.ROLE_ARN) == "InvalidClientTokenId"


class TestTheRoles:
    def test_the_trust_policy_is_the_one_of_the_seed(self, aws: EmbeddedAWS) -> None:
        role = aws.client("iam").get_role(RoleName=demo.ROLE_NAME)["Role"]

        assert role["Arn"] == demo.ROLE_ARN
        assert role["AssumeRolePolicyDocument"] == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                },
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::123456789012:user/myid"},
                    "Action": "sts:AssumeRole",
                },
            ],
        }

    def test_a_role_lists_all_buckets_and_reads_its_own(self, aws: EmbeddedAWS) -> None:
        role = assume(demo.ROLE_ARN)

        names = {each["Name"] for each in role.client("s3").list_buckets()["Buckets"]}
        assert {demo.BUCKET, demo.ARCHIVE_BUCKET} <= names
        assert keys(role, demo.BUCKET) == [demo.CSV_KEY, demo.PARQUET_KEY, *TABLE_KEYS]
        file = role.client("s3").get_object(Bucket=demo.BUCKET, Key=demo.CSV_KEY)["Body"].read()
        assert file == as_csv(deliveries(2026, 10))

    def test_a_role_reads_no_bucket_but_its_own_and_writes_none(self, aws: EmbeddedAWS) -> None:
        role, archive = assume(demo.ROLE_ARN), assume(demo.ARCHIVE_ROLE_ARN)

        assert keys(archive, demo.ARCHIVE_BUCKET) == [demo.ARCHIVE_KEY]
        assert refusal(keys, role, demo.ARCHIVE_BUCKET) == "AccessDenied"
        assert refusal(keys, archive, demo.BUCKET) == "AccessDenied"
        get = archive.client("s3").get_object
        assert refusal(get, Bucket=demo.BUCKET, Key=demo.CSV_KEY) == "AccessDenied"
        put = role.client("s3").put_object
        assert refusal(put, Bucket=demo.BUCKET, Key=demo.CSV_KEY, Body=b"") == "AccessDenied"

    def test_reports_trusts_the_role_of_the_deliveries(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.REPORTS_ROLE_ARN) == "AccessDenied"
        role, archive = assume(demo.ROLE_ARN), assume(demo.ARCHIVE_ROLE_ARN)
        assert keys(assume(demo.REPORTS_ROLE_ARN, source=role), demo.REPORTS_BUCKET) == [demo.REPORTS_KEY]
        assert refusal(assume, demo.REPORTS_ROLE_ARN, source=archive) == "AccessDenied"

    def test_payroll_trusts_another_user(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, demo.PAYROLL_ROLE_ARN) == "AccessDenied"

    def test_a_role_that_does_not_exist_cannot_be_assumed(self, aws: EmbeddedAWS) -> None:
        assert refusal(assume, f"{demo.ROLE_ARN}-2") == "AccessDenied"

    def test_a_session_with_a_wrong_token_is_refused(self, aws: EmbeddedAWS) -> None:
        own = assume(demo.ROLE_ARN).get_credentials()
        assert own is not None
        forged = boto3.Session(own.access_key, own.secret_key, "not-the-token")

        assert refusal(keys, forged, demo.BUCKET) == "InvalidToken"

    def test_what_the_demo_says_is_not_enforced_is_not(self, aws: EmbeddedAWS) -> None:
        """If this fails, moto has learned something: then the demo's introduction can say so."""
        deny = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        )
        mfa: dict[str, Any] = {
            "SerialNumber": f"arn:aws:iam::{demo.ACCOUNT_ID}:mfa/none",
            "TokenCode": "000000",
        }
        short = assume(demo.ROLE_ARN, DurationSeconds=1)
        expired = datetime.now(timezone.utc).timestamp() + 1.5

        assert keys(assume(demo.ROLE_ARN, Policy=deny), demo.BUCKET)
        assert keys(assume(demo.ROLE_ARN, DurationSeconds=43_200), demo.BUCKET)
        assert keys(assume(demo.ROLE_ARN, **mfa), demo.BUCKET)
        wait_until("the session has ended", lambda: datetime.now(timezone.utc).timestamp() > expired)
        assert keys(short, demo.BUCKET)
