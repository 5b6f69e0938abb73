"""SubshellWidget: its messages from the browser are handled while a cell runs, where front end and kernel can."""

from __future__ import annotations

from typing import Any

import anywidget


class SubshellWidget(anywidget.AnyWidget):
    """A widget whose messages go to the subshell that the front end addresses.

    JupyterLab 4.4 and later address a subshell, which runs in parallel to the cell. ipykernel 7.4 routes a message
    to the shell that last sent one for the widget instead: for a widget that a cell has shown, the busy one.
    """

    def open(self) -> None:
        """Open the comm, and let the front end choose the subshell."""
        super().open()
        if self.comm is not None:
            # A private hook of ipykernel; other kernels ignore it.
            self.comm._reply_subshell_for = _as_addressed


def _as_addressed(_data: Any, addressed: Any) -> Any:
    return addressed
