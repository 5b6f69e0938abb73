"""Completion of %assume_role lines in JupyterLab and the terminal, as a matcher of IPython's."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

#: By this name IPython's settings know the matcher: ``c.IPCompleter.disable_matchers = ["stsnb"]``.
IDENTIFIER = "stsnb"


def complete_in(shell: InteractiveShell) -> None:
    """Complete the magic's lines in a shell; once, however often it is called.

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
        from stsnb.ipython.suggestions import completions  # once the magic is being typed: loading is cheap

        line = Line.at(context.full_text, context.cursor_line, context.cursor_position, _takes_bare(shell))
        if line is None:
            return {"completions": []}
        found = list(islice(completions(line), context.limit))
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
