"""The magics, in a real IPython shell."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

import stsnb
from stsnb.config import settings as configuration
from stsnb.demo import ARCHIVE_BUCKET, ARCHIVE_ROLE_ARN, BUCKET, PAYROLL_ROLE_ARN, ROLE_ARN, EmbeddedAWS
from stsnb.injection.scopes import Scope
from stsnb.ipython.cursor import options
from stsnb.kernel import kernel
from tests.interrupts import interrupt_at_each_line
from tests.scripted_sts import ROLE, SECRET_MARK, MFADevice, ScriptedSTS
from tests.unchanged import unchanged

DEVICE = MFADevice.serial_number


def run(shell: InteractiveShell, cell: str, *, fails: bool = False) -> str:
    """Run a cell as a user would, and return all that it shows."""
    with capture_output() as shown:
        result = shell.run_cell(cell)
    text = _all(shown)
    assert result.success is not fails, text
    return text


def _all(shown: CapturedIO) -> str:
    return shown.stdout + shown.stderr + "".join(str(output.data) for output in shown.outputs)


def test_the_line_of_the_readme_makes_the_kernel_the_role(shell: InteractiveShell, aws: EmbeddedAWS) -> None:
    shown = run(shell, f"%assume_role {ROLE_ARN} RoleSession1")
    assert "role-for-s3-fileserver · 123456789012 · RoleSession1 · until 20" in shown
    assert "UTC (59 min left)" in shown
    assert boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] > 0
    assert "RoleSession1" in run(shell, "%current_role")
    assert "Dropped role-for-s3-fileserver" in run(shell, "%drop_role")
    assert "No role is active" in run(shell, "%current_role")
    assert "nothing to drop" in run(shell, "%drop_role")


@pytest.mark.parametrize(
    "line",
    [
        f'--role-arn {ROLE} --role-session-name "RoleSession1"',
        f'$ aws sts assume-role --role-arn {ROLE} --role-session-name "RoleSession1"',
        f"aws sts assume-role --role-arn {ROLE} --role-session-name RoleSession1 --output json --query Credentials --no-cli-pager",
        f"--role-session-name=RoleSession1 --role-arn={ROLE}",
        f"--role-arn {ROLE} RoleSession1",
        f"{ROLE} --role-session-name RoleSession1",
        f"{ROLE} --output json RoleSession1",
        f"'{ROLE}'   RoleSession1  ",
        f"--role-arn {ROLE} \\\n    --role-session-name RoleSession1",
    ],
)
def test_the_aws_clis_own_line_works(shell: InteractiveShell, sts: ScriptedSTS, line: str) -> None:
    run(shell, f"%assume_role {line}")
    assert {k: v for k, v in sts.requests[-1].items() if k not in ("Action", "Version")} == {
        "RoleArn": ROLE,
        "RoleSessionName": "RoleSession1",
    }


def test_every_option_reaches_sts(shell: InteractiveShell, sts: ScriptedSTS, tmp_path: Path) -> None:
    policy = tmp_path / "narrow it.json"
    policy.write_text('{"Version": "2012-10-17",\n "Statement": []}')
    run(
        shell,
        f"%assume_role {ROLE} me --duration-seconds 900 --external-id e-1 --policy 'file://{policy}'"
        " --policy-arns arn=arn:aws:iam::aws:policy/A arn:aws:iam::aws:policy/B"
        " --tags team=data Key=project,Value=x=y 'Value=a b,Key=cost center' --transitive-tag-keys team --source-identity alice"
        " --serial-number arn:aws:iam::123456789012:mfa/alice --token-code 012345 --region eu-west-1",
    )
    session_call, asked = sts.requests
    assert (session_call["Action"], session_call["DurationSeconds"]) == ("GetSessionToken", "43200")
    assert (session_call["SerialNumber"], session_call["TokenCode"]) == (
        "arn:aws:iam::123456789012:mfa/alice",
        "012345",
    )
    assert {k: v for k, v in asked.items() if k not in ("Action", "Version")} == {
        "RoleArn": ROLE,
        "RoleSessionName": "me",
        "DurationSeconds": "900",
        "ExternalId": "e-1",
        "Policy": '{"Version":"2012-10-17","Statement":[]}',
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
        "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/B",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "data",
        "Tags.member.2.Key": "project",
        "Tags.member.2.Value": "x=y",
        "Tags.member.3.Key": "cost center",
        "Tags.member.3.Value": "a b",
        "TransitiveTagKeys.member.1": "team",
        "SourceIdentity": "alice",
    }
    assert os.environ["AWS_DEFAULT_REGION"] == os.environ["AWS_REGION"] == "eu-west-1"
    run(shell, "%drop_role")
    assert os.environ["AWS_DEFAULT_REGION"] == "ap-northeast-2"
    assert "AWS_REGION" not in os.environ


def test_the_clis_words_alone_are_names_like_others(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    names = ("aws", "sts", "assume-role", "$")
    roles = {name: {"role_arn": f"{ROLE}-{name.strip('$')}"} for name in names}
    configuration.put(configuration.Settings(roles=roles))
    for name in names:
        for prompt in ("", "$ aws sts assume-role "):
            run(shell, f"%assume_role {prompt}{name} MySession")
            asked = sts.requests[-1]
            assert (asked["RoleArn"], asked["RoleSessionName"]) == (f"{ROLE}-{name.strip('$')}", "MySession")


def test_options_with_lists_add_up_when_repeated(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    for _ in range(2):  # nothing is left of a line for the next one
        run(
            shell,
            f"%assume_role {ROLE} me --policy-arns arn:aws:iam::aws:policy/A --tags a=1 --tags b=2 c=3"
            " --transitive-tag-keys a --policy-arns=arn:aws:iam::aws:policy/B --transitive-tag-keys b",
        )
        asked = sts.requests[-1]
        assert {k: v for k, v in asked.items() if k.startswith(("Policy", "Tags", "Transitive"))} == {
            "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
            "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/B",
            "Tags.member.1.Key": "a",
            "Tags.member.1.Value": "1",
            "Tags.member.2.Key": "b",
            "Tags.member.2.Value": "2",
            "Tags.member.3.Key": "c",
            "Tags.member.3.Value": "3",
            "TransitiveTagKeys.member.1": "a",
            "TransitiveTagKeys.member.2": "b",
        }
    run(shell, f"%assume_role {ROLE} me")
    assert not [name for name in sts.requests[-1] if name.startswith(("Policy", "Tags", "Transitive"))]


def test_options_may_stand_between_the_names(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    run(shell, f"%assume_role --region eu-west-1 {ROLE} --duration-seconds 900 RoleSession1 --external-id e1")
    assert sts.requests[-1]["RoleSessionName"] == "RoleSession1"


def test_python_variables_can_be_named(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    run(shell, f"arn, name = {ROLE!r}, 'me'")
    run(shell, "%assume_role $arn {name}")
    assert sts.requests[-1]["RoleSessionName"] == "me"


def test_a_variable_that_ipython_has_not_expanded_counts_all_the_same(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPython expands no variable of a line with JSON in it, and none of the environment's."""
    monkeypatch.setenv("SESSION", "of-environment")
    shell.user_ns["arn"] = ROLE
    tags = json.dumps([{"Key": "team", "Value": "data"}])
    for line in (f"$arn $SESSION --tags '{tags}'", f"{{arn}} ${{SESSION}} --tags '{tags}'"):
        run(shell, f"%assume_role {line}")
        asked = sts.requests[-1]
        assert (asked["RoleArn"], asked["RoleSessionName"]) == (ROLE, "of-environment")
        assert asked["Tags.member.1.Key"] == "team"


