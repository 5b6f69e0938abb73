"""Completion of %assume_role lines in JupyterLab and the terminal: options, and what each of them could be."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from stsnb import defaults, known

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

#: By this name IPython's settings know the matcher: ``c.IPCompleter.disable_matchers = ["stsnb"]``.
IDENTIFIER = "stsnb"

# `%assume_role …`, `%%assume_role …`, `role = %assume_role …`; and without its sign where IPython takes it so.
_MAGIC = re.compile(r"\s*(?:%%?|[^\s=%#'\"][^=%#'\"]*=\s*%)assume_role(?=\s)")
_AUTOMAGIC = re.compile(r"\s*assume_role(?=\s)(?!\s*=)")
# What a pasted line of the AWS CLI begins with.
_COMMAND = ("$", "aws", "sts", "assume-role")
# Two names for one thing: the first given, the second is not offered.
_SAME = {"role_arn": "role", "role_session_name": "session_name"}


def complete_in(shell: InteractiveShell) -> None:
    """Complete the magic's lines in a shell; once, however often it is called.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a kernel or of a terminal.
    """

    @context_matcher(identifier=IDENTIFIER)
    def match(context: CompletionContext) -> dict[str, Any]:
        line = Line.at(context.full_text, context.cursor_line, context.cursor_position, _takes_bare(shell))
        if line is None:
            return {"completions": []}
        found = list(completions(line))[: context.limit]
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in found],
            "matched_fragment": line.replaced,
            "suppress": True,  # what else IPython finds there are names of Python
            "ordered": True,
        }

    do_not_complete_in(shell)
    shell.Completer.custom_matchers.append(match)


def do_not_complete_in(shell: InteractiveShell) -> None:
    """Leave the magic's lines to IPython again.

    Parameters
    ----------
    shell : InteractiveShell
        The shell, whether it was completed in or not.
    """
    matchers: list[Any] = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", None) != IDENTIFIER]


def _takes_bare(shell: Any) -> bool:
    return bool(shell.magics_manager.auto_magic) and "assume_role" not in shell.user_ns


@dataclass
class _Word:
    """A word of a line as it was typed, and what it means without its quotation marks."""

    raw: str = ""
    value: str = ""
    quote: str = ""  # the mark that is still open at its end


@dataclass
class Line:
    """What stands in a magic's line before the cursor, and at it.

    Parameters
    ----------
    given : dict of str to list of str
        For each parameter by its name in the parser the values before the cursor, and those of the options
        behind it; an option without one has an empty list.
    expected : str or None
        The parameter whose value is at the cursor; None where only the name of an option can be.
    options : bool
        Whether the name of an option can be at the cursor.
    fragment : str
        What is typed of the word at the cursor, without its quotation mark.
    quote : str
        The quotation mark that is open there.
    replaced : str
        What a completion takes the place of, as it was typed.
    closed : bool
        Whether the mark's other one stands behind the cursor already, as JupyterLab puts it.
    """

    given: dict[str, list[str]] = field(default_factory=dict)
    expected: str | None = None
    options: bool = False
    fragment: str = ""
    quote: str = ""
    replaced: str = ""
    closed: bool = False

    @classmethod
    def at(cls, text: str, row: int, column: int, bare: bool = False) -> Line | None:
        """Find the magic's line at a cursor.

        Parameters
        ----------
        text : str
            The cell.
        row, column : int
            The cursor, counted from 0.
        bare : bool
            Whether the magic may stand without its sign.

        Returns
        -------
        Line or None
            None where the cursor is not behind the magic's name.
        """
        rows = text.split("\n")
        first = last = row
        while first > 0 and rows[first - 1].endswith("\\"):
            first -= 1
        while rows[last].endswith("\\") and last + 1 < len(rows):
            last += 1
        before = "\n".join([*rows[first:row], rows[row][:column]])
        behind = "\n".join([rows[row][column:], *rows[row + 1 : last + 1]])
        magic = _MAGIC.match(before) or (_AUTOMAGIC.match(before) if bare else None)
        if magic is None or ("%%" in magic[0] and "".join(rows[:first]).strip()):
            return None
        words = _words(before[magic.end() :])
        line = cls()
        line._read(words[:-1], words[-1], behind)
        return line

    def _read(self, words: list[_Word], last: _Word, behind: str) -> None:
        while words and words[0].value in _COMMAND:
            words.pop(0)
        expected, several = self._take([word.value for word in words])
        option, equals, value = last.raw.partition("=")
        action = _actions().get(option)
        if equals and expected is None and action is not None:
            self.expected = action.dest
            last = _words(value)[-1]
        elif expected is not None and not (several and last.raw.startswith("-")):
            self.expected, self.options = expected, several
        else:
            self.options = True
            self.expected = None if last.raw.startswith("-") else self._position()
        self.fragment, self.quote, self.replaced = last.value, last.quote, last.raw
        self.closed = bool(last.quote) and behind.startswith(last.quote)
        for word in _words(behind):
            if (action := _actions().get(word.value.partition("=")[0])) is not None:
                self.given.setdefault(action.dest, [])

    def _take(self, words: list[str]) -> tuple[str | None, bool]:
        """Sort the words into `given`; return the parameter that waits for a value, and whether it takes several."""
        waiting: str | None = None
        several = False
        for word in words:
            name, equals, value = word.partition("=")
            if word.startswith("--"):
                action = _actions().get(name)
                dest = action.dest if action is not None else name
                self.given.setdefault(dest, [])
                waiting, several = None, False
                if equals:
                    self.given[dest].append(value)
                elif action is None:
                    # An option of the AWS CLI about its output, or one that is not there.
                    waiting = name if name in ("--output", "--query", "--color") else None
                elif action.nargs != 0:
                    waiting, several = dest, action.nargs == "+"
            else:
                self.given.setdefault(waiting or self._position() or "", []).append(word)
                waiting = waiting if several else None
        return waiting, several

    def _position(self) -> str | None:
        """Return the parameter that a word without an option before it is."""
        for name, cli in (("role", "role_arn"), ("session_name", "role_session_name")):
            if name not in self.given and cli not in self.given:
                return name
        return None

    @property
    def role(self) -> str | None:
        """What the line names as the role: an ARN, a profile or an alias."""
        named = [*self.given.get("role", []), *self.given.get("role_arn", [])]
        return named[0] if named else None


def completions(line: Line) -> Iterator[tuple[str, str]]:
    """Find what could stand at the cursor.

    Parameters
    ----------
    line : Line
        The line.

    Yields
    ------
    text : str
        What takes the place of `Line.replaced`, in quotation marks where it needs them.
    kind : str
        What it is, as JupyterLab shows it: ``role``, ``profile``, ``option``, …
    """
    seen: set[str] = set()
    if line.expected is not None:
        find = _VALUES.get(line.expected, lambda _line, _environ: iter(()))
        for value, kind in find(line, _environ()):
            if value not in seen and _begins(value, line.fragment):
                seen.add(value)
                text = _quoted(value, line, ends=kind != "folder")
                if text is not None:
                    yield text, kind
    if line.options and not line.quote:
        given = {_SAME.get(name, name) for name in line.given}
        for option, action in _actions().items():
            if _SAME.get(action.dest, action.dest) not in given and option.startswith(line.fragment):
                yield option, "option"


def _begins(value: str, fragment: str) -> bool:
    """Whether somebody who typed the fragment may mean the value: people know a role by its name, not its ARN."""
    fragment = fragment.lower()
    value = value.lower()
    return value.startswith(fragment) or (
        value.startswith("arn:") and any(part.startswith(fragment) for part in value.split("/")[1:])
    )


def _quoted(value: str, line: Line, *, ends: bool) -> str | None:
    quote = line.quote
    if not quote and (set(value) & set(" \t'\"")):
        quote = "'" if '"' in value else '"'
    if quote and quote in value:
        return None
    return f"{quote}{value}{quote if ends and not line.closed else ''}"


def _words(text: str) -> list[_Word]:
    """Split a line as the magic does; the last word is the one at its end, empty after a blank."""
    words = [_Word()]
    for typed in re.findall(r"\\\n|.", text, re.DOTALL):
        word, character = words[-1], " " if typed == "\\\n" else typed
        if word.quote:
            if character == word.quote:
                word.quote = ""
            else:
                word.value += character
        elif character.isspace():
            if word.raw:
                words.append(_Word())
            continue
        elif character in "'\"":
            word.quote = character
        else:
            word.value += character
        word.raw += typed
    return words


def _actions() -> dict[str, argparse.Action]:
    """Return the magic's options by their names: what it takes is what is completed."""
    from stsnb.magics import RoleMagics

    parser: argparse.ArgumentParser = RoleMagics.assume_role.parser
    return {name: action for name, action in parser._option_string_actions.items() if name.startswith("--")}


