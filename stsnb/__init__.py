"""An AWS role in a notebook: ``%assume_role ARN``, and every AWS client in the kernel acts as it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from stsnb.api import assume_role, current_role, drop_role
    from stsnb.errors import AssumeRoleError
    from stsnb.roles.assumed_role import AssumedRole
    from stsnb.widgets.form import AssumeRoleForm

__version__ = "0.1.0"

__all__ = ["AssumeRoleError", "AssumeRoleForm", "AssumedRole", "assume_role", "current_role", "drop_role"]

# boto3 takes 300 ms to import: a notebook that only loads the extension does not wait for it.
_HOMES = {
    "AssumeRoleError": "stsnb.errors",
    "AssumeRoleForm": "stsnb.widgets.form",
    "AssumedRole": "stsnb.roles.assumed_role",
    "assume_role": "stsnb.api",
    "current_role": "stsnb.api",
    "drop_role": "stsnb.api",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics, their completion and their configuration: ``%load_ext stsnb``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a notebook's kernel or of a terminal.

    Raises
    ------
    AssumeRoleError
        If what is configured for AssumeRole cannot be used; nothing is added then.
    """
    from stsnb.config.traits import configure
    from stsnb.ipython.completer import complete_in
    from stsnb.ipython.magics import RoleMagics

    configure(shell)
    shell.register_magics(RoleMagics)
    complete_in(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away and put everything back: ``%unload_ext stsnb``.

    Parameters
    ----------
    shell : InteractiveShell
        The shell that the extension was loaded into.
    """
    if _reloading():
        return
    from stsnb.config.traits import unconfigure
    from stsnb.ipython.completer import do_not_complete_in
    from stsnb.ipython.magics import RoleMagics

    do_not_complete_in(shell)
    unconfigure(shell)
    for kind in RoleMagics.magics:
        for name in RoleMagics.magics[kind]:
            shell.magics_manager.magics[kind].pop(name, None)
    # Without kernel.py no role can have been assumed, and importing it now would cost boto3's time.
    if (module := sys.modules.get("stsnb.kernel")) is not None:
        module.kernel.reset()


def _reloading() -> bool:
    """Whether this is ``%reload_ext``, which unloads first: the role in force shall stay then.

    IPython tells an extension of its unloading alone, not why; its caller's name is the only sign.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "reload_extension":
            return True
    return False
