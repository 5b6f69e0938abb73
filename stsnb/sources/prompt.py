"""Asking the person at the notebook for what nobody else shall see: in the foreground only, and never for long."""

from __future__ import annotations

import getpass
import sys
import threading
import warnings


class NobodyToAskError(Exception):
    """There is nobody who could answer: no input, or not the thread that may ask."""


def ask(prompt: str) -> str:
    """Ask without an echo: in JupyterLab, Notebook and VS Code below the cell, in a terminal there.

    Parameters
    ----------
    prompt : str
        What is asked for.

    Returns
    -------
    str
        What was typed; it stands neither in the output nor in the history.

    Raises
    ------
    NobodyToAskError
        At once where nobody can answer: a notebook that runs without a browser (nbclient, papermill), a
        program whose input is no terminal, a widget's callback, whose questions no front end shows, or any
        thread but the main one, which alone is the user's.
    KeyboardInterrupt
        If the user would rather not.
    """
    if threading.current_thread() is not threading.main_thread() or _in_a_callback():
        raise NobodyToAskError
    try:
        with warnings.catch_warnings():
            # getpass warns before it reads what is no terminal: it would echo, and wait for ever on an open pipe.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (EOFError, NotImplementedError, OSError, getpass.GetPassWarning):
        # A kernel without input raises IPython's StdinNotImplementedError, which is a NotImplementedError.
        raise NobodyToAskError from None


def _in_a_callback() -> bool:
    """Say whether a kernel is at work on something else than a cell, which nobody sees it ask from."""
    ipython = sys.modules.get("IPython")  # who has not imported it is in no kernel
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    message: str = kernel.get_parent().get("header", {}).get("msg_type", "")
    return message != "execute_request"
