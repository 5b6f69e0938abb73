"""AssumeRoleError: every failure, as one sentence on the fault and one on what to do."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.error import UsageError as _Base
else:
    # IPython shows its UsageError without a traceback. In a notebook or a terminal of IPython it has been imported
    # already; a script without IPython does not import it, which takes 200 ms.
    _Base = getattr(sys.modules.get("IPython.core.error"), "UsageError", Exception)


class AssumeRoleError(_Base):
    """A role could not be assumed. The environment, the default session and the active role are unchanged.

    In IPython it is a `UsageError` and shows its sentences without a traceback; in a script without IPython it is
    an ordinary exception.

    Parameters
    ----------
    happened : str
        One sentence that names the fault.
    advice : str
        One sentence on what to do.
    code : str, optional
        STS's error code, if STS answered.
    said : str, optional
        The server's message, without secrets.
    statement : dict, optional
        The statement that the trust policy needs, ready to paste.
    """

    def __init__(
        self,
        happened: str,
        advice: str,
        *,
        code: str | None = None,
        said: str | None = None,
        statement: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(happened, advice)
        self.happened = happened
        self.advice = advice
        self.code = code
        self.said = said
        self.statement = statement

    def __str__(self) -> str:
        parts = [f"{self.happened} {self.advice}".replace(" \n", "\n")]
        if self.statement is not None:
            parts.append(json.dumps(self.statement, indent=2))
        if self.said is not None:
            parts.append(f"The answer was {self.said}.")
        return "\n".join(parts)

    def _render_traceback_(self) -> list[str]:
        # IPython's protocol for exceptions that render their own traceback. A subclass of UsageError would get a full
        # one otherwise; text on stderr would not stop papermill, which looks for an error output.
        sentences, *rest = str(self).removeprefix(self.happened).lstrip(" ").split("\n")
        lines = _wrapped(f"{type(self).__name__}: {self.happened}") + _wrapped(sentences)
        lines[0] = lines[0].replace(type(self).__name__, f"\x1b[31m{type(self).__name__}\x1b[0m", 1)
        return ["\n".join(lines + [line for paragraph in rest for line in _wrapped(paragraph)])]


def _wrapped(paragraph: str) -> list[str]:
    # JupyterLab breaks an error's long lines in the middle of words.
    indent = " " * (len(paragraph) - len(paragraph.lstrip(" ")) + 2 * paragraph.startswith("- "))
    return textwrap.wrap(
        paragraph, 90, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
