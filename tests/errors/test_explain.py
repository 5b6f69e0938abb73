"""What a person reads when a role cannot be assumed: what happened, what to do, never a secret.

Each test asks a real server, or the real lack of one, through `stsnb.assume_role`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler

import stsnb
from stsnb import AssumeRoleError
from stsnb.sources.source import Source
from stsnb.sts.trust_policies import UNKNOWN
from tests.scripted_sts import CHAINED, INVALID_CODE, ROLE, SECRET_MARK, USER, XMLNS, ScriptedSTS
from tests.scripted_sts import error as sts_error

DEVICE = "arn:aws:iam::123456789012:mfa/myid"
KEYS = f"aws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile{SECRET_MARK}secret\n"


# --- what holds for every failure ---------------------------------------------------------------------------


@contextmanager
def unchanged() -> Iterator[None]:
    """The environment, the default session and the role in force are what they were, to the last variable."""
    environment, session, role = dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()
    yield
    assert dict(os.environ) == environment
    assert boto3.DEFAULT_SESSION is session
    assert stsnb.current_role() is role


def why(
    role: str = ROLE, ask: Callable[..., object] = stsnb.assume_role, **parameters: Any
) -> AssumeRoleError:
    """What a person reads who asks for a role in vain."""
    with unchanged(), pytest.raises(AssumeRoleError) as raised:
        ask(role, "RoleSession1", **parameters)
    error = raised.value
    shown = [str(error), repr(error), *error._render_traceback_(), *traceback.format_exception(error)]
    assert SECRET_MARK not in "\n".join(shown)
    assert str(error).startswith(f"{error.happened} {error.advice}".replace(" \n", "\n"))
    assert (error.said is None) == ("The answer was" not in str(error))
    for sentence in (error.happened, *error.advice.strip().removeprefix("- ").split("\n- ")):
        assert sentence.endswith((".", "`.")), sentence
        assert sentence[0].isupper() or sentence[0] in "`'" or sentence.startswith("role-for-"), sentence
        assert "None" not in sentence
        assert "  " not in sentence
    return error


class Secrets(logging.Handler):
    """Keeps the log records that show a secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if SECRET_MARK in (text := self.format(record)):
            self.told.append(text)


