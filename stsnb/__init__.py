"""Assume an AWS role in a notebook: after ``%assume_role ARN`` every AWS client in the kernel acts as the role."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from stsnb.api import assume_role, current_role, drop_role
    from stsnb.errors import AssumeRoleError
    from stsnb.injection.role_changes import on_role_change
    from stsnb.roles.assumed_role import AssumedRole
    from stsnb.widgets.form import AssumeRoleForm

__version__ = "0.1.0"

__all__ = [
    "AssumeRoleError",
    "AssumeRoleForm",
    "AssumedRole",
    "assume_role",
    "current_role",
    "drop_role",
    "on_role_change",
]

# Imported when used: a notebook that only loads the extension does not wait for boto3 (300 ms).
_HOMES = {
    "AssumeRoleError": "stsnb.errors",
    "AssumeRoleForm": "stsnb.widgets.form",
    "AssumedRole": "stsnb.roles.assumed_role",
    "assume_role": "stsnb.api",
    "current_role": "stsnb.api",
    "drop_role": "stsnb.api",
    "on_role_change": "stsnb.injection.role_changes",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    if (ipython := sys.modules.get("IPython")) is not None:
        _follow(ipython.get_ipython())  # also in a notebook that has not loaded the extension
    return getattr(import_module(home), name)


def _follow(shell: InteractiveShell | None) -> None:
    """Show roles as badges in a shell, and check the environment before each of its cells."""
    from stsnb.ipython.badges import show_badges
    from stsnb.ipython.cells import watch_cells

    if shell is not None:
        show_badges(shell)
        watch_cells(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics, their completion, their configuration, and the badges: ``%load_ext stsnb``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a notebook's kernel or of a terminal.

    Raises
    ------
    AssumeRoleError
        If the configuration of AssumeRole is invalid; nothing is added then.
    """
    from stsnb.config.traits import configure
    from stsnb.ipython.completer import complete_in
    from stsnb.ipython.line_breaks import join_rows_in
    from stsnb.ipython.magics import RoleMagics

    configure(shell)
    shell.register_magics(RoleMagics)
    join_rows_in(shell)
    complete_in(shell)
    _follow(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics, drop the active role and restore the environment: ``%unload_ext stsnb``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell that the extension was loaded into.
    """
    if _reloading():
        return
    from stsnb.config import catalog
    from stsnb.config.traits import unconfigure
    from stsnb.ipython.badges import show_no_badges
    from stsnb.ipython.cells import watch_no_cells
    from stsnb.ipython.completer import do_not_complete_in
    from stsnb.ipython.line_breaks import do_not_join_rows_in
    from stsnb.ipython.magics import RoleMagics

    do_not_complete_in(shell)
    show_no_badges(shell)
    watch_no_cells(shell)
    do_not_join_rows_in(shell)
    unconfigure(shell)
    for kind in RoleMagics.magics:
        for name in RoleMagics.magics[kind]:
            shell.magics_manager.magics[kind].pop(name, None)
    catalog.forget()
    # If kernel.py is not imported, no role was assumed; importing it would import botocore.
    if (module := sys.modules.get("stsnb.kernel")) is not None:
        module.kernel.reset()


def _reloading() -> bool:
    """Return whether this is ``%reload_ext``, which unloads first: the active role stays then.

    IPython gives an extension no reason for an unload; the name of the calling function is the only sign.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "reload_extension":
            return True
    return False
