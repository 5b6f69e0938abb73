"""Line: what stands in a line of %assume_role before the cursor, and what could stand at it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field

from stsnb.ipython.magics import RoleMagics
from stsnb.line import command_length

# `%assume_role …`, `%%assume_role …`, `role = %assume_role …`; and without its sign where IPython takes it so.
_MAGIC = re.compile(r"\s*(?:%%?|[^\s=%#'\"][^=%#'\"]*=\s*%)assume_role(?=\s)")
_AUTOMAGIC = re.compile(r"\s*assume_role(?=\s)(?!\s*=)")


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
        values = [word.value for word in words]
        expected, several = self._take(values[command_length(values) :])
        option, equals, value = last.raw.partition("=")
        action = options().get(option)
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
            if (action := options().get(word.value.partition("=")[0])) is not None:
                self.given.setdefault(action.dest, [])

    def _take(self, words: list[str]) -> tuple[str | None, bool]:
        """Sort the words into `given`; return the parameter that waits for a value, and whether it takes several."""
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


def options() -> dict[str, argparse.Action]:
    """Return the magic's options by their names: what it takes is what is completed.

    Returns
    -------
    dict of str to argparse.Action
        ``--region`` and its like, in the order of the help.
    """
    parser: argparse.ArgumentParser = RoleMagics.assume_role.parser
    return {name: action for name, action in parser._option_string_actions.items() if name.startswith("--")}
