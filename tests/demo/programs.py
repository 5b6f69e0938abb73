"""Python programs that a test starts, and whether their server still answers."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

TIMEOUT = 60


@contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start a Python program, with its output. It is terminated at the end, and killed if it hangs."""
    program = [sys.executable, *command]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, **options) as running:
        late = threading.Timer(2 * TIMEOUT, running.kill)
        late.start()
        try:
            assert running.stdout is not None
            yield running, running.stdout
        finally:
            running.terminate()
            late.cancel()


def answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint_url}/moto-api/", timeout=5).close()
    except OSError:
        return False
    return True
