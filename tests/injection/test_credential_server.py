"""The credential endpoint as a server: what it answers, what it refuses, and what cannot bring it down."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stsnb.injection import credential_server as rules
from stsnb.injection.credential_server import PATH, Answer, CredentialServer
from tests.sandbox import listens, wait_until

BODY = b'{"AccessKeyId": "ASIA"}'
REPOSITORY = Path(__file__).parents[2]


class Asked:
    """What the server is told to answer, and what it asked for it."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.answers: list[Answer | None] = []

    def __call__(self, token: str, patient: bool) -> Answer | None:
        self.tokens.append(token)
        if self.answers and patient:
            return self.answers.pop(0)
        return Answer(200, BODY)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def endpoint(asked: Asked) -> Iterator[CredentialServer]:
    endpoint = CredentialServer(asked)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def connect(endpoint: CredentialServer) -> socket.socket:
    assert endpoint.address is not None
    host, port = endpoint.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(endpoint: CredentialServer, first: str = f"GET {PATH} HTTP/1.1", *headers: str) -> bytes:
    lines = (first, *(headers or (f"Host: {endpoint.address}", "Authorization: mine")))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def response_to(endpoint: CredentialServer, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with connect(endpoint) as connection:
        connection.sendall(sent)
        return read(connection)


def read(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while more := connection.recv(65536):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["Content-Length"]) == len(body)
    return int(first.split()[1]), headers, body


# --- what it answers ----------------------------------------------------------------------------------------


def test_who_asks_for_the_path_gets_the_answer_for_his_token(
    endpoint: CredentialServer, asked: Asked
) -> None:
    status, headers, body = response_to(endpoint, request(endpoint))
    assert (status, body) == (200, BODY)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert asked.tokens == ["mine"]


def test_a_request_may_come_in_pieces(endpoint: CredentialServer) -> None:
    with connect(endpoint) as connection:
        for byte in request(endpoint):
            connection.sendall(bytes([byte]))
        assert read(connection)[0] == 200


def test_an_answer_that_is_not_there_yet_is_waited_for(endpoint: CredentialServer, asked: Asked) -> None:
    asked.answers = [None, None, Answer(200, b"{}")]
    assert response_to(endpoint, request(endpoint))[2] == b"{}"


def test_an_answer_that_does_not_come_is_asked_for_a_last_time(
    endpoint: CredentialServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PATIENCE_SECONDS", 0.1)
    asked.answers = [None] * 1000
    assert response_to(endpoint, request(endpoint))[2] == BODY


def test_who_waits_does_not_keep_the_others_waiting(endpoint: CredentialServer, asked: Asked) -> None:
    asked.answers = [None] * 10
    with connect(endpoint) as patient:
        patient.sendall(request(endpoint))
        wait_until("he is heard", lambda: asked.tokens)
        asked.answers.insert(0, Answer(200, b"{}"))
        assert response_to(endpoint, request(endpoint))[0] == 200
        assert read(patient)[0] == 200


def test_an_answer_that_no_buffer_holds_is_sent_in_pieces(endpoint: CredentialServer, asked: Asked) -> None:
    asked.answers = [Answer(200, b"x" * 20_000_000)]
    assert len(response_to(endpoint, request(endpoint))[2]) == 20_000_000


# --- what it refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("GET / HTTP/1.1", 404),
        ("GET /credentials/ HTTP/1.1", 404),
        ("GET /credentials/../credentials HTTP/1.1", 404),
        ("GET /credentials?role=other HTTP/1.1", 404),
        ("GET http://127.0.0.1/credentials HTTP/1.1", 404),
        ("POST /credentials HTTP/1.1", 405),
        ("HEAD /credentials HTTP/1.1", 405),
        ("get /credentials HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 404),
        ("GET /credentials", 400),
        ("GET /credentials HTTP/2", 400),
        ("", 400),
        ("\x16\x03\x01\x02", 400),
        ("GET /credentials HTTP/1.1\xff", 400),
    ],
)
def test_other_requests_are_refused_and_nobody_is_asked_for_them(
    endpoint: CredentialServer, asked: Asked, first: str, status: int
) -> None:
    found, headers, body = response_to(endpoint, request(endpoint, first))
    assert found == status
    assert headers["Cache-Control"] == "no-store"
    assert set(json.loads(body)) == {"code", "message"}
    assert asked.tokens == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "evil.example:{port}",
        "evil.example",
        "[::1]:{port}",
        "",
    ],
)
def test_another_host_is_refused(endpoint: CredentialServer, asked: Asked, host: str) -> None:
    """As a browser sends it whose page has had its name resolved to this machine."""
    assert endpoint.address is not None
    host = host.format(port=endpoint.address.split(":")[1])
    sent = request(endpoint, f"GET {PATH} HTTP/1.1", f"Host: {host}", "Authorization: mine")
    assert response_to(endpoint, sent)[0] == 403
    assert response_to(endpoint, request(endpoint, f"GET {PATH} HTTP/1.1", "Authorization: mine"))[0] == 403
    assert asked.tokens == []


