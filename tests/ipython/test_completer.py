"""Completion of the magic's lines: in a real shell, in a real kernel as JupyterLab asks it, and in the terminal's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import stsnb
from stsnb.config import catalog
from stsnb.config import settings as configuration
from tests.ipython.completion import READER, complete, ends
from tests.ipython.test_magics import run
from tests.scripted_sts import ROLE, ScriptedSTS


def test_the_users_own_variable_goes_before_the_bare_magic(
    shell: InteractiveShell, known_roles: None
) -> None:
    shell.user_ns["assume_role"] = stsnb.assume_role
    assert "work" not in str(complete(shell, "assume_role w|"))


def test_other_lines_are_completed_as_before(shell: InteractiveShell, known_roles: None) -> None:
    shell.user_ns["deliveries"] = 1
    for line in ("deliv|", "%assume_role s3\ndeliv|", "%%assume_role s3\ndeliv|"):
        assert "deliveries" in complete(shell, line)


def test_a_broken_config_offers_nothing_and_says_nothing(
    shell: InteractiveShell, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("%assume_role xy|", "%assume_role s3 --profile xy|")
    for content in (b"[profile xyz", b"\x00\xff\xfe[profile xyz]", b"= = =\nxyz"):
        (config / "config").write_bytes(content)
        assert [complete(shell, line) for line in lines] == [[], []]
    (config / "config").unlink()
    (config / "config").mkdir()
    assert [complete(shell, line) for line in lines] == [[], []]
    assert capsys.readouterr() == ("", "")


def test_an_active_role_does_not_hide_the_users_files(
    shell: InteractiveShell, known_roles: None, sts: ScriptedSTS
) -> None:
    stsnb.assume_role(ROLE)
    assert "keys" in ends(shell, "%assume_role s3 --profile |")


def test_the_matcher_is_there_once_and_goes_with_the_extension(
    shell: InteractiveShell, known_roles: None
) -> None:
    run(shell, "%reload_ext stsnb")
    assert len(shell.Completer.custom_matchers) == 1
    assert ends(shell, "%assume_role w|") == ["work"]
    shell.Completer.disable_matchers = ["stsnb"]
    assert "work" not in ends(shell, "%assume_role w|")
    shell.Completer.disable_matchers = []
    run(shell, "%unload_ext stsnb")
    assert shell.Completer.custom_matchers == []
    assert "work" not in ends(shell, "%assume_role w|")
    assert catalog.used_before() == []


def test_jupyterlab_gets_the_same_from_a_kernel(known_roles: None, tmp_path: Path) -> None:
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.start_kernel(env={**os.environ, "IPYTHONDIR": str(tmp_path)})
    client = manager.client()
    client.start_channels()

    def ask(code: str) -> dict[str, object]:
        return client.complete(code, code.index("|"), reply=True, timeout=60)["content"]

    try:
        client.wait_for_ready(timeout=60)
        roles = {"s3": {"role_arn": ROLE}}
        client.execute_interactive(f"%load_ext stsnb\n%config AssumeRole.roles = {roles}", timeout=60)
        code = "x = 1\n%assume_role arn:aws:iam::123456789012:role/te|"
        found = ask(code)
        assert found["matches"] == [READER]
        assert (found["cursor_start"], found["cursor_end"]) == (code.index("arn"), code.index("|"))
        assert found["metadata"]["_jupyter_types_experimental"][0]["type"] == "role"  # type: ignore[index]
        assert ask("%assume_role |")["matches"][:3] == ["s3", "work", "cn"]  # type: ignore[index]
        assert ask("%assume_role s3 --dur|")["matches"] == ["--duration-seconds"]
        client.execute_interactive("get_ipython().kernel.use_experimental_completions = False", timeout=60)
        assert ask(code)["matches"] == [READER]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_terminal_gets_the_same(known_roles: None) -> None:
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from IPython.terminal.ptutils import IPythonPTCompleter
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    InteractiveShell.clear_instance()
    shell = TerminalInteractiveShell.instance()
    try:
        shell.run_cell("%load_ext stsnb")
        configuration.put(configuration.Settings(roles={"s3": {"role_arn": ROLE}}))
        typed = "%assume_role arn:aws:iam::123456789012:role/te"
        (found,) = IPythonPTCompleter(shell=shell).get_completions(Document(typed), CompleteEvent())
        assert (found.text, found.start_position) == (READER, typed.index("arn") - len(typed))
    finally:
        shell.run_cell("%unload_ext stsnb")
        TerminalInteractiveShell.clear_instance()
