"""Configuration by traitlets: %config, configuration files and the command line say the same, and are checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import stsnb
from stsnb.config import settings as configuration
from tests.ipython.test_magics import run
from tests.scripted_sts import IDENTITY_CENTER, ROLE, ScriptedSTS
from tests.unchanged import unchanged

OTHER = "arn:aws:iam::210987654321:role/other"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def asked(sts: ScriptedSTS) -> dict[str, str]:
    """What the last question was, but for what all have."""
    return {k: v for k, v in sts.requests[-1].items() if k not in ("Action", "Version")}


def configure(shell: InteractiveShell, **values: Any) -> str:
    return "".join(run(shell, f"%config AssumeRole.{name} = {value!r}") for name, value in values.items())


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Any:
    """What %config says of a value that is refused: it goes through logging."""
    return lambda: caplog.text


# --- what is configured, what an alias holds, what is given ---------------------------------------------------


def test_what_is_configured_holds_for_the_magic_and_the_function(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    configure(shell, session_name="configured", duration_seconds=7200, region="eu-west-1")
    expected = {"RoleArn": ROLE, "RoleSessionName": "configured", "DurationSeconds": "7200"}
    run(shell, f"%assume_role {ROLE}")
    assert asked(sts) == expected
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    role = stsnb.assume_role(ROLE)
    assert asked(sts) == expected
    assert role.region == "eu-west-1"
    with stsnb.assume_role(ROLE, "given", duration_seconds=900, region="us-east-2") as role:
        assert asked(sts) == {"RoleArn": ROLE, "RoleSessionName": "given", "DurationSeconds": "900"}
        assert role.region == "us-east-2"


def test_an_alias_goes_before_what_is_configured_and_the_line_before_both(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    configure(
        shell,
        session_name="configured",
        duration_seconds=7200,
        roles={
            "s3": {"role_arn": ROLE, "session_name": "of-alias", "external_id": "e-1", "tags": {"a": "b"}}
        },
    )
    run(shell, "%assume_role s3")
    assert asked(sts) == {
        "RoleArn": ROLE,
        "RoleSessionName": "of-alias",
        "DurationSeconds": "7200",
        "ExternalId": "e-1",
        "Tags.member.1.Key": "a",
        "Tags.member.1.Value": "b",
    }
    run(shell, "%assume_role s3 from-the-line --external-id e-2 --tags c=d --duration-seconds 900")
    assert asked(sts) == {
        "RoleArn": ROLE,
        "RoleSessionName": "from-the-line",
        "DurationSeconds": "900",
        "ExternalId": "e-2",
        "Tags.member.1.Key": "c",
        "Tags.member.1.Value": "d",
    }
    stsnb.assume_role("s3")
    assert asked(sts)["RoleSessionName"] == "of-alias"
    run(shell, "%%assume_role s3\n1")
    run(shell, "%assume_role --role-arn s3 --role-session-name mine")
    assert asked(sts)["RoleSessionName"] == "mine"


def test_every_parameter_of_an_alias_reaches_where_it_belongs(
    shell: InteractiveShell, sts: ScriptedSTS, config: Path
) -> None:
    (config / "credentials").write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n")
    (config / "narrow.json").write_text('{"Version": "2012-10-17"}')
    held: dict[str, Any] = {
        "role_arn": ROLE,
        "session_name": "me",
        "duration_seconds": 900,
        "external_id": "e-1",
        "policy": str(config / "narrow.json"),
        "policy_arns": [READ_ONLY],
        "read_only": False,
        "tags": {"team": "data"},
        "transitive_tag_keys": ["team"],
        "source_identity": "alice",
        "provided_contexts": [{"ProviderArn": IDENTITY_CENTER, "ContextAssertion": "eyJ+/=="}],
        "minimum_session_token_size": 2048,
        "profile": "work",
        "region": "eu-west-1",
        "refresh": False,
        "live": True,
    }
    configure(shell, roles={"all": held})
    role = stsnb.assume_role("all")
    assert asked(sts) == {
        "RoleArn": ROLE,
        "RoleSessionName": "me",
        "DurationSeconds": "900",
        "ExternalId": "e-1",
        "Policy": '{"Version":"2012-10-17"}',
        "PolicyArns.member.1.arn": READ_ONLY,
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "data",
        "TransitiveTagKeys.member.1": "team",
        "SourceIdentity": "alice",
        "ProvidedContexts.member.1.ProviderArn": IDENTITY_CENTER,
        "ProvidedContexts.member.1.ContextAssertion": "eyJ+/==",
        "MinimumSessionTokenSize": "2048",
    }
    assert "AKIAWORK" in sts.server.log[-1][0].headers["Authorization"]
    assert (role.region, role.renewable, role.live) == ("eu-west-1", False, True)
    run(shell, "%assume_role all --refresh --no-live")
    role = stsnb.current_role()
    assert role is not None
    assert role.renewable
    assert not role.live
    # but for those that ask in another way
    assert set(held) | {"serial_number", "web_identity_token_file", "chain"} == {
        "role_arn",
        *configuration.alias_parameters(),
    }


def test_a_policys_file_counts_as_it_is_when_the_role_is_assumed(
    shell: InteractiveShell, sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    configure(shell, roles={"s3": {"role_arn": ROLE, "policy": "~/narrow.json"}})
    with unchanged():
        assert "can't be read: No such file" in " ".join(run(shell, "%assume_role s3", fails=True).split())
    for text in ('{"Version":"1"}', '{"Version":"2"}'):
        (tmp_path / "narrow.json").write_text(text)
        run(shell, "%assume_role s3")
        assert asked(sts)["Policy"] == text
    configure(shell, roles={"s3": {"role_arn": ROLE, "policy": '{"Version": "3"}'}})
    run(shell, "%assume_role s3")
    assert asked(sts)["Policy"] == '{"Version":"3"}'


# --- read-only by default -------------------------------------------------------------------------------------


def test_read_only_by_default_holds_until_something_narrower_is_said(
    shell: InteractiveShell, sts: ScriptedSTS, tmp_path: Path
) -> None:
    narrow = tmp_path / "narrow.json"
    narrow.write_text("{}")
    configure(
        shell,
        read_only=True,
        roles={
            "plain": {"role_arn": ROLE},
            "narrow": {"role_arn": ROLE, "policy": {}},
            "writer": {"role_arn": ROLE, "read_only": False},
        },
    )
    for line, sent in {
        ROLE: {"PolicyArns.member.1.arn": READ_ONLY},
        "plain": {"PolicyArns.member.1.arn": READ_ONLY},
        "narrow": {"Policy": "{}"},
        "writer": {},
        "writer --read-only": {"PolicyArns.member.1.arn": READ_ONLY},
        f"{ROLE} --no-read-only": {},
        "plain --no-read-only": {},
        f"plain --policy {narrow}": {"Policy": "{}"},
        f"{ROLE} --policy-arns arn:aws:iam::aws:policy/SecurityAudit": {
            "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/SecurityAudit"
        },
    }.items():
        run(shell, f"%assume_role {line}")
        assert {k: v for k, v in asked(sts).items() if "Policy" in k} == sent, line
    run(shell, "%config AssumeRole.read_only = False")
    run(shell, "%assume_role plain")
    assert not [name for name in asked(sts) if "Policy" in name]


def test_an_alias_that_narrows_is_not_widened_by_the_lines_read_only(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    configure(shell, roles={"narrow": {"role_arn": ROLE, "policy": {}}})
    with unchanged():
        shown = run(shell, "%assume_role narrow --read-only", fails=True)
    assert "use one or the other" in " ".join(shown.split())
    assert sts.calls == 0


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("duration_seconds", 60, "Invalid duration: 60 s. It must be 900 to 43200 s."),
        ("duration_seconds", 43201, "It must be 900 to 43200 s."),
        ("duration_seconds", "1h", "'duration_seconds' trait of an AssumeRole instance expected an int"),
        ("session_name", "a b", "Invalid session name 'a b': it contains a space. Use letters"),
        ("session_name", "a", ": 1 character. It must have 2 to 64"),
        ("region", "eu west", "Invalid region: 'eu west'"),
        ("region", "", "Invalid region: ''"),
        ("read_only", "yes", "'read_only' trait of an AssumeRole instance expected a boolean"),
        ("dangerous", ["*prod*", " "], "' ' is not a pattern of role names"),
        ("roles", {"s3": {"session_name": "me"}}, "The alias 's3' has no role_arn. Add the ARN"),
        ("roles", {"s3": {"role_arn": None}}, "The alias 's3' has no role_arn. Add the ARN"),
        (
            "roles",
            {"s3": {"role_arn": ROLE, "durationseconds": 900}},
            "The alias 's3' has an invalid key 'durationseconds'. Did you mean duration_seconds?",
        ),
        ("roles", {"s3": {"role_arn": ROLE, "zzz": 1}}, "Valid keys are role_arn, session_name, duration_seconds"),
        (
            "roles",
            {"ok": {"role_arn": ROLE}, "s3": {"role_arn": ROLE, "duration_seconds": 60}},
            "The alias 's3' is invalid. duration_seconds: Invalid duration: 60 s",
        ),
        ("roles", {"s3": {"role_arn": "s3-role"}}, "The alias 's3' is invalid. role_arn: 's3-role' is not a role ARN"),
        ("roles", {"s3": {"role_arn": ROLE, "read_only": "no"}}, "Invalid read_only: 'no'. It must be True or False."),
        ("roles", {"s3": {"role_arn": ROLE, "read_only": True, "policy": {}}}, "use one or the other"),
        ("roles", {"s3": {"role_arn": ROLE, "refresh": "no"}}, "has refresh 'no', which must be True or False"),
        ("roles", {"s3": {"role_arn": ROLE, "profile": ""}}, "has profile '', which must be text"),
        ("roles", {"s3": {"role_arn": ROLE, "region": 5}}, "has region 5, which must be text"),
        ("roles", {"s3": {"role_arn": ROLE, "policy": "{nonsense"}}, "The session policy is not JSON"),
        ("roles", {"a b": {"role_arn": ROLE}}, "Invalid alias 'a b'. It must be one word"),
        ("roles", {"--s3": {"role_arn": ROLE}}, "Invalid alias '--s3'"),
        ("roles", {"arn:x": {"role_arn": ROLE}}, "Invalid alias 'arn:x'"),
        ("roles", {"s3": ROLE}, "'roles' trait of an AssumeRole instance"),
    ],
)  # fmt: skip
def test_a_value_beyond_its_limit_gets_a_sentence_and_changes_nothing(
    shell: InteractiveShell, logged: Any, name: str, value: object, told: str
) -> None:
    configure(shell, session_name="before", duration_seconds=900, roles={"before": {"role_arn": ROLE}})
    before = configuration.current()
    configure(shell, **{name: value})
    assert told in logged()
    assert configuration.current() == before
    # and what is set next is not held up by it
    configure(shell, session_name="after")
    assert configuration.current().general == {"session_name": "after", "duration_seconds": 900}


def test_a_code_in_an_alias_is_refused_without_being_repeated(shell: InteractiveShell, logged: Any) -> None:
    with_code = {"role_arn": ROLE, "serial_number": "arn:aws:iam::1:mfa/me", "token_code": "123456"}
    configure(shell, roles={"s3": with_code})
    assert "An MFA code is valid only once: pass it to each assume_role" in logged()
    assert "123456" not in logged()
    assert configuration.current().roles == {}


def test_an_unknown_name_is_a_warning_that_suggests_the_right_one(shell: InteractiveShell) -> None:
    with pytest.warns(UserWarning, match="`regio` not recognized by `AssumeRole`.  Did you mean `region`?"):
        configure(shell, regio="eu-west-1")


def test_the_shells_line_lists_what_can_be_configured(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%config AssumeRole")
    listed = capsys.readouterr().out
    for name in ("roles", "session_name", "duration_seconds", "region", "read_only", "dangerous"):
        assert f"AssumeRole.{name}=" in listed
    assert "900 to 43200 seconds" in listed
    assert "*prod*" in listed


# --- where it comes from, and where it goes -------------------------------------------------------------------


@pytest.fixture
def bare_shell() -> Iterator[Any]:
    """Makes shells with a configuration, without the extension."""

    def make(**values: Any) -> InteractiveShell:
        InteractiveShell.clear_instance()
        return InteractiveShell.instance(config=Config(AssumeRole=values))

    yield make
    InteractiveShell.clear_instance()


def test_a_configuration_that_cannot_be_used_keeps_the_extension_from_loading(bare_shell: Any) -> None:
    shell = bare_shell(read_only=True, duration_seconds=60)
    shown = " ".join(run(shell, "%load_ext stsnb", fails=True).split())
    assert "stsnb was not loaded. Invalid duration: 60 s." in shown
    assert "Traceback" not in shown
    assert configuration.current() == configuration.Settings()
    assert "not found" in run(shell, "%current_role", fails=True)


def test_unloading_takes_the_configuration_away_and_loading_again_brings_it_back(
    bare_shell: Any, sts: ScriptedSTS
) -> None:
    shell = bare_shell(session_name="configured")
    run(shell, "%load_ext stsnb")
    configure(shell, duration_seconds=7200)
    configure(shell, duration_seconds=60)
    configure(shell, dangerous=["*s3*"])
    held = configuration.current()
    run(shell, "%reload_ext stsnb")
    assert configuration.current() == held
    assert sum(type(each).__name__ == "AssumeRole" for each in shell.configurables) == 1
    run(shell, "%unload_ext stsnb")
    assert configuration.current() == configuration.Settings()
    assert not [each for each in shell.configurables if type(each).__name__ == "AssumeRole"]
    stsnb.assume_role(ROLE, "x2")
    assert "DurationSeconds" not in asked(sts)
    run(shell, "%load_ext stsnb")
    assert configuration.current() == held
    run(shell, "%unload_ext stsnb")


_REPORT = """
import json, sys
from stsnb.config import settings as configuration
held = configuration.current()
print(json.dumps([held.roles, held.general, list(held.dangerous), [m for m in ("boto3", "botocore", "ipywidgets") if m in sys.modules]]))
"""
_EXPECTED = [
    {"s3": {"role_arn": ROLE, "duration_seconds": 1800}},
    {"session_name": "from-a-file", "duration_seconds": 7200, "region": "eu-west-1", "read_only": True},
    ["*prod*", "*admin*"],
    [],
]
_FILE = f"""
c.InteractiveShellApp.extensions = ["stsnb"]
c.AssumeRole.roles = {{"s3": {{"role_arn": {ROLE!r}, "duration_seconds": 1800}}}}
c.AssumeRole.session_name = "from-a-file"
c.AssumeRole.duration_seconds = 7200
c.AssumeRole.region = "eu-west-1"
c.AssumeRole.read_only = True
c.AssumeRole.dangerous = ["*prod*", "*admin*"]
"""
_LINE = [
    "--ext=stsnb",
    f"--AssumeRole.roles={{'s3': {{'role_arn': {ROLE!r}, 'duration_seconds': 1800}}}}",
    "--AssumeRole.session_name=from-a-file",
    "--AssumeRole.duration_seconds=7200",
    "--AssumeRole.region=eu-west-1",
    "--AssumeRole.read_only=True",
    "--AssumeRole.dangerous=*prod*",
    "--AssumeRole.dangerous=*admin*",
]


def ipython(folder: Path, *arguments: str) -> tuple[str, str]:
    """Run IPython in a process of its own, with its profile in a folder."""
    made = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", *arguments, "-c", _REPORT],
        env={**os.environ, "IPYTHONDIR": str(folder)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return made.stdout, made.stderr


def test_a_file_and_the_command_line_say_the_same_before_boto3_is_there(tmp_path: Path) -> None:
    assert json.loads(ipython(tmp_path, *_LINE)[0]) == _EXPECTED
    (tmp_path / "profile_default").mkdir(exist_ok=True)
    (tmp_path / "profile_default" / "ipython_config.py").write_text(_FILE)
    assert json.loads(ipython(tmp_path)[0]) == _EXPECTED
    assert json.loads(ipython(tmp_path, "--AssumeRole.region=us-east-2")[0])[1]["region"] == "us-east-2"


def test_an_alias_on_the_command_line_may_be_a_pair(tmp_path: Path) -> None:
    pair = f"--AssumeRole.roles=s3={{'role_arn': {ROLE!r}}}"
    assert json.loads(ipython(tmp_path, "--ext=stsnb", pair)[0])[0] == {"s3": {"role_arn": ROLE}}


def test_an_invalid_value_on_the_command_line_is_an_error(tmp_path: Path) -> None:
    out, err = ipython(tmp_path, "--ext=stsnb", "--AssumeRole.duration_seconds=60")
    assert "Invalid duration: 60 s. It must be 900 to 43200 s." in " ".join((out + err).split())


def test_a_kernel_takes_its_own_file_and_its_command_line(tmp_path: Path) -> None:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    (tmp_path / "profile_default").mkdir()
    (tmp_path / "profile_default" / "ipython_kernel_config.py").write_text(_FILE)
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.start_kernel(
        env={**os.environ, "IPYTHONDIR": str(tmp_path)}, extra_arguments=["--AssumeRole.region=us-east-2"]
    )
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said: list[str] = []
        client.execute_interactive(
            _REPORT, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    roles, general, dangerous, _ = json.loads("".join(said))
    assert [roles, dangerous] == [_EXPECTED[0], _EXPECTED[2]]
    assert general == {**_EXPECTED[1], "region": "us-east-2"}  # type: ignore[dict-item]