def test_an_undefined_variable_is_named(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    shell.user_ns["arn"] = ROLE
    with unchanged():
        assert "'{nme}' is not defined" in run(shell, "%assume_role {arn} {nme}", fails=True)
        assert "'$nme' is not defined" in run(shell, "%assume_role $arn $nme", fails=True)
    assert sts.calls == 0


def test_a_policy_in_json_narrows_the_role(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"a/${aws:username}/*"}]}'
    escaped = policy.replace('"', '\\"').replace("$", "\\$")
    for quoted in (f"'{policy}'", f'"{escaped}"'):
        run(shell, f"%assume_role {ROLE} me --policy {quoted}")
        assert sts.requests[-1]["Policy"] == policy


def test_a_bare_magic_says_how_to_use_it(shell: InteractiveShell) -> None:
    with unchanged():
        assert "%assume_role arn:aws:iam::123456789012:role/NAME" in run(shell, "%assume_role")


def test_each_parameter_of_the_function_is_an_option_and_no_other() -> None:
    names = {action.dest for action in options().values()} - {"help", "role_arn", "role_session_name"}
    assert names == set(inspect.signature(stsnb.assume_role).parameters) - {"role", "session_name", "inject"}


def test_help_names_every_option(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("%assume_role?")
    text = capsys.readouterr().out
    for option in (
        "role-arn",
        "duration-seconds",
        "external-id",
        "policy-arns",
        "tags",
        "serial-number",
        "web-identity-token-file",
        "chain",
        "region",
    ):
        assert f"--{option}" in text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            f"{ROLE} --durration-seconds 900",
            "no option '--durration-seconds'. Did you mean --duration-seconds?",
        ),
        (f"{ROLE} --endpoint http://x", "no option '--endpoint'"),
        (f"{ROLE} --dur 900", "no option '--dur'"),
        (f"{ROLE} me --duration-seconds", "--duration-seconds: expected one argument"),
        (f"{ROLE} me --duration-seconds 1h", "'1h' is not a whole number of seconds"),
        (f"{ROLE} me --minimum-session-token-size 2k", "'2k' is not a whole number of bytes"),
        (f"{ROLE} me --minimum-session-token-size 4097", "4097 bytes. It must be 0 to 4096 bytes."),
        (f"{ROLE} me --provided-contexts", "--provided-contexts: expected at least one argument"),
        (f"{ROLE} me you", "Too many arguments: expected ROLE [SESSION_NAME]"),
        (f"{ROLE} 'me", "Missing closing quotation mark"),
        (f"{ROLE} me --tags team", "'team' is not KEY=VALUE"),
        (f"{ROLE} me --tags team=a team=b", "A tag key is given twice"),
        (f"{ROLE} me --tags team=a --tags team=b", "A tag key is given twice"),
        (f"{ROLE} me --policy '{{nonsense}}'", "The session policy is not JSON"),
        (f"{ROLE} me --policy ~nobody-of-that-name/x.json", "names an unknown home folder"),
        (f"{ROLE} me --policy nowhere.json", "nowhere.json can't be read: No such file"),
        (f"{ROLE} --role-arn {ROLE} me", "Two roles given"),
        (f"{ROLE} me --role-session-name me", "Two session names given"),
        ("--role-session-name me", "No role given"),
        ("role-for-s3-fileserver", "arn:aws:iam::123456789012:role/role-for-s3-fileserver"),
        (
            f"{ROLE} me --duration-seconds 60",
            "Invalid duration: 60 s. It must be 900 to 43200 s.",
        ),
        (f"{ROLE} me --profile nobody", "There is no profile 'nobody'"),
        (f"{ROLE} --chain", "No role is active to chain from"),
        (f"{ROLE} --web-identity-token-file nowhere", "'nowhere' can't be read: No such file"),
        (
            f"{ROLE} --web-identity-token-file nowhere --external-id ext-1",
            "no external id with a web identity",
        ),
    ],
)
def test_a_wrong_line_gets_a_sentence_and_changes_nothing(
    shell: InteractiveShell, sts: ScriptedSTS, line: str, told: str
) -> None:
    with unchanged():
        shown = run(shell, f"%assume_role {line}", fails=True)
    assert told in " ".join(shown.split())
    assert "Traceback" not in shown
    assert "AssumeRoleError" in shown
    assert sts.calls == 0


