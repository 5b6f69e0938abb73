"""Interrupts a function before each of its lines in turn, and checks that no half of a role is left."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import boto3

import stsnb

Line = tuple[str, int]
#: A folder above may have the same name: hatch's environments of this project do, with all other packages in them.
PACKAGE = f"{Path(stsnb.__file__).parent}{os.sep}"


def traced(action: Callable[[], object], at_line: Callable[[Line], None]) -> None:
    """Run `action`, and call `at_line` before each line of stsnb that this thread runs."""

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            at_line((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()  # coverage's
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)


def interrupt_at_each_line(action: Callable[[], object], *files: str) -> Iterator[Line]:
    """Run `action` once for each of its lines, or those in files of some names, with a KeyboardInterrupt before it.

    Python raises the real one between any two instructions of the main thread; this one needs no clock.
    """
    lines: dict[Line, None] = {}
    traced(action, lambda line: lines.setdefault(line))
    for line in lines:
        if files and Path(line[0]).name not in files:
            continue

        def press(reached: Line, line: Line = line) -> None:
            if reached == line:
                sys.settrace(None)
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            traced(action, press)
        yield line


def consistent(own: dict[str, str]) -> None:
    """Check that environment and default session are those of the active role, or `own` without one."""
    role = stsnb.current_role()
    if role is None:
        assert os.environ == own
        assert boto3.DEFAULT_SESSION is None
    else:
        assert os.environ["AWS_ACCESS_KEY_ID"] == role.response.access_key_id
        assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token
        assert boto3.DEFAULT_SESSION is role.session
