"""Pools of worker processes that outlive a change of role: replaced where possible, else named in a warning."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

_log = logging.getLogger(__name__)


class WorkerPoolWarning(UserWarning):
    """Worker processes that started earlier keep their AWS identity."""


def replace() -> None:
    """Have pools that libraries make for each call begin with the environment of now.

    No worker is ended and no task fails: joblib's (loky's) pool is replaced at its next use, after its tasks, and the
    next process of the fork server comes from a new one.
    """
    _try(_replace_loky)
    _try(_replace_fork_server)


def warn() -> None:
    """Warn of worker processes that keep their identity: those of pools that the user holds, and of engines."""
    _try(_warn)


def _try(function: Callable[[], None]) -> None:
    try:
        function()
    except Exception as error:  # noqa: BLE001 # another version must not undo the role
        _log.debug("%s failed: %s", function.__name__, type(error).__name__)


def _loky() -> Iterator[Any]:
    for name in ("joblib.externals.loky.reusable_executor", "loky.reusable_executor"):
        if (module := sys.modules.get(name)) is not None:
            yield module


def _replace_loky() -> None:
    # get_reusable_executor makes another pool, once the tasks of the old one are done, if the arguments differ.
    for module in _loky():
        if module._executor is not None:
            module._executor_kwargs = None
    joblib: Any = sys.modules.get("joblib.executor")
    if joblib is not None and joblib._executor_args is not None:
        joblib._executor_args = {"stsnb": "another role"}


def _replace_fork_server() -> None:
    module: Any = sys.modules.get("multiprocessing.forkserver")
    server = None if module is None else module._forkserver
    for pid, alive in list(_former_servers):
        with contextlib.suppress(OSError):  # it is closed, or the server is the child of another process
            if alive is not None:
                os.close(alive)
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                _former_servers[_former_servers.index((pid, alive))] = pid, None
                continue
        _former_servers.remove((pid, alive))
    if server is None or server._forkserver_pid is None or not server._lock.acquire(blocking=False):
        return
    try:
        # Without a process id the next Process starts another server. Not _stop(), which waits for all children of the
        # old one: that ends with its last child, once its file descriptor is closed here too. That waits for the next
        # change, since another thread may be starting a process with it.
        _former_servers.append((server._forkserver_pid, server._forkserver_alive_fd))
        server._forkserver_pid = None
    finally:
        server._lock.release()


#: The fork servers that were replaced: process id, and the file descriptor that keeps one alive.
_former_servers: list[tuple[int, int | None]] = []


def _warn() -> None:
    if kept := _kept():
        with contextlib.suppress(WorkerPoolWarning):  # a filter that makes it an error must not fail a change
            warnings.warn_explicit(  # in one line, without a line of source below
                f"Worker processes started earlier keep their AWS identity: {', '.join(kept)}. "
                "Create the pool again to use the current one.",
                WorkerPoolWarning,
                filename="stsnb",
                lineno=1,
                module=__name__,
                registry=_shown,
            )


#: What was shown already, as Python keeps it for the default filter, which shows each text once.
_shown: dict[str | tuple[str, type[Warning], int], int] = {}


def _kept() -> list[str]:
    """Return what keeps its workers, with their number where it is known."""
    found: dict[str, int] = {}
    multiprocessing: Any = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        pools = _executors()
        for process in multiprocessing.active_children():
            name = pools.get(process.pid) or _name_of(process)
            if name:
                found[name] = found.get(name, 0) + 1
    kept = [f"{name} ({count})" for name, count in sorted(found.items())]
    ray: Any = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        kept.append("Ray")
    spark: Any = sys.modules.get("pyspark.core.context") or sys.modules.get("pyspark.context")
    if spark is not None and spark.SparkContext._active_spark_context is not None:
        kept.append("Spark")
    return kept


def _executors() -> dict[int, str]:
    """Return the workers of executors; those of an idle loky pool, which is replaced before its next task, as ''."""
    found: dict[int, str] = {}
    module: Any = sys.modules.get("concurrent.futures.process")
    for thread in list(module._threads_wakeups) if module is not None else ():
        found.update(dict.fromkeys(list(thread.processes or ()), "ProcessPoolExecutor"))
    for module in _loky():
        if (executor := module._executor) is not None:
            name = "joblib" if executor._pending_work_items else ""
            found.update(dict.fromkeys(list(executor._processes or ()), name))
    return found


def _name_of(process: Any) -> str:
    kind = type(process).__name__
    if kind == "LokyProcess":
        return ""  # of a pool that is being replaced
    return "multiprocessing.Pool" if "PoolWorker" in process.name else "multiprocessing"
