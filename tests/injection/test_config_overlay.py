"""A config file of stsnb's own says what a source's profile says, and copies nothing that may be secret."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from stsnb.injection.config_overlay import ConfigOverlay, SourceConfigs, files_of
from stsnb.roles.source_settings import SourceSettings
from tests.scripted_sts import SECRET_MARK

USERS = f"""# a comment with a {SECRET_MARK}
[default]
region = us-east-1
endpoint_url = http://minio.example
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = {SECRET_MARK}1
[profile work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = {SECRET_MARK}2
  {SECRET_MARK}-goes-on
region = eu-west-1
s3 =
  addressing_style = path
  customer_key = {SECRET_MARK}
azure_password = {SECRET_MARK}3
[profile tool]
credential_process = printf '{{"Version": 1, "AccessKeyId": "AKIATOOL", "SecretAccessKey": "{SECRET_MARK}4"}}'
#aws_secret_access_key = {SECRET_MARK}5
[profile address]
endpoint_url = http://user:{SECRET_MARK}@proxy.example
[services ours]
dynamodb =
  endpoint_url = http://dynamodb.example
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = us-east-1
"""
SETTINGS = {
    "region": "sa-east-1",
    "s3": {"addressing_style": "virtual"},
    "services": "ours",
    "mine_password": SECRET_MARK,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "config").write_text(USERS)
    (tmp_path / "ours").mkdir()
    return tmp_path


def overlay(folder: Path, profile: str | None = "default", source: str = "work") -> ConfigOverlay:
    users = folder / "users"
    return ConfigOverlay(folder / "ours", users / "config", users / "credentials", SETTINGS, profile, source)


def session(file: ConfigOverlay, profile: str) -> Any:
    return botocore.session.Session(
        session_vars={"config_file": (None, None, str(file.path), None)}, profile=profile
    )


@pytest.mark.parametrize("profile", ["default", None])
def test_no_secret_is_copied(folder: Path, profile: str | None) -> None:
    made = overlay(folder, profile)
    for file in made.path.parent.iterdir():
        assert SECRET_MARK not in file.read_text()


def test_default_says_what_the_source_says_and_nothing_of_the_users_default(folder: Path) -> None:
    found = session(overlay(folder), "default").get_scoped_config()
    assert found == {"region": "sa-east-1", "s3": {"addressing_style": "virtual"}, "services": "ours"}


def test_the_users_profiles_are_there_with_their_settings_and_credentials(folder: Path) -> None:
    made = overlay(folder)
    work = session(made, "work")
    assert work.get_config_variable("region") == "eu-west-1"
    assert work.get_scoped_config()["s3"] == {"addressing_style": "path"}
    assert work.full_config["services"]["ours"]["dynamodb"] == {"endpoint_url": "http://dynamodb.example"}
    assert work.full_config["sso_sessions"]["corp"]["sso_region"] == "us-east-1"
    assert session(made, "tool").get_credentials().access_key == "AKIATOOL"
    command = work.get_scoped_config()["credential_process"]
    provided = json.loads(
        subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    )
    assert provided["AccessKeyId"] == "AKIAWORK"


def test_a_new_name_is_used_where_default_may_have_keys(folder: Path) -> None:
    (folder / "users" / "credentials").write_text("[stsnb-live]\n")
    made = overlay(folder, None)
    assert made.profile == "stsnb-live-2"
    assert session(made, "default").get_config_variable("region") == "us-east-1"


def test_what_a_program_changes_is_applied_to_the_users_file(folder: Path) -> None:
    made = overlay(folder)
    made.path.write_text(
        made.path.read_text().replace("region = sa-east-1", "region = eu-north-1")
        + "[profile n]\noutput = json\n"
    )
    made.write()
    text = (folder / "users" / "config").read_text()
    assert text.count(SECRET_MARK) == USERS.count(SECRET_MARK)
    users = botocore.session.Session(
        session_vars={"config_file": (None, None, str(folder / "users" / "config"), None)}
    ).full_config["profiles"]
    assert users["work"]["region"] == "eu-north-1"
    assert users["n"] == {"output": "json"}
    assert users["default"]["region"] == "us-east-1"
    assert session(made, "default").get_config_variable("region") == "eu-north-1"


def test_what_the_user_changes_is_copied(folder: Path) -> None:
    made = overlay(folder)
    (folder / "users" / "config").write_text(f"{USERS}[profile later]\nregion = eu-west-2\n")
    made.write()
    assert session(made, "later").get_config_variable("region") == "eu-west-2"


def test_each_source_has_one_file_and_none_is_left(folder: Path) -> None:
    environ = {"AWS_CONFIG_FILE": str(folder / "users" / "config")}
    configs = SourceConfigs()
    settings = SourceSettings("work", {}, dict(SETTINGS), True)
    variables = configs.variables(settings, environ)
    assert configs.variables(settings, environ) == variables
    assert configs.variables(settings._replace(needs_file=False), environ) == {}
    file = Path(variables["AWS_CONFIG_FILE"])
    assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
    configs.end()
    assert not file.parent.exists()


def test_the_users_files_are_found_as_botocore_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_FOLDER", str(tmp_path / "aws"))
    config, credentials = files_of({"AWS_CONFIG_FILE": "$AWS_FOLDER/config"})
    assert (config, credentials) == (tmp_path / "aws" / "config", tmp_path / ".aws" / "credentials")
