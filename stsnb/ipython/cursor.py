"""The line of %assume_role at a cursor: what is given before it, and what can be completed at it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field

from stsnb.aws_cli.command import find_command, prompt_length, takes_value
from stsnb.ipython.magics import RoleMagics
from stsnb.line import Token, tokens, without_commas

# `%assume_role …`, `%%assume_role …`, `role = %assume_role …`; and without the sign where IPython allows it.
_MAGIC = re.compile(r"\s*(?:%%?|[^\s=%#'\"][^=%#'\"]*=\s*%)assume_role(?=\s)")
_AUTOMAGIC = re.compile(r"\s*assume_role(?=\s)(?!\s*=)")
#: The end of a row that the next one continues: in sh, cmd and PowerShell.
CONTINUED = re.compile(r"[\\^`][ \t]*\r?$")


@dataclass
class Line:
    """A line of %assume_role, as far as completion needs it.

    Parameters
    ----------
    given : dict of str to list of str
        For each parameter by its name in the parser the values before the cursor, and those of the options
        after it; an option without a value has an empty list.
    expected : str or None
        The parameter whose value is at the cursor; None where only the name of an option can be.
    options : bool
        Whether the name of an option can be at the cursor.
    fragment : str
        The text of the word at the cursor that is typed already, without its quotation mark.
    quote : str
        The quotation mark that is open there.
    replaced : str
        The text that a completion replaces, as typed.
    closed : bool
        Whether the closing quotation mark follows the cursor, as JupyterLab adds it.
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
            Whether the magic may be written without its sign.

        Returns
        -------
        Line or None
            None where the cursor is not after the magic's name.
        """
        rows = text.split("\n")
        first = last = row
        while first > 0 and CONTINUED.search(rows[first - 1]):
            first -= 1
        while CONTINUED.search(rows[last]) and last + 1 < len(rows):
            last += 1
        before = "\n".join([*rows[first:row], rows[row][:column]])
        after = "\n".join([rows[row][column:], *rows[row + 1 : last + 1]])
        magic = magic_at(before, bare)
        if magic is None or ("%%" in magic[0] and "".join(rows[:first]).strip()):
            return None
        line = cls()
        line._read(before[magic.end() :], after)
        return line

    def _read(self, before: str, after: str) -> None:
        *words, last = words_before(before)
        if last.is_comment:
            return
        values = [word.value for word in without_commas([*words, last])][:-1]
        values = values[prompt_length(values) :]
        command = find_command(values)
        expected, several = self._take([*command.options(), *values[command.length :]])
        option, equals, value = last.raw.partition("=")
        action = options().get(option)
        if equals and expected is None and action is not None:
            self.expected = action.dest
            last = words_before(value)[-1]
        elif expected is not None and not (several and last.raw.startswith("-")):
            self.expected, self.options = expected, several
        else:
            self.options = True
            self.expected = None if last.raw.startswith("-") else self._position()
        self.fragment, self.quote, self.replaced = last.value, last.quote, last.raw
        self.closed = bool(last.quote) and after.startswith(last.quote)
        for word in tokens(after):
            if (action := options().get(word.value.partition("=")[0])) is not None:
                self.given.setdefault(action.dest, [])

    def _take(self, words: list[str]) -> tuple[str | None, bool]:
        """Sort the words into `given`; return the parameter that lacks a value, and whether it takes several."""
        waiting: str | None = None
        several = False
        for word in words:
            name, equals, value = word.partition("=")
            if word.startswith("--"):
                action = options().get(name)
                dest = action.dest if action is not None else name
                self.given.setdefault(dest, [])
                waiting, several = None, False
                if equals:
                    self.given[dest].append(value)
                elif action is None:
                    waiting = name if takes_value(name) else None
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
        """The role that the line names: an ARN, a profile or an alias."""
        named = [*self.given.get("role", []), *self.given.get("role_arn", [])]
        return named[0] if named else None


def magic_at(text: str, bare: bool = False) -> re.Match[str] | None:
    """Find the magic's name at the beginning of a text.

    Parameters
    ----------
    text : str
        The text of a row.
    bare : bool
        Whether the magic may be written without its sign.

    Returns
    -------
    re.Match or None
        Of all up to the end of the name.
    """
    return _MAGIC.match(text) or (_AUTOMAGIC.match(text) if bare else None)


def words_before(text: str) -> list[Token]:
    """Split the text before a cursor into tokens.

    Parameters
    ----------
    text : str
        The line up to the cursor.

    Returns
    -------
    list of Token
        At least one; the last one is the word at the cursor, empty after a blank.
    """
    found = tokens(text)
    end = len(text)
    if not found or found[-1].end < end or found[-1].is_operator:
        found.append(Token(end, end, ""))
    return found


def options() -> dict[str, argparse.Action]:
    """Return the magic's options by their names.

    Returns
    -------
    dict of str to argparse.Action
        ``--region`` and so on, in the order of the help.
    """
    parser: argparse.ArgumentParser = RoleMagics.assume_role.parser
    return {name: action for name, action in parser._option_string_actions.items() if name.startswith("--")}
