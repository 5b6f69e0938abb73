"""The magics' capabilities as functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

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
    tags: Mapping[str, str] | None = None,
    transitive_tag_keys: Iterable[str] | None = None,
    source_identity: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    refresh: bool = True,
    inject: bool = True,
    live: bool | None = None,
) -> AssumedRole:
    """Assume a role, and put it in force in this process.

    Every AWS client that is made from now on acts as the role: the environment and boto3's default session
    hold its credentials. Running it again is the same as running it once: a role is always assumed with the
    credentials that the process had before any role. As a context manager the result puts back at its end
    what was in force before.

    The names and limits are those of STS (`STS API reference, AssumeRole
    <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_).

    Parameters
    ----------
    role : str
        The role's ARN.
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
        At most 10 ARNs of managed policies that narrow the role.
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
        False for a session that ends: its credentials are not renewed.
    inject : bool, optional
        False leaves the process alone: only the returned role's `session` acts as it.
    live : bool, optional
        True for child processes that outlive a session: their SDKs ask this process for credentials, on a port of
        127.0.0.1 that is open to them alone, instead of getting keys when they start. They keep the role until
        it is dropped.

    Returns
    -------
    AssumedRole

    Raises
    ------
    AssumeRoleError
        If it did not work: what happened and what to do. Everything is as it was before.
    """
    try:
        request = AssumeRoleRequest.of(
            role,
            session_name,
            duration_seconds=duration_seconds,
            external_id=external_id,
            policy=policy,
            policy_arns=policy_arns,
            tags=tags,
            transitive_tag_keys=transitive_tag_keys,
            source_identity=source_identity,
            serial_number=serial_number,
            token_code=token_code,
        )
    except InvalidRequestError as error:
        from stsnb.advice import explain  # a failure alone needs IPython, which it imports

        raise explain(error) from None
    if live and not inject:
        from stsnb.errors import AssumeRoleError  # IPython is behind it

        raise AssumeRoleError(
            "A role that is not injected has no child processes that could ask for it.",
            "Leave live=True away, or inject=False.",
        )
    return kernel.assume(
        request, profile=profile, region=region, refresh=refresh, inject=inject, live=bool(live)
    )


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
