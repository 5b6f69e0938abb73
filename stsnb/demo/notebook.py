"""Runs a notebook in a kernel of this interpreter, and returns its outputs as text."""

from __future__ import annotations

import asyncio
import contextlib
import re
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from nbformat import NotebookNode

CELL_TIMEOUT = 300
"""The most seconds for one cell. The first import of pandas from a cold disk takes ten."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def execute(
    path: str | Path,
    environment: Mapping[str, str],
    *,
    on_start: Callable[[NotebookNode], None] | None = None,
    on_end: Callable[[NotebookNode], None] | None = None,
) -> NotebookNode:
    """Run all cells of a notebook in a new kernel, in the notebook's folder. The file is not changed.

    Parameters
    ----------
    path
        The notebook's file.
    environment
        All variables of the kernel's process, as from `EmbeddedAWS.child_environment`.
    on_start, on_end
        Called with each cell before it runs, and with each code cell once its outputs are complete.

    Returns
    -------
    nbformat.NotebookNode
        The notebook with its outputs, and the state of its widgets as a saved notebook has it.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails, after `on_end` was called with its error.
    nbclient.exceptions.DeadKernelError, nbclient.exceptions.CellTimeoutError
        If the kernel dies, or a cell takes longer than `CELL_TIMEOUT`.
    KeyboardInterrupt
        On Ctrl-C, once the kernel is stopped.
    """
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    def hook(call: Callable[[NotebookNode], None] | None) -> Callable[..., None] | None:
        return None if call is None else lambda cell, **_: call(cell)

    path = Path(path).resolve()
    # Without folders to search, "python3" is ipykernel's own spec: this interpreter. A user's
    # ~/.local/share/jupyter/kernels/python3 may be another one.
    kernel = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        nbformat.read(path, as_version=4),  # type: ignore[no-untyped-call]
        km=kernel,
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=CRITICAL"],  # the kernel's log is not part of the notebook
        on_cell_start=hook(on_start),
        on_cell_executed=hook(on_end),
    )
    # nbclient stops a manager that it did not create only with cleanup_kc.
    return _in_a_thread(client.async_execute(env=dict(environment), cleanup_kc=True))


def _in_a_thread(coroutine: Coroutine[Any, Any, NotebookNode]) -> NotebookNode:
    """Run the coroutine away from the main thread, and cancel it on Ctrl-C.

    In the main thread nbclient handles SIGINT and SIGTERM, fails on them with an AssertionError (0.11), and does not
    restore the earlier handlers.
    """
    loop = asyncio.SelectorEventLoop()  # the class that zmq needs, on Windows too

    async def run() -> NotebookNode:
        try:
            return await coroutine
        finally:
            left = asyncio.all_tasks() - {task}  # those that watch the kernel, if nbclient was cancelled
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    task = loop.create_task(run())
    with contextlib.closing(loop), ThreadPoolExecutor(1) as thread:
        executed = thread.submit(loop.run_until_complete, task)
        try:
            while not executed.done():
                wait([executed], timeout=1.0)  # Windows delivers Ctrl-C between waits only
        except BaseException:
            if not executed.done():
                loop.call_soon_threadsafe(task.cancel)
            raise
        return executed.result()


def as_text(output: Mapping[str, Any]) -> str:
    """Return a cell's output (a stream, a value or an error) as plain text."""
    kind = output["output_type"]
    if kind == "stream":
        text = output["text"]
    elif kind == "error":
        text = "\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}"
    else:
        text = output["data"].get("text/plain", "")
    return _ANSI.sub("", text).rstrip("\n")
