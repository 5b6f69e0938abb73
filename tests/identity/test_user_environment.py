"""What finds the source credentials runs in the user's environment, at the first call, at a renewal and with --live."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import stsnb
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, ScriptedSTS

HOP = "role_arn = arn:aws:iam::123456789012:role/hop\nrole_session_name = hop\nsource_profile = process\n"
#: A process that notes its environment, and gives keys that botocore fetches anew at each use.
PROCESS = """\
import json, os, sys, time
with open(sys.argv[1], "a") as file:
    print(json.dumps(dict(os.environ)), file=file)
end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
print(json.dumps({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x", "Expiration": end}))
"""
#: A process that is itself a caller of STS.
CALLER = """\
import boto3, json
keys = boto3.client("sts").get_session_token()["Credentials"]
print(json.dumps({"Version": 1, **{name: keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}}))
"""


class Process:
    """A credential_process that notes what it sees."""

    def __init__(self, config: Path) -> None:
        self._notes = config / "notes"
        script = config / "process.py"
        script.write_text(PROCESS)
        (config / "config").write_text(
            f"[profile process]\ncredential_process = {sys.executable} -S -E {script} {self._notes}\n"
            f"[profile hop]\n{HOP}"
            f"[profile named]\nrole_arn = {ROLE}\nsource_profile = process\n"
        )

    def saw(self) -> list[dict[str, str]]:
        """Return the environments of its runs since the last look."""
        lines = self._notes.read_text().splitlines()
        self._notes.unlink()
        return [json.loads(line) for line in lines]


@pytest.fixture
def process(config: Path) -> Process:
    return Process(config)


def of_user() -> dict[str, str]:
    """Return this process's environment as children see it."""
    return {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}


def of_runs(process: Process) -> list[dict[str, str]]:
    return [
        {name: value for name, value in run.items() if name != "LC_CTYPE"}  # Python's own, without a locale
        for run in process.saw()
    ]


@pytest.mark.parametrize("live", [False, True], ids=["", "live"])
@pytest.mark.parametrize(
    "role", [{"profile": "process"}, {"profile": "hop"}, {"role": "named"}], ids=["source", "hop", "role"]
)
def test_a_process_runs_as_if_no_role_were_active(
    role: dict[str, str], live: bool, sts: ScriptedSTS, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.seconds = 500  # the role on the way is assumed anew at each use too
    monkeypatch.setenv("AWS_PROFILE", "process")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "localhost,127.0.0.1")
    before = of_user()
    arguments: dict[str, Any] = {"role": ROLE, "live": live, **role}
    active = stsnb.assume_role(**arguments)
    assert of_user() != before
    active.refresh()
    stsnb.assume_role(**arguments)
    runs = of_runs(process)
    assert len(runs) >= 3
    assert runs == [before] * len(runs)


def test_a_process_sees_what_the_user_has_changed_since(
    sts: ScriptedSTS, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = stsnb.assume_role(ROLE, profile="process")
    of_runs(process)
    monkeypatch.setenv("LOGIN_SERVER", "http://other")
    monkeypatch.setenv("AWS_CA_BUNDLE", "")
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    expected = kernel.environ_of_user()
    monkeypatch.delenv("AWS_CA_BUNDLE")
    role.refresh()
    assert expected.pop("AWS_CA_BUNDLE") == ""
    for run in of_runs(process):
        assert run == {name: value for name, value in expected.items() if name != "LC_CTYPE"}


@pytest.mark.parametrize("live", [False, True], ids=["", "live"])
def test_a_process_that_calls_sts_calls_it_as_the_user(live: bool, sts: ScriptedSTS, config: Path) -> None:
    script = config / "caller.py"
    script.write_text(CALLER)
    (config / "config").write_text(f"[profile caller]\ncredential_process = {sys.executable} {script}\n")
    (config / "credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = x\n"
    )
    user = os.environ["AWS_ACCESS_KEY_ID"]
    stsnb.assume_role(ROLE, profile="caller", live=live)
    assert sts.callers[0] == user
    os.environ["LOGIN_SERVER"] = "another"  # so that the keys are fetched anew
    try:
        stsnb.assume_role(f"{ROLE}2", profile="caller", live=live)
    finally:
        del os.environ["LOGIN_SERVER"]
    by_process = [
        caller
        for caller, request in zip(sts.callers, sts.requests, strict=True)
        if request["Action"] == "GetSessionToken"
    ]
    assert by_process == [user, user]


def keys_for(path: str, seen: list[dict[str, str]]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        seen.append(dict(request.headers))
        end = datetime.now(timezone.utc) + timedelta(seconds=60)
        keys = {"AccessKeyId": f"ASIA{path}", "SecretAccessKey": "x", "Token": "token", "Code": "Success"}
        return Response(json.dumps({**keys, "Expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}"}))

    return answer


def test_a_containers_credentials_are_fetched_with_the_users_token_as_it_is_then(
    sts: ScriptedSTS, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    httpserver.expect_request("/container").respond_with_handler(keys_for("CONTAINER", seen))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{sts.endpoint_url}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "first")
    live = stsnb.assume_role(ROLE, live=True)
    live.refresh()
    assert {headers["Authorization"] for headers in seen} == {"first"}
    stsnb.drop_role()
    role = stsnb.assume_role(ROLE)
    seen.clear()
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "second")
    role.refresh()
    assert {headers["Authorization"] for headers in seen} == {"second"}
    assert set(sts.callers) == {"ASIACONTAINER"}


@pytest.mark.parametrize("live", [False, True], ids=["", "live"])
def test_an_instances_role_is_found_under_an_active_role(
    live: bool, sts: ScriptedSTS, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    httpserver.expect_request("/latest/api/token").respond_with_data("a token")
    httpserver.expect_request("/latest/meta-data/iam/security-credentials/").respond_with_data("instance")
    httpserver.expect_request("/latest/meta-data/iam/security-credentials/instance").respond_with_handler(
        keys_for("INSTANCE", seen)
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{sts.endpoint_url}/")
    stsnb.assume_role(f"{ROLE}2", live=live).refresh()
    monkeypatch.setenv("LOGIN_SERVER", "another")  # so that they are looked for anew, under the active role
    role = stsnb.assume_role(ROLE, live=live)
    role.refresh()
    assert role.origin == "the instance's role"
    assert sts.callers == ["ASIAINSTANCE"] * 4
