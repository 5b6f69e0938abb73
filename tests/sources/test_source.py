"""Source: the credentials that the kernel had before any role, and the settings that go with them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from werkzeug import Request, Response

import stsnb
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

PROFILE = """
[profile work]
region = eu-west-3
ca_bundle = {ca}
retry_mode = adaptive
max_attempts = 7
endpoint_url = {url}/all
services = ours
s3 =
    addressing_style = path
[services ours]
s3 =
    endpoint_url = {url}/s3
"""


@pytest.fixture
def work(sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """AWS_PROFILE names a profile with keys and settings; its STS is the scripted one."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name)
    ca = config / "ca.pem"
    ca.write_text("")
    (config / "config").write_text(PROFILE.format(url=sts.endpoint_url, ca=ca))
    (config / "credentials").write_text(
        "[work]\naws_access_key_id = AKIAWORK000000000000\naws_secret_access_key = x\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "work")
    return str(ca)


def callers(sts: ScriptedSTS) -> list[str]:
    """Note the access key of each caller from now on."""
    keys: list[str] = []
    handle = sts._handle

    def note(request: Request) -> Response:
        keys.append(request.headers["Authorization"].split("Credential=")[1].split("/")[0])
        return handle(request)

    sts.server.clear()
    sts.server.expect_request("/", method="POST").respond_with_handler(note)
    return keys


def test_the_profile_goes_and_what_it_configures_stays(work: str, sts: ScriptedSTS) -> None:
    before = dict(os.environ)
    role = stsnb.assume_role(ROLE)
    assert "AWS_PROFILE" not in os.environ
    expected = {
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_REGION": "eu-west-3",
        "AWS_CA_BUNDLE": work,
        "AWS_ENDPOINT_URL": f"{sts.endpoint_url}/all",
        "AWS_ENDPOINT_URL_S3": f"{sts.endpoint_url}/s3",
    }
    assert {name: os.environ.get(name) for name in expected} == expected
    for client in (role.client("s3"), boto3.client("s3")):
        assert client.meta.region_name == "eu-west-3"
        assert client.meta.endpoint_url == f"{sts.endpoint_url}/s3"
        assert client.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 7}
        assert client.meta.config.s3 == {"addressing_style": "path"}
        assert client._endpoint.http_session._verify == work
    assert role.client("dynamodb").meta.endpoint_url == f"{sts.endpoint_url}/all"
    stsnb.drop_role()
    assert os.environ == before


