"""Errors and answers of servers, clocks that differ, and servers that are not AWS's STS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from werkzeug.serving import WSGIRequestHandler

from stsnb.sts.trust_policies import UNKNOWN
from tests.errors.why import (
    END,
    HALF,
    OVER_MAXIMUM,
    address,
    nameless,
    pasted,
    why,
)
from tests.scripted_sts import IDENTITY_CENTER, SECRET_MARK, ScriptedSTS


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z (20250101T001500Z - 5 min.)",
            "900 seconds behind",
        ),
        (
            "Signature not yet current: 20250101T020000Z is still later than 20250101T000502Z (20250101T000002Z + 5 min.)",
            "7198 seconds ahead of",
        ),
    ],
)
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_a_wrong_clock_is_reported_in_seconds_from_both_times_of_the_message(
    code: str, message: str, told: str, sts: ScriptedSTS
) -> None:
    sts.fails(code, message, 403)
    error = why()
    assert f"clock is {told} that of {address(sts)}" in error.happened
    assert "300" in error.happened
    assert "Set the clock" in error.advice
    assert error.said == f"{code}: {message}"


@contextmanager
def clock_off(seconds: int) -> Iterator[None]:
    """The server's clock, as its Date header tells it, is so many seconds behind ours."""

    def told(*_: object) -> str:
        return format_datetime(datetime.now(timezone.utc) - timedelta(seconds=seconds), usegmt=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "date_time_string", told)
        yield


@pytest.mark.parametrize(("seconds", "side"), [(1000, "ahead of"), (-100_000, "behind")])
def test_a_wrong_clock_is_reported_from_the_date_header_alone(
    seconds: int, side: str, sts: ScriptedSTS
) -> None:
    sts.fails("SignatureDoesNotMatch", "The request signature we calculated does not match", 403)
    with clock_off(seconds):
        error = why()
    told = re.search(rf"clock is (\d+) seconds {side} that of", error.happened)
    assert told is not None, error.happened
    # The header has whole seconds, and the answer takes a moment.
    assert abs(int(told[1]) - abs(seconds)) <= 60
    assert "Set the clock" in error.advice


@pytest.mark.parametrize("seconds", [0, 200, -200])
def test_a_clock_within_what_sts_takes_is_not_blamed(seconds: int, sts: ScriptedSTS) -> None:
    sts.fails("SignatureDoesNotMatch", "The request signature we calculated does not match", 403)
    with clock_off(seconds):
        error = why()
    assert "clock" not in str(error)
    assert "secret access key" in error.happened


@pytest.mark.parametrize("date", ["yesterday", ""])
def test_a_date_that_is_none_is_not_blamed(
    date: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WSGIRequestHandler, "date_time_string", lambda *_: date)
    sts.fails("SignatureDoesNotMatch", "The request signature we calculated does not match", 403)
    assert "secret access key" in why().happened


def test_cephs_word_for_a_clock_that_is_off_is_understood(sts: ScriptedSTS) -> None:
    sts.answers("<Error><Code>RequestTimeTooSkewed</Code></Error>", 403)
    with clock_off(1000):
        error = why()
    assert "seconds ahead of" in error.happened
    assert "Set the clock" in error.advice


@pytest.mark.parametrize(
    ("code", "message", "happened"),
    [("ValidationError", OVER_MAXIMUM, "too long"), ("Throttling", "", "too many requests")],
)
def test_a_clock_that_is_off_is_not_blamed_for_what_sts_has_read_and_refused(
    code: str, message: str, happened: str, sts: ScriptedSTS
) -> None:
    sts.fails(code, message)
    with clock_off(1000):
        error = why(duration_seconds=7200)
    assert happened in error.happened
    assert "clock" not in str(error)


def test_a_bare_error_of_ceph_is_read(sts: ScriptedSTS) -> None:
    """botocore leaves no "Error" in its response then: the code stands at the response's top."""
    with nameless(sts):
        sts.answers("<Error><Code>AccessDenied</Code><RequestId>tx1</RequestId></Error>", 403)
        error = why()
    assert error.code == error.said == "AccessDenied"
    assert "access denied" in error.happened
    assert pasted(error)["Principal"] == {"AWS": UNKNOWN}


