"""Sandbox: a temporary folder and the programs that run in it, all gone when the test run ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

#: Outside what Linux, macOS and Windows hand out to outgoing connections (from 32768 or 49152 on): a port
#: whose server was killed is still free when the server comes back.
_PORTS = range(20000, 32768)

# Runs in a session of its own and reads from a pipe which programs are up. The pipe
# closes when the test run is gone, be it by SIGKILL, and then this ends them and removes the folder.
_GUARD = """\
import os, shutil, signal, sys, time
up = {}
for line in sys.stdin:
    sign, pid, patience = line.split()
    if sign == "+":
        up[int(pid)] = float(patience)
    else:
        up.pop(int(pid), None)
def send(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        up.pop(pid, None)
for pid, patience in list(up.items()):
    send(pid, signal.SIGTERM if patience else signal.SIGKILL)
deadline = time.monotonic() + max(up.values(), default=0)
while up and time.monotonic() < deadline:
    time.sleep(0.05)
    for pid in list(up):
        send(pid, 0)
for pid in list(up):
    send(pid, signal.SIGKILL)
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class SandboxError(Exception):
    """A program that the tests need did not do what it was started for; the message has its log's end."""


def free_ports(count: int) -> list[int]:
    """Different TCP ports of 127.0.0.1 without a listener."""
    ports: list[int] = []
    for port in random.sample(_PORTS, 500):
        if len(ports) == count:
            return ports
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    raise SandboxError(f"Found {len(ports)} free ports of {count} on 127.0.0.1.")


def listens(port: int) -> bool:
    """Whether a server accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(what: str, condition: Callable[[], T | None], seconds: float = 30) -> T:
    """Ask `condition` until its answer is true, and return that answer.

    Parameters
    ----------
    what : str
        What is waited for, to complete "Waited 30 s in vain until …".
    condition : callable
        Asked every 10 ms.
    seconds : float
        How long to wait at most.

    Raises
    ------
    TimeoutError
        If the answer is not true in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s in vain until {what}.")
        time.sleep(0.01)


class Daemon:
    """A program that runs in a sandbox; made by `Sandbox.start`.

    Parameters
    ----------
    name : str
        Names its log file.
    program : subprocess.Popen
        The program, started.
    log : Path
        What it says on its standard output and error.
    patience : float
        Seconds that it gets to end by itself when asked to; with 0 it is not asked.
    forget : callable
        Called once it has ended, with this.
    """

    def __init__(
        self,
        name: str,
        program: subprocess.Popen[bytes],
        log: Path,
        patience: float,
        forget: Callable[[Daemon], None],
    ) -> None:
        self.name = name
        self.pid = program.pid
        self.log = log
        self._program = program
        self._patience = patience
        self._forget = forget

    @property
    def exit_code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._program.poll()

    def stop(self) -> None:
        """End it, by force once its patience is over. Does nothing if it has ended."""
        if self._patience and self.exit_code is None:
            self._program.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._program.wait(self._patience)
        self.kill()

    def kill(self) -> None:
        """End it by force (SIGKILL)."""
        if self.exit_code is None:
            self._program.kill()
            self._program.wait(30)
        self._forget(self)

    def log_tail(self, lines: int = 30) -> str:
        """What it said last."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Sandbox:
    """A temporary folder and the programs that run in it; a context manager that ends and removes them all.

    Parameters
    ----------
    name : str
        Part of the folder's name.
    environment : mapping
        The programs' whole environment.
    """

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.environment = dict(environment)
        self._daemons: list[Daemon] = []

    def __enter__(self) -> Sandbox:
        # The folder is its owner's only: it holds keys and tokens.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-")).resolve()
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for daemon in reversed(list(self._daemons)):
                daemon.stop()
        finally:
            # Whatever is left, after an interrupt for instance, is the guard's; it removes the folder too.
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(30)
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, *command: str, patience: float = 5) -> Daemon:
        """Start a program in the folder, without waiting for anything.

        Parameters
        ----------
        name : str
            Names its log file, ``NAME.out`` in the folder; an earlier log of that name is kept.
        *command : str
            The program and its arguments.
        patience : float
            Seconds that it gets to end by itself when it is stopped; 0 if it shall be killed at once.
        """
        log = self.folder / f"{name}.out"
        with log.open("ab") as output:
            program = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for pytest, which then stops the programs in order.
                start_new_session=True,
            )
        self._tell_guard(f"+ {program.pid} {patience}")
        daemon = Daemon(name, program, log, patience, self._forget)
        self._daemons.append(daemon)
        return daemon

    def run(self, *command: str, seconds: float = 30) -> str:
        """Run a program in the folder until it ends, and return its standard output.

        Raises
        ------
        SandboxError
            If it fails or takes longer than `seconds`.
        """
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SandboxError(f"{command[0]} did not end within {seconds:g} s.{self._tails()}") from None
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise SandboxError(f"{command[0]} failed with {done.returncode}:\n{said}{self._tails()}")
        return done.stdout

    def wait_until(self, what: str, condition: Callable[[], T | None], seconds: float = 30) -> T:
        """Like the function `wait_until`; fails at once when one of the programs has ended.

        Raises
        ------
        SandboxError
            If the answer is not true in time, or a program has ended; with the ends of the logs.
        """

        def ask() -> T | None:
            ended = [daemon for daemon in self._daemons if daemon.exit_code is not None]
            if ended:
                codes = ", ".join(f"{daemon.name} ended with {daemon.exit_code}" for daemon in ended)
                raise SandboxError(f"{codes} while waiting until {what}.{self._tails(*ended)}")
            return condition()

        try:
            return wait_until(what, ask, seconds)
        except TimeoutError as error:
            raise SandboxError(f"{error}{self._tails()}") from None

    def _tails(self, *daemons: Daemon) -> str:
        return "".join(
            f"\n--- the end of {daemon.name}'s log\n{daemon.log_tail()}"
            for daemon in daemons or tuple(self._daemons)
        )

    def _forget(self, daemon: Daemon) -> None:
        if daemon in self._daemons:
            self._daemons.remove(daemon)
            self._tell_guard(f"- {daemon.pid} 0")

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # without its guard, a sandbox still clears up in order
            os.write(self._guard.stdin.fileno(), f"{line}\n".encode())
