"""Child processes that fetch a role's credentials while they run: their variables and what they get."""

from __future__ import annotations

import configparser
import gc
import http.client
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import stsnb
from stsnb.demo import BUCKET, ROLE_ARN, EmbeddedAWS
from stsnb.injection.config_overlay import ConfigOverlay
from stsnb.injection.credential_server import CredentialServer
from stsnb.kernel import kernel
from stsnb.roles.credentials import RoleCredentials
from stsnb.sources.source_cache import SourceKey
from tests.sandbox import listens, wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

OTHER_ROLE = "arn:aws:iam::123456789012:role/another"
_WHO = "import boto3, sys; print(boto3.Session(*sys.argv[1:]).get_credentials().access_key)"
_WITH_PROFILE = (
    "import boto3, sys; print(boto3.Session(profile_name=sys.argv[1]).get_credentials().access_key)"
)


def ask(environ: Mapping[str, str] | None = None, token: str | None = None) -> tuple[int, dict[str, str]]:
    """Fetch credentials as an SDK does with these variables."""
    environ = dict(os.environ if environ is None else environ)
    url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    given = environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] if token is None else token
    connection.request("GET", url.path, headers={"Authorization": given})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def child(code: str, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return (run.stdout + run.stderr).strip()


def serving(role: stsnb.AssumedRole) -> bool:
    return ask()[1].get("AccessKeyId") == role.response.access_key_id


# --- variables of child processes ----------------------------------------------------------------------------


def test_child_processes_fetch_credentials_and_no_key_is_in_the_environment(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, live=True)
    assert role.live
    assert not [name for name, value in os.environ.items() if SECRET_MARK in value]
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} & set(os.environ)
    assert ask() == (
        200,
        {
            "AccessKeyId": role.response.access_key_id,
            "SecretAccessKey": role.response.secret_access_key,
            "Token": role.response.session_token,
            "Expiration": f"{role.expiration - timedelta(seconds=900):%Y-%m-%dT%H:%M:%SZ}",
            "AccountId": "123456789012",
        },
    )
    assert child(_WHO) == role.response.access_key_id
    assert boto3.client("s3")._request_signer._credentials is role.credentials


