"""Why a profile's role has no credentials to be assumed with: which profile, which key, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from stsnb.sts.arn import shorten


class ProfileError(Exception):
    """A profile cannot be used as it stands.

    Parameters
    ----------
    happened : str
        A sentence that names the profile and the key.
    advice : str
        A sentence on what to do.
    """

    def __init__(self, happened: str, advice: str) -> None:
        super().__init__(happened, advice)
        self.happened = happened
        self.advice = advice


# What gives a profile credentials of its own, beside keys.
_PROVIDERS = (
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "credential_process",
    "web_identity_token_file",
    "login_session",
)
_CREDENTIAL_SOURCES = {
    "Environment": "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
    "Ec2InstanceMetadata": "the instance's metadata service",
    "EcsContainer": "the container's metadata service",
}


def fault(profiles: Mapping[str, Mapping[str, Any]], name: str) -> ProfileError | None:
    """Find out why botocore found no credentials by way of a profile with ``role_arn``.

    Parameters
    ----------
    profiles : mapping
        The profiles of the configuration.
    name : str
        That with which it began.

    Returns
    -------
    ProfileError or None
        Which profile and which key is at fault; None if it is none of a role's keys.
    """
    path = [name]
    while True:
        current = path[-1]
        profile = profiles.get(current, {})
        is_role = "role_arn" in profile and "web_identity_token_file" not in profile
        if not is_role and len(path) == 1:
            return None
        if len(path) > 1 and (_has_keys(profile) or not is_role):
            return _fault_of_keys(current, profile, path)
        found = _fault_of_role(current, profile, profiles, path)
        if found is not None or "source_profile" not in profile:
            return found
        path.append(profile["source_profile"])


def _fault_of_role(
    name: str, profile: Mapping[str, Any], profiles: Mapping[str, Mapping[str, Any]], path: list[str]
) -> ProfileError | None:
    source, credential_source = profile.get("source_profile"), profile.get("credential_source")
    if source is not None and credential_source is not None:
        return ProfileError(
            f"Profile {name} has both source_profile and credential_source.",
            "Take one of them away in ~/.aws/config.",
        )
    if credential_source is not None:
        if credential_source in _CREDENTIAL_SOURCES:
            where = _CREDENTIAL_SOURCES[credential_source]
            return ProfileError(
                f"Profile {name} takes its credentials from {where}, as its credential_source = {credential_source} says, and there are none.",
                "Set them there, or name a source_profile in its place.",
            )
        return ProfileError(
            f"Profile {name} has credential_source = {shorten(credential_source)}, which is no source.",
            f"Write {', '.join(list(_CREDENTIAL_SOURCES)[:-1])} or {list(_CREDENTIAL_SOURCES)[-1]}, as they stand here.",
        )
    if source is None:
        return ProfileError(
            f"Profile {name} has a role_arn, but neither source_profile nor credential_source.",
            "Add source_profile = NAME (or credential_source) to it in ~/.aws/config, or name a source: --profile NAME.",
        )
    if source not in profiles:
        close = difflib.get_close_matches(str(source), profiles, n=1)
        return ProfileError(
            f"Profile {name} has source_profile = {shorten(source)}, and there is no such profile.",
            f"Did you mean {close[0]}? Mend it in ~/.aws/config." if close else "Mend it in ~/.aws/config.",
        )
    if source == name and len(path) == 1:
        if _has_keys(profile):
            return _fault_of_keys(name, profile, [name, name])
        return ProfileError(
            f"Profile {name} has itself as source_profile, and no keys.",
            "Name a profile that has credentials, or add keys to this one.",
        )
    if source in path:
        return ProfileError(
            f"The source_profile keys of {', '.join(path[path.index(source) :])} run in a loop and reach no credentials.",
            "Let one of them name a profile that has credentials.",
        )
    return None


def _fault_of_keys(name: str, profile: Mapping[str, Any], path: list[str]) -> ProfileError | None:
    whose = f"Profile {name}, the source_profile of {path[-2]},"
    keys = ("aws_access_key_id", "aws_secret_access_key")
    missing = [key for key in keys if key not in profile]
    if len(missing) == 1:
        there = next(key for key in keys if key in profile)
        return ProfileError(
            f"{whose} has {there}, but no {missing[0]}.",
            f"Add it beside the other: `aws configure --profile {name}` asks for both.",
        )
    sso = next((key for key in ("sso_session", "sso_start_url") if key in profile), None)
    missing_of_sso = [f"no {key}" for key in ("sso_account_id", "sso_role_name") if key not in profile]
    if missing and sso is not None and missing_of_sso:
        return ProfileError(
            f"{whose} has {sso}, but {' and '.join(missing_of_sso)}.",
            f"`aws configure sso --profile {name}` asks for all that it needs.",
        )
    if missing and not any(key in profile for key in _PROVIDERS):
        return ProfileError(
            f"{whose} has no credentials.",
            f"`aws configure --profile {name}` (keys) or `aws configure sso --profile {name}` gives it some.",
        )
    return None


def _has_keys(profile: Mapping[str, Any]) -> bool:
    return "aws_access_key_id" in profile or "aws_secret_access_key" in profile
