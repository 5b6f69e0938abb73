"""Asks the user for a secret: in the foreground only, and never where no one can answer."""

from __future__ import annotations

import getpass
import sys
import threading
import warnings


class NobodyToAskError(Exception):
    """No user can be asked: there is no input, or this is a background thread."""


def ask(prompt: str) -> str:
    """Ask without an echo: below the cell in JupyterLab, Notebook and VS Code, or in the terminal.

    Parameters
    ----------
    prompt : str
        The text before the input.

    Returns
    -------
    str
        The input; it is neither in the output nor in the history.

    Raises
    ------
    NobodyToAskError
        At once where no one can answer: in a notebook that runs without a browser (nbclient, papermill), a program
        whose input is not a terminal, a widget's callback, whose questions no front end shows, and any thread but
        the main one.
    KeyboardInterrupt
        If the user interrupts.
    """
    if threading.current_thread() is not threading.main_thread() or _in_a_callback():
        raise NobodyToAskError
    try:
        with warnings.catch_warnings():
            # getpass warns before it reads from what is not a terminal: it would echo, or wait for ever on a pipe.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (EOFError, NotImplementedError, OSError, getpass.GetPassWarning):
        # A kernel without input raises IPython's StdinNotImplementedError, which is a NotImplementedError.
        raise NobodyToAskError from None


def _in_a_callback() -> bool:
    """Return whether a kernel is running something other than a cell, where no front end shows a question."""
    ipython = sys.modules.get("IPython")  # without that import this is not a kernel
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    message: str = kernel.get_parent().get("header", {}).get("msg_type", "")
    return message != "execute_request"
