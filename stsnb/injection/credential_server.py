"""CredentialServer: serves credentials over HTTP on 127.0.0.1, by the protocol of the SDKs' container credentials.

More than 350 lines, because accepting, reading, answering and closing connections share one state.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from stsnb._threads import in_forked_children

_log = logging.getLogger(__name__)

#: The only path.
PATH = "/credentials"
#: The longest request, in bytes, and the longest time until it is complete, in seconds.
REQUEST_BYTES, REQUEST_SECONDS = 8192, 2.0
#: How long a request waits for a renewal, in seconds: less than an SDK's timeout (JavaScript 1 s, botocore 2 s), so
#: that it is answered before the SDK retries.
PATIENCE_SECONDS = 0.8
#: The pause between two calls for an answer that is not ready, in seconds.
_POLL_SECONDS = 0.02
#: The most connections at a time; beyond it the oldest is closed. Each uses one of the process's file descriptors,
#: which are often limited to 1,024.
CONNECTIONS = 200
# The most connections accepted before open ones are served: a client that sends its request without delay gets its
# answer before it is the oldest.
_ACCEPTED_AT_ONCE = 16
_BACKLOG = 1024
_HOST = "127.0.0.1"  # also accepted without the port, as the AWS CRT sends it: a rebound DNS name is never equal to it


@dataclass(frozen=True)
class Answer:
    """A response of the server."""

    status: int
    body: bytes = b""

    @classmethod
    def refusal(cls, status: int, code: str, message: str) -> Answer:
        """Return an error of the container protocol; SDKs show its message.

        Parameters
        ----------
        status : int
            The HTTP status.
        code, message : str
            A code for programs and a sentence for people.

        Returns
        -------
        Answer
        """
        return cls(status, json.dumps({"code": code, "message": message}).encode())


_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_MALFORMED = Answer.refusal(400, "BadRequest", "This is not an HTTP/1 request.")
_TOO_LARGE = Answer.refusal(431, "BadRequest", f"The request is longer than {REQUEST_BYTES} bytes.")
_TOO_SLOW = Answer.refusal(408, "RequestTimeout", f"The request took longer than {REQUEST_SECONDS:g} s.")
_WRONG_HOST = Answer.refusal(403, "Forbidden", "The Host header is not the address of this server.")
_NOT_FOUND = Answer.refusal(404, "NotFound", "No such path.")
_NOT_GET = Answer.refusal(405, "MethodNotAllowed", "Credentials are served to GET only.")
_FAULT = Answer.refusal(500, "InternalError", "The notebook's kernel couldn't answer.")


class CredentialServer:
    """An HTTP server on a free port of 127.0.0.1; one thread serves all connections.

    It belongs to the kernel. It reads and checks requests; `answer` decides what each token gets.

    Parameters
    ----------
    answer : callable
        Called on the server's thread with the token of a request and whether the answer may come later; returns
        an Answer, or None to be called again in a moment. It must not wait.
    """

    def __init__(self, answer: Callable[[str, bool], Answer | None]) -> None:
        self._answer = answer
        self._begin()
        in_forked_children(self._in_forked_child)

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None
        self._open: dict[socket.socket, _Connection] = {}  # the oldest first

    def _in_forked_child(self) -> None:
        # The child has the sockets but not the thread: without this the port would stay open, unanswered, for as
        # long as the child lives.
        for held in (self._listener, *self._open):
            if held is not None:
                held.close()
        if self._thread is not None:
            self._selector.close()
        self._begin()

    @property
    def address(self) -> str | None:
        """``127.0.0.1:PORT``; None if the server is not running."""
        return None if self._listener is None else f"127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start the server, unless it is running.

        Returns
        -------
        str
            The URL of the credentials.

        Raises
        ------
        OSError
            If no port is free.
        """
        if self._thread is not None and not self._thread.is_alive():
            self.stop()  # a new thread must not find the connections of a dead one
        if self._thread is None:
            listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
            listener.setblocking(False)
            self._selector = selectors.DefaultSelector()
            self._selector.register(listener, selectors.EVENT_READ)
            # Written to once, to stop the thread.
            self._waker, self._wake = socket.socketpair()
            self._selector.register(self._wake, selectors.EVENT_READ)
            self._port: int = listener.getsockname()[1]
            self._listener = listener
            self._thread = threading.Thread(
                target=self._run, args=(listener,), name="stsnb-endpoint", daemon=True
            )
            self._thread.start()
        return f"http://{self.address}{PATH}"

    def stop(self) -> None:
        """Stop the server and close all connections."""
        if self._thread is not None:
            with contextlib.suppress(OSError):  # the thread has died and closed the other end
                self._waker.send(b"x")
            self._thread.join(1)
            self._waker.close()
            self._begin()

    # --- on the server's thread ---------------------------------------------------------------------------------

    def _run(self, listener: socket.socket) -> None:
        try:
            while True:
                for key, _ in self._selector.select(self._pause()):
                    if key.fileobj is self._wake:
                        return
                    if key.fileobj is listener:
                        self._accept(listener)
                    elif (connection := self._open.get(key.fileobj)) is not None:  # type: ignore[call-overload]
                        self._serve(connection)
                self._answer_waiting()
        finally:
            for held in (listener, self._wake, *self._open):
                held.close()
            self._selector.close()

    def _pause(self) -> float | None:
        """Return the seconds until the next deadline; None without one."""
        if not self._open:
            return None
        if any(connection.waits for connection in self._open.values()):
            return _POLL_SECONDS
        return max(0.0, min(connection.until for connection in self._open.values()) - time.monotonic())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            if len(self._open) >= CONNECTIONS:
                self._close(next(iter(self._open)))
            try:
                accepted, _address = listener.accept()
            except BlockingIOError:
                return
            except OSError:  # the process has no file descriptor left
                if self._open:
                    self._close(next(iter(self._open)))
                time.sleep(_POLL_SECONDS)
                return
            accepted.setblocking(False)
            self._open[accepted] = connection = _Connection(accepted)
            self._serve(connection)  # most requests have arrived by now

    def _serve(self, connection: _Connection) -> None:
        """Read from or write to a connection that is ready."""
        try:
            if connection.reply:
                self._send(connection)
            elif not connection.receive():
                self._close(connection.socket)
            elif connection.done or connection.waits:
                pass  # bytes after the request are read and discarded
            elif b"\r\n\r\n" in connection.received:
                self._reply(connection, self._read(connection))
            elif len(connection.received) > REQUEST_BYTES:
                self._reply(connection, _TOO_LARGE)
            else:
                self._watch(connection, selectors.EVENT_READ)
        except (BlockingIOError, InterruptedError):
            self._watch(connection, selectors.EVENT_WRITE if connection.reply else selectors.EVENT_READ)
        except OSError:  # the client has closed it
            self._close(connection.socket)
        except Exception:  # noqa: BLE001 # one request must not stop the server
            _log.debug("a request failed", exc_info=True)
            self._close(connection.socket)

    def _answer_waiting(self) -> None:
        """Answer waiting requests that can be answered now, and close connections whose time is over."""
        if not self._open:
            return
        now = time.monotonic()
        for connection in list(self._open.values()):
            if connection.waits:
                self._reply(connection, self._call_answer(connection, patient=now < connection.until))
            elif now >= connection.until:
                if connection.done or connection.reply:
                    self._close(connection.socket)
                else:
                    self._reply(connection, _TOO_SLOW)

    def _read(self, connection: _Connection) -> Answer | None:
        """Answer a complete request; None if the answer is not ready."""
        request = _Request.read(connection.received)
        if request is None:
            return _MALFORMED
        if len(connection.received) > REQUEST_BYTES:
            return _TOO_LARGE
        if request.host not in (self.address, _HOST):
            return _WRONG_HOST
        if request.path != PATH:
            return _NOT_FOUND
        if request.method != "GET":
            return _NOT_GET
        connection.token = request.authorization
        return self._call_answer(connection, patient=True)

    def _call_answer(self, connection: _Connection, *, patient: bool) -> Answer | None:
        try:
            return self._answer(connection.token, patient)
        except Exception:  # noqa: BLE001 # one request must not stop the server
            _log.debug("an answer failed", exc_info=True)
            return _FAULT

    def _reply(self, connection: _Connection, answer: Answer | None) -> None:
        if answer is None:
            if not connection.waits:
                connection.waits, connection.until = True, time.monotonic() + PATIENCE_SECONDS
                self._watch(connection, selectors.EVENT_READ)
            return
        connection.waits = False
        connection.until = time.monotonic() + REQUEST_SECONDS
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(answer.body)}\r\n"
            "Cache-Control: no-store\r\n"
            "Allow: GET\r\n"
            "Connection: close\r\n\r\n"
        )
        connection.reply = head.encode() + answer.body
        try:
            self._send(connection)
        except (BlockingIOError, InterruptedError):
            self._watch(connection, selectors.EVENT_WRITE)
        except OSError:
            self._close(connection.socket)

    def _send(self, connection: _Connection) -> None:
        sent = connection.socket.send(connection.reply)
        connection.reply = connection.reply[sent:]
        if connection.reply:
            raise BlockingIOError
        connection.done = True
        if connection.received.endswith(b"\r\n\r\n"):
            self._close(connection.socket)
        else:  # closing with unread bytes would reset the connection before the answer is read
            connection.socket.shutdown(socket.SHUT_WR)
            self._watch(connection, selectors.EVENT_READ)

    def _watch(self, connection: _Connection, events: int) -> None:
        """Serve the connection when it can be read from, or written to."""
        if not connection.events:
            self._selector.register(connection.socket, events)
        elif connection.events != events:
            self._selector.modify(connection.socket, events)
        connection.events = events

    def _close(self, held: socket.socket) -> None:
        connection = self._open.pop(held, None)
        if connection is not None:
            if connection.events:
                self._selector.unregister(held)
            held.close()


