"""Callers, background calls, code that no interrupt reaches, and what a forked child does first."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from stsnb._threads import BackgroundCall, Caller, uninterrupted
from tests.interrupts import interrupt_at_each_line

# --- Caller -----------------------------------------------------------------------------------------------------


def test_a_caller_does_not_run_elsewhere_in_its_own_thread() -> None:
    assert not Caller().runs_elsewhere


def test_a_caller_runs_elsewhere_until_its_thread_ends() -> None:
    callers: list[Caller] = []
    made, over = threading.Event(), threading.Event()

    def run() -> None:
        callers.append(Caller())
        made.set()
        over.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    assert made.wait(30)
    assert callers[0].runs_elsewhere
    over.set()
    thread.join(30)
    assert not callers[0].runs_elsewhere


def test_a_caller_in_a_task_runs_elsewhere_until_that_task_ends() -> None:
    async def main() -> None:
        over = asyncio.Event()
        callers: list[Caller] = []

        async def run() -> None:
            callers.append(Caller())
            await over.wait()
            assert not callers[0].runs_elsewhere

        task = asyncio.create_task(run())
        while not callers:
            await asyncio.sleep(0)
        assert callers[0].runs_elsewhere
        over.set()
        await task
        assert not callers[0].runs_elsewhere

    asyncio.run(main())


def test_a_caller_outside_of_tasks_does_not_run_elsewhere_in_a_task_of_its_thread() -> None:
    caller = Caller()

    async def main() -> None:
        assert not caller.runs_elsewhere

    asyncio.run(main())


# --- BackgroundCall ---------------------------------------------------------------------------------------------


def test_a_background_call_returns_or_raises_what_its_function_does() -> None:
    threads: list[threading.Thread] = []

    def function() -> str:
        threads.append(threading.current_thread())
        return "done"

    call = BackgroundCall(function)
    assert threads == []
    assert (call.result(), call.result()) == ("done", "done")
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        BackgroundCall(lambda: 1 / 0).result()


def test_a_background_call_is_started_once_by_whichever_thread_is_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = BackgroundCall(lambda: "done")
    begin, begun, other = call._thread.start, [], threading.Thread(target=call.start)

    def start() -> None:
        begun.append(threading.current_thread())
        if threading.current_thread() is not other:
            other.start()
            other.join(0.5)  # it gets no further than to the lock
            begin()

    monkeypatch.setattr(call._thread, "start", start)
    assert call.result() == "done"
    other.join()
    assert begun == [threading.current_thread()]


# --- uninterrupted ----------------------------------------------------------------------------------------------


def test_an_uninterrupted_function_returns_or_raises_as_ever() -> None:
    assert uninterrupted(lambda: "done") == "done"
    with pytest.raises(ZeroDivisionError):
        uninterrupted(lambda: 1 / 0)


def test_a_thread_that_no_interrupt_reaches_runs_the_function_itself() -> None:
    threads: list[threading.Thread] = []
    thread = threading.Thread(target=lambda: threads.append(uninterrupted(threading.current_thread)))
    thread.start()
    thread.join(30)
    assert threads == [thread]


def test_an_interrupt_at_any_line_finds_the_function_complete_or_not_begun() -> None:
    done: list[str] = []
    outcomes = set()

    def function() -> None:
        done.append("begun")
        done.append("ended")

    for _ in interrupt_at_each_line(lambda: uninterrupted(function)):
        for thread in threading.enumerate():
            if thread.name == "stsnb-uninterrupted":
                thread.join(30)  # started in vain: another one has run the function
        outcomes.add(tuple(done))
        done.clear()
    assert outcomes == {(), ("begun", "ended")}


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows sends no signal to a thread")
def test_an_interrupt_is_raised_once_the_function_has_ended() -> None:
    done: list[str] = []
    main = threading.main_thread().ident
    assert main is not None

    def function() -> None:
        done.append("begun")
        for _ in range(3):
            signal.pthread_kill(main, signal.SIGINT)
        done.append("ended")

    with pytest.raises(KeyboardInterrupt):
        uninterrupted(function)
    assert done == ["begun", "ended"]


# --- in_forked_children -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork has no forked children")
def test_a_function_for_forked_children_is_called_in_them_alone() -> None:
    program = """
import os
from stsnb._threads import in_forked_children
called = []
in_forked_children(lambda: called.append(os.getpid()))
child = os.fork()
if child == 0:
    os._exit(0 if called == [os.getpid()] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), called)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "0 []"