@pytest.mark.parametrize(
    ("code", "status", "happened"),
    [
        ("MethodNotAllowed", 405, "does not support AssumeRole"),
        ("InvalidAccessKeyId", 403, "does not know the access key"),
        ("SignatureDoesNotMatch", 403, "The secret access key of the environment does not match"),
        ("NoSuchEntity", 404, "There is no role"),
        ("InternalError", 500, "failed"),
        ("SlowDown", 503, "too many requests"),
    ],
)
def test_a_bare_error_is_explained_like_any_other(
    code: str, status: int, happened: str, sts: ScriptedSTS
) -> None:
    sts.answers(f"<Error><Code>{code}</Code><Message></Message></Error>", status)
    error = why()
    assert happened in error.happened
    assert error.said == code


def test_an_error_with_an_empty_message_is_shown_by_its_code(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "", 403)
    error = why()
    assert error.said == "AccessDenied"
    assert str(error).endswith("The answer was AccessDenied.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("<html><body><h1>503 Service Unavailable</h1></body></html>", 503),
        ("<html><body>boom</body></html>", 500),
        ("", 502),
    ],
)
def test_a_gateways_error_page_is_the_servers_fault(body: str, status: int, sts: ScriptedSTS) -> None:
    sts.answers(body, status)
    error = why()
    assert error.happened == f"{address(sts)} failed."
    assert "not your request" in error.advice
    assert "html" not in str(error)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 200),
        ("", 403),
        (HALF, 200),
        (HALF + f"<SessionToken>{SECRET_MARK}", 200),
        (json.dumps({"Credentials": {"SecretAccessKey": SECRET_MARK}}), 200),
        (json.dumps({"Code": "AccessDenied"}), 403),
        (SECRET_MARK, 200),
        ("<!doctype html><html><body><br>Sign in</body></html>", 200),
        ("<html><body>Sign in</body></html>", 200),
        ("<!doctype html><html><body><br>Not found</body></html>", 404),
        ("<html><head><title>404 Not Found</title></head><body>Not found</body></html>", 404),
        ("<html><body>Forbidden by the proxy</body></html>", 403),
        ("<ErrorResponse><Error/></ErrorResponse>", 400),
        (b"\x00\x01\x02\xff", 200),
    ],
    ids=[
        "nothing",
        "nothing, and refused",
        "half of the credentials",
        "almost all of the credentials",
        "JSON",
        "JSON of an error",
        "text",
        "a login page",
        "a login page that is XML",
        "a page that is not there",
        "a page that is not there, in XML",
        "a page of a proxy that refuses, in XML",
        "an error without any part",
        "bytes",
    ],
)
def test_what_is_no_answer_of_an_sts_points_at_the_setting_of_its_address(
    body: str | bytes, status: int, sts: ScriptedSTS
) -> None:
    sts.answers(body, status)
    error = why()
    assert error.happened.startswith(address(sts))
    assert "Check that setting" in error.advice
    assert "Correct what the answer names" not in error.advice
    assert "html" not in str(error)
    for python in ("Error:", "NoneType", "AssumeRoleResult"):
        assert python not in str(error)


@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_an_answer_without_one_of_the_keys_names_it_and_shows_no_other(name: str, sts: ScriptedSTS) -> None:
    body = f"{HALF}<SessionToken>{SECRET_MARK}</SessionToken>{END}"
    sts.answers(re.sub(f"<{name}>.*</{name}>", "", body))
    error = why()
    assert error.happened == f"{address(sts)} answered without {name}."
    assert "Check that setting" in error.advice


def test_a_server_that_quotes_the_callers_secrets_is_quoted_without_them(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = f"source{SECRET_MARK}token"
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    quoted = f"The canonical string should have been POST x-amz-security-token:{token} with {sts.environment['AWS_SECRET_ACCESS_KEY']}"
    sts.fails("SignatureDoesNotMatch", quoted, 403)
    error = why()
    assert (
        error.said
        == "SignatureDoesNotMatch: The canonical string should have been POST x-amz-security-token:… with …"
    )


def test_a_server_with_much_to_say_is_cut_short_on_one_line(sts: ScriptedSTS) -> None:
    sts.fails("ValidationError", "a\n  b " + "x" * 10_000)
    said = why().said
    assert said is not None
    assert said.startswith("ValidationError: a b xxx")
    assert said.endswith("…")
    assert len(said) < 500


def test_a_server_that_quotes_an_assertion_is_quoted_without_it(sts: ScriptedSTS) -> None:
    assertion = f"{SECRET_MARK}+/="
    sts.fails(
        "ValidationError", f"Value '{assertion}' at 'providedContexts.1.member.contextAssertion' is invalid"
    )
    contexts = [{"ProviderArn": IDENTITY_CENTER, "ContextAssertion": assertion}]
    error = why(provided_contexts=contexts)
    assert "Value '…' at 'providedContexts.1" in str(error.said)
