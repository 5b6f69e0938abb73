"""Completes %assume_role lines in JupyterLab and the terminal, as a matcher of IPython."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

#: The matcher's name in IPython's settings: ``c.IPCompleter.disable_matchers = ["stsnb"]``.
IDENTIFIER = "stsnb"


def complete_in(shell: InteractiveShell) -> None:
    """Complete the magic's lines in a shell; a second call changes nothing.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a kernel or of a terminal.
    """

    @context_matcher(identifier=IDENTIFIER)
    def match(context: CompletionContext) -> dict[str, Any]:
        if "assume_role" not in context.full_text:
            return {"completions": []}
        from stsnb.ipython.cursor import Line
        from stsnb.ipython.suggestions import completions  # not before the magic is typed: loading is cheap

        line = Line.at(context.full_text, context.cursor_line, context.cursor_position, _takes_bare(shell))
        if line is None:
            return {"completions": []}
        found = list(islice(completions(line), context.limit))
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in found],
            "matched_fragment": line.replaced,
            "suppress": True,  # IPython would add Python's names
            "ordered": True,
        }

    do_not_complete_in(shell)
    shell.Completer.custom_matchers.append(match)


def do_not_complete_in(shell: InteractiveShell) -> None:
    """Stop completing the magic's lines in a shell.

    Parameters
    ----------
    shell : InteractiveShell
        The shell, whether lines are completed in it or not.
    """
    matchers: list[Any] = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", None) != IDENTIFIER]


def _takes_bare(shell: Any) -> bool:
    return bool(shell.magics_manager.auto_magic) and "assume_role" not in shell.user_ns
