"""Real kernels: the notebooks of the project, and what a notebook's file holds afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from stsnb.demo import PAYROLL_ROLE_ARN, ROLE_ARN, EmbeddedAWS, as_text, execute
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

pytestmark = pytest.mark.notebooks
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
#: Beginnings of what moto and AWS give as tokens, and names under which a secret could be written.
TELLTALES = ("FQoGZXIvYXdz", "IQoJb3JpZ2lu", "SecretAccessKey", "SessionToken")


def notebook(folder: Path, *cells: str) -> Path:
    path = folder / "made.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_of_the_project_runs_and_its_file_holds_no_secret(
    path: Path, embedded_aws: EmbeddedAWS
) -> None:
    executed = execute(path, embedded_aws.child_environment())
    saved = nbformat.writes(executed)
    assert embedded_aws.secret_access_key not in saved
    for telltale in TELLTALES:
        assert telltale not in saved
    assert "widgets" in executed.metadata or "stsnb" in saved


def test_the_quickstart_is_denied_then_allowed_then_denied_again(embedded_aws: EmbeddedAWS) -> None:
    executed = execute(
        NOTEBOOKS[[p.stem for p in NOTEBOOKS].index("quickstart")], embedded_aws.child_environment()
    )
    looks = [
        "".join(as_text(output) for output in cell.outputs)
        for cell in executed.cells
        if cell.cell_type == "code" and cell.source.rstrip().endswith("look()")
    ]
    assert ["AccessDenied" in look for look in looks] == [True, False, True]
    assert "deliveries/2026-10.csv" in looks[1]


def test_scoping_down_shows_what_narrows_each_session(embedded_aws: EmbeddedAWS) -> None:
    executed = execute(
        NOTEBOOKS[[p.stem for p in NOTEBOOKS].index("scoping-down")], embedded_aws.child_environment()
    )
    shown = {
        cell.source.splitlines()[0].removeprefix("%assume_role "): "".join(map(as_text, cell.outputs))
        for cell in executed.cells
        if cell.cell_type == "code" and cell.source.startswith("%assume_role")
    }
    scopes = {
        line: [word for word in ("read-only", "scoped") if word in text] for line, text in shown.items()
    }
    assert scopes == {
        "$ROLE RoleSession1 --read-only": ["read-only"],
        "$ROLE RoleSession1 --policy $policy_file": ["scoped"],
        "$ROLE RoleSession1 --policy-arns arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess": ["scoped"],
        "deliveries": ["read-only"],
        "deliveries --no-read-only": [],
    }
    assert "caution: matches *fileserver*" in shown["deliveries"]


def test_the_secrets_that_the_kernel_holds_are_in_no_output_log_traceback_or_history(
    sts: ScriptedSTS, tmp_path: Path
) -> None:
    """Everything that a user may look at: reprs, verbose tracebacks, all loggers at DEBUG, the history."""
    path = notebook(
        tmp_path,
        "import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, force=True)",
        "%load_ext stsnb\n%xmode Verbose",
        f"%assume_role {ROLE} RoleSession1",
        "import os, stsnb; role = stsnb.current_role(); assert 'TOP' + 'SECRET' in os.environ['AWS_SESSION_TOKEN']",
        "role, role.session, role.response, vars(role), role.session.get_credentials(), [role]",
        "role.refresh(); repr(role.session.get_credentials().get_frozen_credentials())",
        "import pickle, copy\n"
        "for write in (pickle.dumps, copy.copy, copy.deepcopy):\n"
        "    for thing in (role, role.session.get_credentials()):\n"
        "        try: print(write(thing))\n"
        "        except TypeError as error: print(error)",
        "try: raise RuntimeError(role)\nexcept RuntimeError: get_ipython().showtraceback()",
        f"try: stsnb.assume_role({ROLE!r}, 'a b')\nexcept stsnb.AssumeRoleError: get_ipython().showtraceback(); logging.exception('x')",
        f"%%assume_role {ROLE}\n%current_role",
        "%history -g -f history.txt",
        "%drop_role",
    )
    executed = execute(path, os.environ.copy())
    saved = nbformat.writes(executed)
    assert "RoleSession1" in saved
    assert "DEBUG" in saved
    assert SECRET_MARK not in saved
    assert SECRET_MARK not in (tmp_path / "history.txt").read_text()


def test_a_failed_assume_stops_the_run(embedded_aws: EmbeddedAWS, tmp_path: Path) -> None:
    for line in (f"%assume_role {PAYROLL_ROLE_ARN}", "%assume_role nonsense", "%assume_role --nonsense x"):
        path = notebook(tmp_path, "%load_ext stsnb", line, "print('it went on')")
        with pytest.raises(CellExecutionError) as stopped:
            execute(path, embedded_aws.child_environment())
        assert stopped.value.ename == "AssumeRoleError"


def test_a_failing_cell_of_a_cell_magic_stops_the_run(embedded_aws: EmbeddedAWS, tmp_path: Path) -> None:
    path = notebook(tmp_path, "%load_ext stsnb", f"%%assume_role {ROLE_ARN}\n1/0", "print('it went on')")
    with pytest.raises(CellExecutionError) as stopped:
        execute(path, embedded_aws.child_environment())
    assert stopped.value.ename == "ZeroDivisionError"


@pytest.mark.parametrize(
    "line", [f"%assume_role {PAYROLL_ROLE_ARN}", "%assume_role --nonsense", f"%%assume_role {ROLE_ARN}\n1/0"]
)
def test_papermill_reports_a_failed_assume(embedded_aws: EmbeddedAWS, tmp_path: Path, line: str) -> None:
    path = notebook(tmp_path, "%load_ext stsnb", line, "print('it went on')")
    path.write_text(path.read_text().replace('"metadata": {}', '"metadata": {}', 1))
    run = subprocess.run(
        [sys.executable, "-m", "papermill", str(path), str(tmp_path / "out.ipynb"), "-k", "python3"],
        env=embedded_aws.child_environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode != 0
    assert "PapermillExecutionError" in run.stderr
    written = json.loads((tmp_path / "out.ipynb").read_text())
    assert "it went on" not in json.dumps([cell.get("outputs") for cell in written["cells"]])


def test_an_interrupt_while_sts_is_silent_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """The kernel is interrupted as Jupyter does it, while a server has the request and does not answer."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        manager.start_kernel(env=environment, cwd=tmp_path)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            look = "import os, boto3, stsnb; print({k: v for k, v in os.environ.items() if 'AWS' in k}, boto3.DEFAULT_SESSION, stsnb.current_role())"
            before = _output(client, f"%load_ext stsnb\n{look}")
            # Otherwise the kernel drops what is sent soon after an error.
            asked = client.execute(f"%assume_role {ROLE}", stop_on_error=False)
            silent.settimeout(60)
            connection, _ = silent.accept()
            connection.recv(1)  # the request is under way
            manager.interrupt_kernel()
            reply = client.get_shell_msg(timeout=60)
            while reply["parent_header"].get("msg_id") != asked:
                reply = client.get_shell_msg(timeout=60)
            connection.close()
            assert reply["content"]["ename"] == "KeyboardInterrupt"
            assert _output(client, look) == before
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _output(client: object, code: str) -> str:
    text: list[str] = []

    def hook(message: dict) -> None:  # type: ignore[type-arg]
        text.append(message["content"].get("text", ""))

    client.execute_interactive(code, timeout=60, output_hook=hook)  # type: ignore[attr-defined]
    return "".join(text)


def test_it_works_in_a_terminal(embedded_aws: EmbeddedAWS, tmp_path: Path) -> None:
    lines = f"%load_ext stsnb\n%assume_role {ROLE_ARN} RoleSession1\n%assume_role {PAYROLL_ROLE_ARN}\n%current_role\n%drop_role\nexit\n"
    environment = {
        **embedded_aws.child_environment(),
        "IPYTHONDIR": str(tmp_path),
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
    run = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input=lines, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    shown = run.stdout + run.stderr
    assert shown.count("role-for-s3-fileserver · 123456789012 · RoleSession1 · until ") == 2
    assert "assume role-for-payroll" in shown
    assert "Traceback" not in shown
    assert "Dropped role-for-s3-fileserver" in shown
