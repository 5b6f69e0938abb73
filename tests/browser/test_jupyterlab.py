"""The ground that the other browser tests stand on: a real notebook runs, and shows in both themes."""

from __future__ import annotations

import sys

import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import JupyterServer
from tests.browser.notebook import Notebook, Theme

BOX = """\
from IPython.display import HTML
HTML("<p id='box' style='border: 1px solid; padding: 1em; display: inline-block'>a box</p>")"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_notebook_runs_and_shows_in_a_theme(
    jupyter: JupyterServer, notebook: Notebook, theme: Theme
) -> None:
    jupyter.write("sum.ipynb", "1 + 1", BOX)

    notebook.open("sum.ipynb", theme=theme)
    notebook.run_all()

    expect(notebook.output(0)).to_have_text("2")
    expect(notebook.output(1).locator("#box")).to_be_visible()
    expect(notebook.page.locator("body")).to_have_attribute(
        "data-jp-theme-light", "true" if theme == "light" else "false"
    )
    assert notebook.errors == []
    assert notebook.screenshot(f"jupyterlab-{theme}").stat().st_size > 10_000


def test_a_notebook_can_be_worked_with(jupyter: JupyterServer, notebook: Notebook) -> None:
    jupyter.write(
        "work.ipynb",
        "import os, pathlib, sys; [name for name in os.environ if name.startswith('AWS_')]",
        "import time; time.sleep(60)",
        "from IPython.display import Javascript; Javascript('console.error(\"so it is seen\")')",
    )

    notebook.open("work.ipynb", mode="lab")
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("[]")
    notebook.write(0, "str(pathlib.Path.home()), sys.executable")
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("/stsnb-jupyter-")
    expect(notebook.output(0)).to_contain_text(sys.executable)

    notebook.theme("dark")
    expect(notebook.output(0)).to_contain_text(sys.executable)

    notebook.run(1, wait=False)
    expect(notebook.cell(1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    notebook.interrupt()
    notebook.wait_for_idle()
    expect(notebook.output(1)).to_contain_text("KeyboardInterrupt")

    assert notebook.errors == []
    notebook.run(2)
    assert "so it is seen" in " ".join(notebook.errors)

    notebook.save()
    assert "KeyboardInterrupt" in (jupyter.root / "work.ipynb").read_text(encoding="utf-8")
