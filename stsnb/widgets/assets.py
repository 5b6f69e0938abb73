"""The widgets' JavaScript and CSS, which stand in files of their own beside this one."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def text_of(*names: str) -> str:
    """Return files of this folder as one text: the browser loads one module and one style sheet for each widget.

    Parameters
    ----------
    *names : str
        Their names, in order.

    Returns
    -------
    str
    """
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
