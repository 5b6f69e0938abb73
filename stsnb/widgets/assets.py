"""Reads the JavaScript and CSS files of the widgets, which are in this folder."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def text_of(*names: str) -> str:
    """Return the text of several files: a widget has one module and one style sheet.

    Parameters
    ----------
    *names : str
        The names of the files, in order.

    Returns
    -------
    str
    """
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
