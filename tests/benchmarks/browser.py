"""What a person at the form waits for, measured in a real JupyterLab."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from stsnb.demo import ROLE_ARN
from tests.browser import chromium
from tests.browser.jupyter import JupyterServer
from tests.browser.notebook import Notebook

_CLICK = """([form, role]) => new Promise(resolve => {
    const cell = form.closest('.jp-Cell'), started = performance.now();
    const observer = new MutationObserver(() => {
        if (!cell.querySelector('.stsnb-badge')) return;
        observer.disconnect();
        resolve((performance.now() - started) / 1000);
    });
    observer.observe(cell, {childList: true, subtree: true});
    form.querySelector('.stsnb-go').click();
})"""

_ROUND_TRIP = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel, started = performance.now();
    await kernel.requestCommInfo({});
    return (performance.now() - started) / 1000;
}"""

_ASSUME = f"""\
import time, stsnb
started = time.perf_counter()
role = stsnb.assume_role({ROLE_ARN!r})
time.perf_counter() - started"""


def click_to_badge() -> tuple[float, float]:
    """The best of ten from the click to the badge; and of `stsnb.assume_role` with a message's round trip."""
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with (
        tempfile.TemporaryDirectory() as folder,
        JupyterServer(Path(folder), aws) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.arguments())
        notebook = Notebook(browser.new_page(), server)
        server.write("form.ipynb", "%load_ext stsnb", "%assume_role", _ASSUME)
        notebook.open("form.ipynb")
        notebook.run_all()
        form = notebook.output(1).locator(".stsnb-form")
        form.get_by_label("Role", exact=True).fill(ROLE_ARN)
        form.get_by_role("button", name="Assume role").wait_for()
        clicks, calls, trips = [], [], []
        for _ in range(10):
            clicks.append(notebook.page.evaluate(_CLICK, [form.element_handle(), ROLE_ARN]))
            form.get_by_role("button", name="Assume another role").click()
            form.get_by_role("button", name="Assume role").wait_for()
            notebook.run(2)
            calls.append(float(notebook.output(2).text_content() or ""))
            trips.append(notebook.page.evaluate(_ROUND_TRIP))
        browser.close()
    return min(clicks), min(calls) + min(trips)
