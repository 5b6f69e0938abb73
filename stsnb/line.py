"""The line of %assume_role: its tokenizer, read into the arguments of `stsnb.assume_role`, written from them."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Any

from IPython.core.error import UsageError

from stsnb.aws_cli.command import find_command, prompt_length, without_output_options
from stsnb.aws_cli.values import expanded, read_values
from stsnb.config.settings import alias_parameters
from stsnb.errors import AssumeRoleError
from stsnb.sts.arn import shorten

#: How to use the magic, where there is no form.
HOW = (
    "%assume_role needs a role: %assume_role arn:aws:iam::123456789012:role/NAME [SESSION_NAME]\n"
    "%assume_role? lists the options, %current_role shows the active role, %drop_role drops it."
)
_OPERATORS = frozenset(";|&<>")
# A line that goes on in the next row: sh's mark, cmd's, PowerShell's. IPython itself joins the rows of the first.
_LINE_BREAK = re.compile(r"[\\^`][ \t]*(?:\r\n?|\n|$)")
_LINE_BREAK_IN_WORD = re.compile(r"[\\^`](?:\r\n?|\n)")
_TYPOGRAPHIC_QUOTES = "“”„‘’"  # noqa: RUF001 # office programs and chats put them in place of plain ones
_TYPOGRAPHIC_DASHES = "–—"  # noqa: RUF001 # and these in place of two hyphens
_UNSAFE = re.compile(rf"[\s'\"{{}}#`^;|&<>{_TYPOGRAPHIC_QUOTES}{_TYPOGRAPHIC_DASHES}]|\$[\w.{{($]|[,\\]$|^$")


@dataclass(frozen=True)
class Token:
    """A word, an operator of the shell or a comment in a line.

    Parameters
    ----------
    start, end : int
        Its position in the line.
    raw : str
        The text there, as typed.
    parts : tuple of (str, bool)
        The text without quotation marks, in pieces: those with True are outside single quotes, so that
        variables in them are expanded.
    quote : str
        The quotation mark that is still open at its end.
    """

    start: int
    end: int
    raw: str
    parts: tuple[tuple[str, bool], ...] = ()
    quote: str = ""

    @property
    def value(self) -> str:
        """The text without quotation marks, before variables are expanded."""
        return "".join(text for text, _ in self.parts)

    @property
    def is_operator(self) -> bool:
        """Whether it is one of the shell's ``; | & < >``, outside quotes."""
        return self.raw in _OPERATORS

    @property
    def is_comment(self) -> bool:
        """Whether it is a comment, from its ``#`` to the end of the row."""
        return self.raw.startswith("#")