@pytest.mark.parametrize(
    "line", ["--tokencode 123456", "--token-code 1234567", "--token 123456 --serial-number x"]
)
def test_a_code_is_never_repeated(shell: InteractiveShell, line: str) -> None:
    assert "12345" not in run(shell, f"%assume_role {ROLE} {line}", fails=True)


@pytest.mark.parametrize("magic", ["current_role", "drop_role"])
def test_the_other_magics_take_no_arguments(shell: InteractiveShell, magic: str) -> None:
    with unchanged():
        assert f"%{magic} takes no arguments" in run(shell, f"%{magic} now", fails=True)


_WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [ROLE, "RoleSession1", "--role-arn", "--tags", "--policy", "--policy-arns", "--duration-seconds", "-5", "--",
         "--token-code", "'", '"', "\\", "^", "`", ";", "|", "# x", "“", "$(", "[", "AWS_PROFILE=x", "file:///", "$x", "{", "}", "a=b", "=", "\x00", "\u2028", "--output", "aws", "sts", "*", "@f", "~0"]
    ),
)  # fmt: skip


@settings(
    max_examples=10 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_WORDS, min_size=1, max_size=6))
def test_no_line_whatever_ends_in_a_traceback(shell: InteractiveShell, words: list[str]) -> None:
    """Without any credentials, so that no line can get further than a sentence."""
    line = " ".join(words)
    with unchanged():
        try:
            shell.run_line_magic("assume_role", line)
        except UsageError as error:
            assert str(error)  # noqa: PT017


