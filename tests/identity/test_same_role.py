"""A program that runs as a role assumes that role; an answer for another role is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

import stsnb
from stsnb.demo import ROLE_ARN, EmbeddedAWS
from tests.scripted_sts import ROLE, ScriptedSTS

AGAIN = "import stsnb\ntry:\n    print(stsnb.assume_role({role!r}).arn)\nexcept stsnb.AssumeRoleError as error:\n    print(error)"


def by_child(role: str) -> str:
    """Assume a role in a child process, as a nested papermill or ``!python job.py`` does."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN.format(role=role)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_child_that_assumes_its_own_role_gets_an_error_that_says_so(aws: EmbeddedAWS) -> None:
    role = stsnb.assume_role(ROLE_ARN, "RoleSession1")
    said = by_child(ROLE_ARN)
    assert f"You are {role.role_name} already" in said
    assert "RoleSession1" in said
    assert "--profile NAME" in said
    assert "trust policy needs the statement" not in said


def test_a_child_assumes_its_own_role_where_the_server_allows_it(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    assert "assumed-role/role-for-s3-fileserver" in by_child(ROLE)
    assert sts.callers == [sts.environment["AWS_ACCESS_KEY_ID"], role.response.access_key_id]


def test_a_child_that_assumes_another_role_gets_advice_about_its_trust_policy(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN)
    said = by_child("arn:aws:iam::123456789012:role/role-for-nobody")
    assert "already" not in said


# --- answers ----------------------------------------------------------------------------------------------------


@contextmanager
def answering(sts: ScriptedSTS, arn: str) -> Iterator[None]:
    """Let the server name another AssumedRoleUser; empty for none."""
    credentials = sts.credentials

    def answer(asked: dict[str, str]) -> Any:
        response = credentials(asked)
        body = response.get_data(as_text=True)
        before, _, rest = body.partition("<Arn>")
        response.set_data(f"{before}<Arn>{arn}{rest[rest.index('</Arn>') :]}")
        return response

    sts.respond = answer
    yield
    sts.recovers()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::123456789012:assumed-role/other/RoleSession1",
        "arn:aws:sts::210987654321:assumed-role/role-for-s3-fileserver/RoleSession1",
        "arn:aws:sts:::assumed-role/other/RoleSession1",
        "arn:aws:sts::123456789012:assumed-role/path/other/RoleSession1",
    ],
)
def test_another_roles_credentials_are_refused(sts: ScriptedSTS, arn: str) -> None:
    active = stsnb.assume_role(ROLE)
    before = dict(os.environ)
    keys = active.response.access_key_id
    with answering(sts, arn):
        with pytest.raises(stsnb.AssumeRoleError, match="another role") as refused:
            stsnb.assume_role(ROLE, "RoleSession1")
        assert arn in str(refused.value)
        with pytest.raises(stsnb.AssumeRoleError, match="another role"):
            active.refresh()
    assert dict(os.environ) == before
    assert boto3.Session().get_credentials().access_key == keys


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:sts:::assumed-role/role-for-s3-fileserver/RoleSession1",
        "arn:aws:sts::tenant:assumed-role/role-for-s3-fileserver/RoleSession1",
        "arn:aws:sts::123456789012:assumed-role/a/path/role-for-s3-fileserver/RoleSession1",
        "arn:aws:sts::123456789012:assumed-role/ROLE-FOR-S3-fileserver/RoleSession1",
        "arn:aws:sts::123456789012:assumed-role",
        "something else",
    ],
)
@pytest.mark.parametrize("path", ["", "a/path/"])
def test_a_server_without_accounts_paths_or_arns_is_no_other_role(
    sts: ScriptedSTS, arn: str, path: str
) -> None:
    with answering(sts, arn):
        assert stsnb.assume_role(ROLE.replace("role/", f"role/{path}")).remaining
