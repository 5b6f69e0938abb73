"""The settings of this process: aliases of roles, and defaults for all roles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from stsnb.sts.arn import RoleArn, shorten

#: The parameters of `stsnb.assume_role` that STS does not see, with their types. Not ``inject``, which is not about the
#: role.
OWN_KINDS = {
    "profile": (str, "text"),
    "chain": (bool, "True or False"),
    "region": (str, "text"),
    "refresh": (bool, "True or False"),
    "live": (bool, "True or False"),
}
# The source credentials are one choice: if one of these is given, the alias' values of all are ignored.
_SOURCES = frozenset({"profile", "chain", "web_identity_token_file"})


@dataclass(frozen=True)
class Settings:
    """The configured values. Immutable: `put` replaces it, and any thread may read it.

    Parameters
    ----------
    roles : mapping of str to mapping
        For each alias its ``role_arn``, and any of `alias_parameters`. Not in the repr: contexts are secrets.
    general : mapping
        Parameters of `stsnb.assume_role` that apply to all roles: ``session_name``, ``duration_seconds``,
        ``region``, ``read_only``, ``live``.
    dangerous : tuple of str
        Patterns with ``*``, ``?`` and ``[…]`` of the names and ARNs of dangerous roles; case is ignored.
    """

    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    general: Mapping[str, Any] = field(default_factory=dict)
    dangerous: tuple[str, ...] = ()

    def of_alias(self, role: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Replace an alias by its role and parameters; given parameters override the alias'.

        Parameters
        ----------
        role : str
            An alias, or any other name or ARN of a role.
        given : mapping
            The given parameters of `stsnb.assume_role`.

        Returns
        -------
        role : str
            The alias' ``role_arn``; the given role if it is not an alias.
        given : dict
        """
        alias = self.roles.get(role) if isinstance(role, str) else None
        if alias is None:
            return role, dict(given)
        held = {name: value for name, value in alias.items() if value is not None}
        if _names_file(held.get("policy")):
            held["policy"] = Path(held["policy"])
        if _SOURCES & set(given):
            held = {name: value for name, value in held.items() if name not in _SOURCES}
        return held.pop("role_arn"), {**held, **given}

    def completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add the configured defaults to given parameters.

        Parameters
        ----------
        given : mapping
            Parameters of `stsnb.assume_role`, including those of an alias.

        Returns
        -------
        dict
            The default ``read_only`` is left out beside other session policies, since it would widen the session.
        """
        general = dict(self.general)
        if {"read_only", "policy"} & set(given) or given.get("policy_arns"):  # an empty list limits nothing
            general.pop("read_only", None)
        return {**general, **given}

    def danger(self, role_arn: RoleArn) -> str | None:
        """Return the first pattern of `dangerous` that matches a role's name or ARN.

        Parameters
        ----------
        role_arn : RoleArn
            The role.

        Returns
        -------
        str or None
        """
        names = role_arn.name.lower(), str(role_arn).lower()
        for pattern in self.dangerous:
            if any(fnmatchcase(name, pattern.lower()) for name in names):
                return pattern
        return None


_current = Settings()


def current() -> Settings:
    """Return the settings of this process.

    Returns
    -------
    Settings
    """
    return _current


def put(settings: Settings) -> None:
    """Replace the settings of this process.

    Parameters
    ----------
    settings : Settings
        Checked by `alias_fault` and `general_fault`.
    """
    global _current  # set by the traits, read by resolve.py
    _current = settings


@cache
def alias_parameters() -> tuple[str, ...]:
    """Return the parameters of `stsnb.assume_role` that an alias may have beside its ``role_arn``.

    Returns
    -------
    tuple of str
        Those of STS, in the order of `stsnb.sts.request.AssumeRoleRequest`, then `OWN_KINDS`. Not ``token_code``,
        which is valid once.
    """
    from stsnb.sts.request import AssumeRoleRequest  # not needed to load without a configuration

    names = [each.name for each in fields(AssumeRoleRequest)]
    return (*[name for name in names if name not in ("role_arn", "token_code")], *OWN_KINDS)


def alias_fault(alias: object, held: object) -> str | None:
    """Check an alias.

    A policy's file is not read: it is read when the role is assumed.

    Parameters
    ----------
    alias : object
        Its name.
    held : object
        Its ``role_arn`` and parameters.

    Returns
    -------
    str or None
        A sentence that names the alias and the fault.
    """
    if (
        not isinstance(alias, str)
        or not alias
        or alias.startswith(("arn:", "-"))
        or set(alias) & set(" \t\n'\"")
    ):
        return f"Invalid alias {shorten(alias)}. It must be one word that does not begin with arn: or -."
    named = f"The alias {shorten(alias)}"
    if not isinstance(held, Mapping):
        return f"{named} must be a dict with a role_arn, not {shorten(held)}."
    for name in held:
        if name not in ("role_arn", *alias_parameters()):
            return f"{named} has an invalid key {shorten(name)}. {_instead(name)}"
    if held.get("role_arn") is None:
        return f"{named} has no role_arn. Add the ARN of its role."
    for name, (kind, words) in OWN_KINDS.items():
        if held.get(name) is not None and not (isinstance(held[name], kind) and held[name] != ""):
            return f"{named} has {name} {shorten(held[name])}, which must be {words}."
    return _request_fault(named, held)


def general_fault(name: str, value: Any) -> str | None:
    """Check a value that is configured for all roles.

    Parameters
    ----------
    name : str
        ``session_name``, ``duration_seconds`` or ``region``.
    value : object
        A value of the right type.

    Returns
    -------
    str or None
        A sentence that names the fault.
    """
    from stsnb.sts import limits  # as above

    if name == "session_name":
        faults = limits.TEXTS["session_name"].faults(value)
    elif name == "duration_seconds":
        faults = limits.duration_faults(value)
    elif name == "region" and not (value and set(value) <= limits.WORD):
        return f"Invalid region: {shorten(value)}. Use a name such as ap-northeast-2."
    else:
        return None
    return " ".join(faults) or None


def _names_file(policy: object) -> bool:
    # In JSON or on a command line a configuration can name a file only as text.
    return isinstance(policy, os.PathLike) or (
        isinstance(policy, str) and not policy.lstrip().startswith("{")
    )


def _instead(name: object) -> str:
    if name == "token_code":
        return "An MFA code is valid only once: pass it to each assume_role."
    import difflib

    if close := difflib.get_close_matches(str(name), ("role_arn", *alias_parameters()), n=1):
        return f"Did you mean {close[0]}?"
    return f"Valid keys are role_arn, {', '.join(alias_parameters())}."


def _request_fault(named: str, held: Mapping[str, Any]) -> str | None:
    from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError  # as above

    asked = {name: value for name, value in held.items() if name not in OWN_KINDS}
    if _names_file(asked.get("policy")):
        del asked["policy"]
    try:
        AssumeRoleRequest.of(asked.pop("role_arn"), **asked)
    except InvalidRequestError as error:
        told = " ".join(f"{name}: {sentence}" for name, sentence in error.faults)
        return f"{named} is invalid. {told}"
    return None