# --- one cell -------------------------------------------------------------------------------------------------


def test_a_cell_magic_is_for_one_cell(shell: InteractiveShell, aws: EmbeddedAWS) -> None:
    run(shell, f"%assume_role {ROLE_ARN}\nimport boto3")
    with unchanged():
        shown = run(
            shell,
            f"%%assume_role {ARCHIVE_ROLE_ARN} OneCell\n"
            f"print(boto3.client('s3').list_objects_v2(Bucket={ARCHIVE_BUCKET!r})['KeyCount'])\n"
            "x = 5\nboto3.client('sts').get_caller_identity()['Arn']",
        )
    assert "role-for-archive/OneCell" in shown
    assert shell.user_ns["x"] == 5


def test_a_failing_cell_shows_its_error_once_fails_and_puts_back(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    with unchanged():
        shown = run(shell, f"%%assume_role {ROLE}\n1/0", fails=True)
    assert shown.count("division by zero") == 1
    assert "line 1" in shown
    # and the next cell's errors are shown as ever
    assert "NameError" in run(shell, "nothing_of_that_name", fails=True)


_NESTED = f"shell = get_ipython()\ntry:\n    shell.run_cell_magic('assume_role', {ROLE!r}, '1/0')\n"


def test_a_nested_cells_error_hides_no_other(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    before = shell.custom_exceptions, shell.CustomTB
    caught = f"{_NESTED}except ZeroDivisionError:\n    pass\n"
    for cell in (
        f"{caught}raise ValueError('of the outer cell')",
        f"{caught}{caught}raise ValueError('of the outer cell')",
        f"{caught}1/{{'of the outer cell'}}",
        f"{caught}exec('of the outer cell')",
        f"{caught}%assume_role of the outer cell",
    ):
        shown = run(shell, cell, fails=True)
        assert shown.count("division by zero") == cell.count("1/0")
        assert "Error" in shown.rpartition("division by zero")[2]
        assert (shell.custom_exceptions, shell.CustomTB) == before
    shown = run(shell, f"{_NESTED}except ZeroDivisionError as error:\n    raise error", fails=True)
    assert shown.count("division by zero") == 1
    assert (shell.custom_exceptions, shell.CustomTB) == before


def test_the_users_own_handler_of_exceptions_shows_what_it_would(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    def show(_shell: object, _kind: object, error: object, _trace: object, tb_offset: object = None) -> None:
        print(f"handled: {error}, {tb_offset}")

    caught = f"{_NESTED}except ZeroDivisionError:\n    pass\n"
    shell.set_custom_exc((ValueError,), show)
    before = shell.custom_exceptions, shell.CustomTB
    assert "handled: seen" in run(shell, f"{caught}raise ValueError('seen')", fails=True)
    shown = run(shell, f"{caught}raise KeyError('not handled')", fails=True)
    assert "KeyError" in shown
    assert "handled: " not in shown
    assert (shell.custom_exceptions, shell.CustomTB) == before
    # and one that is put in the cell itself stays
    shell.set_custom_exc((), None)
    shell.user_ns["show"] = show
    run(shell, f"{caught}shell.set_custom_exc((ValueError,), show)")
    assert "handled: seen" in run(shell, "raise ValueError('seen')", fails=True)


def test_an_interrupt_while_a_cell_begins_puts_back(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = kernel.open

    def interrupted(*scope: Scope) -> None:
        begin(*scope)
        raise KeyboardInterrupt

    run(shell, f"%assume_role {ROLE} before")
    scopes = list(kernel._scopes._scopes)
    monkeypatch.setattr(kernel, "open", interrupted)
    with unchanged():
        assert "KeyboardInterrupt" in run(shell, f"%%assume_role {ROLE}\n1", fails=True)
    assert kernel._scopes._scopes == scopes


def test_an_interrupt_at_any_line_of_a_cells_scope_ends_it(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    before = stsnb.assume_role(ROLE, "before")
    magic = shell.find_cell_magic("assume_role")
    points = 0
    for _ in interrupt_at_each_line(lambda: magic(ROLE, "1"), "magics.py", "kernel.py", "scopes.py"):
        points += 1
        assert stsnb.current_role() is before
        assert os.environ["AWS_ACCESS_KEY_ID"] == before.response.access_key_id
        assert len(kernel._scopes._scopes) == 1
    assert points > 50


def test_a_cell_with_a_syntax_error_fails_and_puts_back(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    with unchanged():
        assert "SyntaxError" in run(shell, f"%%assume_role {ROLE}\n1 +", fails=True)


def test_a_cell_is_not_run_when_the_role_is_refused(shell: InteractiveShell, aws: EmbeddedAWS) -> None:
    with unchanged():
        shown = run(shell, f"%%assume_role {PAYROLL_ROLE_ARN}\nprint('it ran')", fails=True)
    assert "access denied" in shown
    assert "it ran" not in shown


def test_whatever_a_cell_does_to_the_role_what_was_before_is_back(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    run(shell, f"%assume_role {ROLE} before")
    for inside in ("%drop_role", f"%assume_role {ROLE} other", "import stsnb; stsnb.current_role().drop()"):
        with unchanged():
            run(shell, f"%%assume_role {ROLE} cell\n{inside}")


def test_a_cell_needs_a_role_and_no_await(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    with unchanged():
        assert "No role given" in run(shell, "%%assume_role\n1", fails=True)
        shown = run(shell, f"%%assume_role {ROLE}\nimport asyncio\nawait asyncio.sleep(0)", fails=True)
        assert "with stsnb.assume_role" in shown
    assert sts.calls == 0


# --- loading --------------------------------------------------------------------------------------------------


def test_loading_twice_is_harmless_and_reloading_keeps_the_role(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    run(shell, f"%assume_role {ROLE}")
    with unchanged():
        run(shell, "%load_ext stsnb")
        run(shell, "%reload_ext stsnb")
        assert "role-for-s3-fileserver" in run(shell, "%current_role")


def test_unloading_puts_everything_back_and_takes_the_magics_away(
    shell: InteractiveShell, sts: ScriptedSTS
) -> None:
    before = dict(os.environ)
    run(shell, f"%assume_role {ROLE}")
    run(shell, "%unload_ext stsnb")
    assert os.environ == before
    assert stsnb.current_role() is None
    assert "not found" in run(shell, "%current_role", fails=True)
    run(shell, "%load_ext stsnb")
    assert "No role is active" in run(shell, "%current_role")


@pytest.mark.parametrize(
    "cell",
    [
        f"%assume_role {ROLE} --serial-number {DEVICE} --token-code 493817",
        f"%%assume_role {ROLE} --serial-number {DEVICE} --token-code 493817\npass",
        f"import stsnb; stsnb.assume_role({ROLE!r}, serial_number={DEVICE!r}, token_code='493817')",
        "role.refresh()",
    ],
)
def test_an_interrupt_shows_no_frame_that_holds_keys(
    shell: InteractiveShell, sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    """IPython's verbose tracebacks show the variables of each frame, and botocore's hold what it sends."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"session{SECRET_MARK}token")
    shell.user_ns["role"] = stsnb.assume_role(ROLE)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", interrupted)
    run(shell, "%xmode Verbose")
    shown = run(shell, cell, fails=True)
    assert "KeyboardInterrupt" in shown
    assert "botocore" not in shown
    assert "'token_code'" not in shown
    assert SECRET_MARK not in shown
