"""What is wrong with a profile, or with the source of its role: which profile, which key, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from stsnb.sts.arn import shorten


class ProfileError(Exception):
    """A profile can't be used as it is configured.

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


# The keys that give a profile credentials of its own, beside access keys.
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


def section_fault(name: str, full_config: Mapping[str, Any]) -> ProfileError | None:
    """Find a section of ~/.aws/config that was meant as a profile, but is not called one.

    Parameters
    ----------
    name : str
        The profile.
    full_config : mapping
        botocore's ``Session.full_config``.

    Returns
    -------
    ProfileError or None
        None if there is no section of that name.
    """
    if not isinstance(full_config.get(name), Mapping) or name in ("profiles", "sso_sessions", "services"):
        return None
    return ProfileError(
        f"There is no profile {name}: ~/.aws/config has a section [{name}], but no [profile {name}].",
        f"Rename the section to [profile {name}].",
    )


def fault(full_config: Mapping[str, Any], name: str) -> ProfileError | None:
    """Find out why botocore found no credentials for a profile with ``role_arn``.

    Parameters
    ----------
    full_config : mapping
        botocore's ``Session.full_config``.
    name : str
        The profile to start with.

    Returns
    -------
    ProfileError or None
        Names the profile and the key; None if no key about roles is at fault.
    """
    profiles: Mapping[str, Mapping[str, Any]] = full_config["profiles"]
    path = [name]
    while True:
        current = path[-1]
        profile = profiles.get(current, {})
        is_role = "role_arn" in profile and "web_identity_token_file" not in profile
        if not is_role and len(path) == 1:
            return None
        if len(path) > 1 and (_has_keys(profile) or not is_role):
            return _fault_of_keys(current, profile, path)
        found = _fault_of_role(current, profile, full_config, path)
        if found is not None or "source_profile" not in profile:
            return found
        path.append(profile["source_profile"])


def _fault_of_role(
    name: str, profile: Mapping[str, Any], full_config: Mapping[str, Any], path: list[str]
) -> ProfileError | None:
    profiles: Mapping[str, Mapping[str, Any]] = full_config["profiles"]
    source, credential_source = profile.get("source_profile"), profile.get("credential_source")
    if source is not None and credential_source is not None:
        return ProfileError(
            f"Profile {name} has both source_profile and credential_source.",
            "Delete one of them in ~/.aws/config.",
        )
    if credential_source is not None:
        if credential_source in _CREDENTIAL_SOURCES:
            where = _CREDENTIAL_SOURCES[credential_source]
            return ProfileError(
                f"Profile {name} has credential_source = {credential_source}, but {where} has no credentials.",
                "Set them there, or use source_profile instead.",
            )
        return ProfileError(
            f"Profile {name} has an invalid credential_source: {shorten(credential_source)}.",
            f"Set it to {', '.join(list(_CREDENTIAL_SOURCES)[:-1])} or {list(_CREDENTIAL_SOURCES)[-1]}.",
        )
    if source is None:
        return ProfileError(
            f"Profile {name} has a role_arn, but neither source_profile nor credential_source.",
            "Add source_profile = NAME (or credential_source) to it in ~/.aws/config, or pass a source: --profile NAME.",
        )
    if source not in profiles and (section := section_fault(source, full_config)) is not None:
        return section
    if source not in profiles:
        close = difflib.get_close_matches(str(source), profiles, n=1)
        return ProfileError(
            f"Profile {name} has source_profile = {shorten(source)}, but there is no such profile.",
            f"Did you mean {close[0]}? Fix it in ~/.aws/config." if close else "Fix it in ~/.aws/config.",
        )
    if source == name and len(path) == 1:
        if _has_keys(profile):
            return _fault_of_keys(name, profile, [name, name])
        return ProfileError(
            f"Profile {name} is its own source_profile and has no keys.",
            "Set source_profile to a profile that has credentials, or add keys to this one.",
        )
    if source in path:
        return ProfileError(
            f"The profiles {', '.join(path[path.index(source) :])} are each other's source_profile, in a loop.",
            "Set source_profile of one of them to a profile that has credentials.",
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
            f"Add it: `aws configure --profile {name}` asks for both.",
        )
    sso = next((key for key in ("sso_session", "sso_start_url") if key in profile), None)
    missing_of_sso = [f"no {key}" for key in ("sso_account_id", "sso_role_name") if key not in profile]
    if missing and sso is not None and missing_of_sso:
        return ProfileError(
            f"{whose} has {sso}, but {' and '.join(missing_of_sso)}.",
            f"Add what is missing: `aws configure sso --profile {name}` asks for all of it.",
        )
    if missing and not any(key in profile for key in _PROVIDERS):
        return ProfileError(
            f"{whose} has no credentials.",
            f"Add them: `aws configure --profile {name}` (keys) or `aws configure sso --profile {name}`.",
        )
    return None


def _has_keys(profile: Mapping[str, Any]) -> bool:
    return "aws_access_key_id" in profile or "aws_secret_access_key" in profile
