"""The magics' capabilities as functions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from stsnb._redaction import bare_interrupt
from stsnb.kernel import kernel
from stsnb.resolve import asked_for
from stsnb.roles.assumed_role import AssumedRole


@bare_interrupt
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
    web_identity_token_file: os.PathLike[str] | str | None = None,
    profile: str | None = None,
    region: str | None = None,
    chain: AssumedRole | bool | None = None,
    refresh: bool | None = None,
    inject: bool = True,
    live: bool | None = None,
) -> AssumedRole:
    """Assume a role, and put it in force in this process.

    Every AWS client that is made from now on acts as the role: the environment and boto3's default session
    hold its credentials. Running it again is the same as running it once: unless `chain` says otherwise, a role
    is assumed with the credentials that the process had before any role. As a context manager the result puts
    back at its end what was in force before.

    What is left out is what an alias says, then a profile, then the configuration (`stsnb.config.traits.AssumeRole`).

    The names and limits are those of STS (`STS API reference, AssumeRole
    <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_).

    Parameters
    ----------
    role : str
        The role's ARN; or an alias of the configuration; or the name of a profile of ~/.aws/config with ``role_arn``,
        whose source asks then (AWS CLI user guide, "Using an IAM role").
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
        The MFA device: its serial number or ARN, 9 to 256 characters. Where long-lived keys ask, one code buys a
        session of 12 hours that assumes and renews all roles of this process with that device; it is kept in
        memory. Elsewhere each session of the role needs a code, and the role does not renew itself.
    token_code : str, optional
        The 6 digits that the MFA device shows. If left out where one is needed, you are asked for it.
    web_identity_token_file : os.PathLike or str, optional
        A file with a token of 4 to 20000 characters that takes the place of AWS credentials, as on EKS
        (AssumeRoleWithWebIdentity); it is read again at each renewal.
    profile : str, optional
        The profile of ~/.aws/config that asks; the credentials that the process had before if left out.
    region : str, optional
        The region of STS and of the role's clients; the source's if left out.
    chain : AssumedRole or bool, optional
        The role that asks, True for the one in force, with its settings. AWS lets the new session last 3600
        seconds at most. It renews itself by the role that it came from, which stays usable even if dropped.
    refresh : bool, optional
        False for a session that ends: its credentials are not renewed. True if left out.
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
        "web_identity_token_file": web_identity_token_file,
        "profile": profile,
        "region": region,
        "chain": chain,
        "refresh": refresh,
        "live": live,
    }
    try:
        asked = asked_for(role, given, kernel.environ_of_user())
    except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
        from stsnb.errors.explain import explain  # a failure alone needs IPython, which it imports

        raise explain(error) from None
    if live and not inject:
        from stsnb.errors import AssumeRoleError  # as above

        raise AssumeRoleError(
            "A role that is not injected has no child processes that could ask for it.",
            "Leave live=True away, or inject=False.",
        )
    return kernel.assume(**asked._asdict(), inject=inject)


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
