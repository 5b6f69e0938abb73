"""The magics' capabilities as functions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from stsnb import defaults
from stsnb.kernel import kernel
from stsnb.request import AssumeRoleRequest, InvalidRequestError
from stsnb.role import AssumedRole


def assume_role(
    role: str,
    session_name: str | None = None,
    *,
    duration_seconds: int | None = None,
    external_id: str | None = None,
    policy: Mapping[str, Any] | os.PathLike[str] | str | None = None,
    policy_arns: Iterable[str] | None = None,
    read_only: bool | None = None,
    tags: Mapping[str, str] | None = None,
    transitive_tag_keys: Iterable[str] | None = None,
    source_identity: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    refresh: bool | None = None,
    inject: bool = True,
) -> AssumedRole:
    """Assume a role, and put it in force in this process.

    Every AWS client that is made from now on acts as the role: the environment and boto3's default session
    hold its credentials. Running it again is the same as running it once: a role is always assumed with the
    credentials that the process had before any role. As a context manager the result puts back at its end
    what was in force before.

    What is left out is what the configuration says (`stsnb.config.AssumeRole`): first that of an alias, then the
    general one.

    The names and limits are those of STS (`STS API reference, AssumeRole
    <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_).

    Parameters
    ----------
    role : str
        The role's ARN, or a configured alias.
    session_name : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, shown in CloudTrail; made from your user name if left out.
    duration_seconds : int, optional
        900 to 43200 seconds, at most the role's MaxSessionDuration; STS takes 3600 if left out.
    external_id : str, optional
        2 to 1224 letters, digits and ``_+=,.@:/-``, as the role's trust policy asks for.
    policy : dict, os.PathLike or str, optional
        A session policy that narrows the role: a dict, the path of a JSON file, or JSON text; with
        `policy_arns` at most 2048 characters.
    policy_arns : iterable of str, optional
        At most 10 ARNs of managed policies that narrow the role, of AWS's own or of the role's account.
    read_only : bool, optional
        True narrows the role to reading, by AWS's managed policy ReadOnlyAccess (on a server without accounts,
        such as Ceph or MinIO, by the same for S3); not together with other session policies, which would widen
        it.
    tags : dict of str to str, optional
        At most 50 session tags; keys of 1 to 128, values of 0 to 256 characters.
    transitive_tag_keys : iterable of str, optional
        At most 50 keys of tags that chained roles inherit.
    source_identity : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, not beginning with ``aws:``.
    serial_number : str, optional
        The MFA device: its serial number or ARN, 9 to 256 characters.
    token_code : str, optional
        The 6 digits that the MFA device shows. A session that was got with a code cannot renew itself.
    profile : str, optional
        The profile of ~/.aws/config that asks; the credentials that the process had before if left out.
    region : str, optional
        The region of STS and of the role's clients; the source's if left out.
    refresh : bool, optional
        False for a session that ends: its credentials are not renewed. True if left out.
    inject : bool, optional
        False leaves the process alone: only the returned role's `session` acts as it.

    Returns
    -------
    AssumedRole

    Raises
    ------
    AssumeRoleError
        If it did not work: what happened and what to do. Everything is as it was before.
    """
    given = {
        "session_name": session_name,
        "duration_seconds": duration_seconds,
        "external_id": external_id,
        "policy": policy,
        "policy_arns": policy_arns,
        "read_only": read_only,
        "tags": tags,
        "transitive_tag_keys": transitive_tag_keys,
        "source_identity": source_identity,
        "serial_number": serial_number,
        "token_code": token_code,
        "profile": profile,
        "region": region,
        "refresh": refresh,
    }
    role, asked = _configured(role, {name: value for name, value in given.items() if value is not None})
    ours = {name: asked.pop(name) for name in ("profile", "region", "refresh") if name in asked}
    try:
        request = AssumeRoleRequest.of(role, **asked)
    except InvalidRequestError as error:
        from stsnb.advice import explain  # a failure alone needs IPython, which it imports

        raise explain(error) from None
    return kernel.assume(request, **ours, inject=inject)


def _configured(role: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the ARN of a role and all that is asked for: what was given, then the alias, then the configuration."""
    configured = defaults.current()
    role_arn, asked = configured.of_alias(role, given)
    return role_arn, configured.completed(asked)


def current_role() -> AssumedRole | None:
    """Return the role in force.

    Returns
    -------
    AssumedRole or None
        None if the process acts with its own credentials.
    """
    return kernel.current()


def drop_role() -> AssumedRole | None:
    """Put the environment and boto3's default session back exactly as they were.

    Returns
    -------
    AssumedRole or None
        The role that was in force; its own clients go on.
    """
    return kernel.drop()


def _face(role: AssumedRole) -> dict[str, object]:
    """Return the badge of a role, where there is a kernel for it to talk to."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is None:
        return {}
    from stsnb.widgets.badge import bundle  # ipywidgets is behind it: not before something is shown

    return bundle(role, kernel)


kernel.face = _face
