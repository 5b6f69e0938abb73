"""``python -m stsnb.demo``: the notebooks in JupyterLab, or executed as text, on the embedded AWS."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from . import world
from .embedded import EmbeddedAWS, EmbeddedAWSError
from .notebook import as_text, execute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

STOP_TIMEOUT = 15.0
"""Seconds that JupyterLab may take to stop its kernels."""

ABOUT = f"""
This is an AWS of your own, on this computer only; nothing here is real, and nothing leaves the computer.

You are the user {world.USER_NAME} of the account {world.ACCOUNT_ID}, who may do one thing: assume roles.
  role-for-s3-fileserver  trusts you, and may read the bucket {world.BUCKET}
  role-for-archive        trusts you, and may read the bucket {world.ARCHIVE_BUCKET}
  role-for-costs          trusts you with MFA, and may read the bucket {world.COSTS_BUCKET}
  role-for-reports        trusts role-for-s3-fileserver, and may read the bucket {world.REPORTS_BUCKET}
  role-for-payroll        does not trust you

Signatures, users' policies, trust policies and roles' policies are enforced. What AWS enforces and this does not:
the expiry of credentials, session policies, the longest duration of a session, and whose MFA code it is.

Your own AWS settings are left alone, and have no part in this.
"""


class Unusable(Exception):  # noqa: N818 (it is no fault of the program)
    """What was asked for cannot be done, in one sentence on why and one on what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code: 0 done, 1 a cell failed, 2 unusable, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m stsnb.demo",
        description="Open the notebooks in JupyterLab on an embedded AWS.",
        epilog="Other options go to JupyterLab, such as --no-browser --port 8890.",
    )
    parser.add_argument(
        "--execute",
        metavar="NOTEBOOK",
        nargs="?",
        const="",
        help="instead of opening JupyterLab, run a notebook (the quickstart) and print its cells",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="with the libraries of notebooks/libraries.ipynb; hatch installs them in an environment of their own",
    )
    given = sys.argv[1:] if arguments is None else arguments
    known, others = parser.parse_known_args(given)
    if known.execute is not None and others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a pipe on Windows has no place for much that notebooks show
    for name in ("SIGTERM", "SIGHUP"):  # stop as Ctrl-C does: Python's default would leave JupyterLab behind
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        if known.all and not _has_libraries():
            return _run_with_libraries([argument for argument in given if argument != "--all"])
        if known.execute is not None:
            return run(_notebook(known.execute))
        return open_lab(_notebook(""), [other for other in others if other != "--"])
    except (Unusable, EmbeddedAWSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130


def _has_libraries() -> bool:
    return all(importlib.util.find_spec(name) for name in ("duckdb", "polars", "pyarrow"))


def _run_with_libraries(arguments: Sequence[str]) -> int:
    """Run the same in hatch's environment with the libraries; return its exit code."""
    hatch = shutil.which("hatch")
    if hatch is None or "HATCH_ENV_ACTIVE" not in os.environ:
        raise Unusable(
            "The libraries are not installed. Run  pip install 'stsnb[demo,libraries]'  and try again."
        )
    command = [hatch, "run", "demo-all:start", *arguments]
    if os.name == "posix":  # with its parent out of the way, Ctrl-C and SIGTERM reach it as they reach this
        os.execv(hatch, command)
    return subprocess.run(command, check=False).returncode


def _on(path: Path) -> list[str]:
    # Not the file alone: the address that is printed, for who has no browser here, leads to it as well.
    return [f"--ServerApp.root_dir={path.parent}", f"--LabApp.default_url=/lab/tree/{path.name}"]


def _as_root() -> list[str]:
    """Return what JupyterLab wants to be told in a container, where everybody is root."""
    return ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []


def open_lab(path: Path, options: Sequence[str]) -> int:
    """Run JupyterLab on the notebook until it ends, or until Ctrl-C; return its exit code, 0 for Ctrl-C."""
    with EmbeddedAWS() as aws:
        print(ABOUT.strip(), "\nOpening JupyterLab. Ctrl-C stops everything.\n", sep="\n", flush=True)
        # A session of its own: Ctrl-C comes here alone, and JupyterLab gets a SIGTERM, at which it stops its
        # kernels without asking whether it should.
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *_on(path), *_as_root(), *options],
            cwd=path.parent,
            env=aws.child_environment(),
            start_new_session=os.name == "posix",
        )
        try:
            return lab.wait()
        except KeyboardInterrupt:
            print("\nStopping JupyterLab and the embedded AWS.", flush=True)
            return 0
        finally:
            lab.terminate()
            try:
                lab.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                lab.kill()
                lab.wait()


def run(path: Path) -> int:
    """Execute the notebook and print each cell as it ends; return 1 if one failed."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    count = 0

    def show(cell: NotebookNode) -> None:
        nonlocal count
        if cell.cell_type != "code":
            print(cell.source, end="\n\n", flush=True)
        elif cell.source.strip():
            count += 1
            prompt = f"In [{count}]: "
            print(prompt + textwrap.indent(cell.source, " " * len(prompt)).lstrip(), flush=True)

    def show_outputs(cell: NotebookNode) -> None:
        shown = [text for output in cell.outputs if (text := as_text(output))]
        print(*shown, sep="\n", end="\n\n" if shown else "\n", flush=True)

    with EmbeddedAWS() as aws:
        try:
            execute(path, aws.child_environment(), on_start=show, on_end=show_outputs)
        except CellExecutionError:
            print(f"A cell of {path.name} failed; its error stands above.", file=sys.stderr)
            return 1
        except (CellTimeoutError, DeadKernelError) as error:
            print(f"{path.name} was not finished: {error}", file=sys.stderr)
            return 1
    return 0


def _notebook(name: str) -> Path:
    """Return the named notebook's path, or the quickstart's: beside the package, else in the current folder."""
    if name:
        if not Path(name).is_file():
            raise Unusable(f"There is no notebook {name}. Give the path of an .ipynb file.")
        return Path(name).resolve()
    for home in (Path(__file__).parents[2], Path.cwd()):
        path = home / "notebooks" / "quickstart.ipynb"
        if path.is_file():
            return path.resolve()
    raise Unusable(
        "There is no notebooks/quickstart.ipynb here. Run this in a checkout of stsnb, or name a notebook "
        "with --execute."
    )


if __name__ == "__main__":
    sys.exit(main())
