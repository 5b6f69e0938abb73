"""Notebook: one notebook in a real JupyterLab, as a person sees it and works with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.jupyter import JupyterServer

Theme = Literal["light", "dark"]
Mode = Literal["doc", "lab", "notebook"]

#: Where pictures go; git ignores it.
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".screenshots"

# JupyterLab's commands return promises that are kept when the cells have run. Waiting for the promise itself
# would never end if it is not kept; so each leaves a note of its end, and the notes are waited for.
_EXECUTE = """([command, args]) => {
    const note = {ended: false, error: null};
    window.__commands = [...(window.__commands ?? []), note];
    window.jupyterapp.commands.execute(command, args)
        .catch(error => { note.error = String(error); })
        .finally(() => { note.ended = true; });
    return window.__commands.length - 1;
}"""

# The toolbar's indicator says idle before there is a kernel, and a cell run then waits for ever.
_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return context?.isReady
        && context.session?.kernel?.connectionStatus === "connected"
        && context.kernelDisplayStatus === "idle"
        && (window.__commands ?? []).every(note => note.ended);
}"""


class Notebook:
    """A notebook in a page of a browser.

    Cells are counted from 0, in the order of the notebook, Markdown cells included.

    Parameters
    ----------
    page : playwright.sync_api.Page
        An empty page, all of whose errors are collected from now on.
    server : JupyterServer
        Where the notebook is.

    Attributes
    ----------
    errors : list of str
        What the page's scripts threw, and what they wrote to the console as errors.
    """

    def __init__(self, page: Page, server: JupyterServer) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, name: str, *, theme: Theme = "light", mode: Mode = "doc", seconds: float = 60) -> None:
        """Open a notebook of the server's root, and wait until its kernel is idle.

        Parameters
        ----------
        name : str
            Its path below the root.
        theme : str
            ``light`` or ``dark``.
        mode : str
            ``doc`` shows the notebook alone; ``lab`` with the side bars and the status bar; ``notebook`` is
            Jupyter Notebook instead of JupyterLab.
        seconds : float
            How long to wait at most.
        """
        self.server.set_theme(theme)
        self.server.start_kernel(name)  # it starts while the page loads, as if the page had been reloaded
        self.page.goto(self.server.address(name, mode), timeout=seconds * 1000)
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=seconds * 1000)
        self.wait_for_idle(seconds)
        self._expect_theme(theme)

    def cell(self, number: int) -> Locator:
        """Return a cell, its input and output."""
        return self.page.locator(".jp-NotebookPanel:visible .jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """Return the outputs of a cell, without their numbers."""
        return self.cell(number).locator(".jp-Cell-outputArea .jp-OutputArea-output")

    def run(self, number: int, *, wait: bool = True, seconds: float = 60) -> None:
        """Run a cell, and wait until it has run, unless told not to."""
        self.cell(number).locator(".jp-InputPrompt, .jp-InputArea-prompt").first.click()
        self._execute("notebook:run-cell", wait=wait, seconds=seconds)

    def run_all(self, *, wait: bool = True, seconds: float = 120) -> None:
        """Run all cells, as the menu's entry does; they stop at the first that fails."""
        self._execute("notebook:run-all-cells", wait=wait, seconds=seconds)

    def write(self, number: int, source: str) -> None:
        """Replace a cell's source, as by typing."""
        self.cell(number).locator(".cm-content").fill(source)

    def interrupt(self) -> None:
        """Interrupt the kernel."""
        self._execute("kernelmenu:interrupt", wait=True, seconds=30)

    def restart(self) -> None:
        """Restart the kernel, without a question."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.wait_for_idle()

    def save(self) -> None:
        """Save the notebook."""
        self._execute("docmanager:save", wait=True, seconds=30)

    def wait_for_idle(self, seconds: float = 60) -> None:
        """Wait until the kernel is connected and has run all that it was told to."""
        self.page.wait_for_function(_IDLE, timeout=seconds * 1000)

    def theme(self, theme: Theme) -> None:
        """Change the theme under the open notebook, its outputs stay."""
        arguments = {"theme": f"JupyterLab {theme.title()}"}
        self._execute("apputils:change-theme", arguments, wait=True, seconds=30)
        self._expect_theme(theme)

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Take a picture of the page, or of a part, and return its path, ``.screenshots/NAME.png``."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        (of or self.page).screenshot(path=path, animations="disabled", caret="hide")
        return path

    def _execute(
        self, command: str, arguments: dict[str, str] | None = None, *, wait: bool, seconds: float
    ) -> None:
        number = self.page.evaluate(_EXECUTE, [command, arguments or {}])
        if wait:
            note = f"window.__commands[{number}]"
            self.page.wait_for_function(f"() => {note}.ended", timeout=seconds * 1000)
            error = self.page.evaluate(f"() => {note}.error")
            if error is not None:
                raise AssertionError(f"JupyterLab's command {command} failed: {error}")

    def _expect_theme(self, theme: Theme) -> None:
        light = re.compile("true" if theme == "light" else "false")
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", light, timeout=30_000)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")
