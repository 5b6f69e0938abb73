"""The credential server: what it answers, what it refuses, and what it survives."""

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
    """Answers for the server, and the tokens that it asked with."""

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
def server(asked: Asked) -> Iterator[CredentialServer]:
    server = CredentialServer(asked)
    server.start()
    yield server
    server.stop()


def connect(server: CredentialServer) -> socket.socket:
    assert server.address is not None
    host, port = server.address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(server: CredentialServer, first: str = f"GET {PATH} HTTP/1.1", *headers: str) -> bytes:
    lines = (first, *(headers or (f"Host: {server.address}", "Authorization: mine")))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def response_to(server: CredentialServer, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with connect(server) as connection:
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


# --- answers ----------------------------------------------------------------------------------------


def test_a_request_gets_the_answer_for_its_token(server: CredentialServer, asked: Asked) -> None:
    status, headers, body = response_to(server, request(server))
    assert (status, body) == (200, BODY)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert asked.tokens == ["mine"]


def test_a_request_may_come_in_pieces(server: CredentialServer) -> None:
    with connect(server) as connection:
        for byte in request(server):
            connection.sendall(bytes([byte]))
        assert read(connection)[0] == 200


def test_a_request_waits_for_an_answer_that_is_not_ready(server: CredentialServer, asked: Asked) -> None:
    asked.answers = [None, None, Answer(200, b"{}")]
    assert response_to(server, request(server))[2] == b"{}"


def test_after_waiting_the_answer_is_requested_once_more_without_patience(
    server: CredentialServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PATIENCE_SECONDS", 0.1)
    asked.answers = [None] * 1000
    assert response_to(server, request(server))[2] == BODY


def test_a_waiting_request_does_not_block_others(server: CredentialServer, asked: Asked) -> None:
    asked.answers = [None] * 10
    with connect(server) as patient:
        patient.sendall(request(server))
        wait_until("the request has arrived", lambda: asked.tokens)
        asked.answers.insert(0, Answer(200, b"{}"))
        assert response_to(server, request(server))[0] == 200
        assert read(patient)[0] == 200


def test_an_answer_that_no_buffer_holds_is_sent_in_pieces(server: CredentialServer, asked: Asked) -> None:
    asked.answers = [Answer(200, b"x" * 20_000_000)]
    assert len(response_to(server, request(server))[2]) == 20_000_000


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:{port}"])
def test_the_port_may_be_missing_from_the_host(server: CredentialServer, host: str) -> None:
    """As the AWS CRT (s3torchconnector, tensorstore, Mountpoint) sends it."""
    assert server.address is not None
    host = host.format(port=server.address.split(":")[1])
    sent = request(server, f"GET {PATH} HTTP/1.1", f"Host: {host}", "Authorization: mine")
    assert response_to(server, sent)[0] == 200


# --- refusals ----------------------------------------------------------------------------------------


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
def test_other_requests_are_refused(server: CredentialServer, asked: Asked, first: str, status: int) -> None:
    found, headers, body = response_to(server, request(server, first))
    assert found == status
    assert headers["Cache-Control"] == "no-store"
    assert set(json.loads(body)) == {"code", "message"}
    assert asked.tokens == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost:{port}",
        "127.0.0.1:1",
        "127.0.0.1.evil.example",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "evil.example:{port}",
        "evil.example",
        "[::1]:{port}",
        "",
    ],
)
def test_another_host_is_refused(server: CredentialServer, asked: Asked, host: str) -> None:
    """As a browser sends it for a page whose DNS name was rebound to 127.0.0.1."""
    assert server.address is not None
    host = host.format(port=server.address.split(":")[1])
    sent = request(server, f"GET {PATH} HTTP/1.1", f"Host: {host}", "Authorization: mine")
    assert response_to(server, sent)[0] == 403
    assert response_to(server, request(server, f"GET {PATH} HTTP/1.1", "Authorization: mine"))[0] == 403
    assert asked.tokens == []