@pytest.fixture(autouse=True)
def nothing_secret_is_logged() -> Iterator[None]:
    secrets = Secrets()
    loggers = [logging.getLogger(name) for name in ("botocore", "boto3", "urllib3", "stsnb")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(secrets)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # hundreds of records, all of which a failure would show
    yield
    for logger, (level, propagate) in zip(loggers, before, strict=True):
        logger.removeHandler(secrets)
        logger.setLevel(level)
        logger.propagate = propagate
    assert secrets.told == []


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name but this machine's is found, as without a network; no proxy of the machine is asked."""
    look_up = socket.getaddrinfo

    def local_only(host: Any, *arguments: Any, **more: Any) -> Any:
        if host in ("localhost", "127.0.0.1"):
            return look_up(host, *arguments, **more)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def no_keys(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted STS is there, but the environment has no keys to ask it with."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def address(sts: ScriptedSTS) -> str:
    return f"STS at {sts.endpoint_url} (from AWS_ENDPOINT_URL_STS)"


def nobodys_url(scheme: str = "http") -> str:
    """The address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


# --- refused ------------------------------------------------------------------------------------------------


def pasted(error: AssumeRoleError) -> dict[str, Any]:
    """The statement that a person would copy out of the text."""
    found = re.search(r"^\{$.*^\}$", str(error), re.DOTALL | re.MULTILINE)
    assert found is not None, str(error)
    statement = json.loads(found[0])
    assert statement == error.statement
    assert isinstance(statement, dict)
    return statement


@contextmanager
def nameless(sts: ScriptedSTS) -> Iterator[None]:
    """STS refuses to tell who asks."""
    sts.server.clear_all_handlers()

    def handle(request: Request) -> Response:
        if "GetCallerIdentity" in request.get_data(as_text=True):
            return Response("<Error><Code>MethodNotAllowed</Code></Error>", 405, content_type="text/xml")
        return sts._handle(request)

    sts.server.expect_request("/", method="POST").respond_with_handler(handle)
    yield


def test_a_refusal_names_who_was_refused_and_gives_the_statement_that_lets_them_in(sts: ScriptedSTS) -> None:
    message = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    sts.fails("AccessDenied", message, 403)
    error = why()
    assert error.happened.startswith("role-for-s3-fileserver does not let you in")
    assert f"you asked as {USER}" in error.happened
    assert "the credentials of the environment" in error.happened
    assert "trust policy needs the statement below" in error.advice
    assert f"your own policies must allow sts:AssumeRole on {ROLE}" in error.advice
    assert error.code == "AccessDenied"
    assert error.said == f"AccessDenied: {message}"
    assert pasted(error) == {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}
    assert [asked["Action"] for asked in sts.requests] == ["AssumeRole"], (
        "the message has told already who it was"
    )


def test_a_refusal_that_does_not_say_whom_is_asked_whom(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    error = why()
    assert f"you asked as {USER}" in error.happened
    assert pasted(error)["Principal"] == {"AWS": USER}
    assert [asked["Action"] for asked in sts.requests] == ["AssumeRole", "GetCallerIdentity"]


def test_a_refusal_of_somebody_unknown_leaves_a_place_to_fill_in(sts: ScriptedSTS) -> None:
    with nameless(sts):
        sts.fails("AccessDenied", "Access denied", 403)
        error = why()
    assert "does not tell as whom you asked" in error.happened
    assert "with your ARN in it" in error.advice
    assert pasted(error)["Principal"] == {"AWS": UNKNOWN}


def test_a_session_of_another_role_is_let_in_by_that_role(sts: ScriptedSTS) -> None:
    session = "arn:aws:sts::123456789012:assumed-role/hop/alice"
    sts.fails(
        "AccessDenied",
        f"User: {session} is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
        403,
    )
    error = why()
    assert f"you asked as {session}" in error.happened
    assert pasted(error)["Principal"] == {"AWS": "arn:aws:iam::123456789012:role/hop"}


def test_the_statement_has_what_the_request_needs(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    error = why(tags={"team": "data"}, source_identity="alice", external_id="id")
    assert pasted(error)["Action"] == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    assert pasted(error)["Condition"] == {"StringEquals": {"sts:ExternalId": "id"}}


def test_a_refused_mfa_code_may_just_have_been_used(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", INVALID_CODE, 403)
    error = why(serial_number=DEVICE, token_code="493817")
    assert error.happened == f"STS refused the code of the MFA device {DEVICE}."
    assert "the device's next code" in error.advice
    assert "clock" in error.advice
    assert "493817" not in str(error)
    assert error.statement is None


def test_a_role_that_refuses_a_good_code_gets_the_statement_with_mfa(sts: ScriptedSTS) -> None:
    def refuse(asked: dict[str, str]) -> Response:
        return (
            sts.credentials(asked)
            if asked["Action"] == "GetSessionToken"
            else sts_error("AccessDenied", "Access denied", 403)
        )

    sts.respond = refuse
    error = why(serial_number=DEVICE, token_code="493817")
    assert "next MFA code" not in error.advice
    assert pasted(error)["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_who_named_no_device_is_told_how_to(sts: ScriptedSTS) -> None:
    sts.fails("AccessDenied", "Access denied", 403)
    assert why().advice.endswith("If it wants MFA, name your device: --serial-number ARN.")
    assert "--serial-number" not in why(serial_number=DEVICE, token_code="493817").advice


def test_a_refusal_names_the_profile_that_asked(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    sts.fails("AccessDenied", "Access denied", 403)
    assert "the credentials of profile work" in why(profile="work").happened


# --- what STS answers ---------------------------------------------------------------------------------------

OVER_MAXIMUM = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
DISABLED = (
    "STS is not activated in this region for account:123456789012."
    " Your account administrator can activate STS in this region using the IAM Console."
)


ANSWERS: list[tuple[str, int, str, dict[str, Any], list[str], list[str]]] = [
    ("ExpiredToken", 403, "The security token included in the request is expired", {}, ["the environment", "have expired"], ["Set new", "run the cell again"]),
    ("ExpiredTokenException", 400, "The token has expired", {}, ["have expired"], ["Set new"]),
    ("InvalidClientTokenId", 403, "The security token included in the request is invalid.", {}, ["ENDPOINT", "does not know the access key of the environment"], ["check the keys and the region"]),
    ("InvalidAccessKeyId", 403, "", {}, ["does not know the access key"], ["belong to another partition or server"]),
    ("SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided.", {}, ["the secret access key of the environment is not that of its access key id"], ["Copy both keys anew"]),
    ("ValidationError", 400, OVER_MAXIMUM, {"duration_seconds": 43200}, ["invalid"], ["fewer than 43200 seconds", "MaxSessionDuration of role-for-s3-fileserver", "3600 unless set"]),
    ("ValidationError", 400, OVER_MAXIMUM, {}, ["invalid"], ["MaxSessionDuration of role-for-s3-fileserver"]),
    ("ValidationError", 400, CHAINED, {"duration_seconds": 7200}, ["invalid"], ["at most 3600 seconds", "leave the duration out"]),
    ("ValidationError", 400, "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint", {}, ["invalid"], ["Correct what it names"]),
    ("MalformedPolicyDocument", 400, "Syntax errors in policy.", {"policy": {}}, ["session policy"], ["Version, Statement, Effect, Action, Resource"]),
    ("PackedPolicyTooLarge", 400, "Packed size of session tags consumes 112% of allotted space.", {}, ["too large"], ["Shorten", "pass its ARN"]),
    ("RegionDisabledException", 403, DISABLED, {}, ["ENDPOINT", "not switched on for this account"], ["another region", "administrator"]),
    ("NoSuchEntity", 404, "Role not found", {}, [f"no role {ROLE}"], ["its name, its path and its account"]),
    ("Throttling", 400, "Rate exceeded", {}, ["ENDPOINT", "too many requests"], ["Wait a moment"]),
    ("SlowDown", 503, "", {}, ["ENDPOINT", "too many requests"], ["Wait a moment"]),
    ("InternalFailure", 500, "An internal error occurred", {}, ["ENDPOINT", "failed"], ["not your request", "run the cell again"]),
    ("ServiceUnavailable", 503, "", {}, ["ENDPOINT", "failed"], ["not your request", "run the cell again"]),
    ("MethodNotAllowed", 405, "", {}, ["ENDPOINT", "does not do AssumeRole"], ["no STS", "switched off"]),
    ("NotImplemented", 501, "A header you provided implies functionality that is not implemented.", {}, ["does not do AssumeRole"], ["no STS"]),
    ("IDPCommunicationError", 418, "Who knows", {}, ["ENDPOINT", "418"], ["Correct what it names"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "message", "parameters", "happened", "advice"),
    ANSWERS,
    ids=[f"{code} {message[:40]}".strip() for code, _, message, *_ in ANSWERS],
)
def test_each_error_of_sts_tells_what_happened_and_what_to_do(
    code: str,
    status: int,
    message: str,
    parameters: dict[str, Any],
    happened: list[str],
    advice: list[str],
    sts: ScriptedSTS,
) -> None:
    sts.fails(code, message, status)
    error = why(**parameters)
    for part in happened:
        assert part.replace("ENDPOINT", address(sts)) in error.happened
    for part in advice:
        assert part in error.advice
    assert error.code == code
    assert error.said == (f"{code}: {message.rstrip('.')}" if message else code)
    assert error.statement is None
    assert sts.calls == 1


def test_expired_credentials_of_a_profile_are_renewed_by_its_own_command(
    sts: ScriptedSTS, config: Path
) -> None:
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    sts.fails("ExpiredToken", "The security token included in the request is expired", 403)
    error = why(profile="work")
    assert "profile work" in error.happened
    assert "aws sso login --profile work" in error.advice


def test_a_renewal_that_fails_says_the_same(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.fails("ExpiredToken", "The security token included in the request is expired", 403)
    error = why(ask=lambda *_: role.refresh())
    assert "have expired" in error.happened
    assert role.renewal_error is error
    assert SECRET_MARK not in f"{role} {role._repr_mimebundle_()}"


def test_a_failure_leaves_the_role_in_force_as_it_is(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.fails("AccessDenied", "Access denied", 403)
    why(role="arn:aws:iam::123456789012:role/role-for-payroll")
    assert stsnb.current_role() is role
    assert os.environ["AWS_SESSION_TOKEN"] == role.response.session_token


# --- a clock that is off ------------------------------------------------------------------------------------


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
def test_a_clock_that_is_off_is_told_in_seconds_from_both_times_of_the_message(
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
def test_a_clock_that_is_off_is_told_from_the_date_header_alone(
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
    [("ValidationError", OVER_MAXIMUM, "invalid"), ("Throttling", "", "too many requests")],
)
def test_a_clock_that_is_off_is_not_blamed_for_what_sts_has_read_and_refused(
    code: str, message: str, happened: str, sts: ScriptedSTS
) -> None:
    sts.fails(code, message)
    with clock_off(1000):
        error = why(duration_seconds=7200)
    assert happened in error.happened
    assert "clock" not in str(error)


# --- answers of servers that are not quite, or not at all, AWS's STS ----------------------------------------


def test_a_bare_error_of_ceph_is_read(sts: ScriptedSTS) -> None:
    """botocore leaves no "Error" in its response then: the code stands at the response's top."""
    with nameless(sts):
        sts.answers("<Error><Code>AccessDenied</Code><RequestId>tx1</RequestId></Error>", 403)
        error = why()
    assert error.code == error.said == "AccessDenied"
    assert "does not let you in" in error.happened
    assert pasted(error)["Principal"] == {"AWS": UNKNOWN}


@pytest.mark.parametrize(
    ("code", "status", "happened"),
    [
        ("MethodNotAllowed", 405, "does not do AssumeRole"),
        ("InvalidAccessKeyId", 403, "does not know the access key"),
        ("SignatureDoesNotMatch", 403, "the secret access key of the environment is not that of"),
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


def test_an_error_with_an_empty_message_is_told_by_its_code(sts: ScriptedSTS) -> None:
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


HALF = (
    f'<AssumeRoleResponse xmlns="{XMLNS}"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>'
    f"<SecretAccessKey>{SECRET_MARK}</SecretAccessKey>"
)
END = "</Credentials></AssumeRoleResult></AssumeRoleResponse>"


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
    assert "Correct what it names" not in error.advice
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


def test_a_renewal_that_is_answered_by_half_of_the_credentials_does_not_show_them(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    sts.answers(HALF)
    error = why(ask=lambda *_: role.refresh())
    assert error.happened.startswith(address(sts))
    assert SECRET_MARK not in f"{role} {role._repr_mimebundle_()}"


def test_an_answer_without_the_roles_id_is_a_role_all_the_same(sts: ScriptedSTS) -> None:
    user = "<AssumedRoleUser><Arn>arn:aws:sts:::assumed-role/name/session</Arn></AssumedRoleUser>"
    answer = f"{HALF}<SessionToken>{SECRET_MARK}</SessionToken></Credentials>{user}"
    sts.answers(answer + "</AssumeRoleResult></AssumeRoleResponse>")
    role = stsnb.assume_role(ROLE)
    assert role.role_id is None
    assert role.arn == "arn:aws:sts:::assumed-role/name/session"


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


# --- an STS that cannot be reached --------------------------------------------------------------------------


def test_a_port_where_nobody_listens(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    url = nobodys_url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    error = why()
    assert error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) could not be reached."
    assert "Check the network" in error.advice
    assert error.said is None


def test_a_name_that_cannot_be_found(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.invalid")
    error = why()
    assert error.happened == "STS at http://sts.invalid (from AWS_ENDPOINT_URL_STS) could not be reached."
    assert "the host's name" in error.advice


def test_a_server_that_never_answers(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "client_config", Config(connect_timeout=5, read_timeout=0.1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) did not answer in time."
    assert "Try again" in error.advice


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that reads one request, writes these bytes and hangs up."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as asked:
            length = 0
            while (line := asked.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            asked.read(length)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        # A request that never comes must not keep the tests from ending.
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_hangs_up_without_a_word(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert (
        error.happened == f"STS at {url} (from AWS_ENDPOINT_URL_STS) closed the connection without an answer."
    )
    assert "check that setting" in error.advice


def test_a_server_that_hangs_up_in_the_middle_of_the_credentials(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(f"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{HALF}".encode()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        error = why()
    assert error.happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS) ")
    assert "connection" in str(error)


def test_https_to_a_server_that_speaks_http(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://127.0.0.1:{sts.server.port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    error = why()
    assert error.happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS)")
    assert "does not speak https" in error.happened
    assert "(_ssl.c" not in str(error)


@pytest.mark.parametrize("nonsense", ["nonsense", "http://", "localhost:8000"])
def test_an_address_that_is_none(nonsense: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", nonsense)
    error = why()
    assert "AWS_ENDPOINT_URL_STS" in error.happened
    assert nonsense in str(error)
    assert "The answer was" not in str(error), "nobody was asked"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "HTTP_PROXY"])
def test_a_proxy_that_is_not_there(variable: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = nobodys_url()
    monkeypatch.setenv(variable, proxy.replace("//", f"//me:{SECRET_MARK}@"))
    if variable == "HTTPS_PROXY":
        monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    error = why()
    assert error.happened == f"The proxy {proxy} could not be reached."
    assert variable in error.advice
    assert "NO_PROXY" in error.advice


def test_an_address_with_a_password_in_it_is_shown_without(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url.replace("//", "//me:hunter2@"))
    sts.fails("Throttling", "Rate exceeded")
    error = why()
    assert address(sts) in error.happened
    assert "hunter2" not in str(error)


# --- where the address comes from ---------------------------------------------------------------------------


def test_the_setting_is_the_variable_for_all_services(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = nobodys_url()
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert why().happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL) ")


def test_the_variable_for_sts_goes_before_that_for_all(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = nobodys_url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.endpoint_url)
    assert why().happened.startswith(f"STS at {url} (from AWS_ENDPOINT_URL_STS) ")


@pytest.mark.parametrize("named_by", ["argument", "AWS_PROFILE"])
@pytest.mark.parametrize(
    ("profile", "setting"),
    [
        ("endpoint_url = URL\n", "endpoint_url of profile work"),
        ("services = lab\n[services lab]\nsts =\n  endpoint_url = URL\n", "services of profile work"),
        (
            "endpoint_url = http://other.invalid\nservices = lab\n[services lab]\nsts =\n  endpoint_url = URL\n",
            "services of profile work",
        ),
        (
            "endpoint_url = URL\nservices = lab\n[services lab]\ns3 =\n  endpoint_url = http://other.invalid\n",
            "endpoint_url of profile work",
        ),
    ],
)
def test_the_setting_is_the_profiles(
    profile: str, setting: str, named_by: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = nobodys_url()
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    (config / "config").write_text(f"[profile work]\n{profile.replace('URL', url)}")
    (config / "credentials").write_text(f"[work]\n{KEYS}")
    if named_by == "AWS_PROFILE":
        monkeypatch.setenv("AWS_PROFILE", "work")
        error = why()
    else:
        error = why(profile="work")
    assert error.happened.startswith(f"STS at {url} (from {setting}) ")


def test_the_setting_is_the_region(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    assert why().happened.startswith(
        "STS at https://sts.ap-northeast-2.amazonaws.com (from region ap-northeast-2) "
    )
    error = why(region="eu-west-1")
    assert error.happened.startswith("STS at https://sts.eu-west-1.amazonaws.com (from region eu-west-1) ")


def test_the_setting_is_the_region_where_endpoints_are_to_be_ignored(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert why().happened.startswith(
        "STS at https://sts.ap-northeast-2.amazonaws.com (from region ap-northeast-2) "
    )


def test_without_any_region_the_partition_tells_where_to_ask(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "https://sts.amazonaws.com (from the default, since no region is set) " in why().happened
    assert ".amazonaws.com.cn (from " in why(ROLE.replace("arn:aws:", "arn:aws-cn:")).happened


def test_another_address_needs_no_region(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert stsnb.assume_role(ROLE).region is None
    assert sts.calls == 1


def test_a_region_that_is_none(sts: ScriptedSTS) -> None:
    error = why(region="Seoul, Korea")
    assert error.happened == "'Seoul, Korea' is not the name of a region."
    assert "ap-northeast-2" in error.advice


@pytest.fixture(scope="module")
def other_server() -> Iterator[HTTPServer]:
    with HTTPServer() as server:
        yield server


@pytest.fixture
def other_sts(other_server: HTTPServer) -> ScriptedSTS:
    """A second STS, on a port of its own."""
    other_server.clear()
    return ScriptedSTS(other_server)


@pytest.fixture
def two_profiles(
    sts: ScriptedSTS, other_sts: ScriptedSTS, no_keys: None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profile work asks the one STS, profile lab the other."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (config / "config").write_text(
        f"[profile work]\nregion = eu-west-1\nendpoint_url = {sts.endpoint_url}\n"
        f"[profile lab]\nregion = eu-west-2\nendpoint_url = {other_sts.endpoint_url}\n"
    )
    (config / "credentials").write_text(f"[work]\n{KEYS}[lab]\n{KEYS}")


@pytest.mark.usefixtures("two_profiles")
def test_a_role_in_force_does_not_change_whom_another_profile_asks(
    sts: ScriptedSTS, other_sts: ScriptedSTS
) -> None:
    stsnb.assume_role(ROLE, profile="work")
    other_sts.fails("Throttling", "Rate exceeded")
    error = why(profile="lab")
    assert error.happened.startswith(f"STS at {other_sts.endpoint_url} (from endpoint_url of profile lab) ")
    assert (sts.calls, other_sts.calls) == (1, 1)


@pytest.mark.usefixtures("two_profiles")
def test_a_role_in_force_does_not_change_the_setting_that_is_named(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, profile="work")
    sts.fails("Throttling", "Rate exceeded")
    error = why(profile="work")
    assert error.happened.startswith(f"STS at {sts.endpoint_url} (from endpoint_url of profile work) ")


@pytest.mark.usefixtures("two_profiles")
def test_a_role_in_force_does_not_change_the_region_of_the_next() -> None:
    assert stsnb.assume_role(ROLE, profile="work", region="us-west-2").region == "us-west-2"
    assert stsnb.assume_role(ROLE, profile="work").region == "eu-west-1"
    assert stsnb.assume_role(ROLE, profile="lab").region == "eu-west-2"


# --- credentials that are not there, or not whole -----------------------------------------------------------


@pytest.mark.usefixtures("no_keys")
def test_no_credentials_at_all(sts: ScriptedSTS) -> None:
    error = why()
    assert error.happened == "This kernel has no AWS credentials to ask STS with."
    assert "aws configure" in error.advice
    assert "--profile NAME" in error.advice
    assert sts.requests == []


def test_a_profile_without_credentials(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text("[profile work]\nregion = eu-west-1\n")
    assert why(profile="work").happened == "Profile work has no AWS credentials to ask STS with."


def test_half_of_the_keys_in_the_environment(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = why()
    assert "AWS_SECRET_ACCESS_KEY is missing" in error.happened
    assert "Set it" in error.advice


def test_half_of_the_keys_in_a_profile(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text("[work]\naws_access_key_id = AKIAPROFILE\n")
    assert "aws_secret_access_key is missing" in why(profile="work").happened


def test_a_profile_that_is_not_there(sts: ScriptedSTS) -> None:
    error = why(profile="missing")
    assert error.happened == "There is no profile 'missing' in your AWS configuration."
    assert "aws configure list-profiles" in error.advice


def test_a_profile_of_the_environment_that_is_not_there(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert why().happened == "There is no profile 'missing' in your AWS configuration."


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_of_the_environment_that_is_empty(
    variable: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "")
    error = why()
    assert error.happened == f"{variable} is set but empty, which names no profile."
    assert f"del os.environ['{variable}']" in error.advice


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_file_that_cannot_be_parsed_is_named(name: str, sts: ScriptedSTS, config: Path) -> None:
    (config / name).write_text(f"aws_secret_access_key is {SECRET_MARK}\n")
    error = why()
    assert error.happened == f"The AWS configuration file {config / name} cannot be parsed."
    assert "sections in brackets" in error.advice


SSO_SESSION = (
    "[profile work]\nsso_session = stsnb-test\nsso_account_id = 123456789012\nsso_role_name = Analyst\n"
    "[sso-session stsnb-test]\nsso_region = eu-west-1\nsso_start_url = https://stsnb.awsapps.com/start\n"
    "sso_registration_scopes = sso:account:access\n"
)
SSO_OF_OLD = (
    "[profile work]\nsso_start_url = https://stsnb.awsapps.com/start\nsso_region = eu-west-1\n"
    "sso_account_id = 123456789012\nsso_role_name = Analyst\n"
)


@pytest.fixture
def sso_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `aws sso login` leaves its token; botocore takes it from the home directory when it is imported."""
    folder = tmp_path / "sso"
    folder.mkdir()
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(folder))
    return folder


@pytest.mark.usefixtures("no_keys", "sso_cache")
@pytest.mark.parametrize("profile", [SSO_SESSION, SSO_OF_OLD], ids=["session", "of old"])
@pytest.mark.parametrize("named_by", ["argument", "AWS_PROFILE"])
def test_an_sso_profile_without_a_login_names_the_command(
    profile: str, named_by: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "config").write_text(profile)
    if named_by == "AWS_PROFILE":
        monkeypatch.setenv("AWS_PROFILE", "work")
        error = why()
    else:
        error = why(profile="work")
    assert "Profile work has no SSO login" in error.happened
    assert "`aws sso login --profile work`" in error.advice
    assert sts.requests == []


@pytest.mark.parametrize(
    ("profile", "cached_under"),
    [(SSO_SESSION, "stsnb-test"), (SSO_OF_OLD, "https://stsnb.awsapps.com/start")],
    ids=["session", "of old"],
)
def test_an_sso_login_that_has_ended_names_the_command(
    profile: str, cached_under: str, sts: ScriptedSTS, config: Path, sso_cache: Path
) -> None:
    (config / "config").write_text(profile)
    token = {"accessToken": SECRET_MARK, "expiresAt": "2020-01-01T00:00:00Z"}
    (sso_cache / f"{sha1(cached_under.encode()).hexdigest()}.json").write_text(json.dumps(token))
    error = why(profile="work")
    assert error.happened == "Profile work has no SSO login that is still good."
    assert "`aws sso login --profile work`" in error.advice


@pytest.mark.usefixtures("no_keys", "sso_cache")
def test_the_default_profiles_login_needs_no_name(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(SSO_SESSION.replace("profile work", "default"))
    assert "`aws sso login`" in why().advice


def test_an_sso_profile_whose_session_is_not_there(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(SSO_SESSION.partition("[sso-session")[0])
    error = why(profile="work")
    assert "profile work" in error.happened
    assert "stsnb-test" in error.happened
    assert "~/.aws/config" in error.advice


def process(program: str) -> str:
    """A profile whose credentials a program tells."""
    return f'[profile work]\ncredential_process = "{sys.executable}" -c "{program}"\n'


def told(**credentials: str) -> str:
    return (
        f"print({{'Version': 1, **{credentials!r}}})".replace("print(", "import json; print(json.dumps(")
        + ")"
    )


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        (process("import sys; sys.exit('vault is locked')"), ["vault is locked"]),
        (process("print(1 / 0)"), ["ZeroDivisionError"]),
        (process(told(SecretAccessKey=SECRET_MARK)), ["AccessKeyId"]),
        (process(told(AccessKeyId="AKIA", SecretAccessKey=SECRET_MARK).replace("1,", "2,")), ["ersion '2'"]),
        (process(f"print('{SECRET_MARK}')"), ["credential_process", "work"]),
        ("[profile work]\ncredential_process = /stsnb/missing --now\n", ["/stsnb/missing", "work"]),
    ],
    ids=["fails", "breaks", "tells half", "speaks another version", "tells no JSON", "is not there"],
)
def test_a_credential_process_that_does_not_tell_credentials(
    profile: str, names: list[str], sts: ScriptedSTS, config: Path
) -> None:
    (config / "config").write_text(profile)
    error = why(profile="work")
    for name in names:
        assert name in str(error)
    assert "credential_process" in error.advice
    assert "The answer was" not in str(error), "nobody was asked"
    assert sts.requests == []


def test_a_credential_process_that_tells_expired_credentials(sts: ScriptedSTS, config: Path) -> None:
    expired = told(
        AccessKeyId="ASIA",
        SecretAccessKey=SECRET_MARK,
        SessionToken=SECRET_MARK,
        Expiration="2020-01-01T00:00:00Z",
    )
    (config / "config").write_text(process(expired))
    error = why(profile="work")
    assert "expired" in str(error)
    assert "Profile work" in str(error)


@pytest.mark.parametrize(
    ("profiles", "names"),
    [
        (f"role_arn = {ROLE}\nsource_profile = hop\n[profile hop]\nrole_arn = {ROLE}\nsource_profile = work\n", ["loop", "hop"]),
        (f"role_arn = {ROLE}\nsource_profile = missing\n", ["missing"]),
        (f"role_arn = {ROLE}\nsource_profile = hop\n[profile hop]\nregion = eu-west-1\n", ["hop"]),
        (f"role_arn = {ROLE}\ncredential_source = Nonsense\n", ["Nonsense"]),
        (f"role_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n", ["Ec2InstanceMetadata"]),
        (f"role_arn = {ROLE}\n", ["work"]),
        (f"role_arn = {ROLE}\nsource_profile = hop\ncredential_source = Environment\n[profile hop]\n{KEYS}", ["work"]),
    ],
    ids=["loop", "missing source", "source without keys", "unknown source", "no instance", "no source", "two sources"],
)  # fmt: skip
def test_a_profile_whose_role_has_no_source(
    profiles: str, names: list[str], sts: ScriptedSTS, config: Path
) -> None:
    (config / "config").write_text(f"[profile work]\n{profiles}")
    error = why(profile="work")
    assert "work" in str(error)
    for name in names:
        assert name in str(error)
    assert sts.requests == []


def test_a_profile_whose_own_role_is_refused_is_told_apart_from_the_role_that_was_asked_for(
    sts: ScriptedSTS, config: Path
) -> None:
    hop = "arn:aws:iam::123456789012:role/hop"
    (config / "config").write_text(
        f"[profile work]\nrole_arn = {hop}\nsource_profile = base\n[profile base]\n{KEYS}"
    )
    sts.fails(
        "AccessDenied", f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {hop}", 403
    )
    error = why(profile="work")
    assert {asked["RoleArn"] for asked in sts.requests if asked["Action"] == "AssumeRole"} == {hop}
    assert "Profile work" in str(error)
    assert "role-for-s3-fileserver does not let you in" not in str(error), "it was not even asked"


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("named_by", ["profile", "variables"])
def test_a_web_identity_whose_token_is_not_there(
    named_by: str, sts: ScriptedSTS, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "missing-token"
    if named_by == "variables":
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        error = why()
    else:
        (config / "config").write_text(
            f"[profile work]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n"
        )
        error = why(profile="work")
    assert str(token) in str(error)
    assert sts.requests == []


# --- nothing sent -------------------------------------------------------------------------------------------


def test_a_request_that_sts_could_only_refuse_is_not_sent(sts: ScriptedSTS) -> None:
    error = why(duration_seconds=1)
    assert error.happened == "Nothing was sent to STS."
    assert "STS takes 900 to 43200" in error.advice
    assert error.said is None
    assert sts.requests == []


def test_all_faults_of_a_request_are_told_each_on_a_line(sts: ScriptedSTS) -> None:
    error = why("arn:aws:iam::123456789012:user/myid", duration_seconds=1, token_code="hunter2")
    lines = str(error).splitlines()
    assert lines[0] == "Nothing was sent to STS."
    assert len(lines) == 5
    assert all(line.startswith("- ") and line.endswith(".") for line in lines[1:])
    assert "hunter2" not in str(error)
    assert sts.requests == []