class _Connection:
    """One request and its answer; only the server's thread touches it."""

    __slots__ = ("done", "events", "received", "reply", "socket", "token", "until", "waits")

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.received = b""
        self.reply = b""
        self.token = ""
        #: The events it is registered for.
        self.events = 0
        #: When it is closed, or stops waiting for a renewal, by the monotonic clock.
        self.until = time.monotonic() + REQUEST_SECONDS
        #: Whether it waits for its answer; whether the answer has been sent.
        self.waits = self.done = False

    def receive(self) -> bool:
        """Read what has arrived; False if the client has closed the connection."""
        more = self.socket.recv(REQUEST_BYTES + 1)
        if not self.done and not self.waits:
            self.received += more
        return bool(more)


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    host: str
    authorization: str

    @classmethod
    def read(cls, received: bytes) -> _Request | None:
        """Read a request's head; None if it is malformed or repeats a header of `_ONCE`."""
        try:
            first, *lines = received.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
        except UnicodeDecodeError:
            return None
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return None
        found: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            name = name.lower()
            if not colon or not name or name != name.strip() or (name in found and name in _ONCE):
                return None
            found[name] = value.strip(" \t")
        return cls(words[0], words[1], found.get("host", ""), found.get("authorization", ""))


_ONCE = ("host", "authorization")
