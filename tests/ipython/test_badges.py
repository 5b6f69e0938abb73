"""Roles are shown as badges in a kernel, and as text and HTML elsewhere."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import stsnb
from stsnb.ipython.badges import show_badges, show_no_badges
from stsnb.kernel import kernel
from stsnb.widgets.badge import badge_of
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


def test_without_a_kernel_a_role_is_text_and_html(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    bundle = stsnb.assume_role(ROLE)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_a_notebook_that_was_run_without_a_browser_holds_text_and_no_secret(sts: ScriptedSTS) -> None:
    cells = ["%load_ext stsnb", f"%assume_role {ROLE} RoleSession1", "%assume_role", "%current_role"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    role, form, again = (cell["outputs"][0]["data"] for cell in notebook["cells"][1:])
    view = "application/vnd.jupyter.widget-view+json"
    assert set(role) == {"text/plain", "text/html", view}
    assert role["text/plain"].startswith("role-for-s3-fileserver · 123456789012 · RoleSession1 · until ")
    assert role[view] == again[view]
    assert form["text/plain"].startswith("%assume_role needs a role")
    saved = nbformat.writes(notebook)
    assert "widget-state" in saved
    assert f"role{SECRET_MARK}" not in saved


VIEW = "application/vnd.jupyter.widget-view+json"


def shown(shell: InteractiveShell, role: stsnb.AssumedRole) -> dict[str, object]:
    """What a cell shows of a role, by MIME type."""
    return shell.display_formatter.format(role)[0]


def test_a_terminal_shows_text_and_html(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    show_badges(shell)
    assert set(shown(shell, stsnb.assume_role(ROLE))) == {"text/plain", "text/html"}
    show_badges(None)  # outside of IPython


def test_a_kernel_shows_the_badge_with_text_and_html(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    role = stsnb.assume_role(ROLE)
    show_badges(shell)
    show_badges(shell)
    bundle = shown(shell, role)
    assert bundle == {**role._repr_mimebundle_(), VIEW: bundle[VIEW]}
    assert bundle[VIEW]["model_id"] == badge_of(role, kernel).model_id
    show_no_badges(shell)
    assert set(shown(shell, role)) == {"text/plain", "text/html"}
    show_no_badges(shell)  # also where there is none


def test_registering_badges_imports_neither_boto3_nor_widgets() -> None:
    program = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from stsnb.ipython.badges import show_badges
shell = InteractiveShell.instance()
shell.kernel = object()
show_badges(shell)
print({"boto3", "botocore", "ipywidgets", "anywidget"} & set(sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "set()"
