"""``python -m stsnb.demo``: opens the notebooks in JupyterLab, or runs one as text, with the embedded AWS."""

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
"""The most seconds that JupyterLab may take to stop its kernels."""

ABOUT = f"""
This is an embedded AWS: it runs on this computer only, and nothing is sent elsewhere.

You are the user {world.USER_NAME} of the account {world.ACCOUNT_ID}, who may only assume roles.
  role-for-s3-fileserver  trusts you, and may read the bucket {world.BUCKET}
  role-for-archive        trusts you, and may read the bucket {world.ARCHIVE_BUCKET}
  role-for-costs          trusts you with an MFA code, and may read the bucket {world.COSTS_BUCKET}
  role-for-reports        trusts role-for-s3-fileserver, and may read the bucket {world.REPORTS_BUCKET}
  role-for-payroll        does not trust you

Signatures, users' policies, trust policies and roles' policies are enforced. Unlike AWS, it does not enforce the
expiration of credentials, session policies, the maximum session duration, or that an MFA code is your device's.

Your own AWS settings are neither used nor changed.
"""


class UsageFault(Exception):  # noqa: N818 (a fault of the user, not of the program)
    """The command can't be run: one sentence on the fault and one on what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 success, 1 a cell failed, 2 can't run, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m stsnb.demo",
        description="Open the notebooks in JupyterLab with an embedded AWS.",
        epilog="Other options are passed to JupyterLab, such as --no-browser --port 8890.",
    )
    parser.add_argument(
        "--execute",
        metavar="NOTEBOOK",
        nargs="?",
        const="",
        help="run a notebook (default: the quickstart) and print its cells, without JupyterLab",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="install the libraries of notebooks/libraries.ipynb too (hatch, in an environment of their own)",
    )
    given = sys.argv[1:] if arguments is None else arguments
    known, others = parser.parse_known_args(given)
    if known.execute is not None and others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a pipe on Windows can't encode all characters of the notebooks
    for name in ("SIGTERM", "SIGHUP"):  # stop as with Ctrl-C: Python's default would leave JupyterLab running
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        if known.all and not _has_libraries():
            return _run_with_libraries([argument for argument in given if argument != "--all"])
        if known.execute is not None:
            return run(_notebook(known.execute))
        return open_lab(_notebook(""), [other for other in others if other != "--"])
    except (UsageFault, EmbeddedAWSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130


def _has_libraries() -> bool:
    return all(importlib.util.find_spec(name) for name in ("duckdb", "polars", "pyarrow"))


def _run_with_libraries(arguments: Sequence[str]) -> int:
    """Run the command in hatch's environment with the libraries; return its exit code."""
    hatch = shutil.which("hatch")
    if hatch is None or "HATCH_ENV_ACTIVE" not in os.environ:
        raise UsageFault(
            "The libraries are not installed. Run  pip install 'stsnb[demo,libraries]'  and try again."
        )
    command = [hatch, "run", "demo-all:start", *arguments]
    if os.name == "posix":  # replacing this process, so that Ctrl-C and SIGTERM reach it
        os.execv(hatch, command)
    return subprocess.run(command, check=False).returncode


def _on(path: Path) -> list[str]:
    # As a default URL: the URL that is printed, for a browser elsewhere, opens the notebook as well.
    return [f"--ServerApp.root_dir={path.parent}", f"--LabApp.default_url=/lab/tree/{path.name}"]


def _as_root() -> list[str]:
    """Return the option that JupyterLab needs to run as root, as in a container."""
    return ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []


def open_lab(path: Path, options: Sequence[str]) -> int:
    """Run JupyterLab with the notebook until it ends, or until Ctrl-C; return its exit code, 0 for Ctrl-C."""
    with EmbeddedAWS() as aws:
        print(ABOUT.strip(), "\nOpening JupyterLab. Ctrl-C stops everything.\n", sep="\n", flush=True)
        # In a session of its own, so that Ctrl-C reaches this process only: JupyterLab gets a SIGTERM, on which it
        # stops its kernels without a question.
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
            print(f"A cell of {path.name} failed. See its error above.", file=sys.stderr)
            return 1
        except (CellTimeoutError, DeadKernelError) as error:
            print(f"Couldn't finish {path.name}: {error}", file=sys.stderr)
            return 1
    return 0


def _notebook(name: str) -> Path:
    """Return the path of a notebook; without a name, of the quickstart of this checkout or the current folder."""
    if name:
        if not Path(name).is_file():
            raise UsageFault(f"Notebook not found: {name}. Pass the path of an .ipynb file.")
        return Path(name).resolve()
    for home in (Path(__file__).parents[2], Path.cwd()):
        path = home / "notebooks" / "quickstart.ipynb"
        if path.is_file():
            return path.resolve()
    raise UsageFault(
        "notebooks/quickstart.ipynb not found. Run this in a checkout of stsnb, or pass --execute NOTEBOOK."
    )


if __name__ == "__main__":
    sys.exit(main())
