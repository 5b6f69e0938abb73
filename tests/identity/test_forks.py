"""Forked worker processes: each calls STS on a connection of its own, and ends with a role that its parent has dropped."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request
from werkzeug.test import create_environ

import stsnb
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, ScriptedSTS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class KeepAlive(BaseHTTPRequestHandler):
    """Passes requests to a ScriptedSTS over connections that stay open, which pytest-httpserver closes."""

    protocol_version = "HTTP/1.1"
    scripted: ScriptedSTS

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(create_environ(method="POST", headers=dict(self.headers), data=body))
        response = self.scripted._handle(request)
        answer = response.get_data()
        self.send_response(response.status_code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sts(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSTS]:
    scripted = ScriptedSTS(httpserver)
    handler = type("Handler", (KeepAlive,), {"scripted": scripted})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        for name, value in scripted.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
        yield scripted
        server.shutdown()
        thread.join()


@pytest.fixture
def roles(sts: ScriptedSTS) -> list[stsnb.AssumedRole]:
    """Roles that share one source, whose connection to STS is open."""
    return [stsnb.assume_role(f"{ROLE}-{number}", inject=False) for number in range(6)]


def in_child(work: object) -> int:
    """Fork a process that calls a function and ends with 0 if it returns True; return its process id."""
    pid = os.fork()
    if pid == 0:
        ended = 1
        try:
            ended = 0 if work() is True else 2  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(ended)
    return pid


def test_forked_workers_get_the_answers_to_their_own_requests(
    sts: ScriptedSTS, roles: list[stsnb.AssumedRole]
) -> None:
    def refreshed(role: stsnb.AssumedRole) -> bool:
        for _ in range(5):
            role.refresh()
            if f"/{role.role_name}/" not in role.arn:
                return False
        return True

    children = [in_child(lambda role=role: refreshed(role)) for role in roles]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(roles)
    assert sts.calls == len(roles) * 6


@pytest.mark.parametrize("drop", [True, False])
def test_a_forked_worker_is_not_renewed_after_its_parent_has_dropped_the_role(
    sts: ScriptedSTS, drop: bool
) -> None:
    sts.seconds = 3
    role = stsnb.assume_role(ROLE)
    parents, childs = multiprocessing.Pipe()

    def ends() -> bool:
        childs.send("ready")
        childs.recv()
        wait_until("the session has ended", lambda: not role.remaining)
        try:
            keys = role.credentials.get_frozen_credentials()
        except stsnb.AssumeRoleError as error:
            return drop and "ended at" in error.happened
        return not drop and keys.access_key != first

    first = role.response.access_key_id
    child = in_child(ends)
    assert parents.recv() == "ready"
    if drop:
        role.drop()
    parents.send("go on")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_that_drops_a_role_leaves_it_to_its_parent(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)

    def drops() -> bool:
        role.drop()
        return stsnb.current_role() is None

    child = in_child(drops)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert stsnb.current_role() is role
    assert not role.credentials.dropped
    role.refresh()
