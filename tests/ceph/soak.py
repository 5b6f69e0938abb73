"""``hatch run soak --minutes 60``: one role, renewed all the while under every kind of reader; no call may fail.

It is not one of the tests: what it looks for shows in hours. With ``--seconds-per-session 20`` it sees in minutes
as many renewals, from the gateway of short sessions.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import s3fs
from botocore.config import Config

import stsnb
from stsnb.roles.assumed_role import AssumedRole
from stsnb.sts import limits
from tests.ceph.gateway import CephGateway
from tests.ceph.world import ALLOWED, BODY, KEY, ROLE_ARN

#: What bounds every call, in seconds, so that one which hangs is a failure and not the end of the soak.
TIMEOUTS: Any = {"connect_timeout": 5, "read_timeout": 10}
PATIENCE = Config(**TIMEOUTS)
#: A call that takes longer, in seconds, will not end.
STUCK_SECONDS = 30.0
#: STS's least; for less the gateway of short sessions is asked.
AWS_LEAST_SECONDS = limits.MIN_DURATION_SECONDS


class Reader:
    """Reads the bucket again and again on one thread, and counts; others only look at the counts."""

    kind: str
    pause = 1.0
    calls = failed = 0
    first_error = ""
    _longest = 0.0
    _began: float | None = None

    def read(self) -> None:
        """Read once; whatever it raises is a failure."""
        raise NotImplementedError

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            self._began = time.perf_counter()
            try:
                self.read()
            except Exception as error:  # noqa: BLE001 # counted and shown
                self.fail(f"{type(error).__name__}: {error}")
            self._longest, self._began = self.longest, None
            self.calls += 1
            over.wait(self.pause)

    @property
    def longest(self) -> float:
        """The longest call, in seconds; the one that is under way included."""
        began = self._began
        return self._longest if began is None else max(self._longest, time.perf_counter() - began)

    def fail(self, what: str) -> None:
        self.failed += 1
        # Keys and tokens are the only long words without a dot, a colon or a dash.
        what = re.sub(r"[\w+/=]{36,}", "…", " ".join(what.split()))
        self.first_error = self.first_error or f"{time.strftime('%H:%M:%S')} {what[:300]}"


def get(client: Any) -> None:
    check(client.get_object(Bucket=ALLOWED, Key=KEY)["Body"].read())


def check(body: bytes) -> None:
    if body != BODY:
        raise ValueError(f"read {body!r} instead of {BODY!r}")


class KeptClient(Reader):
    kind, pause = "boto3 client made at the start", 0.2

    def __init__(self) -> None:
        self._client = boto3.client("s3", config=PATIENCE)

    def read(self) -> None:
        get(self._client)


class NewClient(Reader):
    kind = "new boto3 client of the default session"

    def read(self) -> None:
        get(boto3.client("s3", config=PATIENCE))


class KeptSession(Reader):
    kind = "boto3.Session() made at the start"

    def __init__(self) -> None:
        self._client = boto3.Session().client("s3", config=PATIENCE)

    def read(self) -> None:
        get(self._client)


class NewSession(Reader):
    kind = "new boto3.Session()"

    def read(self) -> None:
        get(boto3.Session().client("s3", config=PATIENCE))


class KeptFileSystem(Reader):
    kind = "s3fs made at the start"

    def __init__(self) -> None:
        self._files = s3fs.S3FileSystem(
            skip_instance_cache=True, use_listings_cache=False, config_kwargs=TIMEOUTS
        )
        self._files.retries = 1

    def read(self) -> None:
        check(self._files.cat_file(f"{ALLOWED}/{KEY}"))


class ChildProcess(Reader):
    kind, pause = "child process aws s3 ls", 10.0

    def read(self) -> None:
        child = subprocess.run(
            [sys.executable, "-m", "awscli", "s3", "ls", f"s3://{ALLOWED}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STUCK_SECONDS - 1,
            start_new_session=True,  # Ctrl-C is for the soak, which lets a child end
            check=False,
        )
        if child.returncode or KEY not in child.stdout.split():
            raise RuntimeError(f"exit code {child.returncode}: {child.stderr or child.stdout}")


READERS = (KeptClient, NewClient, KeptSession, NewSession, KeptFileSystem, ChildProcess)


def sts_calls(log: Path) -> int:
    """Count the requests to STS in the gateway's own log of what reached it, whatever it answered.

    They are the POSTs to its root, but for those to IAM by which the admin filled the server.
    """
    with log.open("rb") as lines:
        return sum(b'"POST / HTTP' in line and b" - admin [" not in line for line in lines)


class Renewals:
    """What is seen of a role's renewals from outside: its expiration changes."""

    def __init__(self, role: AssumedRole) -> None:
        self._role = role
        self._seen = role.expiration
        self.count = 0
        self.error = ""
        self.left = self.least_left = role.remaining.total_seconds()

    def look(self) -> None:
        if stsnb.current_role() is self._role:  # one that was dropped is not renewed
            self.left = self._role.remaining.total_seconds()
            self.least_left = min(self.least_left, self.left)
        if self._role.expiration != self._seen:
            self._seen = self._role.expiration
            self.count += 1
        if self._role.renewal_error is not None:
            self.error = self.error or f"{time.strftime('%H:%M:%S')} {self._role.renewal_error}"


