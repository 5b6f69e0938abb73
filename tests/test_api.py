"""The functions assume_role, current_role and drop_role."""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path
from typing import Any

import boto3
import botocore
import botocore.session
import pandas as pd
import pytest

import stsnb
from stsnb.config import catalog
from stsnb.demo import (
    ARCHIVE_BUCKET,
    ARCHIVE_KEY,
    ARCHIVE_ROLE_ARN,
    BUCKET,
    CSV_KEY,
    ROLE_ARN,
    USER_ARN,
    EmbeddedAWS,
)
from tests.access import can_read, me
from tests.scripted_sts import IDENTITY_CENTER, ROLE, SECRET_MARK, ScriptedSTS
from tests.unchanged import unchanged


def test_a_role_can_do_what_its_user_cannot_until_it_is_dropped(aws: EmbeddedAWS) -> None:
    before = dict(os.environ)
    assert not can_read(BUCKET)
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1")
    assert can_read(BUCKET)
    assert not can_read(ARCHIVE_BUCKET)
    assert stsnb.current_role() is role
    assert stsnb.drop_role() is role
    assert not can_read(BUCKET)
    assert os.environ == before


def test_assuming_twice_is_the_same_as_once(aws: EmbeddedAWS) -> None:
    before = dict(os.environ)
    for _ in range(2):
        stsnb.assume_role(ROLE_ARN, "RoleSession1")
        assert can_read(BUCKET)
    stsnb.assume_role(ARCHIVE_ROLE_ARN)  # which trusts the user, not the role
    assert can_read(ARCHIVE_BUCKET)
    stsnb.drop_role()
    assert os.environ == before
    assert me() == USER_ARN


def test_a_client_keeps_the_role_that_it_was_made_under(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    old = boto3.client("s3")
    stsnb.assume_role(ARCHIVE_ROLE_ARN)
    assert old.list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
    stsnb.drop_role()
    assert old.list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0


def test_what_pandas_reads_follows_the_active_role(aws: EmbeddedAWS) -> None:
    """s3fs keeps its instances, and with them the identity that they saw first."""

    def read(url: str) -> int:
        try:
            return len(pd.read_parquet(url) if url.endswith(".parquet") else pd.read_csv(url))
        except OSError:  # PermissionError of s3fs, or what pyarrow makes of it
            return 0

    deliveries, archive = f"s3://{BUCKET}/{CSV_KEY}", f"s3://{ARCHIVE_BUCKET}/{ARCHIVE_KEY}"
    assert read(deliveries) == 0
    stsnb.assume_role(ROLE_ARN)
    assert read(deliveries) > 100
    with stsnb.assume_role(ARCHIVE_ROLE_ARN):
        assert read(archive) > 100
        assert read(deliveries) == 0
    assert (read(deliveries) > 100, read(archive)) == (True, 0)
    stsnb.drop_role()
    assert read(deliveries) == 0


def test_a_role_that_is_not_injected_leaves_the_process_alone(aws: EmbeddedAWS) -> None:
    assert me() == USER_ARN
    with unchanged():
        role = stsnb.assume_role(ROLE_ARN, inject=False)
        assert role.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
        assert len(list(role.resource("s3").Bucket(BUCKET).objects.all())) > 0
        assert me() == USER_ARN


# --- on a scripted STS ------------------------------------------------------------------------------------------


def test_the_functions_return_the_role_and_none_without_one(sts: ScriptedSTS) -> None:
    assert (stsnb.current_role(), stsnb.drop_role()) == (None, None)
    role = stsnb.assume_role(ROLE)
    assert stsnb.current_role() is role
    assert stsnb.drop_role() is role
    assert (stsnb.current_role(), stsnb.drop_role()) == (None, None)


def test_each_parameter_of_sts_has_its_name_in_snake_case() -> None:
    shape = botocore.session.Session().get_service_model("sts").operation_model("AssumeRole").input_shape
    names = {botocore.xform_name(name) for name in shape.members} - {"role_arn", "role_session_name"}
    assert names <= set(inspect.signature(stsnb.assume_role).parameters)


def test_the_newest_parameters_are_sent_at_each_call_and_the_assertion_is_shown_nowhere(
    sts: ScriptedSTS, caplog: pytest.LogCaptureFixture
) -> None:
    context = {"ProviderArn": IDENTITY_CENTER, "ContextAssertion": f"{SECRET_MARK}+/=="}
    with caplog.at_level(logging.DEBUG):
        role = stsnb.assume_role(ROLE, "me", provided_contexts=[context], minimum_session_token_size=2048)
        role.refresh()
    for sent in sts.requests:
        assert sent == {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "me",
            "ProvidedContexts.member.1.ProviderArn": IDENTITY_CENTER,
            "ProvidedContexts.member.1.ContextAssertion": f"{SECRET_MARK}+/==",
            "MinimumSessionTokenSize": "2048",
        }
    assert len(sts.requests) == 2
    shown = [
        str(role),
        repr(role),
        str(role._repr_mimebundle_()),
        repr(vars(role)),
        repr(vars(role._fetcher)),
    ]
    assert SECRET_MARK not in "".join(shown)
    assert len(caplog.records) > 20
    assert SECRET_MARK not in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        {"role": None},
        {"role": 5},
        {"role": "no-such-profile"},
        {"role": ROLE, "duration_seconds": "an hour"},
        {"role": ROLE, "duration_seconds": 60},
        {"role": ROLE, "tags": ["team"]},
        {"role": ROLE, "policy": Path("missing.json")},
        {"role": ROLE, "policy": "{"},
        {"role": ROLE, "provided_contexts": [{"ProviderArn": ROLE}]},
        {"role": ROLE, "minimum_session_token_size": 4097},
        {"role": ROLE, "profile": "missing"},
        {"role": ROLE, "region": "Seoul!"},
        {"role": ROLE, "chain": True},
        {"role": ROLE, "web_identity_token_file": "missing"},
        {"role": ROLE, "token_code": "123456"},
        {"role": ROLE, "live": True, "inject": False},
    ],
    ids=str,
)
def test_a_call_that_cannot_succeed_raises_two_sentences_and_changes_nothing(
    sts: ScriptedSTS, given: dict[str, Any]
) -> None:
    with unchanged(), pytest.raises(stsnb.AssumeRoleError) as refused:
        stsnb.assume_role(**given)
    assert refused.value.happened.endswith(".")
    assert refused.value.advice
    assert refused.value.__cause__ is None
    assert sts.calls == 0


def test_a_role_that_was_assumed_is_suggested_from_then_on(sts: ScriptedSTS) -> None:
    other = f"{ROLE}-refused"
    stsnb.assume_role(ROLE, "RoleSession1", inject=False)
    sts.fails("AccessDenied", status=403)
    with pytest.raises(stsnb.AssumeRoleError):
        stsnb.assume_role(other)
    assert ROLE in catalog.role_arns(os.environ)
    assert other not in catalog.role_arns(os.environ)
