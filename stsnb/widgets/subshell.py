"""What a browser says of a widget is heard while a cell runs, where front end and kernel can do that."""

from __future__ import annotations

from typing import Any

import anywidget


class SubshellWidget(anywidget.AnyWidget):
    """A widget whose messages go to the subshell that the front end addresses.

    JupyterLab 4.4 and later address one beside the running cell. ipykernel 7.4 leads a message to the shell that
    spoke of the widget last instead, which for a widget that a cell has shown is the one that is busy.
    """

    def open(self) -> None:
        """Open the comm, and let the front end choose the subshell."""
        super().open()
        if self.comm is not None:
            # Private to ipykernel, which asks by this name; others never look.
            self.comm._reply_subshell_for = _as_addressed


def _as_addressed(_data: Any, addressed: Any) -> Any:
    return addressed
