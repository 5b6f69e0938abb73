"""Running functions on other threads, without interrupts, and in forked processes."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Caller:
    """The thread, and the asyncio task in it, that created this object."""

    def __init__(self) -> None:
        self._thread = weakref.ref(threading.current_thread())
        task = _current_task()
        self._task = None if task is None else weakref.ref(task)

    @property
    def runs_elsewhere(self) -> bool:
        """Whether it still runs, and is not the calling thread or task."""
        thread = self._thread()
        if thread is None or not thread.is_alive():
            return False
        if self._task is None:
            return thread is not threading.current_thread()
        task = self._task()
        return task is not None and not task.done() and task is not _current_task()


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")  # a program without it has no task, and importing it takes 30 ms
    try:
        return None if asyncio is None else asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None


class BackgroundCall(Generic[T]):
    """Runs a function on a thread of its own, for example during a request to STS.

    Parameters
    ----------
    function : callable
        The function; it runs once `start` or `result` is called.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._lock = threading.Lock()
        self._outcome = _Outcome[T]()
        self._thread = threading.Thread(
            target=self._outcome.of, args=(function,), name="stsnb-background-call", daemon=True
        )

    def start(self) -> None:
        """Start the function, unless it has been started; any thread may call this."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def result(self) -> T:
        """Start the function if needed, wait for its end, and return its result.

        Returns
        -------
        object

        Raises
        ------
        BaseException
            What the function raised.
        """
        self.start()
        self._thread.join()
        return self._outcome.get()


def uninterrupted(function: Callable[[], T]) -> T:
    """Run a function to its end; an interrupt is raised afterwards.

    Python raises KeyboardInterrupt in the main thread only, between any two of its instructions. Called there, the
    function runs on another thread, and an interrupt is raised again when that has ended: the function's changes
    are either not begun or complete.

    Parameters
    ----------
    function : callable
        A short function that waits for neither the network nor the user.

    Returns
    -------
    object
        What the function returned.

    Raises
    ------
    BaseException
        What the function raised; or KeyboardInterrupt, after it has run.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    once, outcome, done = threading.Lock(), _Outcome[T](), threading.Event()

    def run() -> None:
        # An interrupt inside Thread.start leaves open whether the thread has begun: another may be started.
        if once.acquire(blocking=False):
            outcome.of(function)
            done.set()

    interrupt: KeyboardInterrupt | None = None
    while not done.is_set():
        try:
            _start(run)
            done.wait()
        except KeyboardInterrupt as pressed:
            interrupt = pressed
    if interrupt is not None:
        raise interrupt
    return outcome.get()


def in_forked_children(function: Callable[[], object]) -> None:
    """Call a function in each process that this one forks, before anything else runs there.

    A child has a copy of its parent's memory, but none of its threads: a lock that one of them held is never
    released, and no thread serves its sockets.

    Parameters
    ----------
    function : callable
        Replaces the objects that can't be used in a child.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=function)


def _start(run: Callable[[], None]) -> None:
    try:
        threading.Thread(target=run, name="stsnb-uninterrupted", daemon=True).start()
    except RuntimeError:  # the interpreter is shutting down and starts no more threads
        run()


class _Outcome(Generic[T]):
    """The value or the exception of a function that ran on another thread."""

    error: BaseException | None = None
    value: T

    def of(self, function: Callable[[], T]) -> None:
        try:
            self.value = function()
        except BaseException as error:  # noqa: BLE001 # raised again by get
            self.error = error

    def get(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value
