"""What is measured, and against which reference."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.credentials import RefreshableCredentials

import stsnb
from stsnb.demo import BUCKET, CSV_KEY, ROLE_ARN
from stsnb.injection.credential_server import CredentialServer
from tests.benchmarks.browser import click_to_badge

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


# --- completing -------------------------------------------------------------------------------------------------

_COMPLETE = """
import time
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.extension_manager.load_extension("stsnb")
times = []
for line in ("%assume_role ", "%assume_role arn:aws:iam::1234567", "%assume_role team-19", "%assume_role x --profile t"):
    start = time.perf_counter()
    with provisionalcompleter():
        assert list(shell.Completer.completions(line, len(line)))
    times.append(time.perf_counter() - start)
print(max(times))
"""


def completion() -> tuple[float, float]:
    """The slowest completion in a new kernel, its first among them, with 2,000 profiles that name roles."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        config.write_text(
            "".join(
                f"[profile team-{n:04}]\nrole_arn = arn:aws:iam::{123456700000 + n}:role/team/role-{n:04}\n"
                f"source_profile = default\nregion = eu-west-1\nduration_seconds = 3600\n\n"
                for n in range(2000)
            )
        )
        before = os.environ["AWS_CONFIG_FILE"]
        os.environ["AWS_CONFIG_FILE"] = str(config)
        try:
            return min(float(python(_COMPLETE)) for _ in range(5)), 0.050
        finally:
            os.environ["AWS_CONFIG_FILE"] = before


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
    """Return the time from the start of a process until it says that the role is active."""
    start = time.perf_counter()
    command = [sys.executable, "-c", f"{code}\nprint('active', flush=True)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "active\n"
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
        b"<AssumedRoleId>AROA:RoleSession1</AssumedRoleId>"
        b"<Arn>arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1</Arn>"
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


def botocores(seconds: float) -> RefreshableCredentials:
    """Credentials of botocore's, with its windows, over an STS that takes no time."""

    def metadata() -> dict[str, str]:
        ends = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        return {"access_key": "a", "secret_key": "s", "token": "t", "expiry_time": ends.isoformat()}

    return RefreshableCredentials.create_from_metadata(metadata(), metadata, "test")


def signing(credentials: RefreshableCredentials) -> float:
    freeze = credentials.get_frozen_credentials
    return timed(lambda: [freeze() for _ in range(10_000)]) / 10_000


def frozen_credentials(seconds: int) -> tuple[float, float]:
    ours = stsnb.assume_role(ROLE_ARN, duration_seconds=seconds, inject=False).credentials
    reference = botocores(seconds)
    return in_turns(lambda: signing(ours), lambda: signing(reference), 5)


# --- the badge -------------------------------------------------------------------------------------------------

_TIMED = "\nimport time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"
_BADGE = "from stsnb.widgets.badge import bundle; bundle(stsnb.current_role(), stsnb.api.kernel)"


def first_badge() -> tuple[float, float]:
    return in_turns(
        lambda: float(python(_OURS + _TIMED.format(code=_BADGE))),
        lambda: float(python(_OURS + _TIMED.format(code="import ipywidgets, anywidget"))),
        10,
    )


def click_to_badge_slow() -> tuple[float, float]:
    with slow_sts():
        return click_to_badge()


# --- idle ------------------------------------------------------------------------------------------------------


def idle() -> tuple[float, float]:
    """The processor's time that a process with an active role takes in a minute in which nothing happens."""
    code = (
        _OURS
        + "\nimport time; before = time.process_time(); time.sleep(60); print(time.process_time() - before)"
    )
    return float(python(code)), 0.010


# --- a switch of roles -----------------------------------------------------------------------------------------

_SWITCH = f"""
import statistics, time
{{libraries}}
import stsnb
from stsnb.kernel import kernel
roles = [stsnb.assume_role({ROLE_ARN!r}, name, inject=False) for name in ("RoleSession1", "RoleSession2")]
times = []
for turn in range(21):
    start = time.perf_counter()
    kernel._scopes.activate(roles[turn % 2])
    times.append(time.perf_counter() - start)
    if {{used}}:
        pl.read_csv("s3://{BUCKET}/{CSV_KEY}"), pd.read_csv("s3://{BUCKET}/{CSV_KEY}")
        cloudpathlib.CloudPath("s3://{BUCKET}/{CSV_KEY}").exists(), papermill.s3.S3()
        s3path.S3Path("/{BUCKET}/{CSV_KEY}").exists()
print(statistics.median(times))
"""
_LIBRARIES = (
    "import aiobotocore, awswrangler, boto3, cloudpathlib, dask.dataframe, deltalake, duckdb, obstore, pandas as pd,"
    " papermill.s3, polars as pl, pyarrow.fs, pynamodb.models, pyogrio._io, s3fs, s3path"
)


def switch() -> tuple[float, float]:
    """What a switch costs more with all the libraries imported and in use, of the 5 ms that it may."""
    with_them, without = in_turns(
        lambda: float(python(_SWITCH.format(libraries=_LIBRARIES, used=True))),
        lambda: float(python(_SWITCH.format(libraries="", used=False))),
        3,
    )
    return max(0.0, with_them - without), 0.005


# --- the credential endpoint -----------------------------------------------------------------------------------

#: How often it is asked, by 32 clients together, and for how many times.
ASKED_A_SECOND, ASKED = 1500, 4500
# Asks as SDKs do, with a connection for each request, each client at its time. Prints the rate that was reached,
# and what all but one in a hundred took at most.
_CLIENTS = r"""
import os, selectors, socket, sys, time
from urllib.parse import urlsplit
clients, rate, number = (int(word) for word in sys.argv[1:])
url, token = urlsplit(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]), os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
request = f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: {token}\r\n\r\n".encode()
address, selector, times = (url.hostname, url.port), selectors.DefaultSelector(), []
start = time.perf_counter()
due, busy = [(start + client / rate) for client in range(clients)], [False] * clients
while len(times) < number:
    now = time.perf_counter()
    for client in range(clients):
        if due[client] <= now and not busy[client]:
            busy[client], due[client] = True, due[client] + clients / rate
            began = time.perf_counter()
            connection = socket.create_connection(address)
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, [client, began, b""])
    for key, _ in selector.select(max(0, min(due) - time.perf_counter())):
        more = key.fileobj.recv(65536)
        key.data[2] += more
        if not more:
            times.append(time.perf_counter() - key.data[1])
            assert key.data[2].startswith(b"HTTP/1.1 200"), key.data[2][:100]
            selector.unregister(key.fileobj)
            key.fileobj.close()
            busy[key.data[0]] = False
rate = len(times) / (time.perf_counter() - start)
times.sort()
print(rate, times[len(times) * 99 // 100])
"""


def endpoint_load() -> tuple[float, float, float]:
    """Ask the endpoint with 32 clients; return the processor's time for a request, the rate, and the p99.

    The processor's time is that of the whole kernel, in which nothing else happens meanwhile.
    """
    role, threads, calls = stsnb.assume_role(ROLE_ARN, live=True), threading.active_count(), []
    ask = role.credentials._call_sts
    role.credentials._call_sts = lambda: (calls.append(1), ask())[1]
    command = [sys.executable, "-c", _CLIENTS, "32", str(ASKED_A_SECOND), str(ASKED)]
    try:
        before = time.process_time()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            rate, p99 = (float(word) for word in clients.stdout.readline().split())
        took = (time.process_time() - before) / ASKED
        assert threading.active_count() == threads, "a thread was added"
        assert not calls, "STS was asked"
    finally:
        stsnb.drop_role()
    return took, rate, p99


def endpoint_rate() -> tuple[float, float]:
    """The processor's time of a request, of the 1 ms that it may for 1,000 a second on one core."""
    return min(endpoint_load()[0] for _ in range(3)), 1 / 1000


def endpoint_p99() -> tuple[float, float]:
    """What all but one in a hundred wait at most, of the 10 ms that they may, while over 1,000 a second ask."""
    loads = [endpoint_load() for _ in range(3)]
    assert max(load[1] for load in loads) > 1000, "the clients did not keep up"
    return min(load[2] for load in loads), 0.010


def endpoint_end() -> tuple[float, float]:
    """How long the endpoint takes to end with 100 clients connected, of the second that it may."""
    endpoint = CredentialServer(lambda _token, _patient: None)
    port = int(endpoint.start().split("/")[2].split(":")[1])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    try:
        return timed(endpoint.stop), 1.0
    finally:
        for connection in connections:
            connection.close()


MEASURES = [
    Measure("%load_ext stsnb / import boto3", 0.15, load_ext),
    Measure("completion, 2,000 profiles / 50 ms", 1.0, completion),
    Measure("process to active role / by hand", 1.0, process),
    Measure("the same, STS of 80 ms", 1.0, process_slow),
    Measure("assume_role, STS of 80 ms / client.assume_role", 1.15, warm_slow),
    Measure("assume_role, loopback / client.assume_role", None, warm),
    Measure("get_frozen_credentials, 1 h / botocore's", 1.0, lambda: frozen_credentials(3600)),
    Measure("get_frozen_credentials, 900 s / botocore's", 0.2, lambda: frozen_credentials(900)),
    Measure("first badge / import ipywidgets, anywidget", 1.2, first_badge),
    Measure("click to badge / assume_role and a round trip", 1.3, click_to_badge_slow),
    Measure("a switch: all libraries imported, less none / 5 ms", 1.0, switch),
    Measure("endpoint: a request of 32 clients / 1 ms", 1.0, endpoint_rate),
    Measure("endpoint: p99 with 32 clients / 10 ms", 1.0, endpoint_p99),
    Measure("endpoint: end with 100 connected / 1 s", 1.0, endpoint_end),
    Measure("idle processor time in 60 s / 10 ms", 1.0, idle),
]
