"""Settings: what is configured for all that is assumed in this process, and the aliases of roles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from stsnb.sts.arn import RoleArn, shorten

#: What an alias may hold beside its ``role_arn``: the parameters of `stsnb.assume_role` by their names. Not
#: ``token_code``, which is good once, nor ``inject``, which is not about the role.
ALIAS_PARAMETERS = (
    "session_name",
    "duration_seconds",
    "external_id",
    "policy",
    "policy_arns",
    "read_only",
    "tags",
    "transitive_tag_keys",
    "source_identity",
    "serial_number",
    "web_identity_token_file",
    "profile",
    "region",
    "chain",
    "refresh",
    "live",
)
#: Those that STS does not see, with their types.
OWN_KINDS = {
    "profile": (str, "text"),
    "region": (str, "text"),
    "chain": (bool, "True or False"),
    "refresh": (bool, "True or False"),
    "live": (bool, "True or False"),
}
# Who asks is one choice too: what was given goes before whatever an alias holds of these.
_WHO_ASKS = frozenset({"profile", "chain", "web_identity_token_file"})


@dataclass(frozen=True)
class Settings:
    """What is configured. It does not change; `put` exchanges it, and any thread may read it.

    Parameters
    ----------
    roles : mapping of str to mapping
        For each alias its ``role_arn``, and any of `ALIAS_PARAMETERS`.
    general : mapping
        Parameters of `stsnb.assume_role` that hold for all roles: ``session_name``, ``duration_seconds``,
        ``region``, ``read_only``, ``live``.
    dangerous : tuple of str
        Patterns with ``*``, ``?`` and ``[…]`` of the names and ARNs of roles that need care; case is ignored.
    """

    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    general: Mapping[str, Any] = field(default_factory=dict)
    dangerous: tuple[str, ...] = ()

    def of_alias(self, role: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Put what an alias stands for in its place; what was given goes before what the alias holds.

        Parameters
        ----------
        role : str
            What was given as the role.
        given : mapping
            Parameters of `stsnb.assume_role` that were given.

        Returns
        -------
        role : str
            The alias' ``role_arn``; what was given if it is no alias.
        given : dict
        """
        alias = self.roles.get(role) if isinstance(role, str) else None
        if alias is None:
            return role, dict(given)
        held = {name: value for name, value in alias.items() if value is not None}
        if _names_file(held.get("policy")):
            held["policy"] = Path(held["policy"])
        if _WHO_ASKS & set(given):
            held = {name: value for name, value in held.items() if name not in _WHO_ASKS}
        return held.pop("role_arn"), {**held, **given}

    def completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add what is configured in general to what was given.

        Parameters
        ----------
        given : mapping
            Parameters of `stsnb.assume_role`, those of an alias among them.

        Returns
        -------
        dict
            A session that was narrowed in its own way is not made read-only on top: it would be wider.
        """
        general = dict(self.general)
        if {"read_only", "policy"} & set(given) or given.get("policy_arns"):  # no ARNs narrow nothing
            general.pop("read_only", None)
        return {**general, **given}

    def danger(self, role_arn: RoleArn) -> str | None:
        """Return the first pattern of `dangerous` that a role matches by its name or ARN.

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


_in_force = Settings()


def current() -> Settings:
    """Return what is configured in this process.

    Returns
    -------
    Settings
    """
    return _in_force


def put(defaults: Settings) -> None:
    """Let other defaults hold from now on.

    Parameters
    ----------
    defaults : Settings
        Checked already: `alias_fault`, `general_fault`.
    """
    global _in_force  # the one holder that configuration fills and api.py reads
    _in_force = defaults


def alias_fault(alias: object, held: object) -> str | None:
    """Return a sentence on what is wrong with an alias, which names it; None if nothing is.

    A policy's file is not read: it counts as it is when the role is assumed.

    Parameters
    ----------
    alias : object
        The name that stands for the role.
    held : object
        What it stands for.

    Returns
    -------
    str or None
    """
    if (
        not isinstance(alias, str)
        or not alias
        or alias.startswith(("arn:", "-"))
        or set(alias) & set(" \t\n'\"")
    ):
        return f"{shorten(alias)} cannot be an alias: it must be a word that begins neither with arn: nor with -."
    named = f"The alias {shorten(alias)}"
    if not isinstance(held, Mapping):
        return f"{named} must be a dict with a role_arn, not {shorten(held)}."
    for name in held:
        if name not in ("role_arn", *ALIAS_PARAMETERS):
            return f"{named} has a key {shorten(name)}, {_instead(name)}"
    if held.get("role_arn") is None:
        return f"{named} has no role_arn: give the ARN of the role that it stands for."
    for name, (kind, words) in OWN_KINDS.items():
        if held.get(name) is not None and not (isinstance(held[name], kind) and held[name] != ""):
            return f"{named} has {name} {shorten(held[name])}, which must be {words}."
    return _request_fault(named, held)


def general_fault(name: str, value: Any) -> str | None:
    """Return a sentence on what is wrong with a value that is configured for all roles; None if nothing is.

    Parameters
    ----------
    name : str
        ``session_name``, ``duration_seconds`` or ``region``.
    value : object
        Of the right kind.

    Returns
    -------
    str or None
    """
    from stsnb.sts import limits  # what is configured needs it; loading without any does not

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
    # A configuration in JSON, or on a command line, has no other way to name a file than text.
    return isinstance(policy, os.PathLike) or (
        isinstance(policy, str) and not policy.lstrip().startswith("{")
    )


def _instead(name: object) -> str:
    if name == "token_code":
        return "but an MFA code is good only once: give it with each assume_role."
    import difflib

    if close := difflib.get_close_matches(str(name), ("role_arn", *ALIAS_PARAMETERS), n=1):
        return f"which no alias has; did you mean {close[0]}?"
    return f"which no alias has; there are role_arn, {', '.join(ALIAS_PARAMETERS)}."


def _request_fault(named: str, held: Mapping[str, Any]) -> str | None:
    from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError  # as above

    asked = {name: value for name, value in held.items() if name not in OWN_KINDS}
    if _names_file(asked.get("policy")):
        del asked["policy"]
    try:
        AssumeRoleRequest.of(asked.pop("role_arn"), **asked)
    except InvalidRequestError as error:
        told = " ".join(f"{name}: {sentence}" for name, sentence in error.faults)
        return f"{named} cannot be used. {told}"
    return None
