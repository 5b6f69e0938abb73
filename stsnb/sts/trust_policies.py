"""The statement of a trust policy that allows an identity to assume a role, ready to paste."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stsnb.sts.request import AssumeRoleRequest

#: The placeholder for an identity that is not known.
UNKNOWN = "ARN OF THE CALLER"

_SESSION = re.compile(r"arn:(?P<partition>[^:]*):sts::(?P<account>[^:]*):assumed-role/(?P<role>[^/]+)/.+")


def statement(identity: str | None, request: AssumeRoleRequest) -> dict[str, Any]:
    """Return the statement that a role's trust policy needs for a request.

    Parameters
    ----------
    identity : str or None
        The caller's ARN, as GetCallerIdentity returns it; None leaves a placeholder.
    request : AssumeRoleRequest
        The request: tags, a source identity and provided contexts need actions of their own, an external id and MFA
        are conditions.

    Returns
    -------
    dict
        A statement of IAM's policy language, without secrets.
    """
    actions = ["sts:AssumeRole"]
    if request.tags:
        actions.append("sts:TagSession")
    if request.source_identity:
        actions.append("sts:SetSourceIdentity")
    if request.provided_contexts:
        actions.append("sts:SetContext")
    principal, conditions = _principal(identity)
    if request.external_id:
        conditions["StringEquals"] = {"sts:ExternalId": request.external_id}
    if request.serial_number:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    made: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": actions[0] if len(actions) == 1 else actions,
    }
    if conditions:
        made["Condition"] = conditions
    return made


def _principal(identity: str | None) -> tuple[str, dict[str, dict[str, str]]]:
    session = _SESSION.fullmatch(identity or "")
    if session is None:
        return identity or UNKNOWN, {}
    account = f"arn:{session['partition']}:iam::{session['account']}"
    role = session["role"]
    if role.startswith("AWSReservedSSO_"):
        # Identity Center's roles have a path that their session's ARN lacks, and the end of their name
        # changes: AWS advises a condition (IAM Identity Center user guide, "Referencing permission sets").
        name = role.rpartition("_")[0]
        pattern = f"{account}:role/aws-reserved/sso.amazonaws.com/*{name}_*"
        return f"{account}:root", {"ArnLike": {"aws:PrincipalArn": pattern}}
    return f"{account}:role/{role}", {}


def web_identity_statement(claims: Mapping[str, Any], request: AssumeRoleRequest) -> dict[str, Any]:
    """Return the statement that a role's trust policy needs for a web identity.

    Parameters
    ----------
    claims : mapping
        The token's claims ``iss``, ``sub``, ``aud``; a missing one leaves a placeholder.
    request : AssumeRoleRequest
        The request.

    Returns
    -------
    dict
        A statement of IAM's policy language (IAM user guide, "Creating a role for OpenID Connect federation").
    """
    issuer = str(claims.get("iss", "ISSUER OF THE TOKEN")).removeprefix("https://").rstrip("/")
    audience = claims.get("aud", "AUDIENCE OF THE TOKEN")
    role = request.role_arn
    return {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:{role.partition}:iam::{role.account_id}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{issuer}:aud": audience,
                f"{issuer}:sub": claims.get("sub", "SUBJECT OF THE TOKEN"),
            }
        },
    }
