"""Before each cell the active role follows the credentials that the user has set in the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from stsnb.ipython.cells import follow_user, watch_cells, watch_no_cells
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, ScriptedSTS

SET_KEYS = "import os; os.environ.update(AWS_ACCESS_KEY_ID='AKIAMINE', AWS_SECRET_ACCESS_KEY='mine')"


def registered(shell: InteractiveShell) -> int:
    return shell.events.callbacks["pre_run_cell"].count(follow_user)


def test_the_next_cell_follows_the_keys_that_the_user_has_set(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, os.environ[name])  # restored after the test, whatever a cell sets
    role = stsnb.assume_role(ROLE)
    shell.run_cell(SET_KEYS)
    assert stsnb.current_role() is role
    shell.run_cell(
        "from stsnb import current_role; found = current_role(), os.environ.get('AWS_SESSION_TOKEN')"
    )
    assert shell.user_ns["found"] == (None, None)
    assert kernel.state_of(role).name == "overridden"


def test_a_cell_that_sets_no_keys_keeps_the_role(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    shell.run_cell("x = 1")
    shell.run_cell("x = 2")
    assert stsnb.current_role() is role


def test_a_shell_is_watched_once_however_often_it_is_loaded(shell: InteractiveShell) -> None:
    assert registered(shell) == 1
    watch_cells(shell)
    shell.run_cell("%reload_ext stsnb")
    assert registered(shell) == 1


def test_unloading_ends_it(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run_cell("%unload_ext stsnb")
    assert registered(shell) == 0
    watch_no_cells(shell)
    shell.run_cell("%load_ext stsnb")
    assert registered(shell) == 1


def test_a_cell_before_the_first_role_imports_no_botocore() -> None:
    program = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from stsnb.ipython.cells import watch_cells
shell = InteractiveShell.instance()
watch_cells(shell)
shell.run_cell("1")
print({"botocore", "stsnb.kernel"} & set(sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip().splitlines()[-1] == "set()"
