"""The public functions: assume_role, current_role, drop_role."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from stsnb._redaction import bare_interrupt
from stsnb.config import catalog
from stsnb.errors import AssumeRoleError
from stsnb.errors.explain import explain
from stsnb.kernel import kernel
from stsnb.resolve import resolve
from stsnb.roles.assumed_role import AssumedRole
from stsnb.sts.arn import shorten


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
    provided_contexts: Iterable[Mapping[str, str]] | None = None,
    minimum_session_token_size: int | None = None,
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
    """Assume a role, and make it active in this process.

    Every AWS client that is created from now on acts as the role: the environment and boto3's default session
    hold its credentials. Running it again is the same as running it once: unless `chain` says otherwise, a role
    is assumed with the credentials that the process had before any role. As a context manager the result makes
    active at its end what was active before.

    A parameter that is left out is taken from an alias, then a profile, then the configuration (`stsnb.config.traits.AssumeRole`).

    The names and limits are those of STS (`STS API reference, AssumeRole
    <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_).

    Parameters
    ----------
    role : str
        The role's ARN; or an alias of the configuration; or the name of a profile of ~/.aws/config with ``role_arn``,
        whose source's credentials call STS (AWS CLI user guide, "Using an IAM role").
    session_name : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, shown in CloudTrail; made from your user name if left out.
    duration_seconds : int, optional
        900 to 43200 seconds, at most the role's MaxSessionDuration; STS takes 3600 if left out.
    external_id : str, optional
        2 to 1224 letters, digits and ``_+=,.@:/-``, as the role's trust policy requires.
    policy : dict, os.PathLike or str, optional
        A session policy that narrows the role: a dict, the path of a JSON file, or JSON text; with
        `policy_arns` at most 2048 characters.
    policy_arns : iterable of str, optional
        At most 10 ARNs of managed policies that narrow the role, of AWS's own or of the role's account.
    read_only : bool, optional
        True allows read operations only, by AWS's managed policy ReadOnlyAccess (on a server without accounts,
        such as Ceph or MinIO, by the same for S3); not together with other session policies, which would widen
        it.
    tags : dict of str to str, optional
        At most 50 session tags; keys of 1 to 128, values of 0 to 256 characters.
    transitive_tag_keys : iterable of str, optional
        At most 50 keys of tags that chained roles inherit.
    source_identity : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, not beginning with ``aws:``.
    provided_contexts : iterable of dict of str to str, optional
        At most 5 assertions of trusted context providers, such as IAM Identity Center's, as dicts with ``ProviderArn``
        (20 to 2048 characters) and ``ContextAssertion`` (4 to 2048 characters). The role's trust policy must allow
        sts:SetContext. An assertion is a secret: it is never shown.
    minimum_session_token_size : int, optional
        The size that the session token has at least, 0 to 4096 bytes.
    serial_number : str, optional
        The MFA device: its serial number or ARN, 9 to 256 characters. Where long-lived keys call STS, one code buys
        a session of 12 hours (GetSessionToken) that assumes and renews all roles of this process with that device;
        it is kept in memory. Elsewhere each session of the role needs a code, and the role is not renewed.
    token_code : str, optional
        The 6 digits that the MFA device shows. If left out where one is needed, you are asked for it.
    web_identity_token_file : os.PathLike or str, optional
        A file with a token of 4 to 20000 characters that takes the place of AWS credentials, as on EKS
        (AssumeRoleWithWebIdentity); it is read again at each renewal.
    profile : str, optional
        The profile of ~/.aws/config whose credentials call STS; the credentials that the process had before any role
        if left out.
    region : str, optional
        The region of STS and of the role's clients; the source's if left out.
    chain : AssumedRole or bool, optional
        The role whose credentials and settings call STS; True for the active one. AWS limits the new session to 3600
        seconds. Its renewal uses the role that it came from, which stays usable even if dropped.
    refresh : bool, optional
        False for a session that is not renewed. True if left out.
    inject : bool, optional
        False leaves the process as it is: only the returned role's `session` acts as it.
    live : bool, optional
        True for child processes that outlive a session: their SDKs fetch credentials from this process, on a port of
        127.0.0.1 that is open to them alone, instead of getting keys when they start. They keep the role until
        it is dropped.

    Returns
    -------
    AssumedRole

    Raises
    ------
    AssumeRoleError
        One sentence on the fault and one on what to do. Everything is as it was before.
    """
    given = {**locals()}  # a copy of the parameters: nothing else is bound yet
    del given["role"], given["inject"]
    if not isinstance(inject, bool):
        raise AssumeRoleError(f"Invalid inject: {shorten(inject)}.", "It must be True or False.")
    environ = kernel.environ_of_user()
    try:
        resolved = resolve(role, given, environ)
    except Exception as error:  # noqa: BLE001 # whatever it is, the user gets sentences
        raise explain(error, environ=environ) from None
    if live and not inject:
        raise AssumeRoleError(
            "live=True has no effect with inject=False: no child process acts as the role.",
            "Leave out one of the two.",
        )
    assumed = kernel.assume(**resolved._asdict(), inject=inject)
    catalog.remember(assumed.role_arn, assumed.session_name)
    return assumed


def current_role() -> AssumedRole | None:
    """Return the active role.

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
        The role that was active. Its own clients keep working.
    """
    return kernel.drop()
