"""The soak itself, for seconds instead of hours: it passes with what renews, and sees what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.ceph.soak import READERS, Reader

# With child processes that start more often, so that some start after the first session's end.
NOT_RENEWED = """
from stsnb.injection.environment import Environment
from tests.ceph import soak
Environment.renew = lambda *_: None
soak.ChildProcess.pause = 1.0
"""
ASKED_TWICE = """
from stsnb.sources.source import Source
once = Source.assume_role
Source.assume_role = lambda *given: (once(*given), once(*given))[1]
"""


def soak(spoilt: str = "", seconds: int = 21) -> tuple[int, str]:
    """Soak with sessions of 12 s, after running some code; return the exit code and what was printed."""
    arguments = f"--minutes {seconds / 60} --seconds-per-session 12".split()
    done = subprocess.run(
        [sys.executable, "-c", f"{spoilt}\nfrom tests.ceph import soak; exit(soak.main())", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def failed(printed: str) -> dict[str, int]:
    """Read the table: how many calls of each kind failed."""
    rows = re.findall(r"^\| (.+?) +\| +(\d+) \| +(\d+) \|", printed, re.MULTILINE)
    assert all(int(calls) for _, calls, _ in rows), printed
    return {kind: int(count) for kind, _, count in rows}


def test_no_reader_notices_a_renewal_and_each_is_one_call() -> None:
    code, printed = soak()
    assert failed(printed) == {reader.kind: 0 for reader in READERS}, printed
    assert "- STS calls: 3 (" in printed
    assert re.search("^- renewals: 2; at least [34] s were left", printed, re.MULTILINE), printed
    assert code == 0


def test_child_processes_fail_where_the_environment_is_not_renewed() -> None:
    """Sessions of this process have the role's newest keys all the same."""
    code, printed = soak(NOT_RENEWED, seconds=18)
    assert {kind for kind, count in failed(printed).items() if count} == {"child process aws s3 ls"}
    assert "first error of child process aws s3 ls: " in printed
    assert code == 1


def test_a_second_call_for_one_renewal_is_seen_at_the_server() -> None:
    code, printed = soak(ASKED_TWICE, seconds=5)
    assert "- STS calls: 2 (one to assume the role, and one for each renewal): FAILED" in printed
    assert code == 1


def test_an_error_is_shown_without_the_keys_in_it() -> None:
    reader = Reader()
    reader.fail(f"refused {'Ab1/' * 10}\nand {'t+' * 200}== of the role arn:aws:iam:::role/S3Access")
    reader.fail("again")
    assert reader.first_error[9:] == "refused … and … of the role arn:aws:iam:::role/S3Access"
    assert reader.failed == 2
