"""Makes one request of the arguments, an alias, a profile and the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stsnb.config import settings
from stsnb.roles.assumed_role import AssumedRole
from stsnb.sources.profiles import KEY_OF_PARAMETER, RoleProfile, role_profile
from stsnb.sts.arn import shorten
from stsnb.sts.fault import Fault
from stsnb.sts.limits import MAX_CHAINED_DURATION_SECONDS
from stsnb.sts.request import NOT_WITH_WEB_IDENTITY, AssumeRoleRequest, InvalidRequestError


class ResolvedRequest(NamedTuple):
    """A request to STS, and how to send it."""

    #: The parameters of AssumeRole.
    request: AssumeRoleRequest
    #: The profile whose credentials call STS; the profile that names the role; the role that calls STS, True for the
    #: active one.
    profile: str | None
    role_profile: str | None
    chain: AssumedRole | bool | None
    #: The region of STS and of the role's clients.
    region: str | None
    #: Whether to renew the credentials, and whether child processes fetch them while they run.
    refresh: bool
    live: bool


def resolve(role: str, given: Mapping[str, Any], environ: Mapping[str, str]) -> ResolvedRequest:
    """Resolve the parameters of a role: the arguments first, then its alias, its profile and the configuration.

    Parameters
    ----------
    role : str
        The role's ARN, an alias, or a profile of ~/.aws/config with ``role_arn``.
    given : mapping
        Parameters of `stsnb.assume_role` by name; None means not given.
    environ : mapping
        The environment without the variables of stsnb.

    Returns
    -------
    ResolvedRequest

    Raises
    ------
    InvalidRequestError
        If the request is invalid, with all its faults.
    stsnb.sources.profile_errors.ProfileError
        If the profile doesn't exist or can't be used.
    botocore.exceptions.ConfigParseError
        If a file can't be parsed.
    """
    configured = settings.current()
    role, arguments = configured.of_alias(
        role, {name: held for name, held in given.items() if held is not None}
    )
    named = _profile_of(role, environ)
    from_profile: dict[str, Any] = {}
    if named is not None:
        from_profile = named.parameters(
            with_credentials=bool(arguments.get("profile") or arguments.get("chain"))
        )
        if "web_identity_token_file" in arguments:
            from_profile = {
                name: held for name, held in from_profile.items() if name not in NOT_WITH_WEB_IDENTITY
            }
    general = configured.completed({**from_profile, **arguments})
    if named is not None and named.region and "region" not in arguments:
        # The profile's source has the profile's region; a role that calls STS instead does not.
        general["region"] = named.region if arguments.get("chain") else None
    if (
        general.get("chain")
        and "duration_seconds" not in {**from_profile, **arguments}
        and "duration_seconds" in general
    ):
        general["duration_seconds"] = min(general["duration_seconds"], MAX_CHAINED_DURATION_SECONDS)
    role = general.pop("role_arn", role)
    how = {name: general.pop(name, None) for name in ("profile", "chain", "region", "refresh", "live")}
    try:
        request = AssumeRoleRequest.of(role, **general)
    except InvalidRequestError as error:
        raise InvalidRequestError(
            [
                (name, _with_profile_key(name, fault, named, from_profile, arguments))
                for name, fault in error.faults
            ]
        ) from None
    _check_kinds(how)
    _check_chain(how["chain"], how["profile"], request)
    refresh, live = how.pop("refresh"), bool(how.pop("live"))
    return ResolvedRequest(
        request,
        role_profile=named.name if named else None,
        refresh=True if refresh is None else refresh,
        live=live,
        **how,
    )


def _profile_of(role: object, environ: Mapping[str, str]) -> RoleProfile | None:
    if not isinstance(role, str) or role.strip().startswith("arn:"):
        return None
    return role_profile(role.strip(), environ)


def _with_profile_key(
    name: str,
    fault: Fault,
    named: RoleProfile | None,
    from_profile: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> Fault:
    """Name the profile and its key in a fault that comes from them."""
    if named is None or name not in from_profile or name in arguments:
        return fault
    return fault.at(f"{KEY_OF_PARAMETER[name]} of profile {named.name}")


def _check_kinds(how: Mapping[str, Any]) -> None:
    """Check the types of the parameters that are not sent to STS."""
    faults = [
        (name, Fault(f"Invalid {name}: {shorten(how[name])}.", f"It must be {words}."))
        for name, (kind, words) in settings.OWN_KINDS.items()
        if name != "chain" and how[name] is not None and not isinstance(how[name], kind)
    ]
    if faults:
        raise InvalidRequestError(faults)


def _check_chain(chain: object, profile: str | None, request: AssumeRoleRequest) -> None:
    """Check that only one identity is given to call STS."""
    if not chain:
        return
    if not isinstance(chain, (AssumedRole, bool)):
        invalid = Fault(
            f"Invalid chain: {shorten(chain)}.", "It must be True (the active role) or an AssumedRole."
        )
        raise InvalidRequestError([("chain", invalid)])
    for name, held in (("profile", profile), ("web_identity_token_file", request.web_identity_token_file)):
        if held is not None:
            one = Fault(
                f"chain and {name} can't be combined.", "Both name the credentials that call STS: pass one."
            )
            raise InvalidRequestError([("chain", one)])
