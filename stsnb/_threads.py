"""Ways of running beside the caller: while it waits, where no interrupt can reach, and in a process that it forks."""

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
        """Whether it still runs, and is another thread or task than the one that asks."""
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
    """Runs a function on a thread of its own while the caller waits for something else.

    Parameters
    ----------
    function : callable
        What to run, once `start` is called.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._lock = threading.Lock()
        self._outcome = _Outcome[T]()
        self._thread = threading.Thread(
            target=self._outcome.of, args=(function,), name="stsnb-beside", daemon=True
        )

    def start(self) -> None:
        """Begin, if it has not begun; from whatever thread, also from two at once."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def result(self) -> T:
        """Wait for the function's end, having begun it if need be, and return what it returned.

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
    """Run a function to its end, whatever the user presses meanwhile.

    Python raises KeyboardInterrupt in the main thread only, between any two of its instructions. So from
    there the function runs on another thread, and an interrupt is raised again when that is done: what the
    function changes is either not begun or complete.

    Parameters
    ----------
    function : callable
        Short and without any wait for the network or a person.

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

    A child has what its parent had in memory, but none of its threads: a lock that one of them held is never
    released, and nobody serves its sockets.

    Parameters
    ----------
    function : callable
        Makes new what cannot be used there.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=function)


def _start(run: Callable[[], None]) -> None:
    try:
        threading.Thread(target=run, name="stsnb-uninterrupted", daemon=True).start()
    except RuntimeError:  # the interpreter is shutting down and starts no thread any more
        run()


class _Outcome(Generic[T]):
    """What a function returned or raised, carried from one thread to another."""

    error: BaseException | None = None
    value: T

    def of(self, function: Callable[[], T]) -> None:
        try:
            self.value = function()
        except BaseException as error:  # noqa: BLE001 # it is raised by get
            self.error = error

    def get(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value
