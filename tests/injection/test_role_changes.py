"""Callbacks after a change of the active role."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from stsnb.injection import role_changes
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS


class Seen:
    """Notes the role of each change, as the environment and boto3's default session show it."""

    def __init__(self) -> None:
        self.roles: list[stsnb.AssumedRole | None] = []
        self.threads: list[threading.Thread] = []

    def note(self, role: stsnb.AssumedRole | None) -> None:
        assert stsnb.current_role() is role
        if role is not None:
            assert os.environ["AWS_ACCESS_KEY_ID"] == role.response.access_key_id
            assert boto3.DEFAULT_SESSION is role.session
        self.roles.append(role)
        self.threads.append(threading.current_thread())


@pytest.fixture
def seen() -> Seen:
    seen = Seen()
    seen.callback = stsnb.on_role_change(seen.note)  # type: ignore[attr-defined]
    return seen


def test_every_change_calls_it_once(sts: ScriptedSTS, seen: Seen) -> None:
    first = stsnb.assume_role(ROLE, "first")
    second = stsnb.assume_role(ROLE, "second")
    with stsnb.assume_role(ROLE, "third") as third:
        pass
    stsnb.drop_role()
    stsnb.drop_role()
    assert seen.roles == [first, second, third, second, None]
    assert set(seen.threads) == {threading.current_thread()}


def test_a_renewal_and_a_role_that_is_not_injected_are_no_change(sts: ScriptedSTS, seen: Seen) -> None:
    role = stsnb.assume_role(ROLE)
    role.refresh()
    stsnb.assume_role(ROLE, "other", inject=False)
    assert seen.roles == [role]


def test_a_cell_s_role_and_unloading_are_changes(
    sts: ScriptedSTS, shell: InteractiveShell, seen: Seen
) -> None:
    shell.run_cell(f"%%assume_role {ROLE}\npass")
    shell.run_cell(f"%assume_role {ROLE}")
    shell.run_cell("%unload_ext stsnb")
    assert [role is None for role in seen.roles] == [False, True, False, True]


def test_a_failure_neither_undoes_the_role_nor_shows_a_secret(
    sts: ScriptedSTS, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    @stsnb.on_role_change
    def fails(role: object) -> None:
        raise ValueError(SECRET_MARK)

    after = Seen()
    later = stsnb.on_role_change(after.note)
    with caplog.at_level(logging.DEBUG, "stsnb"):
        role = stsnb.assume_role(ROLE)
    fails.remove()
    later.remove()
    assert stsnb.current_role() is role
    assert (seen.roles, after.roles) == ([role], [role])
    assert "fails failed: ValueError" in caplog.text
    assert SECRET_MARK not in caplog.text


def test_a_decorated_function_stays_a_function_and_can_be_removed(sts: ScriptedSTS) -> None:
    calls = []

    @stsnb.on_role_change
    def note(role: object) -> str:
        """Note."""
        calls.append(role)
        return "noted"

    assert (note.__name__, note.__doc__, note(1)) == ("note", "Note.", "noted")
    role = stsnb.assume_role(ROLE)
    note.remove()
    note.remove()
    stsnb.drop_role()
    assert calls == [1, role]


def test_a_function_is_held_and_a_method_ends_with_its_object(sts: ScriptedSTS) -> None:
    calls: list[object] = []
    callback = stsnb.on_role_change(lambda role: calls.append(role))
    held = Seen()
    roles = held.roles
    stsnb.on_role_change(held.note)
    stsnb.assume_role(ROLE)
    del held
    gc.collect()
    stsnb.drop_role()
    callback.remove()
    assert (len(calls), len(roles)) == (2, 1)


def test_a_callback_that_changes_the_role_is_not_called_for_it(sts: ScriptedSTS) -> None:
    calls = []

    @stsnb.on_role_change
    def drops(role: object) -> None:
        calls.append(role)
        stsnb.drop_role()

    stsnb.assume_role(ROLE)
    drops.remove()
    assert len(calls) == 1
    assert stsnb.current_role() is None


def test_the_kernel_s_lock_is_free_in_a_callback(sts: ScriptedSTS) -> None:
    free = []

    @stsnb.on_role_change
    def try_lock(role: object) -> None:
        def acquire() -> None:
            free.append(kernel._lock.acquire(timeout=5))
            kernel._lock.release()

        thread = threading.Thread(target=acquire)
        thread.start()
        thread.join()

    stsnb.assume_role(ROLE)
    try_lock.remove()
    assert free == [True]


_WITH_PACKAGE = f"""
import sys, stsnb
stsnb.assume_role({ROLE!r})
stsnb.drop_role()
import package
print([role and role.role_arn for role in package.roles], "importlib.metadata" in sys.modules)
"""


@pytest.mark.parametrize("kind", ["package-1.0.dist-info", "package.egg-info"])
def test_entry_points_are_called(sts: ScriptedSTS, tmp_path: Path, kind: str) -> None:
    (tmp_path / "package.py").write_text("roles = []\nnote = roles.append\n")
    (tmp_path / kind).mkdir()
    (tmp_path / kind / ("METADATA" if "dist" in kind else "PKG-INFO")).write_text(
        "Name: package\nVersion: 1.0\n"
    )
    (tmp_path / kind / "entry_points.txt").write_text(
        "[stsnb.on_role_change]\nbroken = missing_package:note\nnote = package:note\n"
    )
    found = run(_WITH_PACKAGE, tmp_path)
    assert found == f"[{ROLE!r}, None] True"


def test_without_an_entry_point_nothing_is_imported_to_look_for_one(sts: ScriptedSTS, tmp_path: Path) -> None:
    code = "import sys; from stsnb.injection import role_changes; role_changes._entry_points(); print(role_changes._of_entry_points, 'importlib.metadata' in sys.modules)"
    assert run(code, tmp_path) == "[] False"


def run(code: str, folder: Path) -> str:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_the_callbacks_for_its_own_changes(sts: ScriptedSTS, seen: Seen) -> None:
    role = stsnb.assume_role(ROLE)
    child = os.fork()
    if child == 0:
        ok = seen.roles == [role]
        stsnb.drop_role()
        os._exit(0 if ok and seen.roles == [role, None] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert seen.roles == [role]


def test_callbacks_of_tests_are_gone() -> None:
    gc.collect()
    assert [callback for callback in role_changes._callbacks if callback._function() is not None] == []