def tokens(text: str) -> list[Token]:
    r"""Split a line into words, operators and comments, by the rules of shells that pasted lines rely on.

    Quotation marks work as in sh. A backslash makes a quotation mark, ``$`` or blank behind it literal (in double
    quotes: a double quotation mark or ``$``) and is otherwise itself, as in ``C:\policies\read.json``. A ``\``,
    ``^`` or backtick at the end of a row continues the line.

    Parameters
    ----------
    text : str
        What follows the magic's name, or the beginning of it; a quotation mark may be open at its end.

    Returns
    -------
    list of Token
        In order, without overlaps; between them are only blanks and line breaks.
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif (line_break := _LINE_BREAK.match(text, position)) is not None:
            position = line_break.end()
        else:
            found.append(_token_at(text, position))
            position = found[-1].end
    return found


def _token_at(text: str, start: int) -> Token:
    if text[start] in _OPERATORS:
        return Token(start, start + 1, text[start], ((text[start], True),))
    if text[start] == "#":
        end = text.find("\n", start)
        return Token(start, len(text) if end < 0 else end, text[start : end if end >= 0 else None])
    parts: list[tuple[str, bool]] = []
    quote, position = "", start
    while position < len(text):
        character, after = text[position], text[position + 1 : position + 2]
        step, literal = 1, quote == "'"
        if not quote and (
            character.isspace() or character in _OPERATORS or _LINE_BREAK_IN_WORD.match(text, position)
        ):
            break
        if character == "\\" and after == "\n":
            character, step = " ", 2  # in quotes; IPython joins rows with a blank too
        elif character == "\\" and quote != "'" and after and after in ('"$' if quote else "\"'$ \t"):
            character, step, literal = after, 2, True
        elif character in (quote or "'\""):
            quote, character = "" if quote else character, ""
        if character:
            parts.append((character, not literal))
        position += step
    merged = (("".join(text for text, _ in run), expands) for expands, run in groupby(parts, itemgetter(1)))
    return Token(start, position, text[start:position], tuple(merged), quote)


def quoted(word: str) -> str:
    """Quote a word so that the magic reads it as it is.

    Parameters
    ----------
    word : str
        Any text in one row.

    Returns
    -------
    str
        The word itself if it needs no quotation marks.
    """
    if not _UNSAFE.search(word):
        return word
    if not set(word) & set('"$`{}') and not word.endswith("\\"):
        return f'"{word}"'
    return "'" + word.replace("'", "'\"'\"'") + "'"


def line_of(asked: Mapping[str, Any]) -> str:
    """Write arguments of `stsnb.assume_role` as the magic's line, without those that hold secrets.

    Parameters
    ----------
    asked : mapping
        The arguments by name; those that are None or empty are left out.

    Returns
    -------
    str
        For example ``%assume_role arn:aws:iam::123456789012:role/NAME --region us-west-2``.
    """
    from stsnb.sts.request import SECRETS  # not needed to load

    words = ["%assume_role"]
    for name, option in (("role", "--role-arn"), ("session_name", "--role-session-name")):
        if word := asked.get(name) or ("ROLE" if name == "role" else None):
            words.append(f"{option}={quoted(word)}" if word.startswith("-") else quoted(word))
    for name in alias_parameters():
        value = None if name == "session_name" or name in SECRETS else asked.get(name)
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            if value or name != "chain":
                words.append(option if value else option.replace("--", "--no-", 1))
        elif value is not None and value not in ("", [], {}):
            words += _written(option, [*map(quoted, _values(name, value))])
    return " ".join(words)


def _values(name: str, value: Any) -> list[str]:
    if name == "policy" and isinstance(value, Mapping):
        return [json.dumps(value)]
    if isinstance(value, Mapping):
        return [
            f"Key={key},Value={text}" if "=" in key or key in ("Key", "Value") else f"{key}={text}"
            for key, text in value.items()
        ]
    return list(value) if isinstance(value, (list, tuple)) else [str(value)]


def _written(option: str, words: list[str]) -> list[str]:
    """Write an option with its values; argparse takes one that begins with ``-`` only behind ``=``."""
    if any(word.lstrip("'\"").startswith("-") for word in words):
        return [f"{option}={word}" for word in words]
    return [option, *words]


def arguments_of(
    parser: argparse.ArgumentParser,
    line: str,
    namespace: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Any] | None:
    """Read a magic's line.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The magic's.
    line : str
        What follows its name, for example a pasted command line of the AWS CLI.
    namespace, environ : mapping
        The user's Python variables and environment, for variables that IPython has not expanded.

    Returns
    -------
    dict or None
        The arguments of `stsnb.assume_role` by name; None for an empty line.

    Raises
    ------
    stsnb.AssumeRoleError
        If it can't be read. The sentences repeat no value that could be a secret.
    """
    words = _words(line, namespace or {}, environ)
    command = find_command(words)
    command.check(environ)
    words = [*command.options(), *without_output_options(words[command.length :])]
    if not words:
        return None
    parser.allow_abbrev = False
    given = _parse_known(parser, words)
    asked = {name: value for name, value in vars(given).items() if value is not None}
    if "role_arn" in asked and "role" in asked and not {"session_name", "role_session_name"} & set(asked):
        asked["session_name"] = asked.pop("role")  # after --role-arn, a single word is the session's name
    for name, cli, what in (
        ("role", "role_arn", "roles"),
        ("session_name", "role_session_name", "session names"),
    ):
        option = f"--{cli.replace('_', '-')}"
        if name in asked and cli in asked:
            raise AssumeRoleError(
                f"Two {what} given, one with {option} and one without.", "Pass one of them."
            )
        if cli in asked:
            asked[name] = asked.pop(cli)
    if "role" not in asked:
        raise AssumeRoleError("No role given.", "Run %assume_role arn:aws:iam::123456789012:role/NAME.")
    return read_values(asked)


def _words(line: str, namespace: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return the line's words with their variables expanded."""
    found = [token for token in tokens(line) if not token.is_comment]
    while found and found[-1].raw == ";":
        found.pop()
    if found and found[-1].quote:
        raise AssumeRoleError(
            "Missing closing quotation mark.", f"Add {found[-1].quote} at the end of the value."
        )
    prompt = prompt_length([token.value for token in found])
    found = found[prompt:]
    for number, token in enumerate(found):
        if token.is_operator:
            _refuse_operator(found[number : number + 3])
    return [_expanded(token, namespace, environ) for token in without_commas(found)]