def test_a_child_reads_what_the_role_may_read(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN, live=True)
    run = subprocess.run(
        [sys.executable, "-m", "awscli", "s3", "ls", f"s3://{BUCKET}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "deliveries/" in run.stdout, run.stderr


def test_changed_variables_are_restored_exactly(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/pod")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    monkeypatch.setenv("AWS_CONFIG_FILE", "~/mine")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    before = dict(os.environ)
    stsnb.assume_role(ROLE, live=True)
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in os.environ
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in os.environ
    stsnb.assume_role(ROLE)
    assert os.environ["AWS_CONFIG_FILE"] == "~/mine"
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in os.environ
    stsnb.assume_role(OTHER_ROLE, live=True)
    stsnb.drop_role()
    assert os.environ == before


def test_only_the_user_can_read_the_token_and_it_is_removed_at_the_end(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, live=True)
    file = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
    assert file.read_text() == os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for written in file.parent.iterdir():
        assert SECRET_MARK not in written.read_text()
    kernel.reset()
    assert not file.parent.exists()


def test_a_kernel_that_ends_leaves_no_files(sts: ScriptedSTS) -> None:
    code = f"import os, stsnb; stsnb.assume_role({ROLE!r}, live=True); print(os.environ['AWS_CONFIG_FILE'])"
    config = Path(child(code))
    assert config.is_absolute()
    assert not config.parent.exists()


def test_no_files_are_left_even_if_the_server_can_t_be_stopped(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    stsnb.assume_role(ROLE, live=True)
    folder = Path(os.environ["AWS_CONFIG_FILE"]).parent

    def refused(_: CredentialServer) -> None:
        raise RuntimeError("cannot join thread")

    assert kernel._scopes._served is not None
    with monkeypatch.context() as broken:
        broken.setattr(CredentialServer, "stop", refused)
        with pytest.raises(RuntimeError, match="cannot join"):
            kernel._scopes._served.end()
    assert not folder.exists()


def test_a_proxy_does_not_see_the_token(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", sts.endpoint_url.split("//")[1] + ",localhost")
    stsnb.assume_role(ROLE, live=True)
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
    assert os.environ["no_proxy"].endswith(",localhost,127.0.0.1")
    # urllib goes by the variables, as object_store's HTTP client does.
    code = (
        "import os, urllib.request; print(urllib.request.urlopen(urllib.request.Request("
        "os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],"
        "headers={'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']})).status)"
    )
    assert child(code) == "200"


def test_a_role_that_is_not_injected_can_t_be_live(sts: ScriptedSTS) -> None:
    with pytest.raises(stsnb.AssumeRoleError, match="live=True has no effect with inject=False"):
        stsnb.assume_role(ROLE, live=True, inject=False)
    assert sts.calls == 0


def test_the_magic_has_the_option(sts: ScriptedSTS, shell: InteractiveShell) -> None:
    shell.run_cell(f"%assume_role {ROLE} --live")
    role = stsnb.current_role()
    assert role is not None
    assert role.live
    shell.run_cell(f"%assume_role {ROLE}")
    assert not stsnb.current_role().live  # type: ignore[union-attr]


def test_the_configuration_can_make_it_the_default(sts: ScriptedSTS, shell: InteractiveShell) -> None:
    def live() -> bool:
        role = stsnb.current_role()
        assert role is not None
        return role.live

    shell.run_cell("%config AssumeRole.live = True")
    shell.run_cell(f"%assume_role {ROLE}")
    assert live()
    shell.run_cell(f"%assume_role {ROLE} --no-live")
    assert not live()
    assert not stsnb.assume_role(ROLE, inject=False).live
    shell.run_cell("%config AssumeRole.live = False")
    shell.run_cell(f"%config AssumeRole.roles = {{'long': {{'role_arn': '{ROLE}', 'live': True}}}}")
    shell.run_cell("%assume_role long")
    assert live()


def test_a_chain_of_live_roles_calls_sts_with_the_link_s_credentials(sts: ScriptedSTS) -> None:
    link = stsnb.assume_role(ROLE, live=True)
    role = stsnb.assume_role(OTHER_ROLE, chain=True, live=True)
    assert role.chained_from is link
    role.refresh()
    assert serving(role)
    stsnb.drop_role()
    role.refresh()


def test_without_a_free_port_the_active_role_stays(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    role, before = stsnb.assume_role(ROLE), dict(os.environ)

    def none_left(_: CredentialServer) -> str:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(CredentialServer, "start", none_left)
    with pytest.raises(stsnb.AssumeRoleError, match="Address already in use"):
        stsnb.assume_role(OTHER_ROLE, live=True)
    assert stsnb.current_role() is role
    assert os.environ == before


def test_no_role_is_served_if_the_environment_can_t_be_changed(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as refused:
        refused.setattr(kernel._environment, "put", full)
        with pytest.raises(stsnb.AssumeRoleError, match="Cannot allocate memory"):
            stsnb.assume_role(ROLE, live=True)
    assert stsnb.current_role() is None
    assert kernel._scopes._served is not None
    assert {served.role for served in kernel._scopes._served._served.values()} == {None}


def test_without_a_folder_the_active_role_stays(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role, before = stsnb.assume_role(ROLE), dict(os.environ)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(stsnb.AssumeRoleError, match="can't be made active"):
        stsnb.assume_role(OTHER_ROLE, live=True)
    assert stsnb.current_role() is role
    assert os.environ == before


# --- the user's own profiles --------------------------------------------------------------------------------


@pytest.fixture
def profiles(config: Path) -> Path:
    (config / "credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = d\n"
        "[stored]\naws_access_key_id = AKIASTORED\naws_secret_access_key = s\n"
    )
    (config / "config").write_text(
        "[default]\nregion = eu-west-3\ns3 =\n    addressing_style = path\n\n"
        "[profile work]\nregion = eu-west-1\naws_access_key_id = AKIAWORK\n"
        f"aws_secret_access_key = in{SECRET_MARK}config\n"
    )
    return config


def test_a_default_profile_with_other_keys_is_not_taken(sts: ScriptedSTS, profiles: Path) -> None:
    role = stsnb.assume_role(ROLE, live=True)
    assert child(_WHO) == role.response.access_key_id
    code = "import boto3; print(boto3.Session()._session.get_scoped_config()['s3'])"
    assert child(code) == "{'addressing_style': 'path'}"


def test_child_processes_have_the_user_s_other_profiles(sts: ScriptedSTS, profiles: Path) -> None:
    stsnb.assume_role(ROLE, live=True)
    found = {name: child(_WITH_PROFILE, name) for name in ("default", "stored", "work")}
    assert found == {"default": "AKIADEFAULT", "stored": "AKIASTORED", "work": "AKIAWORK"}
    folder = Path(os.environ["AWS_CONFIG_FILE"]).parent
    assert not [file for file in folder.iterdir() if SECRET_MARK in file.read_text()]


def test_child_processes_have_a_profile_that_is_added_later(sts: ScriptedSTS, profiles: Path) -> None:
    stsnb.assume_role(ROLE, live=True)
    with (profiles / "config").open("a") as file:
        file.write("[profile new]\nregion = eu-west-2\n")
    kernel._look()  # as the renewer does
    written = configparser.RawConfigParser()
    written.read(os.environ["AWS_CONFIG_FILE"])
    assert written["profile new"]["region"] == "eu-west-2"


@pytest.mark.parametrize(
    "keys",
    [
        "aws_access_key_id = AKIAWORK\naws_secret_access_key = TOPSECRET1\n    TOPSECRET2\n\n    TOPSECRET3\n",
        "AWS_SECRET_ACCESS_KEY: TOPSECRET\naws_access_key_id:AKIAWORK\n",
        "  aws_secret_access_key=TOPSECRET=\n  aws_session_token = TOPSECRET==\naws_access_key_id = AKIAWORK\n",
    ],
)
def test_no_key_of_the_user_s_config_is_copied_however_it_is_written(
    sts: ScriptedSTS, config: Path, keys: str
) -> None:
    (config / "config").write_text(f"[profile work]\n{keys}region = eu-west-1\n[profile other]\nregion = x\n")
    stsnb.assume_role(ROLE, live=True)
    copied = Path(os.environ["AWS_CONFIG_FILE"]).read_text()
    assert SECRET_MARK not in copied
    assert copied.count("region = ") == 2
    assert copied.count("credential_process = ") == 1


@pytest.mark.parametrize("broken", [b"[profile", b"\xff\xfe[", b"no section = 1"])
def test_a_configuration_file_that_can_t_be_read_does_not_fail(config: Path, broken: bytes) -> None:
    (config / "config").write_bytes(broken)
    overlay = ConfigOverlay(config, config / "config", config / "credentials", {})
    assert overlay.profile == "stsnb-live"


def test_child_processes_have_the_settings_of_the_source_s_profile(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(
        "[profile work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = w\nexternal_id = 12\n"
        "max_attempts = 7\ns3 =\n  addressing_style = path\n  max_queue_size = 9\n"
    )
    stsnb.assume_role(ROLE, profile="work", live=True)
    code = "import boto3; s = boto3.Session()._session.get_scoped_config(); print(s)"
    assert child(code) == str(
        {"max_attempts": "7", "s3": {"addressing_style": "path", "max_queue_size": "9"}}
    )


@pytest.mark.parametrize("place", ["config", "credentials"])
def test_a_profile_of_the_same_name_is_left_alone(sts: ScriptedSTS, config: Path, place: str) -> None:
    section = "profile stsnb-live" if place == "config" else "stsnb-live"
    (config / place).write_text(f"[{section}]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n")
    role = stsnb.assume_role(ROLE, live=True)
    assert os.environ["AWS_PROFILE"] == "stsnb-live-2"
    assert child(_WHO) == role.response.access_key_id


def test_the_source_is_found_in_the_user_s_own_files_while_a_role_is_live(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the credential server, which would give the active role, nor in the copy without keys."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (config / "config").write_text("[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = m\n")
    for arn in (ROLE, OTHER_ROLE):
        stsnb.assume_role(arn, live=True)
        kernel._sources.clear()
    assert kernel._sources.find(SourceKey()).credentials.access_key == "AKIAMINE"


def test_a_pod_s_endpoint_stays_the_source(
    sts: ScriptedSTS, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on EKS, where the source uses the variables that stsnb sets for child processes."""
    tokens = []

    def pod(request: Request) -> Response:
        tokens.append(request.headers["Authorization"])
        keys = {"AccessKeyId": "ASIAPOD", "SecretAccessKey": "p", "Token": "t", "Expiration": ends}
        return Response(json.dumps(keys), content_type="application/json")

    ends = datetime.fromtimestamp(time.time() + 60, timezone.utc).isoformat()  # botocore asks at each signing
    httpserver.expect_request("/pod").respond_with_handler(pod)
    (tmp_path / "pods-token").write_text("pods")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", httpserver.url_for("/pod").replace("localhost", "127.0.0.1")
    )
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "pods-token"))
    role = stsnb.assume_role(ROLE, live=True)
    asked = len(tokens)
    role.refresh()
    stsnb.assume_role(OTHER_ROLE, live=True)
    assert len(tokens) > asked
    assert set(tokens) == {"pods"}


# --- tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "ä", "Bearer "])
def test_a_wrong_token_gets_no_credentials(sts: ScriptedSTS, token: str) -> None:
    stsnb.assume_role(ROLE, live=True)
    status, said = ask(token=token.encode().decode("latin-1"))
    assert status in (400, 403)
    assert set(said) == {"code", "message"}


def test_a_child_process_of_a_dropped_role_gets_the_reason(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, live=True)
    environ = dict(os.environ)
    stsnb.drop_role()
    assert ask(environ) == (
        404,
        {"code": "RoleDropped", "message": "The notebook has dropped the role role-for-s3-fileserver."},
    )
    assert "The notebook has dropped the role role-for-s3-fileserver" in child(_WHO, environ=environ)


def test_a_child_keeps_the_role_that_it_was_started_under_until_that_is_dropped(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE, live=True)
    of_first = dict(os.environ)
    second = stsnb.assume_role(OTHER_ROLE, live=True)
    assert ask()[1]["AccessKeyId"] == second.response.access_key_id
    first.refresh()
    assert ask(of_first)[1]["AccessKeyId"] == first.response.access_key_id
    stsnb.assume_role(OTHER_ROLE)
    assert ask(of_first)[0] == 200
    first.drop()
    assert ask(of_first)[0] == 404
    stsnb.drop_role()


def test_a_drop_stops_serving_all_roles_of_the_notebook(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, live=True)
    of_first = dict(os.environ)
    stsnb.assume_role(OTHER_ROLE, live=True)
    of_second = dict(os.environ)
    stsnb.drop_role()
    assert (ask(of_first)[0], ask(of_second)[0]) == (404, 404)


def test_the_end_of_a_with_stops_serving_its_role_only(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, live=True)
    outer = dict(os.environ)
    with stsnb.assume_role(OTHER_ROLE, live=True):
        inner = dict(os.environ)
        assert (ask(outer)[0], ask(inner)[0]) == (200, 200)
    assert (ask(outer)[0], ask(inner)[0]) == (200, 404)
    assert os.environ == outer
    with stsnb.assume_role(OTHER_ROLE):
        assert ask(outer)[0] == 200


def test_running_the_cell_again_serves_the_same_child_processes(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE, "RoleSession1", live=True)
    before = dict(os.environ)
    for _ in range(3):
        role = stsnb.assume_role(ROLE, "RoleSession1", live=True)
    assert os.environ == before
    assert serving(role)
    kernel._look()
    gc.collect()
    assert len(kernel._renewer._watched) == 1
    narrower = stsnb.assume_role(
        ROLE, "RoleSession1", policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"], live=True
    )
    assert serving(narrower)
    assert ask(before)[1]["AccessKeyId"] == role.response.access_key_id


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_the_same_role_again_has_the_user_s_other_files(sts: ScriptedSTS, profiles: Path, name: str) -> None:
    stsnb.assume_role(ROLE, live=True)
    earlier = dict(os.environ)
    other = profiles / "other"
    taken = "profile stsnb-live" if name == "AWS_CONFIG_FILE" else "stsnb-live"
    keys = "aws_access_key_id = AKIAOTHER\naws_secret_access_key = o\n"
    other.write_text(f"[{taken}]\n{keys}")
    os.environ[name] = str(other)
    role = stsnb.assume_role(ROLE, live=True)
    assert os.environ["AWS_PROFILE"] == "stsnb-live-2"
    assert child(_WITH_PROFILE, "stsnb-live") == "AKIAOTHER"
    assert child(_WHO) == role.response.access_key_id
    assert child(_WHO, environ=earlier) == role.response.access_key_id
    assert child(_WITH_PROFILE, "work", environ=earlier) == "AKIAWORK"
    later = dict(os.environ)
    stsnb.assume_role(ROLE, live=True)
    assert os.environ == later
    stsnb.drop_role()
    assert os.environ[name] == str(other)
    assert (ask(earlier)[0], ask(later)[0]) == (404, 404)


def test_the_same_role_again_has_the_user_s_other_proxy(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    stsnb.assume_role(ROLE, live=True)
    earlier = dict(os.environ)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", sts.endpoint_url.split("//")[1])
    role = stsnb.assume_role(ROLE, live=True)
    assert os.environ["no_proxy"].endswith(",127.0.0.1")
    assert serving(role)
    assert ask(earlier)[1]["AccessKeyId"] == role.response.access_key_id
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    role = stsnb.assume_role(ROLE, live=True)
    assert os.environ == earlier
    assert serving(role)


def test_the_same_role_again_without_space_leaves_the_earlier_one_served(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = stsnb.assume_role(ROLE, live=True)
    with monkeypatch.context() as moved:
        moved.setenv("AWS_CONFIG_FILE", str(tmp_path / "other"))
        moved.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        with pytest.raises(stsnb.AssumeRoleError, match="can't be made active"):
            stsnb.assume_role(ROLE, live=True)
    assert stsnb.current_role() is first
    assert serving(first)


_SECOND_KERNEL = f"""
import json, os, stsnb, sys
stsnb.assume_role({ROLE!r}, live=True)
print(json.dumps({{name: value for name, value in os.environ.items() if "CONTAINER" in name}}), flush=True)
sys.stdin.read()
"""


def test_a_second_kernel_has_a_server_of_its_own(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    stsnb.assume_role(ROLE, live=True)
    with subprocess.Popen(
        [sys.executable, "-c", _SECOND_KERNEL],
        env=own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as second:
        assert second.stdout is not None
        environ = json.loads(second.stdout.readline())
        assert ask(environ)[0] == ask()[0] == 200
        assert ask(environ, os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"])[0] == 403
        assert ask(token=environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"])[0] == 403
        assert second.stdin is not None
        second.stdin.close()
        assert second.wait(20) == 0
    assert ask()[0] == 200


_FORKS = f"""
import os, stsnb, sys
role = stsnb.assume_role({ROLE!r}, live=True)
parents = dict(os.environ)
child = os.fork()
if child == 0:
    import boto3
    assert boto3.Session().get_credentials().access_key == role.response.access_key_id  # asks its parent
    stsnb.assume_role({OTHER_ROLE!r}, live=True)
    assert os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != parents["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
import boto3
print(boto3.Session().get_credentials().access_key == role.response.access_key_id)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork has no forked children")
def test_a_forked_child_fetches_from_its_parent_and_removes_none_of_its_files(sts: ScriptedSTS) -> None:
    assert child(_FORKS) == "True"


# --- renewal -----------------------------------------------------------------------------------------------


def test_renewed_keys_are_served_without_a_change_to_the_environment(sts: ScriptedSTS) -> None:
    role, before = stsnb.assume_role(ROLE, live=True), dict(os.environ)
    first = role.response.access_key_id
    role.refresh()
    assert role.response.access_key_id != first
    assert serving(role)
    assert os.environ == before


def test_a_session_that_is_due_is_renewed_once_before_it_is_served(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.seconds = 800
    role = stsnb.assume_role(ROLE, live=True)
    first, calls = role.response.access_key_id, sts.calls
    sts.seconds = 3600
    make_due(role.credentials, monkeypatch)
    answers = [ask()[1]["AccessKeyId"] for _ in range(20)]
    assert set(answers) == {role.response.access_key_id}
    assert first not in answers
    assert sts.calls == calls + 1


def make_due(credentials: RoleCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_renew_at", time.time())


def test_while_sts_is_away_valid_credentials_are_served_and_then_the_reason(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.seconds = 5
    role = stsnb.assume_role(ROLE, live=True)
    sts.fails("Throttling", status=400)
    wait_until("the renewal has failed", lambda: role.renewal_error is not None)
    assert ask()[0] == 200
    wait_until("the session has ended", lambda: not role.remaining)
    status, said = ask()
    assert status == 503
    assert "The session of the role role-for-s3-fileserver ended at" in said["message"]
    assert " UTC. Renewal failed: " in said["message"]
    sts.recovers()
    sts.seconds = 3600
    wait_until("it is served again", lambda: ask()[0] == 200)


def test_a_session_without_renewal_is_served_to_its_end(sts: ScriptedSTS) -> None:
    sts.seconds = 1
    role = stsnb.assume_role(ROLE, live=True, refresh=False)
    wait_until("it has ended", lambda: not role.remaining)
    status, said = ask()
    assert (status, said["code"]) == (403, "ExpiredToken")


@pytest.mark.parametrize(
    ("seconds", "begins"),
    [
        (43200, 1860),
        (3600, 1860),
        (3110, 1860),
        (3000, 1000),
        (2400, 960),
        (1800, 960),
        (1700, 960),
        (1500, 500),
        (900, 300),
    ],
)
def test_a_live_role_is_renewed_early_enough_for_readers_where_the_session_allows_it(
    sts: ScriptedSTS, seconds: int, begins: int
) -> None:
    role = stsnb.assume_role(ROLE, duration_seconds=seconds, live=True)
    left = role.expiration.timestamp() - role.credentials.due_at
    assert left == pytest.approx(begins, abs=2)


@pytest.mark.parametrize(("seconds", "early"), [(3600, 900), (1810, 900), (1790, 0), (900, 0)])
def test_the_end_is_named_early_while_more_than_half_an_hour_is_left(
    sts: ScriptedSTS, seconds: int, early: int
) -> None:
    sts.seconds = seconds
    role = stsnb.assume_role(ROLE, live=True, refresh=False)
    ends = datetime.strptime(ask()[1]["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert (role.expiration.replace(microsecond=0) - ends).total_seconds() == early


def test_other_roles_are_renewed_at_the_usual_time(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, duration_seconds=1800)
    assert role.expiration.timestamp() - role.credentials.due_at == pytest.approx(600, abs=2)


def test_unloading_stops_it(sts: ScriptedSTS, shell: InteractiveShell) -> None:
    shell.run_cell(f"%assume_role {ROLE} --live")
    port = int(urlsplit(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).netloc.split(":")[1])
    assert listens(port)
    shell.run_cell("%unload_ext stsnb")
    assert not listens(port)
