"""Shows a role as its badge, in a kernel: IPython's display formatter calls this for each AssumedRole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole

# Registered by name: neither boto3 nor ipywidgets is imported before a role is shown.
_TYPE = "stsnb.roles.assumed_role", "AssumedRole"


def show_badges(shell: Any) -> None:
    """Show roles as badges in a shell, if it has a front end that can draw them.

    Parameters
    ----------
    shell : InteractiveShell or None
        The shell of a kernel. One of a terminal, or None, shows roles as text.
    """
    if getattr(shell, "kernel", None) is not None:
        shell.display_formatter.mimebundle_formatter.for_type_by_name(*_TYPE, _with_badge)


def show_no_badges(shell: Any) -> None:
    """Show roles as text and HTML again.

    Parameters
    ----------
    shell : InteractiveShell
        The shell, whether it shows badges or not.
    """
    shell.display_formatter.mimebundle_formatter.pop(".".join(_TYPE), None)


def _with_badge(role: AssumedRole) -> dict[str, object]:
    from stsnb.kernel import kernel
    from stsnb.widgets.badge import bundle

    return {**role._repr_mimebundle_(), **bundle(role, kernel)}
