"""The contents of the embedded AWS: users, roles with their policies, and buckets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .deliveries import as_csv, as_delta_log, as_parquet, as_report, deliveries

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT_ID = "123456789012"
REGION = "ap-northeast-2"

USER_NAME = "myid"
USER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/{USER_NAME}"

ROLE_NAME = "role-for-s3-fileserver"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}"
BUCKET = "s3-fileserver"
CSV_KEY = "deliveries/2026-10.csv"
PARQUET_KEY = "deliveries/2026-10.parquet"
#: A table of Delta Lake: one file, and its log.
TABLE_KEYS = ("table/2026-10.parquet", "table/_delta_log/00000000000000000000.json")

ARCHIVE_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/role-for-archive"
ARCHIVE_BUCKET = "s3-archive"
ARCHIVE_KEY = "deliveries/2025-10.parquet"

#: Trusts the role that reads the deliveries, not the user: for role chaining.
REPORTS_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/role-for-reports"
REPORTS_BUCKET = "s3-reports"
REPORTS_KEY = "2026/deliveries-by-warehouse.csv"

#: Trusts the user if MFA was used.
COSTS_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/role-for-costs"
COSTS_BUCKET = "s3-costs"
COSTS_KEY = "2026-10.csv"
#: The user's MFA device; the embedded AWS accepts any six digits as its code, but none twice in a row.
MFA_SERIAL_NUMBER = f"arn:aws:iam::{ACCOUNT_ID}:mfa/{USER_NAME}"

#: The profiles of ``~/.aws/config`` in addition to the user's default profile.
PROFILES: dict[str, dict[str, str]] = {
    "deliveries": {
        "role_arn": ROLE_ARN,
        "source_profile": "default",
        "role_session_name": "Deliveries",
        "duration_seconds": "1800",
        "region": REGION,
    },
    "archive": {"role_arn": ARCHIVE_ROLE_ARN, "source_profile": "default", "region": REGION},
    "reports": {"role_arn": REPORTS_ROLE_ARN, "source_profile": "deliveries", "region": REGION},
    "costs": {
        "role_arn": COSTS_ROLE_ARN,
        "source_profile": "default",
        "mfa_serial": MFA_SERIAL_NUMBER,
        "region": REGION,
    },
    "lost": {"role_arn": ROLE_ARN, "source_profile": "defualt", "region": REGION},
}

PAYROLL_OFFICER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/payroll-officer"
PAYROLL_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/role-for-payroll"


@dataclass(frozen=True)
class AccessKey:
    """A user's long-term access key; its repr has no secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy document of Allow statements."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
    )


def trust_in(*principals: dict[str, str]) -> str:
    """Return a trust policy with one statement for each principal that may assume the role."""
    return policy(*({"Principal": each, "Action": "sts:AssumeRole"} for each in principals))


def reading(bucket: str) -> str:
    """Return the policy of a role that may list all buckets and read one of them."""
    return policy(
        {"Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": f"arn:aws:s3:::{bucket}"},
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
    )


def seed(client: Callable[[str], Any]) -> tuple[AccessKey, AccessKey]:
    """Create the users, the roles and the buckets.

    Parameters
    ----------
    client
        Returns a boto3 client of a service, with all permissions.

    Returns
    -------
    admin, user
        The access key of ``admin``, who may do everything, and of `USER_NAME`, who may only assume roles.
    """
    iam, s3 = client("iam"), client("s3")

    def user(name: str, document: str) -> AccessKey:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="what-they-may-do", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return AccessKey(key["AccessKeyId"], key["SecretAccessKey"])

    def role(arn: str, trust: str) -> str:
        name = arn.rpartition("/")[2]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        return name

    def bucket(name: str, files: dict[str, bytes]) -> None:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, body in files.items():
            s3.put_object(Bucket=name, Key=key, Body=body)

    admin = user("admin", policy({"Action": "*", "Resource": "*"}))
    myid = user(USER_NAME, policy({"Action": ["sts:AssumeRole", "sts:GetSessionToken"], "Resource": "*"}))
    iam.create_user(UserName=PAYROLL_OFFICER_ARN.rpartition("/")[2])

    # Two statements: the service S3, and the user.
    trust_in_myid = trust_in({"Service": "s3.amazonaws.com"}, {"AWS": USER_ARN})
    for arn, name in ((ROLE_ARN, BUCKET), (ARCHIVE_ROLE_ARN, ARCHIVE_BUCKET)):
        iam.put_role_policy(
            RoleName=role(arn, trust_in_myid), PolicyName=f"read-{name}", PolicyDocument=reading(name)
        )
    role(PAYROLL_ROLE_ARN, trust_in({"AWS": PAYROLL_OFFICER_ARN}))
    # As a user does, a role in a chain needs the trust of the next role and the permission to assume it.
    iam.put_role_policy(
        RoleName=ROLE_NAME,
        PolicyName="go-on-to-reports",
        PolicyDocument=policy({"Action": "sts:AssumeRole", "Resource": REPORTS_ROLE_ARN}),
    )
    iam.put_role_policy(
        RoleName=role(REPORTS_ROLE_ARN, trust_in({"AWS": ROLE_ARN})),
        PolicyName=f"read-{REPORTS_BUCKET}",
        PolicyDocument=reading(REPORTS_BUCKET),
    )
    with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    iam.put_role_policy(
        RoleName=role(
            COSTS_ROLE_ARN,
            policy({"Principal": {"AWS": USER_ARN}, "Action": "sts:AssumeRole", "Condition": with_mfa}),
        ),
        PolicyName=f"read-{COSTS_BUCKET}",
        PolicyDocument=reading(COSTS_BUCKET),
    )

    month = deliveries(2026, 10)
    bucket(REPORTS_BUCKET, {REPORTS_KEY: as_report(month)})
    bucket(COSTS_BUCKET, {COSTS_KEY: as_csv(month)})
    archived = deliveries(2025, 10)
    if find_spec("pyarrow"):
        parquet = as_parquet(month)
        file, log = TABLE_KEYS
        table = {file: parquet, log: as_delta_log(file.rpartition("/")[2], len(parquet))}
        bucket(BUCKET, {CSV_KEY: as_csv(month), PARQUET_KEY: parquet, **table})
        bucket(ARCHIVE_BUCKET, {ARCHIVE_KEY: as_parquet(archived)})
    else:  # the quickstart reads CSV only, and pyarrow is as large as all that it needs
        bucket(BUCKET, {CSV_KEY: as_csv(month)})
        bucket(ARCHIVE_BUCKET, {ARCHIVE_KEY.replace(".parquet", ".csv"): as_csv(archived)})
    return admin, myid
