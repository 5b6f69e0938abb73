"""``python -m stsnb.demo``: runs a notebook as text, or opens JupyterLab, and ends with everything that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stsnb import demo
from stsnb.demo.__main__ import STOP_TIMEOUT
from tests.demo.programs import answers, started

TIMEOUT = 60


def run_demo(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stsnb.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT,
        check=False,
        **options,
    )


@pytest.mark.notebooks
class TestTheCommandLine:
    def test_prints_the_cells_of_a_notebook_as_a_reader_sees_them(
        self, notebook: Callable[..., Path]
    ) -> None:
        path = notebook(
            "# Deliveries\n\nWho is late?",
            "import boto3\nboto3.client('sts').get_caller_identity()['Arn']",
            "print('one'); print('two')",
            "'three'",
        )

        ended = run_demo("--execute", path)

        assert ended.stdout == (
            "# Deliveries\n\nWho is late?\n\n"
            "In [1]: import boto3\n"
            "        boto3.client('sts').get_caller_identity()['Arn']\n"
            "'arn:aws:iam::123456789012:user/myid'\n\n"
            "In [2]: print('one'); print('two')\none\ntwo\n\n"
            "In [3]: 'three'\n'three'\n\n"
        )
        assert (ended.stderr, ended.returncode) == ("", 0)

    def test_ends_with_1_and_the_error_where_a_cell_fails(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("print('before')", "1 / 0", "print('after')"))

        assert ended.returncode == 1
        assert "In [1]: print('before')\nbefore\n" in ended.stdout
        assert ended.stdout.endswith("ZeroDivisionError: division by zero\n\n")
        assert ended.stderr == "A cell of notebook.ipynb failed. See its error above.\n"

    def test_ends_with_1_where_the_kernel_dies(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("import os; os._exit(3)"))

        assert (ended.stderr, ended.returncode) == ("Couldn't finish notebook.ipynb: Kernel died\n", 1)

    def test_says_that_there_is_no_such_notebook(self) -> None:
        ended = run_demo("--execute", "nowhere.ipynb")

        assert ended.returncode == 2
        assert ended.stderr == "Notebook not found: nowhere.ipynb. Pass the path of an .ipynb file.\n"

    def test_says_that_the_quickstart_is_missing(self, tmp_path: Path) -> None:
        program = (
            "import sys, stsnb.demo.__main__ as demo; demo.__file__ = sys.argv[1]; sys.exit(demo.main([]))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "site-packages" / "stsnb" / "demo" / "__main__.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

        assert ended.returncode == 2
        assert ended.stderr.startswith("notebooks/quickstart.ipynb not found. Run this in a checkout")
        assert "Traceback" not in ended.stderr

    def test_takes_no_other_option_with_execute(self, notebook: Callable[..., Path]) -> None:
        ended = run_demo("--execute", notebook("1"), "--no-browser")

        assert ended.returncode == 2
        assert "unrecognized arguments: --no-browser" in ended.stderr

    @pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_stops_a_notebook_without_a_traceback(
        self, notebook: Callable[..., Path], number: signal.Signals
    ) -> None:
        path = notebook(
            "import os; print(os.getpid(), os.environ['AWS_ENDPOINT_URL'])", "import time; time.sleep(600)"
        )
        command = ("-m", "stsnb.demo", "--execute", path)
        with started(*command, stderr=subprocess.STDOUT, start_new_session=True) as (running, output):
            kernel, endpoint_url = next(line for line in output if "http://" in line).split()
            next(line for line in output if "sleep" in line)
            os.killpg(running.pid, number)  # as a terminal does at Ctrl-C: to the whole group
            rest = output.read()

        assert rest.strip() == "Stopped."
        assert running.returncode == 130
        assert not answers(endpoint_url)
        with pytest.raises(ProcessLookupError):
            os.kill(int(kernel), 0)

    @pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
    def test_opens_jupyterlab_and_takes_it_down_with_itself(
        self, notebook: Callable[..., Path], tmp_path: Path
    ) -> None:
        (tmp_path / "notebooks").mkdir()
        notebook("1").rename(tmp_path / "notebooks" / "quickstart.ipynb")
        # A configuration of JupyterLab is Python: this one shows what JupyterLab was given.
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "jupyter_server_config.py").write_text(
            "import os; print('JupyterLab asks', os.environ['AWS_ENDPOINT_URL'], flush=True)"
        )
        command = ("-m", "stsnb.demo", "--no-browser", "--port=0")
        with started(
            *command,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
            start_new_session=True,
        ) as (running, output):
            text = ""
            for line in output:
                text += line
                if "/lab/tree/quickstart.ipynb?token=" in line:
                    break
            began = time.monotonic()
            os.killpg(running.pid, signal.SIGINT)
            text += output.read()

        assert f"You are the user {demo.USER_NAME} of the account {demo.ACCOUNT_ID}" in text
        assert "JupyterLab asks http://127.0.0.1:" in text
        assert "Stopping JupyterLab and the embedded AWS." in text
        assert "Traceback" not in text
        assert running.returncode == 0
        assert time.monotonic() - began < STOP_TIMEOUT, "JupyterLab was not asked to stop, but killed"
