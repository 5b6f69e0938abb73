"""What axe-core finds wrong with a part of a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(page: Page, selector: str) -> list[str]:
    """Return what keeps people from using a part of a page, by WCAG 2.2, levels A and AA.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page.
    selector : str
        Which elements of it to look at.

    Returns
    -------
    list of str
        One for each element and rule: the rule, and what is wrong.
    """
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, selector, {"runOnly": levels}).response["violations"]
    return [
        f"{rule['id']}: {node['html']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]
    ]
