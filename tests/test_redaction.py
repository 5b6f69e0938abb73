"""Secrets stay out of botocore's log records, of an interrupt's traceback, and of what messages quote."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator

import boto3
import pytest

from stsnb import _redaction
from stsnb._redaction import bare_interrupt, no_secrets_logged, quoted, without_password
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

# --- log records ------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.LogCaptureFixture]:
    """All records, of any level."""
    # An interrupt before the last line of a call leaves its records out from then on: another test may have done that.
    monkeypatch.setattr(_redaction._call, "active", False, raising=False)
    with caplog.at_level(logging.DEBUG):
        yield caplog


def call_sts() -> None:
    boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="RoleSession1")


def test_what_is_sent_to_sts_and_answered_is_in_no_record(
    sts: ScriptedSTS, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"session{SECRET_MARK}token")
    call_sts()
    assert f"role{SECRET_MARK}" in logged.text  # as botocore does
    assert f"session{SECRET_MARK}token" in logged.text
    logged.clear()
    with no_secrets_logged():
        call_sts()
    assert SECRET_MARK not in logged.text
    assert "botocore" in logged.text  # the harmless ones are there


def test_records_are_written_again_after_the_outermost_with(logged: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("botocore.endpoint")
    with no_secrets_logged():
        with no_secrets_logged():
            log.debug("inner")
        log.debug("outer")
    with pytest.raises(ZeroDivisionError), no_secrets_logged():
        raise ZeroDivisionError
    log.debug("after")
    assert logged.messages == ["after"]


def test_records_of_other_threads_are_written(logged: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("botocore.parsers")
    with no_secrets_logged():
        thread = threading.Thread(target=lambda: log.debug("another thread"))
        thread.start()
        thread.join(30)
        log.debug("this thread")
    assert logged.messages == ["another thread"]


# --- interrupts -------------------------------------------------------------------------------------------------


@bare_interrupt
def outer(secret: str, *, error: type[BaseException] | None = None) -> str:
    """The function's own words."""
    return inner(secret, error)


def inner(secret: str, error: type[BaseException] | None) -> str:
    if error is not None:
        raise error
    return secret


def test_an_interrupt_shows_no_frame_of_the_function() -> None:
    with pytest.raises(KeyboardInterrupt) as raised:
        outer("secret", error=KeyboardInterrupt)
    error: BaseException | None = raised.value
    frames = [frame for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
    assert [frame.f_code.co_name for frame in frames][1:] == ["call"]
    assert "secret" not in [value for frame in frames[1:] for value in frame.f_locals.values()]
    assert "args" not in frames[1].f_locals
    assert (error.__context__, error.__cause__) == (None, None)


def test_other_exceptions_and_results_are_those_of_the_function() -> None:
    assert outer("result") == "result"
    with pytest.raises(ZeroDivisionError) as raised:
        outer("x", error=ZeroDivisionError)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "inner"
    assert (outer.__name__, outer.__doc__) == ("outer", "The function's own words.")


# --- what messages quote ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:1/path", "http://localhost:1/path"),
        ("http://user:pass@localhost:1", "http://localhost:1"),
        ("http://user:a@b@localhost", "http://localhost"),
        ("http://user:a/b@localhost", "http://localhost"),
        ("http://user:a?b@localhost", "http://…"),
        ("http://user:a#b@localhost", "http://…"),
        ("http://localhost/?token=secret", "http://localhost/?…"),
        ("http://localhost/?token=a@secret", "http://…"),
        ("user:pass@localhost:8000", "localhost:8000"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_words_are_quoted_on_one_line_without_secrets() -> None:
    text = "it said\n  secret and 'sec\\nret' to http://me:pass@host/x."
    assert quoted(text, ["secret", "sec\nret"]) == "it said … and '…' to http://host/x"
    assert quoted("x" * 1000) == "x" * 399 + "…"
