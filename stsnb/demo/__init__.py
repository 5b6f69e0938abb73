"""An embedded AWS (moto) with users, roles and buckets, for the notebooks and the tests.

``python -m stsnb.demo`` opens the notebooks with it; `EmbeddedAWS` starts it from Python. Importing this package
imports neither boto3 nor moto: moto changes botocore when it is imported, so it runs in a process of its own.
"""

from .embedded import EmbeddedAWS, EmbeddedAWSError
from .notebook import as_text, execute
from .world import (
    ACCOUNT_ID,
    ARCHIVE_BUCKET,
    ARCHIVE_KEY,
    ARCHIVE_ROLE_ARN,
    BUCKET,
    COSTS_BUCKET,
    COSTS_KEY,
    COSTS_ROLE_ARN,
    CSV_KEY,
    MFA_SERIAL_NUMBER,
    PARQUET_KEY,
    PAYROLL_ROLE_ARN,
    REGION,
    REPORTS_BUCKET,
    REPORTS_KEY,
    REPORTS_ROLE_ARN,
    ROLE_ARN,
    ROLE_NAME,
    USER_ARN,
    USER_NAME,
)

__all__ = [
    "ACCOUNT_ID",
    "ARCHIVE_BUCKET",
    "ARCHIVE_KEY",
    "ARCHIVE_ROLE_ARN",
    "BUCKET",
    "COSTS_BUCKET",
    "COSTS_KEY",
    "COSTS_ROLE_ARN",
    "CSV_KEY",
    "MFA_SERIAL_NUMBER",
    "PARQUET_KEY",
    "PAYROLL_ROLE_ARN",
    "REGION",
    "REPORTS_BUCKET",
    "REPORTS_KEY",
    "REPORTS_ROLE_ARN",
    "ROLE_ARN",
    "ROLE_NAME",
    "USER_ARN",
    "USER_NAME",
    "EmbeddedAWS",
    "EmbeddedAWSError",
    "as_text",
    "execute",
]