@pytest.mark.parametrize(
    "header", ["Host: 127.0.0.1:1", "Authorization: yours", "no colon", " folded: x", ": x"]
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(
    endpoint: CredentialServer, asked: Asked, header: str
) -> None:
    sent = request(
        endpoint, f"GET {PATH} HTTP/1.1", f"Host: {endpoint.address}", "Authorization: mine", header
    )
    assert response_to(endpoint, sent)[0] == 400
    assert asked.tokens == []


@pytest.mark.parametrize("end", ["", "\r\n\r\n"])
def test_a_request_that_is_too_long_is_refused(endpoint: CredentialServer, asked: Asked, end: str) -> None:
    sent = request(endpoint)[:-4] + b"\r\nX: " + b"x" * rules.REQUEST_BYTES + end.encode()
    assert response_to(endpoint, sent)[0] == 431
    assert asked.tokens == []


def test_a_request_that_is_too_slow_is_refused(
    endpoint: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REQUEST_SECONDS", 0.2)
    with connect(endpoint) as slow:
        slow.sendall(request(endpoint)[:-2])
        assert read(slow)[0] == 408


def test_who_does_not_take_his_answer_is_closed(
    endpoint: CredentialServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REQUEST_SECONDS", 0.2)
    asked.answers = [Answer(200, b"x" * 20_000_000)]
    with connect(endpoint) as silent:
        silent.sendall(request(endpoint))
        wait_until("it is closed", lambda: not endpoint._open and asked.tokens)


# --- what cannot bring it down ------------------------------------------------------------------------------


def test_an_error_in_the_answer_is_one_request_s_error(endpoint: CredentialServer, asked: Asked) -> None:
    asked.answers = [None]
    asked.tokens = None  # type: ignore[assignment]
    assert response_to(endpoint, request(endpoint))[0] == 500
    asked.tokens, asked.answers = [], []
    assert response_to(endpoint, request(endpoint))[0] == 200


def test_who_hangs_up_leaves_nothing(endpoint: CredentialServer) -> None:
    for sent in (b"", b"GET", request(endpoint)):
        with connect(endpoint) as connection:
            connection.sendall(sent)
    assert response_to(endpoint, request(endpoint))[0] == 200
    wait_until("all are closed", lambda: not endpoint._open)


def test_a_thousand_who_say_nothing_keep_nobody_out(endpoint: CredentialServer) -> None:
    with many_descriptors(), contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connect(endpoint))
        before = time.monotonic()
        assert response_to(endpoint, request(endpoint))[0] == 200
        assert time.monotonic() - before < rules.REQUEST_SECONDS
        assert len(endpoint._open) <= rules.CONNECTIONS


def test_a_thousand_at_once_are_all_answered_by_one_thread(endpoint: CredentialServer) -> None:
    with many_descriptors(), contextlib.ExitStack() as stack:
        threads = threading.active_count()
        connections = []
        for _ in range(1000):
            connections.append(stack.enter_context(connect(endpoint)))
            connections[-1].sendall(request(endpoint))
        assert threading.active_count() == threads
        assert {read(connection)[0] for connection in connections} == {200}
    wait_until("all are closed", lambda: not endpoint._open)


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """Let this process, which is both ends here, have enough of them."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if soft < 4096 else soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_ends_at_once_whoever_is_connected(endpoint: CredentialServer) -> None:
    assert endpoint.address is not None
    port = int(endpoint.address.split(":")[1])
    with connect(endpoint) as idle:
        wait_until("he is in", lambda: endpoint._open)
        before = time.monotonic()
        endpoint.stop()
        assert time.monotonic() - before < 1
        assert idle.recv(1) == b""
    assert endpoint.address is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert "stsnb-endpoint" not in {thread.name for thread in threading.enumerate()}


def test_it_can_begin_again(endpoint: CredentialServer) -> None:
    endpoint.stop()
    endpoint.stop()
    endpoint.start()
    assert endpoint.start() == f"http://{endpoint.address}{PATH}"
    assert response_to(endpoint, request(endpoint))[0] == 200


def die(endpoint: CredentialServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the thread in a way that nothing foresees."""

    def end(_connection: object) -> None:
        raise SystemExit

    assert endpoint._thread is not None
    with monkeypatch.context() as broken:
        broken.setattr(endpoint, "_serve", end)
        connect(endpoint).close()
        endpoint._thread.join(20)
    assert not endpoint._thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_can_be_ended_when_its_thread_has_died(
    endpoint: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(endpoint, monkeypatch)
    endpoint.stop()
    assert endpoint.address is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_begins_again_when_its_thread_has_died(
    endpoint: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(endpoint):
        wait_until("he is in", lambda: endpoint._open)
        die(endpoint, monkeypatch)
    endpoint.start()
    assert not endpoint._open
    assert response_to(endpoint, request(endpoint))[0] == 200


_WITHOUT_DESCRIPTORS = """
import os, resource, sys
from stsnb.injection.credential_server import Answer, CredentialServer
endpoint = CredentialServer(lambda token, patient: Answer(200, b"{}"))
print(endpoint.start(), flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True: held.append(os.open(os.devnull, os.O_RDONLY))
except OSError: print("none left", flush=True)
sys.stdin.readline()
for each in held: os.close(each)
sys.stdin.readline()
"""


def test_it_outlives_a_process_without_file_descriptors() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WITHOUT_DESCRIPTORS],
        cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().split("/")[2]
        assert process.stdout.readline() == "none left\n"
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {address}\r\nAuthorization: x\r\n\r\n".encode())
            process.stdin.write("\n")
            process.stdin.flush()
            assert read(connection)[0] == 200
        process.stdin.close()


_FORKED = """
import os, sys
from stsnb.injection.credential_server import Answer, CredentialServer
endpoint = CredentialServer(lambda token, patient: Answer(200, b"{}"))
endpoint.start()
child = os.fork()
if child == 0:
    assert endpoint.address is None
    endpoint.stop()
    sys.stdin.read()
    os._exit(0)
print(endpoint.address, flush=True)
endpoint.stop()
print("stopped", flush=True)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_neither_serves_nor_holds_the_port() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _FORKED],
        cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        _, port = process.stdout.readline().split(":")
        assert process.stdout.readline() == "stopped\n"
        wait_until("the child has let go of the port too", lambda: not listens(int(port)))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