def test_a_source_without_an_address_is_not_led_to_that_of_the_role_in_force(
    work: str, sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stsnb.sources.source_cache import SourceKey
    from stsnb.sts.arn import RoleArn

    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    with (config / "config").open("a") as file:
        file.write("[profile amazon]\nregion = eu-central-1\n")
    with (config / "credentials").open("a") as file:
        file.write("[amazon]\naws_access_key_id = AKIAAMAZON0000000000\naws_secret_access_key = x\n")
    sts.server.expect_request("/all", method="POST").respond_with_handler(sts._handle)
    stsnb.assume_role(ROLE)
    assert os.environ["AWS_ENDPOINT_URL"] == f"{sts.endpoint_url}/all"
    client = kernel._sources.find(SourceKey("amazon")).client(RoleArn.parse(ROLE))
    assert client.meta.endpoint_url == "https://sts.eu-central-1.amazonaws.com"


def test_what_the_user_sets_under_a_role_counts_for_new_clients(
    work: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert boto3.client("s3").meta.endpoint_url == "http://127.0.0.1:9"
    assert boto3.client("s3", endpoint_url="http://127.0.0.1:8").meta.endpoint_url == "http://127.0.0.1:8"
    assert boto3.client("s3", region_name="us-west-1").meta.region_name == "us-west-1"
    assert boto3.client("s3", config=Config(region_name="us-west-2")).meta.region_name == "us-west-2"


def test_a_setting_of_the_user_is_not_covered_by_the_profiles(
    work: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE)
    monkeypatch.setenv("AWS_REGION", "us-west-1")
    stsnb.assume_role(ROLE)
    assert os.environ["AWS_REGION"] == "us-west-1"
    assert stsnb.assume_role(ROLE, region="us-east-2").region == os.environ["AWS_REGION"] == "us-east-2"
    stsnb.drop_role()
    assert os.environ["AWS_REGION"] == "us-west-1"


def test_keys_in_the_environment_go_before_its_profile(
    work: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = callers(sts)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    role = stsnb.assume_role(ROLE)
    stsnb.assume_role(ROLE, profile="work")
    assert keys == ["AKIAENVIRONMENT00000", "AKIAWORK000000000000"]
    assert role.region == "eu-west-3"


def test_keys_with_an_expiration_are_never_read_again_from_the_roles_environment(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its last minutes botocore reads such keys anew at each signing, from os.environ."""
    from datetime import datetime, timedelta, timezone

    keys = callers(sts)
    soon = datetime.now(timezone.utc) + timedelta(minutes=5)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", soon.isoformat())
    for _ in range(2):
        stsnb.assume_role(ROLE).refresh()
    assert keys == ["AKIAIOSFODNN7EXAMPLE"] * 4


def test_a_profile_that_takes_the_environments_keys_takes_the_users_own(
    sts: ScriptedSTS, config: Path
) -> None:
    keys = callers(sts)
    (config / "config").write_text(f"[profile hop]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    stsnb.assume_role(ROLE)
    stsnb.assume_role(ROLE, profile="hop")
    assert keys[:2] == ["AKIAIOSFODNN7EXAMPLE"] * 2


def test_the_old_token_and_the_account_of_another_identity_are_unset_and_restored(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "stale")
    monkeypatch.setenv("AWS_ACCOUNT_ID", "210987654321")
    before = dict(os.environ)
    role = stsnb.assume_role(ROLE)
    found = boto3.Session().get_credentials().get_frozen_credentials()
    assert (found.token, found.account_id) == (role.response.session_token, None)
    assert role.session.get_credentials().account_id == "123456789012"
    stsnb.drop_role()
    assert os.environ == before


def test_what_was_given_to_the_default_session_is_the_users_choice(work: str, sts: ScriptedSTS) -> None:
    keys = callers(sts)
    os.environ.pop("AWS_PROFILE")
    mine = boto3.DEFAULT_SESSION = boto3.Session(profile_name="work", region_name="eu-north-1")
    role = stsnb.assume_role(ROLE)
    assert (keys, role.region) == (["AKIAWORK000000000000"], "eu-north-1")
    stsnb.drop_role()
    assert boto3.DEFAULT_SESSION is mine
    boto3.setup_default_session(aws_access_key_id="AKIAGIVEN00000000000", aws_secret_access_key="x")
    stsnb.assume_role(ROLE)
    assert keys[1:] == ["AKIAGIVEN00000000000"]


def test_what_the_default_session_found_by_itself_is_found_anew(
    work: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = callers(sts)
    boto3.client("sts").get_caller_identity()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPASTED0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    stsnb.assume_role(ROLE)
    assert keys == ["AKIAWORK000000000000", "AKIAPASTED0000000000"]


def test_the_source_is_found_once(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    from stsnb.sources.source import Source

    resolve, times = Source.resolve, []
    monkeypatch.setattr(Source, "resolve", lambda *args: (times.append(1), resolve(*args))[1])
    for _ in range(3):
        stsnb.assume_role(ROLE)
    assert len(times) == 1
    stsnb.drop_role()
    stsnb.assume_role(ROLE)
    assert len(times) == 2


@pytest.mark.parametrize(
    ("role", "host"),
    [
        ("arn:aws-cn:iam::123456789012:role/r", "https://sts.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:iam::123456789012:role/r", "https://sts.us-gov-"),
    ],
)
def test_without_a_region_the_roles_partition_is_asked(
    role: str, host: str, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stsnb.sources.source import Source
    from stsnb.sts.arn import RoleArn

    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    client = Source.resolve(lambda: os.environ).client(RoleArn.parse(role))
    assert client.meta.endpoint_url.startswith(host)


def test_services_share_one_loader_whose_folders_do_not_grow(sts: ScriptedSTS) -> None:
    sessions = [stsnb.assume_role(ROLE).session for _ in range(3)]
    loaders = {id(session._session.get_component("data_loader")) for session in sessions}
    assert len(loaders) == 1
    folders = sessions[0]._session.get_component("data_loader").search_paths
    assert len(folders) == len(set(folders))


def test_no_logger_at_debug_logs_a_secret(sts: ScriptedSTS, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        role = stsnb.assume_role(ROLE)
        role.refresh()
        sts.answers(f"<AssumeRoleResponse><SecretAccessKey>{SECRET_MARK}")
        with pytest.raises(stsnb.AssumeRoleError) as half:
            stsnb.assume_role(ROLE)
        logging.getLogger("user").error("it failed", exc_info=half.value)
        stsnb.drop_role()
    assert len(caplog.records) > 50
    assert SECRET_MARK not in caplog.text


def test_a_profile_that_needs_a_code_asks_for_none_in_the_background(sts: ScriptedSTS, config: Path) -> None:
    import threading

    (config / "config").write_text(
        f"[profile hop]\nrole_arn = {ROLE}\nmfa_serial = arn:aws:iam::123456789012:mfa/me\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKIABASE000000000000\naws_secret_access_key = x\n"
    )
    errors: list[Exception] = []

    def assume() -> None:
        try:
            stsnb.assume_role(ROLE, profile="hop")
        except stsnb.AssumeRoleError as error:
            errors.append(error)

    thread = threading.Thread(target=assume)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert "needs an MFA code" in str(errors[0])