@pytest.mark.parametrize(
    "header", ["Host: 127.0.0.1:1", "Authorization: yours", "no colon", " folded: x", ": x"]
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(
    server: CredentialServer, asked: Asked, header: str
) -> None:
    sent = request(server, f"GET {PATH} HTTP/1.1", f"Host: {server.address}", "Authorization: mine", header)
    assert response_to(server, sent)[0] == 400
    assert asked.tokens == []


@pytest.mark.parametrize("end", ["", "\r\n\r\n"])
def test_a_request_that_is_too_long_is_refused(server: CredentialServer, asked: Asked, end: str) -> None:
    sent = request(server)[:-4] + b"\r\nX: " + b"x" * rules.REQUEST_BYTES + end.encode()
    assert response_to(server, sent)[0] == 431
    assert asked.tokens == []


def test_a_request_that_is_too_slow_is_refused(
    server: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REQUEST_SECONDS", 0.2)
    with connect(server) as slow:
        slow.sendall(request(server)[:-2])
        assert read(slow)[0] == 408


def test_a_client_that_does_not_read_its_answer_is_disconnected(
    server: CredentialServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REQUEST_SECONDS", 0.2)
    asked.answers = [Answer(200, b"x" * 20_000_000)]
    with connect(server) as silent:
        silent.sendall(request(server))
        wait_until("it is closed", lambda: not server._open and asked.tokens)


# --- what it survives ------------------------------------------------------------------------------


def test_an_error_in_an_answer_fails_one_request_only(server: CredentialServer, asked: Asked) -> None:
    asked.answers = [None]
    asked.tokens = None  # type: ignore[assignment]
    assert response_to(server, request(server))[0] == 500
    asked.tokens, asked.answers = [], []
    assert response_to(server, request(server))[0] == 200


def test_a_closed_connection_leaves_nothing(server: CredentialServer) -> None:
    for sent in (b"", b"GET", request(server)):
        with connect(server) as connection:
            connection.sendall(sent)
    assert response_to(server, request(server))[0] == 200
    wait_until("all are closed", lambda: not server._open)


def test_a_thousand_idle_connections_do_not_block_a_request(server: CredentialServer) -> None:
    with many_descriptors(), contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connect(server))
        before = time.monotonic()
        assert response_to(server, request(server))[0] == 200
        assert time.monotonic() - before < rules.REQUEST_SECONDS
        assert len(server._open) <= rules.CONNECTIONS


def test_one_thread_answers_a_thousand_requests_at_once(server: CredentialServer) -> None:
    with many_descriptors(), contextlib.ExitStack() as stack:
        threads = threading.active_count()
        connections = []
        for _ in range(1000):
            connections.append(stack.enter_context(connect(server)))
            connections[-1].sendall(request(server))
        assert threading.active_count() == threads
        assert {read(connection)[0] for connection in connections} == {200}
    wait_until("all are closed", lambda: not server._open)


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """Allow this process, which is client and server here, enough file descriptors."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if soft < 4096 else soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_stops_at_once_with_open_connections(server: CredentialServer) -> None:
    assert server.address is not None
    port = int(server.address.split(":")[1])
    with connect(server) as idle:
        wait_until("it is connected", lambda: server._open)
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 1
        assert idle.recv(1) == b""
    assert server.address is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert "stsnb-endpoint" not in {thread.name for thread in threading.enumerate()}


def test_it_can_start_again(server: CredentialServer) -> None:
    server.stop()
    server.stop()
    server.start()
    assert server.start() == f"http://{server.address}{PATH}"
    assert response_to(server, request(server))[0] == 200


def die(server: CredentialServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the thread by an exception that the server does not catch."""

    def end(_connection: object) -> None:
        raise SystemExit

    assert server._thread is not None
    with monkeypatch.context() as broken:
        broken.setattr(server, "_serve", end)
        connect(server).close()
        server._thread.join(20)
    assert not server._thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_can_be_stopped_after_its_thread_has_died(
    server: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(server, monkeypatch)
    server.stop()
    assert server.address is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_starts_again_after_its_thread_has_died(
    server: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server):
        wait_until("it is connected", lambda: server._open)
        die(server, monkeypatch)
    server.start()
    assert not server._open
    assert response_to(server, request(server))[0] == 200


_WITHOUT_DESCRIPTORS = """
import os, resource, sys
from stsnb.injection.credential_server import Answer, CredentialServer
server = CredentialServer(lambda token, patient: Answer(200, b"{}"))
print(server.start(), flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True: held.append(os.open(os.devnull, os.O_RDONLY))
except OSError: print("none left", flush=True)
sys.stdin.readline()
for each in held: os.close(each)
sys.stdin.readline()
"""


def test_it_survives_a_lack_of_file_descriptors() -> None:
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
server = CredentialServer(lambda token, patient: Answer(200, b"{}"))
server.start()
child = os.fork()
if child == 0:
    assert server.address is None
    server.stop()
    sys.stdin.read()
    os._exit(0)
print(server.address, flush=True)
server.stop()
print("stopped", flush=True)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_does_not_keep_the_port_open() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _FORKED],
        cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        _, port = process.stdout.readline().split(":")
        assert process.stdout.readline() == "stopped\n"
        wait_until("the child has closed the port too", lambda: not listens(int(port)))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
