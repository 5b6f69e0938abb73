"""The roles that ~/.aws/config names: a profile with role_arn, read as a request."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.hooks import HierarchicalEmitter

from stsnb.sources.isolated_session import IsolatedSession
from stsnb.sources.profile_errors import ProfileError
from stsnb.sts.arn import shorten

# The keys of a profile, and what STS's parameter is called here (AWS CLI user guide, "Using an IAM role").
_KEYS = {
    "role_arn": "role_arn",
    "role_session_name": "session_name",
    "duration_seconds": "duration_seconds",
    "external_id": "external_id",
    "mfa_serial": "serial_number",
}
# Of a profile with a web identity botocore reads these alone (AssumeRoleWithWebIdentityProvider).
_KEYS_OF_WEB_IDENTITY = {
    "role_arn": "role_arn",
    "role_session_name": "session_name",
    "web_identity_token_file": "web_identity_token_file",
}
#: The key of a profile that says a parameter.
KEY_OF_PARAMETER = {name: key for key, name in {**_KEYS, **_KEYS_OF_WEB_IDENTITY}.items()}


@dataclass(frozen=True)
class RoleProfile:
    """A profile that names a role.

    Parameters
    ----------
    name : str
        The profile's name.
    keys : mapping
        What it says of the role: its own keys and values, as they stand there.
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
        """Return what it says, under the names of `stsnb.sts.request.AssumeRoleRequest`.

        Parameters
        ----------
        with_credentials : bool
            Whether other credentials were asked for than the profile's own, a web identity included.

        Returns
        -------
        dict

        Raises
        ------
        ProfileError
            For a duration that is no number, which botocore passes over.
        """
        names = _KEYS_OF_WEB_IDENTITY if self.web_identity and not with_credentials else _KEYS
        found: dict[str, Any] = {name: self.keys[key] for key, name in names.items() if key in self.keys}
        if "duration_seconds" in found:
            try:
                found["duration_seconds"] = int(found["duration_seconds"])
            except ValueError:
                raise ProfileError(
                    f"The duration_seconds of profile {self.name} is {shorten(found['duration_seconds'])}, which is not a whole number.",
                    "Mend it in ~/.aws/config: 900 to 43200.",
                ) from None
        return found


def role_profile(name: str, environ: Mapping[str, str]) -> RoleProfile:
    """Return the profile of a name, read as botocore reads it: both files count.

    Parameters
    ----------
    name : str
        The profile.
    environ : mapping
        The environment without what stsnb put in.

    Returns
    -------
    RoleProfile

    Raises
    ------
    ProfileError
        There is none, or it names no role.
    botocore.exceptions.ConfigParseError
        A file cannot be parsed.
    """
    profiles = _profiles(environ)
    shown = shorten(name)
    if name not in profiles:
        close = difflib.get_close_matches(name, profiles, n=1)
        looks = (
            f"arn:aws:iam::123456789012:role/{name if name.isidentifier() or _is_role_name(name) else 'NAME'}"
        )
        raise ProfileError(
            f"{shown} is neither a profile of your AWS configuration nor the ARN of a role, which looks like {looks}.",
            f"Did you mean {close[0]}?" if close else "`aws configure list-profiles` lists the profiles.",
        )
    profile = profiles[name]
    if not profile.get("role_arn"):
        raise ProfileError(
            f"Profile {name} has no role_arn, so that it names no role to assume.",
            f"If it is to ask for another role, name that one and --profile {name}; to make it a role's, add role_arn and source_profile in ~/.aws/config.",
        )
    keys = {key: profile[key] for key in KEY_OF_PARAMETER.values() if key in profile}
    return RoleProfile(name, keys, profile.get("region"))


def _profiles(environ: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    # Without botocore's own handlers a session is made in half a millisecond; it only reads the files.
    session = IsolatedSession(lambda: environ, handlers=HierarchicalEmitter())
    profiles: Mapping[str, Mapping[str, str]] = session.full_config["profiles"]
    return profiles


def _is_role_name(name: str) -> bool:
    return 1 <= len(name) <= 64 and all(c.isalnum() or c in "_+=,.@-" for c in name)
