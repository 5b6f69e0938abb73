"""Before each cell: the active role follows what the user has set in the environment."""

from __future__ import annotations

import sys
from typing import Any


def follow_user(_info: object = None) -> None:
    """Make the active role inactive if the user has put credentials of their own in its place."""
    # Without kernel.py no role was assumed, and importing it now would import botocore.
    if (module := sys.modules.get("stsnb.kernel")) is not None:
        module.kernel.follow_user()


def watch_cells(shell: Any) -> None:
    """Look at the environment before each cell of a shell; once, however often this is called.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a kernel or of a terminal.
    """
    if follow_user not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", follow_user)


def watch_no_cells(shell: Any) -> None:
    """Look no more.

    Parameters
    ----------
    shell : InteractiveShell
        The shell, whether it is watched or not.
    """
    if follow_user in shell.events.callbacks["pre_run_cell"]:
        shell.events.unregister("pre_run_cell", follow_user)
