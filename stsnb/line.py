"""The line that stands for what was asked: ``%assume_role …``, to be typed or copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: How to ask for a role, where there is no form.
HOW = (
    "%assume_role needs a role: %assume_role arn:aws:iam::123456789012:role/NAME [SESSION_NAME]\n"
    "%assume_role? lists the options, %current_role shows the role in force, %drop_role puts everything back."
)
# The options that hold lists or pairs, and those that need no value, each spelt as the magic and the AWS CLI do.
_ORDER = (
    "duration_seconds",
    "external_id",
    "policy",
    "policy_arns",
    "read_only",
    "tags",
    "serial_number",
    "profile",
    "region",
)


def line_of(asked: Mapping[str, Any]) -> str:
    """Write arguments of `stsnb.assume_role` as the magic's line; the MFA code has no place in it.

    Parameters
    ----------
    asked : mapping
        The arguments by name; those that are None or empty are left out.

    Returns
    -------
    str
        For example ``%assume_role arn:aws:iam::123456789012:role/NAME --region us-west-2``.
    """
    words = ["%assume_role", asked.get("role") or "ROLE"]
    if asked.get("session_name"):
        words.append(asked["session_name"])
    for name in _ORDER:
        value = asked.get(name)
        if value is None or value in ("", [], {}):
            continue
        words.append(f"--{'no-' if value is False else ''}{name.replace('_', '-')}")
        if isinstance(value, bool):
            continue
        if isinstance(value, Mapping):
            words += [f"{key}={text}" for key, text in value.items()]
        else:
            words += value if isinstance(value, list) else [str(value)]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Quote a word as the magic reads it: as a shell does, but for backslashes, which are part of Windows' paths."""
    if word and not any(character.isspace() or character in "\"'{}$#" for character in word):
        return word
    return f'"{word}"' if '"' not in word else f"'{word}'"
