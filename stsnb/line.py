"""The line of %assume_role: read into the arguments of `stsnb.assume_role`, and written from them."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from stsnb.errors import AssumeRoleError
from stsnb.sts.arn import shorten

#: How to ask for a role, where there is no form.
HOW = (
    "%assume_role needs a role: %assume_role arn:aws:iam::123456789012:role/NAME [SESSION_NAME]\n"
    "%assume_role? lists the options, %current_role shows the role in force, %drop_role puts everything back."
)
# What the AWS CLI's line may say about its own output, which is not there here.
_CLI_OUTPUT_OPTIONS = ("--output", "--query", "--color")
_CLI_OUTPUT_FLAGS = ("--no-cli-pager", "--no-paginate")
# What the AWS CLI's line begins with.
_CLI_COMMAND = ["aws", "sts", "assume-role"]
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


def arguments_of(parser: argparse.ArgumentParser, line: str) -> dict[str, Any] | None:
    """Read a magic's line.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The magic's.
    line : str
        What stands behind its name; the AWS CLI's own line may be pasted there.

    Returns
    -------
    dict or None
        The arguments of `stsnb.assume_role` by name; None for an empty line.

    Raises
    ------
    stsnb.AssumeRoleError
        If it cannot be read.
    """
    words = _words(line)
    if not words:
        return None
    parser.allow_abbrev = False
    given = _parse_known(parser, words)
    asked = {name: value for name, value in vars(given).items() if value is not None}
    if "role_arn" in asked and "role" in asked and not {"session_name", "role_session_name"} & set(asked):
        asked["session_name"] = asked.pop("role")  # behind --role-arn, a single word is the session's name
    for name, cli, what in (
        ("role", "role_arn", "roles"),
        ("session_name", "role_session_name", "session names"),
    ):
        if name in asked and cli in asked:
            raise AssumeRoleError(
                f"Two {what} were given.", f"Give one, with --{cli.replace('_', '-')} or without."
            )
        if cli in asked:
            asked[name] = asked.pop(cli)
    if "role" not in asked:
        raise AssumeRoleError(
            "No role was given.", "Name one: %assume_role arn:aws:iam::123456789012:role/NAME"
        )
    if "tags" in asked:
        asked["tags"] = _tags(asked["tags"])
    return asked


def _parse_known(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    try:
        given, unknown = parser.parse_known_intermixed_args(words)  # options may stand between the names
    except UsageError as error:
        raise AssumeRoleError(
            f"The line cannot be read: {error}.", "%assume_role? lists the options."
        ) from None
    if not unknown:
        return given
    # Only the names of options are repeated: what follows them may be a code.
    options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    if not options:
        raise AssumeRoleError(
            "There are more words than a role and a session name.",
            "Quote what has a space in it; %assume_role? lists the options.",
        )
    known = re.findall(r"--[a-z-]+", parser.format_help())
    close = difflib.get_close_matches(options[0], known, n=1)
    raise AssumeRoleError(
        f"%assume_role has no option {shorten(options[0])}.",
        f"Did you mean {close[0]}?" if close else "%assume_role? lists the options.",
    )


def _words(line: str) -> list[str]:
    """Split a line as a shell does, but for backslashes, which are part of Windows' paths."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        words = list(lexer)
    except ValueError:
        raise AssumeRoleError("A quotation mark is not closed.", "Close it, or take it away.") from None
    return _without_output_options(words[command_length(words) :])


def command_length(words: list[str]) -> int:
    """Count the words of the AWS CLI's command, and the prompt before it, that a pasted line begins with.

    Parameters
    ----------
    words : list of str
        The words of a line.

    Returns
    -------
    int
        0 where the command is not whole: a profile or an alias may be called ``aws``.
    """
    prompt = int(words[:1] == ["$"])
    length = prompt + len(_CLI_COMMAND)
    return length if words[prompt:length] == _CLI_COMMAND else 0


def _without_output_options(words: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or word in _CLI_OUTPUT_FLAGS or word.startswith(tuple(f"{o}=" for o in _CLI_OUTPUT_OPTIONS)):
            skip = False
        elif word in _CLI_OUTPUT_OPTIONS:
            skip = True
        else:
            kept.append(word)
    return kept


def _tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise AssumeRoleError("A tag key was given twice.", "Give each key once.")
    return tags
