"""Calls to the embedded AWS as a user or a role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def assume(role_arn: str, *, source: boto3.Session | None = None, **parameters: Any) -> boto3.Session:
    """Assume a role as the user of the environment, or with a session's credentials."""
    sts = (source or boto3.Session()).client("sts", config=Config(parameter_validation=False))
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="RoleSession1", **parameters)["Credentials"]
    return boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def keys(session: boto3.Session, bucket: str) -> list[str]:
    return [each["Key"] for each in session.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def refusal(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> str:
    """Make a call that AWS must refuse, and return its error code."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    return str(refused.value.response["Error"]["Code"])
