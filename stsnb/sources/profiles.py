"""Profiles that name a role (role_arn in ~/.aws/config), read as parameters of AssumeRole."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.hooks import HierarchicalEmitter

from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.profile_errors import ProfileError, section_fault
from stsnb.sts.arn import shorten

# The keys of a profile and the parameters that they set (AWS CLI user guide, "Using an IAM role").
_KEYS = {
    "role_arn": "role_arn",
    "role_session_name": "session_name",
    "duration_seconds": "duration_seconds",
    "external_id": "external_id",
    "mfa_serial": "serial_number",
}
# botocore reads only these of a profile with a web identity (AssumeRoleWithWebIdentityProvider).
_KEYS_OF_WEB_IDENTITY = {
    "role_arn": "role_arn",
    "role_session_name": "session_name",
    "web_identity_token_file": "web_identity_token_file",
}
#: For each parameter the key of a profile that sets it.
KEY_OF_PARAMETER = {name: key for key, name in {**_KEYS, **_KEYS_OF_WEB_IDENTITY}.items()}


@dataclass(frozen=True)
class RoleProfile:
    """A profile that names a role.

    Parameters
    ----------
    name : str
        The profile's name.
    keys : mapping
        Its keys about the role, with their values as text.
    region : str, optional
        Its region.
    """

    name: str
    keys: Mapping[str, str]
    region: str | None = None

    @property
    def web_identity(self) -> bool:
        """Whether the role is assumed with a token in place of credentials."""
        return "web_identity_token_file" in self.keys

    def parameters(self, *, with_credentials: bool = False) -> dict[str, Any]:
        """Return its parameters, under the names of `stsnb.sts.request.AssumeRoleRequest`.

        Parameters
        ----------
        with_credentials : bool
            Whether the user named other credentials than the profile's own, a web identity included.

        Returns
        -------
        dict

        Raises
        ------
        ProfileError
            For a duration that is not a number, which botocore ignores.
        """
        names = _KEYS_OF_WEB_IDENTITY if self.web_identity and not with_credentials else _KEYS
        found: dict[str, Any] = {name: self.keys[key] for key, name in names.items() if key in self.keys}
        if "duration_seconds" in found:
            try:
                found["duration_seconds"] = int(found["duration_seconds"])
            except ValueError:
                raise ProfileError(
                    f"Invalid duration_seconds of profile {self.name}: {shorten(found['duration_seconds'])}.",
                    "Set it to a whole number in ~/.aws/config: 900 to 43200.",
                ) from None
        return found


def role_profile(name: str, environ: Mapping[str, str]) -> RoleProfile:
    """Return the profile of a name, read as botocore reads it: both files count.

    Parameters
    ----------
    name : str
        The profile.
    environ : mapping
        The environment without what stsnb has put into it.

    Returns
    -------
    RoleProfile

    Raises
    ------
    ProfileError
        There is no such profile, or it names no role.
    botocore.exceptions.ConfigParseError
        A file cannot be parsed.
    """
    full_config = _full_config(environ)
    profiles: Mapping[str, Mapping[str, str]] = full_config["profiles"]
    shown = shorten(name)
    if name not in profiles and (found := section_fault(name, full_config)) is not None:
        raise found
    if name not in profiles:
        close = difflib.get_close_matches(name, profiles, n=1)
        looks = (
            f"arn:aws:iam::123456789012:role/{name if name.isidentifier() or _is_role_name(name) else 'NAME'}"
        )
        raise ProfileError(
            f"{shown} is neither a profile nor a role ARN.",
            f"Did you mean {close[0]}?"
            if close
            else f"`aws configure list-profiles` lists the profiles; a role ARN looks like {looks}.",
        )
    profile = profiles[name]
    if not profile.get("role_arn"):
        raise ProfileError(
            f"Profile {name} has no role_arn.",
            f"To call STS with its credentials, pass a role and --profile {name}; to assume a role by this name, add role_arn and source_profile to it in ~/.aws/config.",
        )
    keys = {key: profile[key] for key in KEY_OF_PARAMETER.values() if key in profile}
    return RoleProfile(name, keys, profile.get("region"))


def _full_config(environ: Mapping[str, str]) -> Mapping[str, Any]:
    # Without botocore's handlers a session takes half a millisecond; this one only reads the files.
    full_config: Mapping[str, Any] = IsolatedSession(
        lambda: environ, handlers=HierarchicalEmitter()
    ).full_config
    return full_config


def _is_role_name(name: str) -> bool:
    return 1 <= len(name) <= 64 and all(c.isalnum() or c in "_+=,.@-" for c in name)
