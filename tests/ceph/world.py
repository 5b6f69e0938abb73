"""What the tests' Ceph holds: users, roles and buckets, as small as enforcement can be seen with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

REGION = "us-east-1"

#: Trusts alice only; may do everything with the bucket `ALLOWED` and its objects, and nothing else.
ROLE_ARN = "arn:aws:iam:::role/S3Access"
#: Trusts alice only; may list and read the bucket `OTHER`, and nothing else.
READER_ARN = "arn:aws:iam:::role/S3Reader"

#: Trusts the role `ROLE_ARN` and no user; may list and read the bucket `OTHER`, and nothing else.
CHAINED_ARN = "arn:aws:iam:::role/S3Chained"

ALLOWED, OTHER = "allowed", "other"
#: The one object that each bucket holds.
KEY, BODY = "k", b"v"

#: Alice is trusted by both roles, mallory by none; neither has rights of her own. The buckets are owner's.
USERS = ("alice", "mallory", "owner")

#: What the first user may do, who then makes all the rest over HTTP.
ADMIN_CAPS = "users=*;roles=*;user-policy=*"


@dataclass(frozen=True)
class Keys:
    """A user's long-term keys, as the server drew them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def of_user(cls, answer: str | bytes) -> Keys:
        """Take the keys out of what Ceph answers when it has made a user."""
        keys = json.loads(answer)["keys"][0]
        return cls(keys["access_key"], keys["secret_key"])

    def client(self, service: str, endpoint_url: str, **settings: Any) -> Any:
        """Make a client of boto3 with these keys."""
        session: Any = boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=REGION,
        )
        return session.client(service, endpoint_url=endpoint_url, **settings)


def compact(policy: dict[str, Any]) -> str:
    """Write a policy as JSON without spaces: Ceph 16 takes the ``+`` that stands for one literally."""
    return json.dumps(policy, separators=(",", ":"))


def allow(actions: list[str], bucket: str) -> str:
    """Write a policy that allows actions on a bucket and its objects."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return compact(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}],
        }
    )


def seed(endpoint_url: str, admin: Keys) -> dict[str, Keys]:
    """Fill an empty server, and return its users' keys."""
    users = {name: _make_user(endpoint_url, admin, name) for name in USERS}
    s3 = users["owner"].client("s3", endpoint_url)
    for bucket in (ALLOWED, OTHER):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=KEY, Body=BODY)
    iam = admin.client("iam", endpoint_url)
    reading, alice = allow(["s3:GetObject", "s3:ListBucket"], OTHER), "arn:aws:iam:::user/alice"
    for arn, policy, trusted in (
        (ROLE_ARN, allow(["s3:*"], ALLOWED), alice),
        (READER_ARN, reading, alice),
        (CHAINED_ARN, reading, ROLE_ARN),
    ):
        name = arn.rpartition("/")[2]
        iam.create_role(RoleName=name, Path="/", AssumeRolePolicyDocument=_trust(trusted))
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=policy)
    return users


def _trust(principal: str) -> str:
    return compact(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": [principal]}, "Action": ["sts:AssumeRole"]}
            ],
        }
    )


def _make_user(endpoint_url: str, admin: Keys, name: str) -> Keys:
    # The server's admin API, a tenth of the time that `radosgw-admin user create` takes. It draws the keys.
    query = urlencode({"uid": name, "display-name": name, "format": "json"})
    request = AWSRequest("PUT", f"{endpoint_url}/admin/user?{query}")
    signer = S3SigV4Auth(Credentials(admin.access_key_id, admin.secret_access_key), "s3", REGION)
    signer.add_auth(request)
    answer = URLLib3Session(timeout=10).send(request.prepare())
    if answer.status_code != 200:
        raise RuntimeError(f"Ceph did not make the user {name}: {answer.status_code} {answer.text}")
    return Keys.of_user(answer.content)
