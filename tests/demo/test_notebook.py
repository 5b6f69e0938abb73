"""A notebook runs from top to bottom in a kernel of this interpreter, and its file stays as it is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError, DeadKernelError

from stsnb import demo
from stsnb.demo import EmbeddedAWS, as_text, execute


@pytest.mark.notebooks
class TestExecute:
    def test_runs_a_notebook_in_its_folder_with_the_given_environment(
        self, embedded_aws: EmbeddedAWS, notebook: Callable[..., Path]
    ) -> None:
        path = notebook(
            "import boto3; boto3.client('sts').get_caller_identity()['Arn']",
            "import os; print(os.getcwd(), os.environ['GREETING'])",
        )
        before = path.read_bytes()

        executed = execute(path, embedded_aws.child_environment() | {"GREETING": "hello"})

        texts = [as_text(cell.outputs[0]) for cell in executed.cells]
        assert texts == [repr(demo.USER_ARN), f"{path.parent.resolve()} hello"]
        assert path.read_bytes() == before

    def test_runs_it_with_this_interpreter_whatever_kernels_the_user_has(
        self, notebook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "jupyter" / "kernels" / "python3"
        other.mkdir(parents=True)
        (other / "kernel.json").write_text(
            json.dumps({"argv": ["no-such-python", "{connection_file}"], "display_name": "", "language": ""})
        )
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

        executed = execute(notebook("import sys; print(sys.executable)"), os.environ)

        assert as_text(executed.cells[0].outputs[0]) == sys.executable

    def test_keeps_the_state_of_widgets_as_a_saved_notebook_does(self, notebook: Callable[..., Path]) -> None:
        path = notebook(
            "import comm; state = {'_model_name': 'IntSliderModel', '_model_module': 'controls', 'value': 7}\n"
            "comm.create_comm(target_name='jupyter.widget', comm_id='w', data={'state': state})"
        )

        executed = execute(path, os.environ)

        widgets = executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        assert widgets["w"]["state"]["value"] == 7

    def test_raises_what_a_cell_raised_and_runs_no_other(
        self, notebook: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = notebook("1 / 0", "open('ran', 'w').close()")

        with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
            execute(path, os.environ)
        assert not (tmp_path / "ran").exists()

    def test_says_that_the_kernel_died(self, notebook: Callable[..., Path]) -> None:
        with pytest.raises(DeadKernelError):
            execute(notebook("import os; os._exit(3)"), os.environ)

    def test_shows_cells_as_they_begin_and_end(self, notebook: Callable[..., Path]) -> None:
        seen = []

        execute(
            notebook("# Title", "print('one')"),
            os.environ,
            on_start=lambda cell: seen.append(("start", cell.source)),
            on_end=lambda cell: seen.append(("end", as_text(cell.outputs[0]))),
        )

        assert seen == [("start", "# Title"), ("start", "print('one')"), ("end", "one")]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"output_type": "stream", "text": "one\ntwo\n"}, "one\ntwo"),
        ({"output_type": "execute_result", "data": {"text/plain": "3", "text/html": "<b>3</b>"}}, "3"),
        ({"output_type": "display_data", "data": {"image/png": "…"}}, ""),
        ({"output_type": "error", "traceback": ["\x1b[31mFirst\x1b[0m", "last"]}, "First\nlast"),
        ({"output_type": "error", "traceback": [], "ename": "ValueError", "evalue": "x"}, "ValueError: x"),
    ],
)
def test_an_output_is_shown_as_text(output: dict[str, Any], text: str) -> None:
    assert as_text(output) == text
