"""Observe: a process that takes roles on and off as a notebook does, and sees who follows.

Run as ``python -m tests.reach.observe [--first] NAME…``, with an environment that leads to Ceph's gateway of short sessions.
Prints, as JSON, for each name what was seen in each column of the table: ``yes``, what holds instead, or a fault.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

import stsnb
from stsnb.sts import limits
from tests.ceph.world import ALLOWED, KEY, OTHER, READER_ARN, ROLE_ARN
from tests.reach.children import Child, Upload
from tests.reach.readers import READERS, REFUSALS, Read
from tests.sandbox import wait_until

COLUMNS = (
    "after assume",
    "after switch",
    "after drop",
    "first used under another role",
    "after expiry",
    "live",
)
#: How long a session lasts whose end is waited for; it is renewed every 4 s.
SECONDS = 6
RENEWALS = 3
#: Those that have to go on whether or not there is a default profile with other keys.
BOTH_WAYS = ("cli", "javascript", "pyarrow", "deltalake", "polars")

YES, ANEW = "yes", "made anew"
Seen = dict[str, dict[str, str]]


def observe(names: list[str]) -> Seen:
    """Go through it all; return what was seen."""
    libraries = [name for name in names if name in READERS]
    seen: Seen = {name: {} for name in names}

    def note(column: str, name: str, fault: str) -> None:
        if seen[name].get(column, YES) == YES:
            seen[name][column] = fault or YES

    for name in libraries:  # what is kept from here on is kept with an identity that may do nothing
        note("after drop", name, refused(READERS[name].read, ALLOWED))
    rights = {
        "after assume": (ROLE_ARN, (ALLOWED,)),
        "after switch": (READER_ARN, (OTHER,)),
        "after drop": (None, ()),
    }
    for column, (arn, may) in rights.items():
        stsnb.assume_role(arn) if arn else stsnb.drop_role()
        for name in libraries:
            for bucket in (ALLOWED, OTHER):
                ask = works if bucket in may else refused
                note(column, name, ask(READERS[name].read, bucket))
        for name in set(names) - set(libraries):
            for bucket in (ALLOWED, OTHER):
                answer = once(name, bucket)
                note(column, name, "" if (answer == YES) == (bucket in may) else answer)
    expiry(names, libraries, note)
    live(names, libraries, note)
    return seen


def first_used_under_another_role(libraries: list[str]) -> Seen:
    """In a process where no library was used before: a role, another one, and a drop."""
    faults: dict[str, str] = {}

    def note(name: str, fault: str) -> None:
        faults[name] = faults.get(name) or fault

    for arn, may in ((READER_ARN, OTHER), (ROLE_ARN, ALLOWED), (None, None)):
        stsnb.assume_role(arn) if arn else stsnb.drop_role()
        for name in libraries:
            for bucket in (ALLOWED, OTHER):
                note(name, (works if bucket == may else refused)(READERS[name].read, bucket))
    return {name: {"first used under another role": fault or YES} for name, fault in faults.items()}


def expiry(names: list[str], libraries: list[str], note: Callable[[str, str, str], None]) -> None:
    """After the first session has ended: in the kernel, and in processes that started with its keys."""
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS)
    programs = {name: start(name, os.environ) for name in set(names) - set(libraries)}
    kept, faults = {}, {}
    for name in libraries:  # each is used at once: on a busy machine all together take longer than a session
        kept[name] = READERS[name].keep(ALLOWED)
        faults[name] = works(lambda _, name=name: kept[name](), ALLOWED)
    answers = {name: program.ask() for name, program in programs.items()}
    wait_until("the newest session that one of them may hold has ended", stale(held), seconds=60)
    for name in libraries:
        note("after expiry", name, faults[name] or works(READERS[name].read, ALLOWED))
        if works(lambda _, name=name: kept[name](), ALLOWED):
            note("after expiry", name, ANEW)
    for name, program in programs.items():
        answers[name] = program.ask() if answers[name] == YES else answers[name]
        if isinstance(program, Upload) and answers[name] == YES:
            answers[name] = program.end()
        program.stop()
        note(
            "after expiry",
            name,
            ANEW if answers[name] != YES and once(name, ALLOWED) == YES else answers[name],
        )
    stsnb.drop_role()


def live(names: list[str], libraries: list[str], note: Callable[[str, str, str], None]) -> None:
    """Across three renewals: in the kernel, and in processes that go on; and after a drop."""
    held = stsnb.assume_role(ROLE_ARN, duration_seconds=SECONDS, live=True)
    kept = {name: READERS[name].keep(ALLOWED) for name in libraries}
    programs = {(name, "default"): start(name, os.environ) for name in names}
    bare = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    programs |= {(name, "bare"): start(name, bare) for name in names if name in BOTH_WAYS}
    ends = [held.expiration]
    for (name, way), program in programs.items():
        note("live", name, said(program.ask(), way))

    def renewed() -> bool:
        if held.expiration != ends[-1]:
            ends.append(held.expiration)
            for (name, way), program in programs.items():
                note("live", name, said(program.ask(), way))
            for name in libraries:
                note("live", name, works(READERS[name].read, ALLOWED))
                if works(lambda _, name=name: kept[name](), ALLOWED):
                    note("live", name, ANEW)
        return len(ends) > RENEWALS

    ends[0] = held.expiration
    wait_until(f"{RENEWALS} renewals", renewed, seconds=120)
    for (name, way), program in programs.items():
        if isinstance(program, Upload):
            note("live", name, said(program.end(), way))
    ended = stale(held)
    stsnb.drop_role()
    wait_until("the last session has ended", ended, seconds=60)
    for (name, way), program in programs.items():
        if not isinstance(program, Upload) and program.ask() == YES:
            note("live", name, f"{way}: it goes on after the drop")
        program.stop()


def said(answer: str, way: str) -> str:
    return "" if answer == YES else f"{way}: {answer}"


def start(name: str, environ: Mapping[str, str]) -> Any:
    before = dict(os.environ)
    os.environ.update(environ)
    try:
        if name == "cli":
            return Upload(ALLOWED)
        return Child.javascript(ALLOWED) if name == "javascript" else Child.python(name, ALLOWED)
    finally:
        os.environ.update(before)


def once(name: str, bucket: str) -> str:
    """Have a new process of a tool read a bucket."""
    if name == "cli":
        return Child.cli(bucket)
    program = Child.javascript(bucket)
    try:
        return program.ask()
    finally:
        program.stop()


def works(read: Callable[[str], object], bucket: str) -> str:
    """Read; return the fault, or nothing."""
    try:
        return "" if read(bucket) else "nothing was read"
    except Exception as error:  # noqa: BLE001 # it goes into the table
        return " ".join(f"{type(error).__name__}: {error}".split())


def refused(read: Callable[[str], object], bucket: str) -> str:
    """Read what must be refused; return the fault, or nothing."""
    try:
        read(bucket)
    except Exception as error:  # noqa: BLE001 # it is looked at
        found = f"{type(error).__name__} {error} {error.__cause__} {error.__context__}"
        return "" if any(word in found for word in REFUSALS) else " ".join(found.split())
    return f"it reads {bucket}"


def stale(held: stsnb.AssumedRole) -> Read:
    """Return a function that returns whether the current session has ended for the server."""
    keys = held.response
    client = boto3.client(
        "s3",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
    )

    def ended() -> bool:
        if time.time() < keys.expiration.timestamp():
            return False
        try:
            client.get_object(Bucket=ALLOWED, Key=KEY)
        except ClientError as error:
            return error.response["Error"]["Code"] == "AccessDenied"
        return False

    return ended


if __name__ == "__main__":
    limits.MIN_DURATION_SECONDS = 1
    first, *names = sys.argv[1:]
    print(json.dumps(first_used_under_another_role(names) if first == "--first" else observe(sys.argv[1:])))
