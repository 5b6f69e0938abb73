"""What the user changes between two calls counts for the second: settings, files, keys that have ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import stsnb
from tests.identity.wire import Wire
from tests.scripted_sts import ROLE, ScriptedSTS, error

KEYS = "aws_access_key_id = AKIA{}\naws_secret_access_key = x\n"


@pytest.fixture
def other() -> Iterator[ScriptedSTS]:
    """Another server, as a proxy or at another endpoint."""
    with HTTPServer() as server:
        yield ScriptedSTS(server)


def test_a_proxy_that_is_set_or_unset_counts_at_once(
    sts: ScriptedSTS, other: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    stsnb.assume_role(ROLE)
    monkeypatch.setenv("http_proxy", other.endpoint_url)
    role = stsnb.assume_role(ROLE)
    assert (sts.calls, other.calls) == (1, 1)
    monkeypatch.delenv("http_proxy")
    role.refresh()  # a role that is renewed goes the new way too
    stsnb.assume_role(ROLE)
    assert (sts.calls, other.calls) == (3, 1)


def test_what_keeps_a_live_roles_endpoint_from_the_proxy_does_not_change_how_sts_is_called(
    sts: ScriptedSTS, other: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url.replace("localhost", "127.0.0.1"))
    monkeypatch.setenv("http_proxy", other.endpoint_url)
    role = stsnb.assume_role(ROLE, live=True)
    role.refresh()
    monkeypatch.setenv("UNKNOWN_VARIABLE", "1")  # so that clients are made anew, under the live role
    role.refresh()
    stsnb.assume_role(f"{ROLE}2", live=True)
    assert (sts.calls, other.calls) == (0, 4)


@pytest.mark.parametrize(
    ("variable", "value", "host"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "true", "sts-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true", "sts.us-east-1.api.aws"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "legacy", "sts.amazonaws.com"),
        ("AWS_DEFAULT_REGION", "eu-west-3", "sts.eu-west-3.amazonaws.com"),
        ("AWS_ENDPOINT_URL", "http://sts.example", "sts.example"),
    ],
)
def test_a_setting_that_is_changed_moves_the_second_call(
    variable: str, value: str, host: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    wire = Wire()
    with wire.noting() as requests:
        role = stsnb.assume_role(ROLE)
        monkeypatch.setenv(variable, value)
        role.refresh()
        stsnb.assume_role(ROLE)
        stsnb.drop_role()
        boto3.Session().client("sts").assume_role(RoleArn=ROLE, RoleSessionName="RoleSession1")
    hosts = [urlsplit(request.url).netloc for request in requests]
    assert hosts == ["sts.us-east-1.amazonaws.com", host, host, host]


def test_the_number_of_attempts_that_is_changed_counts(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    stsnb.assume_role(ROLE)
    sts.fails("InternalFailure", status=500)
    for attempts in (3, 1):
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(attempts))
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        before = sts.calls
        with pytest.raises(stsnb.AssumeRoleError):
            stsnb.assume_role(ROLE)
        assert sts.calls - before == attempts


def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(folder))
    return "$HOME/keys"


def user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(folder))
    return "~/keys"


def relative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    return "keys"


@pytest.mark.parametrize("way", [home, user, relative])
def test_keys_that_are_rotated_or_moved_are_seen_however_the_file_is_named(
    way: Callable[[Path, pytest.MonkeyPatch], str],
    sts: ScriptedSTS,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_text(f"[default]\n{KEYS.format(name.upper())}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", way(tmp_path / "one", monkeypatch))
    role = stsnb.assume_role(ROLE)
    (tmp_path / "one" / "keys").write_text(f"[default]\n{KEYS.format('ROTATED')}")
    role.refresh()
    stsnb.assume_role(ROLE)
    way(tmp_path / "two", monkeypatch)  # another home, another folder
    stsnb.assume_role(ROLE)
    assert sts.callers == ["AKIAONE", "AKIAROTATED", "AKIAROTATED", "AKIATWO"]
    stsnb.drop_role()
    assert boto3.Session().get_credentials().access_key == "AKIATWO"


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_an_empty_file_name_is_no_file(
    variable: str, sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    name = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}[variable]
    (tmp_path / ".aws" / name).write_text(f"[default]\n{KEYS.format('HOME')}")
    monkeypatch.setenv(variable, "")
    assert boto3.Session().get_credentials() is None
    with pytest.raises(stsnb.AssumeRoleError, match="credentials"):
        stsnb.assume_role(ROLE)
    monkeypatch.delenv(variable)
    stsnb.assume_role(ROLE)
    assert sts.callers == ["AKIAHOME"]


# --- keys that end without saying so ----------------------------------------------------------------------------


@pytest.fixture
def temporary(sts: ScriptedSTS, config: Path) -> ScriptedSTS:
    """A process that gives keys without their end; the server takes those of one run of it after the other."""
    run, script = config / "run", config / "process.py"
    run.write_text("1")
    script.write_text(
        "import json, pathlib\n"
        f"run = pathlib.Path({str(run)!r}).read_text()\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'ASIARUN{run}', 'SecretAccessKey': 'x', 'SessionToken': 't'}))\n"
    )
    (config / "config").write_text(
        f"[profile temporary]\ncredential_process = {sys.executable} -S -E {script}\n"
    )
    handle = sts._handle

    def refuse_old(request: Request) -> Response:
        answer = handle(request)
        if sts.callers[-1] == f"ASIARUN{run.read_text()}":
            return answer
        return error(refused, "The security token included in the request is expired", 403)

    refused = "ExpiredToken"
    sts.server.clear()
    sts.server.expect_request("/", method="POST").respond_with_handler(refuse_old)
    return sts


def test_keys_that_have_ended_are_fetched_anew(temporary: ScriptedSTS, config: Path) -> None:
    role = stsnb.assume_role(ROLE, profile="temporary")
    (config / "run").write_text("2")
    role.refresh()
    (config / "run").write_text("3")
    stsnb.assume_role(ROLE, profile="temporary")
    assert temporary.callers == ["ASIARUN1", "ASIARUN1", "ASIARUN2", "ASIARUN2", "ASIARUN3"]


def test_the_same_keys_are_not_tried_twice(sts: ScriptedSTS) -> None:
    sts.fails("ExpiredToken", "The security token included in the request is expired", 403)
    with pytest.raises(stsnb.AssumeRoleError, match="expired"):
        stsnb.assume_role(ROLE)
    assert sts.calls == 1


def test_keys_of_another_kind_do_not_take_their_place(
    temporary: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_PROFILE", "temporary")
    role = stsnb.assume_role(ROLE, inject=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (config / "run").write_text("2")
    role.refresh()  # goes on with the profile that it was assumed with
    assert temporary.callers == ["ASIARUN1", "ASIARUN1", "ASIARUN2"]


def test_why_new_keys_cannot_be_fetched_is_said(temporary: ScriptedSTS, config: Path) -> None:
    role = stsnb.assume_role(ROLE, profile="temporary")
    (config / "run").write_text("2")
    (config / "process.py").write_text("import sys; sys.exit('Log in to the company first.')")
    with pytest.raises(
        stsnb.AssumeRoleError, match="credential_process of profile temporary failed with exit code 1"
    ):
        role.refresh()