def _environ() -> Mapping[str, str]:
    """Return the environment in which the user's files are named; a role in force may have put others there."""
    # Without kernel.py no role can have been assumed, and importing it now would cost botocore's time.
    module = sys.modules.get("stsnb.kernel")
    return os.environ if module is None else module.kernel.environ_of_user()


_Found = Iterator[tuple[str, str]]


def _roles(_line: Line, environ: Mapping[str, str]) -> _Found:
    yield from ((alias, "alias") for alias in known.aliases())
    yield from ((arn, "role") for arn in known.used_before())
    yield from ((profile, "profile") for profile in known.role_profiles(environ))
    yield from ((arn, "role") for arn in known.role_arns(environ))


def _session_names(line: Line, environ: Mapping[str, str]) -> _Found:
    return ((name, "session") for name in known.session_names(line.role, environ))


def _profiles(_line: Line, environ: Mapping[str, str]) -> _Found:
    return ((name, "profile") for name in known.profiles(environ))


def _regions(line: Line, environ: Mapping[str, str]) -> _Found:
    return ((region, "region") for region in known.regions(_partition(line, environ)))


def _policy_arns(line: Line, environ: Mapping[str, str]) -> _Found:
    given = line.given.get("policy_arns", [])
    partition = _partition(line, environ) or "aws"
    return ((arn, "policy") for arn in known.policy_arns(partition) if arn not in given)


