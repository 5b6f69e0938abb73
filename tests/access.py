"""What new clients may do on the embedded AWS, and as whom."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError


def me() -> str:
    """Who a new client is, as the server sees it."""
    return boto3.client("sts").get_caller_identity()["Arn"]


def can_read(bucket: str) -> bool:
    try:
        return boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 0
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017
        return False