def without_commas(found: Sequence[Token]) -> Iterator[Token]:
    """Remove the commas between words, as in ``ROLE, NAME``."""
    for token, following in zip_longest(found, found[1:]):
        if following is None or following.raw.startswith("--") or not token.raw.endswith(","):
            yield token
        elif token.raw != ",":
            *parts, (last, expands) = token.parts
            yield Token(token.start, token.end - 1, token.raw[:-1], (*parts, (last[:-1], expands)))


def _refuse_operator(found: Sequence[Token]) -> None:
    raws = [token.raw for token in found]
    if raws[::2] == ["<", ">"] and re.fullmatch(r"[\w-]+", raws[1]):
        raise AssumeRoleError(
            f"The placeholder {shorten(f'<{raws[1]}>')} is not filled in.", "Replace it with the value."
        )
    raise AssumeRoleError(
        f"Unexpected {raws[0]} in the line: %assume_role runs no other commands and writes no output.",
        f"Remove {raws[0]} and what follows, or quote the value that contains it.",
    )


def _expanded(token: Token, namespace: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    if token.raw[0] in _TYPOGRAPHIC_QUOTES or token.raw[-1] in _TYPOGRAPHIC_QUOTES:
        raise AssumeRoleError(
            "The line contains typographic quotation marks.", "Replace them with plain ones, \" or '."
        )
    if token.raw[0] in _TYPOGRAPHIC_DASHES:
        raise AssumeRoleError(
            "An option begins with a typographic dash.", "Replace it with two hyphens, as in --role-arn."
        )
    texts = []
    for text, expands in token.parts:
        if expands and ("$(" in text or "`" in text):
            raise AssumeRoleError(
                "The line contains a command substitution.",
                "Pass its value, or a Python variable as {name}. Paste the aws command alone, without $(…).",
            )
        texts.append(expanded(text, namespace, environ) if expands else text)
    return "".join(texts)


def _parse_known(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    try:
        given, unknown = parser.parse_known_intermixed_args(words)  # options may come between the names
    except UsageError as error:
        fault = str(error).removeprefix("argument ")
        raise AssumeRoleError(f"Invalid {fault}.", "Run %assume_role? to list the options.") from None
    if not unknown:
        return given
    # Only the names of options are repeated: what follows them may be a code.
    options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    if not options:
        raise AssumeRoleError(
            "Too many arguments: expected ROLE [SESSION_NAME].", "Quote values that contain spaces."
        )
    known = re.findall(r"--[a-z-]+", parser.format_help())
    close = difflib.get_close_matches(options[0], known, n=1)
    raise AssumeRoleError(
        f"%assume_role has no option {shorten(options[0])}.",
        f"Did you mean {close[0]}?" if close else "Run %assume_role? to list the options.",
    )
