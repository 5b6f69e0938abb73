"""Renewal where expiry is enforced to the second: sessions of a few seconds, on a gateway that allows them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
import s3fs
from botocore.exceptions import ClientError

import stsnb
from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from stsnb.sts import limits
from stsnb.sts.response import AssumeRoleResponse
from tests.ceph.gateway import CephGateway
from tests.ceph.world import ALLOWED, BODY, KEY, ROLE_ARN
from tests.sandbox import wait_until

SECONDS = 4


@pytest.fixture
def short(ceph: CephGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CephGateway:
    """The gateway with sessions from one second up; AWS's minimum of 900, which all clients check, is lifted."""
    for name, value in ceph.environment("alice", short=True).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text("[default]\nparameter_validation = false\nmax_attempts = 1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(limits, "MIN_DURATION_SECONDS", 1)
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    kernel.reset()
    return ceph


def read(client: object) -> None:
    assert client.get_object(Bucket=ALLOWED, Key=KEY)["Body"].read() == BODY  # type: ignore[attr-defined]


def renewals(held: stsnb.AssumedRole, wanted: int, meanwhile: Callable[[], None]) -> None:
    """Do something over and over until a role has been renewed so many times."""
    ends = {held.expiration}

    def enough() -> bool:
        meanwhile()
        ends.add(held.expiration)
        return len(ends) > wanted

    wait_until(f"{wanted} renewals", enough, seconds=60)


def test_no_call_fails_across_three_renewals_old_clients_and_new_ones(short: CephGateway) -> None:
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS)
    old = boto3.client("s3")
    first = os.environ["AWS_SESSION_TOKEN"]

    def meanwhile() -> None:
        read(old)
        read(boto3.client("s3"))
        read(boto3.Session().client("s3"))  # from the environment

    renewals(held, 3, meanwhile)
    assert os.environ["AWS_SESSION_TOKEN"] != first


def test_the_sessions_that_were_renewed_have_really_ended(short: CephGateway) -> None:
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS)
    first = held.response
    stale = boto3.client(
        "s3",
        aws_access_key_id=first.access_key_id,
        aws_secret_access_key=first.secret_access_key,
        aws_session_token=first.session_token,
    )

    def refused() -> bool:
        read(boto3.client("s3"))
        try:
            read(stale)
        except ClientError as error:
            return error.response["Error"]["Code"] == "AccessDenied"
        return False

    wait_until("the first session's token is refused", refused, seconds=60)
    read(boto3.client("s3"))


def test_a_gateway_that_was_away_is_found_again_without_a_hand(short: CephGateway) -> None:
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS)
    client = boto3.client("s3")
    short.kill_gateway(short=True)
    try:
        wait_until("the failure is seen", lambda: held.renewal_error is not None, seconds=60)
        assert "could not be reached" in str(held.renewal_error)
        assert "renewal failed: STS at" in str(held)
        wait_until("the session has ended", lambda: not held.remaining, seconds=60)
        with pytest.raises(
            stsnb.AssumeRoleError, match=r"ended at .* and could not be renewed: .* could not be reached"
        ):
            read(client)
    finally:
        short.start_gateway(short=True)
    wait_until("the role is renewed", lambda: held.renewal_error is None and held.remaining, seconds=60)
    read(client)
    assert "renewal failed" not in str(held)


def test_500_threads_and_s3fs_together_make_one_call_a_renewal(short: CephGateway) -> None:
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS)
    files = s3fs.S3FileSystem(anon=False, skip_instance_cache=True, use_listings_cache=False)
    calls, over, faults = Calls(held), threading.Event(), []

    def sign() -> None:
        try:
            while not over.wait(0.05):
                held.credentials.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001 # counted
            faults.append(error)

    threads = [threading.Thread(target=sign) for _ in range(500)]
    for thread in threads:
        thread.start()
    try:
        renewals(held, 3, lambda: files.info(f"{ALLOWED}/{KEY}"))
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert faults == []
    wait_until("each call has renewed", lambda: calls.made == calls.renewed)
    assert calls.renewed <= 4


class Calls:
    """Counts what STS is asked for a role, and how often that renewed it."""

    def __init__(self, held: stsnb.AssumedRole) -> None:
        self.made = self.renewed = 0
        ask, renewed = held.credentials._call_sts, held.credentials._on_renewed

        def count_call() -> AssumeRoleResponse:
            self.made += 1
            return ask()

        def count_renewal(response: AssumeRoleResponse) -> None:
            self.renewed += 1
            renewed(response)

        held.credentials._call_sts, held.credentials._on_renewed = count_call, count_renewal
