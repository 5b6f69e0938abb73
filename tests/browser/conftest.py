"""What the browser tests share: one browser, one JupyterLab, and for each test a page and kernels of its own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import JupyterServer
from tests.browser.notebook import Notebook

# Playwright's synchronous API keeps an event loop running in the main thread, in which no other test could
# run one: hence "package", it ends with the last test of this folder.


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know that their test has failed."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window; without one the tests fail, they do not skip."""
    path = chromium.executable()
    if path is None:
        pytest.fail("There is no Chromium: run python -m tests.browser.chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.arguments(), timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab over an empty folder, without anything of AWS in its environment."""
    with JupyterServer(tmp_path_factory.mktemp("notebooks")) as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has seen nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.fixture
def notebook(request: pytest.FixtureRequest, page: Page, jupyter: JupyterServer) -> Iterator[Notebook]:
    """A page in which to open a notebook of `jupyter`; its kernel ends with the test.

    If the test fails, its report tells what the page looked like and what the server and its kernels said.
    """
    notebook = Notebook(page, jupyter)
    try:
        yield notebook
    finally:
        if request.node.stash.get(_FAILED, False):
            with contextlib.suppress(Error):  # the page may be gone
                print("The page:", notebook.screenshot(re.sub(r"\W+", "-", f"failed-{request.node.name}")))
            print("The page's errors:", *notebook.errors, sep="\n")
            print("The server's log:", jupyter.log_tail(), sep="\n")
        jupyter.end_kernels()
