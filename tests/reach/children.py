"""Programs that run on while a role is renewed: each reads a bucket with what it has made at its start."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.reach.readers import READERS

#: How long a program may take for one word of its own, in seconds.
PATIENCE = 60.0


def serve(name: str, bucket: str) -> None:
    """Be such a program: for each line that is read, read the bucket and say whether that went well."""
    read = None
    for _line in sys.stdin:
        try:
            read = read or READERS[name].keep(bucket)
            print("yes" if read() else "no: nothing was read", flush=True)
        except Exception as error:  # noqa: BLE001 # its words are for who has asked
            print("no:", " ".join(f"{type(error).__name__} {error} {error.__cause__}".split()), flush=True)


class Child:
    """A program that answers a line with a line; its standard error is shown with what is wrong."""

    def __init__(self, command: list[str], environ: Mapping[str, str] | None = None) -> None:
        self._program = subprocess.Popen(
            command,
            env=None if environ is None else dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    @classmethod
    def python(cls, name: str, bucket: str) -> Child:
        code = f"from tests.reach import children; children.serve({name!r}, {bucket!r})"
        return cls([sys.executable, "-W", "ignore", "-c", code])

    @classmethod
    def javascript(cls, bucket: str) -> Child:
        return cls(["node", str(Path(os.environ["STSNB_REACH_FOLDER"], "reader.mjs")), bucket])

    @staticmethod
    def cli(bucket: str) -> str:
        """Have the AWS CLI read, in a process that ends."""
        done = subprocess.run(
            [sys.executable, "-m", "awscli", "s3", "ls", f"s3://{bucket}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return "yes" if done.returncode == 0 else f"no: {' '.join(done.stderr.split())}"

    def ask(self) -> str:
        """Have it read; return ``yes``, or ``no`` and why."""
        assert self._program.stdin is not None
        try:
            self._program.stdin.write("read\n")
            self._program.stdin.flush()
        except OSError:
            return f"no: it has ended with {self._program.wait(PATIENCE)}"
        return _line_of(self._program.stdout)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._program.communicate(timeout=5)
        self._program.kill()
        self._program.wait(PATIENCE)


def _line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0].strip() or "no: it has ended" if found else f"no: no answer within {PATIENCE:g} s"


class Upload:
    """``aws s3 cp - s3://…``: one process of the AWS CLI, which signs a request for each part that it is fed."""

    PART = 8 * 1024 * 1024

    def __init__(self, bucket: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "awscli", "s3", "cp", "-", f"s3://{bucket}/uploaded"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def ask(self) -> str:
        """Feed it one part more."""
        assert self._program.stdin is not None
        try:
            self._program.stdin.write(bytes(self.PART))
            self._program.stdin.flush()
        except OSError:
            return self.end()
        return "yes"

    def end(self) -> str:
        """Let it complete what it was fed; return ``yes``, or ``no`` and what it says."""
        try:
            _, said = self._program.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return "no: it does not end"
        return "yes" if self._program.returncode == 0 else f"no: {' '.join(said.decode().split())}"

    def stop(self) -> None:
        self._program.kill()
        self._program.wait(PATIENCE)
