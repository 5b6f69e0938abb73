"""A session that reads the user's environment: every setting, the files, and the clients that are made of both."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.configloader import raw_config_parse
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from botocore.exceptions import ClientError, ConfigNotFound

from stsnb.sources.isolated_session import (
    IsolatedSession,
    STSClients,
    UserEnviron,
    at_sending,
    files,
    fingerprint,
)
from stsnb.sts.arn import RoleArn
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

#: Each setting of botocore that a variable can set, and the variable.
VARIABLES = {
    name: variables[-1] if isinstance(variables, list) else variables
    for name, (_, variables, _, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    if variables and name != "profile"
}
#: A value for a variable of each kind.
VALUES = {"int": "7", "ensure_boolean": "true", "None": "ours"}


def value_for(name: str) -> str:
    convert = BOTOCORE_DEFAUT_SESSION_VARIABLES[name][3]
    return VALUES[getattr(convert, "__name__", "None")]


@pytest.mark.parametrize("name", VARIABLES)
def test_each_setting_is_the_users(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user = dict(os.environ)
    plain = botocore.session.Session().get_config_variable(name)
    monkeypatch.setenv(VARIABLES[name], value_for(name))  # as an active role has it
    of_role = botocore.session.Session().get_config_variable(name)
    assert IsolatedSession(lambda: user).get_config_variable(name) == plain
    user[VARIABLES[name]] = value_for(name)
    monkeypatch.delenv(VARIABLES[name])
    assert IsolatedSession(lambda: user).get_config_variable(name) == of_role


def test_the_settings_of_s3_are_the_users_too(monkeypatch: pytest.MonkeyPatch) -> None:
    user = dict(os.environ)
    for variable in filter(None, (variables for _, variables, _, _ in DEFAULT_S3_CONFIG_VARS.values())):
        monkeypatch.setenv(variable, "true")
    assert botocore.session.Session().get_config_variable("s3")
    assert not IsolatedSession(lambda: user).get_config_variable("s3")


def test_the_profile_is_pinned() -> None:
    environ = {"AWS_PROFILE": "other"}
    assert IsolatedSession(lambda: environ, "work").get_config_variable("profile") == "work"
    assert IsolatedSession(lambda: environ).get_config_variable("profile") is None


def test_the_environment_is_read_anew_and_once_in_a_block() -> None:
    reads: list[int] = []

    def read() -> dict[str, str]:
        reads.append(1)
        return {"NUMBER": str(len(reads)), "SECRET": SECRET_MARK}

    environ = UserEnviron(read)
    assert (environ["NUMBER"], environ.get("NUMBER"), environ.get("OTHER")) == ("1", "2", None)
    with environ.held(), environ.held():
        assert environ["NUMBER"] == environ["NUMBER"] == "4"
    assert environ["NUMBER"] == "5"
    assert dict(environ)["SECRET"] == SECRET_MARK
    assert SECRET_MARK not in repr(environ)
    assert copy.deepcopy(environ) is environ


def test_a_client_with_a_defaults_mode_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    user = {**os.environ, "AWS_DEFAULTS_MODE": "standard", "AWS_DEFAULT_REGION": "eu-west-3"}
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    client = IsolatedSession(lambda: user).create_client(
        "sts", aws_access_key_id="AKIA", aws_secret_access_key="x"
    )
    assert client.meta.config.retries["mode"] == "standard"
    assert client.meta.region_name == "eu-west-3"


@pytest.mark.parametrize("variable", ["true", "false", None])
@pytest.mark.parametrize("option", [True, False, None])
def test_endpoints_are_ignored_as_boto3_ignores_them(
    option: bool | None, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://ours.example")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    if variable:
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", variable)
    user = dict(os.environ)
    keys: dict[str, Any] = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x"}
    if option is not None:
        keys["config"] = Config(ignore_configured_endpoint_urls=option)  # type: ignore[call-arg]
    expected = boto3.Session().client("s3", **keys).meta.endpoint_url
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://role.example")
    assert IsolatedSession(lambda: user).create_client("s3", **keys).meta.endpoint_url == expected


@pytest.mark.parametrize(
    "name", ["$FOLDER/file", "${FOLDER}/file", "~/file", "file", "", "missing", "$NONE/file"]
)
def test_a_file_is_found_where_botocore_finds_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("FOLDER", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("[one]\n")
    environ = {"AWS_CONFIG_FILE": name, "AWS_SHARED_CREDENTIALS_FILE": ""}
    before = files(environ)
    (tmp_path / "file").write_text("[another]\n")
    try:
        raw_config_parse(name)
    except ConfigNotFound:
        assert files(environ) == before
    else:
        assert files(environ) != before


def test_the_same_name_in_another_folder_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "keys").write_text("[default]\n")
        os.utime(tmp_path / folder / "keys", (1, 1))
    environ = {"AWS_CONFIG_FILE": "keys", "AWS_SHARED_CREDENTIALS_FILE": "keys"}
    monkeypatch.chdir(tmp_path / "one")
    before = fingerprint(environ)
    assert fingerprint(environ) == before
    monkeypatch.chdir(tmp_path / "two")
    assert fingerprint(environ) != before


def test_any_variable_changes_the_fingerprint_which_shows_none() -> None:
    environ = {"AWS_SECRET_ACCESS_KEY": SECRET_MARK}
    before = fingerprint(environ)
    assert fingerprint({**environ, "COMPANY_LOGIN": "other"}) != before
    assert SECRET_MARK not in repr(before)


def test_clients_are_made_once_for_each_region_and_environment(sts: ScriptedSTS) -> None:
    user = dict(os.environ)
    clients = STSClients(IsolatedSession(lambda: user), Config())
    role = RoleArn.parse(ROLE)
    first = clients.of(role, None)
    assert clients.of(role, None) is first
    assert clients.of(role, "eu-west-3") is not first
    user["AWS_MAX_ATTEMPTS"] = "4"
    assert clients.of(role, None) is not first
    assert clients.of(role, None).meta.config.retries["total_max_attempts"] == 4


def test_a_function_is_called_at_sending_in_its_block_only(sts: ScriptedSTS) -> None:
    calls: list[int] = []
    client = boto3.client("sts")
    with at_sending(client, lambda: calls.append(sts.count("GetCallerIdentity"))):
        client.get_caller_identity()
    sts.fails("AccessDenied", status=403)
    with pytest.raises(ClientError), at_sending(client, lambda: calls.append(sts.calls)):
        client.assume_role(RoleArn=ROLE, RoleSessionName="RoleSession1")
    with at_sending(client, None):
        client.get_caller_identity()
    assert calls == [0, 0]
