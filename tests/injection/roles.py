"""Stand-ins for what scopes use: roles that no STS has given, and a renewer that only records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, cast

from stsnb.injection.scopes import Scope, Scopes
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.source_settings import SourceSettings
from stsnb.sts.response import AssumeRoleResponse

USER = {"AWS_ACCESS_KEY_ID": "AKIAUSER", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
ENDS = datetime(2100, 1, 1, tzinfo=timezone.utc)

#: Names of roles.
A, B, C = "A", "B", "C"


class Credentials:
    """A role's credentials, which nothing renews here."""

    dropped = False


class Role:
    """What scopes use of an AssumedRole."""

    live = False

    def __init__(self, name: str, region: str = "us-east-1") -> None:
        self.role_name = name
        self.settings = SourceSettings("default", {"AWS_DEFAULT_REGION": region}, {}, needs_file=False)
        self.session = object()
        self.response = AssumeRoleResponse(f"ASIA{name}", "secret", f"token of {name}", ENDS, f"arn:{name}")
        self.credentials = Credentials()

    def is_same_as(self, other: Role) -> bool:
        return self.role_name == other.role_name


def role(name: str, region: str = "us-east-1") -> AssumedRole:
    return cast(AssumedRole, Role(name, region))


class Watched(set[Any]):
    """The credentials that a renewer would renew."""

    watch = set.add
    unwatch = set.discard


@contextmanager
def within(scopes: Scopes, role: AssumedRole) -> Iterator[None]:
    """As ``with role``."""
    scopes.enter(role, Scope())
    try:
        yield
    finally:
        scopes.leave(role)
