"""Session policies, which narrow what a role's session may do: given ones, or read-only."""

from __future__ import annotations

import json
from typing import Protocol

from stsnb.sts.arn import RoleArn, shorten
from stsnb.sts.fault import Fault
from stsnb.sts.limits import MANAGED_POLICY_ARN

READ_ONLY = "read-only"
SCOPED = "scoped"

# Ceph and MinIO have no managed policies and only S3: the part of ReadOnlyAccess that applies there.
_READ_ONLY_S3 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}],
}


class Narrowed(Protocol):
    """The parameters of a request that narrow its session."""

    @property
    def role_arn(self) -> RoleArn: ...  # noqa: D102
    @property
    def policy(self) -> str | None: ...  # noqa: D102
    @property
    def policy_arns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def read_only(self) -> bool: ...  # noqa: D102


def managed_policy_arn(partition: str, name: str) -> str:
    """Return the ARN of a policy that AWS manages.

    Parameters
    ----------
    partition : str
        ``aws``, ``aws-cn``, ``aws-us-gov``, …
    name : str
        The policy's name, with its path if it has one: ``job-function/ViewOnlyAccess``.

    Returns
    -------
    str
    """
    return f"arn:{partition}:iam::aws:policy/{name}"


def session_policies(asked: Narrowed) -> tuple[str | None, tuple[str, ...]]:
    """Return the session policies to send: the inline one, and the ARNs of the managed ones.

    Read-only is the managed policy ReadOnlyAccess, of the role's partition. A server without accounts has no
    managed policies, and ignores their ARNs (measured with Ceph 16): there an inline policy for S3 is sent.

    Parameters
    ----------
    asked : Narrowed
        The request.

    Returns
    -------
    policy : str or None
    policy_arns : tuple of str
        Each once.
    """
    if asked.read_only and not asked.role_arn.has_account:
        return json.dumps(_READ_ONLY_S3, separators=(",", ":")), ()
    arns = [_read_only_arn(asked), *asked.policy_arns] if asked.read_only else asked.policy_arns
    return asked.policy, tuple(dict.fromkeys(arns))


def narrowing(asked: Narrowed) -> str | None:
    """Return a word for what narrows the session.

    Parameters
    ----------
    asked : Narrowed
        The request.

    Returns
    -------
    str or None
        ``read-only`` if ReadOnlyAccess is its only session policy, ``scoped`` with others, None without any.
    """
    policy, policy_arns = session_policies(asked)
    if asked.read_only or (policy is None and policy_arns == (_read_only_arn(asked),)):
        return READ_ONLY
    return SCOPED if policy is not None or policy_arns else None


def read_only_faults(asked: Narrowed) -> list[Fault]:
    """Return a fault if a session can't be read-only as requested."""
    if not isinstance(asked.read_only, bool):
        return [Fault(f"Invalid read_only: {shorten(asked.read_only)}.", "It must be True or False.")]
    if not asked.read_only or (asked.policy is None and set(asked.policy_arns) <= {_read_only_arn(asked)}):
        return []
    # Together they are one set: an action that the role may do is allowed if any of them allows it (IAM User Guide,
    # "Session policies" and "Policy evaluation logic").
    return [
        Fault(
            "Read-only can't be combined with other session policies.",
            "A session may do what any one of its policies allows, so both together are wider: use one or the other.",
        )
    ]


def policy_arn_faults(asked: Narrowed) -> list[Fault]:
    """Return a fault for each managed session policy that would not narrow this role."""
    role = asked.role_arn
    if asked.policy_arns and not role.has_account:
        happened = f"{shorten(str(role))} is on a server without managed policies (Ceph, MinIO), which would ignore them."
        return [Fault(happened, "Pass the policy itself.")]
    found = []
    for arn in asked.policy_arns:
        read = MANAGED_POLICY_ARN.fullmatch(arn)
        if read and read.groups() not in ((role.partition, "aws"), (role.partition, role.account_id)):
            found.append(
                Fault(
                    f"The managed policy {shorten(arn)} is not for this role.",
                    f"Use one of partition {role.partition} that is AWS's own (aws) or of account {role.account_id}.",
                )
            )
    return found


def _read_only_arn(asked: Narrowed) -> str:
    return managed_policy_arn(asked.role_arn.partition, "ReadOnlyAccess")