def soak(log: Path, minutes: float, session_seconds: int) -> int:
    """Read until the minutes are over or Ctrl-C; print what was seen; return the exit code."""
    began = time.monotonic()
    renewals = Renewals(stsnb.assume_role(ROLE_ARN, duration_seconds=session_seconds))
    readers = [reader() for reader in READERS]
    over, interrupted = threading.Event(), ""
    threads = [threading.Thread(target=reader.run, args=(over,), daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        watch(began + 60 * minutes, readers, renewals, log)
    except KeyboardInterrupt:
        interrupted = ", interrupted"
    over.set()
    deadline = time.monotonic() + STUCK_SECONDS
    for reader, thread in zip(readers, threads, strict=True):
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            reader.fail(f"no answer within {STUCK_SECONDS:g} s")
    took = (time.monotonic() - began) / 60
    stsnb.drop_role()
    # A renewal may be under way, and the gateway writes its log a moment after its answers.
    deadline = time.monotonic() + 5
    while (calls := sts_calls(log)) != 1 + renewals.count and time.monotonic() < deadline:
        time.sleep(0.1)
        renewals.look()
    print(f"\n{took:.1f} minutes, sessions of {session_seconds} s{interrupted}\n")
    print(report(readers, renewals, calls), flush=True)
    if renewals.error or calls != 1 + renewals.count or any(reader.failed for reader in readers):
        return 1
    return 130 if interrupted else 0


def watch(until: float, readers: Sequence[Reader], renewals: Renewals, log: Path) -> None:
    """Look at the role until the time has come, and print a line each minute."""
    began, minute = time.monotonic(), 1
    while (now := time.monotonic()) < until:
        renewals.look()
        if now >= began + 60 * minute:
            calls, failed = sum(r.calls for r in readers), sum(r.failed for r in readers)
            print(
                f"{minute:>4} min: {calls} calls, {failed} failed; {sts_calls(log)} STS calls, "
                f"{renewals.count} renewals, {renewals.left:.0f} s left",
                flush=True,
            )
            minute += 1
        time.sleep(min(0.2, until - now))


def report(readers: Sequence[Reader], renewals: Renewals, calls: int) -> str:
    """Return what was seen, in Markdown."""
    row = "| {:<39} | {:>7} | {:>6} | {:>15} |".format
    lines = [row("kind", "calls", "failed", "longest call ms"), row("---", "--:", "--:", "--:")]
    lines += [row(r.kind, r.calls, r.failed, f"{1000 * r.longest:.0f}") for r in readers]
    wrong = "" if calls == 1 + renewals.count else f": FAILED, it should be {1 + renewals.count}"
    lines += [
        "",
        f"- STS calls: {calls} (one to assume the role, and one for each renewal){wrong}",
        f"- renewals: {renewals.count}; at least {renewals.least_left:.0f} s were left at any time",
    ]
    errors = [(reader.kind, reader.first_error) for reader in readers] + [("renewal", renewals.error)]
    return "\n".join(lines + [f"- first error of {whose}: {error}" for whose, error in errors if error])


def main() -> int:
    """Start the server, soak, and stop it."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, metavar="N", help="how long (60)")
    parser.add_argument(
        "--seconds-per-session", type=int, default=AWS_LEAST_SECONDS, metavar="N", help="10 to 3600 (900)"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    short = asked.seconds_per_session < AWS_LEAST_SECONDS
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    with CephGateway() as gateway:
        os.environ.update(gateway.environment(short=short))
        os.environ["AWS_MAX_ATTEMPTS"] = "1"  # a second attempt would hide that the first one failed
        if short:
            limits.MIN_DURATION_SECONDS = 1
            Path(os.environ["AWS_CONFIG_FILE"]).write_text("[default]\nparameter_validation = false\n")
        log = gateway.access_log(short=short)
        return soak(log, asked.minutes, asked.seconds_per_session)


if __name__ == "__main__":
    sys.exit(main())