def _serial_numbers(_line: Line, environ: Mapping[str, str]) -> _Found:
    return ((device, "device") for device in known.serial_numbers(environ))


def _durations(_line: Line, _environ: Mapping[str, str]) -> _Found:
    return ((str(seconds), "seconds") for seconds in known.DURATIONS)


def _tag_keys(line: Line, _environ: Mapping[str, str]) -> _Found:
    given = line.given.get("transitive_tag_keys", [])
    keys = (
        tag.removeprefix("Key=").partition(",Value=")[0].partition("=")[0]
        for tag in line.given.get("tags", [])
    )
    return ((key, "tag") for key in keys if key not in given)


def _files(line: Line, _environ: Mapping[str, str]) -> _Found:
    scheme = "file://" if line.fragment.startswith("file://") else ""
    folder, name = os.path.split(line.fragment.removeprefix(scheme))
    try:
        entries = sorted(Path(folder or ".").expanduser().iterdir(), key=lambda entry: entry.name.lower())
        for entry in entries:
            if entry.name.startswith(".") and not name.startswith("."):
                continue
            path = scheme + os.path.join(folder, entry.name)  # noqa: PTH118 # Path would lose "./" as it was typed
            yield (f"{path}/", "folder") if entry.is_dir() else (path, "file")
    except (OSError, RuntimeError, ValueError):  # not there, not to be read, or no home for ~
        return


def _partition(line: Line, environ: Mapping[str, str]) -> str | None:
    """Return the partition of the line's role; None while it is not known."""
    role = line.role or ""
    alias = defaults.current().roles.get(role)
    arn = alias["role_arn"] if alias else known.role_profiles(environ).get(role, role)
    parts = arn.split(":")
    return parts[1] if len(parts) == 6 else None


#: How to find the values of each parameter by its name in the parser; the others are the user's own words.
_VALUES: dict[str, Callable[[Line, Mapping[str, str]], _Found]] = {
    "role": _roles,
    "role_arn": _roles,
    "session_name": _session_names,
    "role_session_name": _session_names,
    "profile": _profiles,
    "region": _regions,
    "policy": _files,
    "web_identity_token_file": _files,
    "policy_arns": _policy_arns,
    "serial_number": _serial_numbers,
    "duration_seconds": _durations,
    "transitive_tag_keys": _tag_keys,
}
