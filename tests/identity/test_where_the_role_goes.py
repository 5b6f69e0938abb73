"""What acts as a role goes where boto3 goes with the source's profile, whatever ``[default]`` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import stsnb
from stsnb.injection.config_overlay import SourceConfigs
from stsnb.roles.source_settings import settings_of
from stsnb.sources.source import Source
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

KEYS = f"aws_access_key_id = AKIAWORK\naws_secret_access_key = {SECRET_MARK}work\n"
# One loader for all sessions: each would read the models of S3 anew.
LOADER = botocore.session.Session().get_component("data_loader")


def description(session: boto3.Session) -> dict[str, Any]:
    """Where clients of a session go, and how."""
    session._session.register_component("data_loader", LOADER)
    found: dict[str, Any] = {}
    for service in ("s3", "dynamodb", "sts"):
        try:
            client: Any = session.client(service)  # type: ignore[call-overload]
        except Exception as error:  # noqa: BLE001 # which is then the same with and without a role
            found[service] = type(error).__name__
            continue
        config = client.meta.config
        found[service] = {
            "endpoint": client.meta.endpoint_url,
            "region": client.meta.region_name,
            "verify": client._endpoint.http_session._verify,
            **{
                name: getattr(config, name)
                for name in (
                    "retries",
                    "s3",
                    "use_fips_endpoint",
                    "use_dualstack_endpoint",
                    "request_checksum_calculation",
                    "response_checksum_validation",
                    "user_agent_appid",
                    "parameter_validation",
                    "tcp_keepalive",
                    "connect_timeout",
                )
            },
        }
    return found


@contextmanager
def variables(values: Mapping[str, str | None]) -> Iterator[None]:
    before = dict(os.environ)
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


OPTIONS = {
    "region": ["us-east-1", "eu-west-1", "cn-north-1"],
    "endpoint_url": ["http://minio.example", "https://s3.example/path"],
    "services": ["one", "two"],
    "use_fips_endpoint": ["true", "false"],
    "use_dualstack_endpoint": ["true"],
    "request_checksum_calculation": ["when_required", "when_supported"],
    "response_checksum_validation": ["when_required"],
    "max_attempts": ["7"],
    "retry_mode": ["standard", "adaptive"],
    "defaults_mode": ["standard"],
    "sdk_ua_app_id": ["me"],
    "sts_regional_endpoints": ["legacy", "regional"],
    "ca_bundle": ["/nowhere/ca.pem"],
    "parameter_validation": ["false"],
    "tcp_keepalive": ["true"],
    "ignore_configured_endpoint_urls": ["true"],
    "s3": ["\n  addressing_style = path", "\n  use_accelerate_endpoint = true"],
    "output": ["json"],
}
SERVICES = """
[services one]
s3 =
  endpoint_url = http://one.example
[services two]
dynamodb =
  endpoint_url = http://two.example
sts =
  endpoint_url = http://sts.example
"""
PROFILE = st.lists(st.sampled_from(sorted(OPTIONS)), max_size=5, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(OPTIONS[name]) for name in names})
)
ENVIRONMENT = st.fixed_dictionaries(
    {},
    optional={
        "AWS_DEFAULT_REGION": st.just("ap-northeast-2"),
        "AWS_ENDPOINT_URL": st.just("http://environment.example"),
        "AWS_ENDPOINT_URL_S3": st.just("http://s3.environment.example"),
        "AWS_USE_FIPS_ENDPOINT": st.sampled_from(["true", "false"]),
        "AWS_RETRY_MODE": st.just("standard"),
    },
)


def written(name: str, profile: Mapping[str, str], keys: str = "") -> str:
    return f"[{name}]\n{keys}" + "".join(f"{option} = {value}\n" for option, value in profile.items())


@settings(
    max_examples=2 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(default=PROFILE, work=PROFILE, environ=ENVIRONMENT, explicit=st.booleans())
def test_new_sessions_go_where_boto3_goes_with_the_profile(
    tmp_path_factory: pytest.TempPathFactory,
    default: dict[str, str],
    work: dict[str, str],
    environ: dict[str, str],
    explicit: bool,
) -> None:
    config = tmp_path_factory.mktemp("aws") / "config"
    config.write_text(written("default", default) + written("profile work", work, KEYS) + SERVICES)
    users = {**environ, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": None if explicit else "work"}
    configs = SourceConfigs()
    with variables(users):
        wanted = description(boto3.Session(profile_name="work" if explicit else None))
        source = Source.resolve(lambda: os.environ, "work" if explicit else None)
        found = settings_of(source.session, os.environ)
        event(f"a file is needed: {found.needs_file}")
        role: dict[str, str | None] = {
            **configs.variables(found, os.environ),
            **found.variables,
            "AWS_PROFILE": None,
        }
        with variables({**role, "AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "s"}):
            assert description(boto3.Session()) == wanted
    for overlay in configs._overlays.values():
        text = overlay.path.read_text()
        assert SECRET_MARK not in text
    configs.end()


MINIO = """
[default]
endpoint_url = http://minio.example
region = us-east-1
s3 =
  addressing_style = path
[profile work]
region = eu-west-1
use_fips_endpoint = true
aws_access_key_id = AKIAWORK
aws_secret_access_key = TOPSECRETwork
# a comment with TOPSECRET
azure_password = TOPSECRET
"""
_CHILD = """
import json, boto3
client = boto3.client("s3")
print(json.dumps([client.meta.endpoint_url, client.meta.config.s3, client.meta.region_name]))
"""


@pytest.mark.parametrize("live", [False, True])
def test_child_processes_and_new_sessions_do_not_go_to_the_servers_of_default(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    (config / "config").write_text(MINIO)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    before = dict(os.environ)
    stsnb.assume_role(ROLE, profile="work", live=live)
    expected = ["https://s3-fips.eu-west-1.amazonaws.com", None, "eu-west-1"]
    child = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True)
    assert json.loads(child.stdout) == expected
    client = boto3.Session().client("s3")
    assert [client.meta.endpoint_url, client.meta.config.s3, client.meta.region_name] == expected
    for file in Path(os.environ["AWS_CONFIG_FILE"]).parent.iterdir():
        assert SECRET_MARK not in file.read_text()
    stsnb.drop_role()
    assert os.environ == before


def test_a_setting_that_a_child_process_writes_reaches_the_users_file(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config / "config").write_text(MINIO)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    stsnb.assume_role(ROLE, profile="work")
    for arguments in (
        ["output", "text"],
        ["region", "sa-east-1", "--profile", "new"],
        ["default.s3.use_dualstack_endpoint", "true"],
    ):
        subprocess.run([Path(sys.executable).with_name("aws"), "configure", "set", *arguments], check=True)
    stsnb.drop_role()
    stsnb.kernel.kernel.reset()
    text = (config / "config").read_text()
    assert text.startswith(MINIO.partition("azure")[0].rstrip("\n").rpartition("\n")[0][:200])
    names = {line.strip() for line in text.splitlines()}
    assert {"azure_password = TOPSECRET", "# a comment with TOPSECRET", "[profile new]"} <= names
    session = botocore.session.Session(profile="work")
    assert session.get_scoped_config()["output"] == "text"
    assert botocore.session.Session(profile="new").get_config_variable("region") == "sa-east-1"


def test_what_needs_no_file_gets_none(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(
        f"[default]\nregion = us-east-1\n[profile work]\nregion = eu-west-1\n{KEYS}"
    )
    role = stsnb.assume_role(ROLE, profile="work")
    assert os.environ["AWS_CONFIG_FILE"] == str(config / "config")
    assert not role.settings.needs_file
