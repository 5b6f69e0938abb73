"""What is measured, and against which reference."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3

import stsnb
from stsnb.demo import ROLE_ARN

#: How long AWS's own STS takes to answer.
STS_SECONDS = 0.08


@dataclass(frozen=True)
class Measure:
    """A time of ours and a reference's, in seconds, taken in turns so that both meet the same machine."""

    name: str
    limit: float | None
    run: Callable[[], tuple[float, float]]


def in_turns(ours: Callable[[], float], reference: Callable[[], float], times: int) -> tuple[float, float]:
    """Return the best of each: what else the machine does only ever adds."""
    pairs = [(ours(), reference()) for _ in range(times)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def timed(function: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


# --- loading ---------------------------------------------------------------------------------------------------

_IN_A_KERNEL = """
import time, ipykernel.zmqshell
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter(); {code}; print(time.perf_counter() - start)
"""


def load_ext() -> tuple[float, float]:
    return in_turns(
        lambda: float(python(_IN_A_KERNEL.format(code="shell.extension_manager.load_extension('stsnb')"))),
        lambda: float(python(_IN_A_KERNEL.format(code="import boto3"))),
        10,
    )


# --- a whole process -------------------------------------------------------------------------------------------

_OURS = f"import stsnb; stsnb.assume_role({ROLE_ARN!r}, 'RoleSession1')"
_BY_HAND = f"""
import os, boto3
answer = boto3.client("sts").assume_role(RoleArn={ROLE_ARN!r}, RoleSessionName="RoleSession1")["Credentials"]
os.environ.update(
    AWS_ACCESS_KEY_ID=answer["AccessKeyId"],
    AWS_SECRET_ACCESS_KEY=answer["SecretAccessKey"],
    AWS_SESSION_TOKEN=answer["SessionToken"],
)
boto3.setup_default_session()
"""


def until_in_force(code: str) -> float:
    """Return the time from the start of a process until it says that the role is in force."""
    start = time.perf_counter()
    command = [sys.executable, "-c", f"{code}\nprint('in force', flush=True)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in force\n"
        return time.perf_counter() - start


def process() -> tuple[float, float]:
    return in_turns(lambda: until_in_force(_OURS), lambda: until_in_force(_BY_HAND), 20)


def process_slow() -> tuple[float, float]:
    with slow_sts():
        return process()


# --- one assume, warm ------------------------------------------------------------------------------------------


class _STS(BaseHTTPRequestHandler):
    """Answers AssumeRole after as long as AWS takes."""

    protocol_version = "HTTP/1.1"
    body = (
        b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        b"<AccessKeyId>ASIA0000000000000001</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t"
        b"</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser>"
        b"<AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>"
        b"</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(STS_SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def slow_sts() -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _STS)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["AWS_ENDPOINT_URL_STS"] = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        del os.environ["AWS_ENDPOINT_URL_STS"]
        server.shutdown()
        server.server_close()


def warm(times: int = 40) -> tuple[float, float]:
    client = boto3.Session().client("sts")
    asked = {"RoleArn": ROLE_ARN, "RoleSessionName": "RoleSession1"}
    stsnb.assume_role(ROLE_ARN, "RoleSession1")
    client.assume_role(**asked)
    try:
        return in_turns(
            lambda: timed(lambda: stsnb.assume_role(ROLE_ARN, "RoleSession1")),
            lambda: timed(lambda: client.assume_role(**asked)),
            times,
        )
    finally:
        stsnb.drop_role()


def warm_slow() -> tuple[float, float]:
    with slow_sts():
        return warm(25)


# --- signing ---------------------------------------------------------------------------------------------------


def frozen_credentials() -> tuple[float, float]:
    from datetime import datetime, timedelta, timezone

    from botocore.credentials import RefreshableCredentials

    role = stsnb.assume_role(ROLE_ARN, inject=False)
    ours = role.session.get_credentials()
    botocores = RefreshableCredentials(
        "a", "s", "t", datetime.now(timezone.utc) + timedelta(hours=1), dict, "test"
    )

    def many(credentials: object) -> float:
        freeze = credentials.get_frozen_credentials  # type: ignore[attr-defined]
        return timed(lambda: [freeze() for _ in range(10_000)]) / 10_000

    return in_turns(lambda: many(ours), lambda: many(botocores), 5)


MEASURES = [
    Measure("%load_ext stsnb / import boto3", 0.15, load_ext),
    Measure("process to role in force / by hand", 1.0, process),
    Measure("the same, STS of 80 ms", 1.0, process_slow),
    Measure("assume_role, STS of 80 ms / client.assume_role", 1.15, warm_slow),
    Measure("assume_role, loopback / client.assume_role", None, warm),
    Measure("get_frozen_credentials / botocore's", 1.0, frozen_credentials),
]
