"""Completion of the magic's lines: in a real shell, in a real kernel as JupyterLab asks it, and in the terminal's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import stsnb
from stsnb.config import catalog
from stsnb.config import settings as configuration
from stsnb.ipython.cursor import Line
from stsnb.ipython.suggestions import completions
from tests.ipython.test_magics import run
from tests.scripted_sts import ROLE, ScriptedSTS

READER = "arn:aws:iam::123456789012:role/team/reader"
CHINESE = "arn:aws-cn:iam::123456789012:role/reader"
DEVICE = "arn:aws:iam::123456789012:mfa/me"
CONFIG = f"""
[default]
[profile work]
role_arn = {READER}
role_session_name = from-work
mfa_serial = {DEVICE}
[profile cn]
role_arn = {CHINESE}
[profile "two words"]
role_arn = {READER}
[profile keys]
"""


@pytest.fixture
def known_roles(config: Path) -> None:
    (config / "config").write_text(CONFIG)
    configuration.put(configuration.Settings(roles={"s3": {"role_arn": ROLE, "session_name": "of-alias"}}))


def complete(shell: InteractiveShell, text: str) -> list[str]:
    """Complete at the ``|`` of a text; return what the line would be up to the cursor, for each completion."""
    cursor = text.index("|")
    text = text.replace("|", "", 1)
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, cursor))
    assert all(each.end == cursor for each in found)
    start = text.rfind("\n", 0, cursor) + 1
    return [text[start : each.start] + each.text for each in found]


def ends(shell: InteractiveShell, text: str) -> list[str]:
    """What each completion puts in the place of the word before the cursor, options left out."""
    before = text.partition("|")[0].rpartition("\n")[2]
    kept = before if before.endswith(" ") else before.rpartition(" ")[0] + " "
    found = complete(shell, text)
    assert all(each.startswith(kept) for each in found)
    return [each[len(kept) :] for each in found if not each[len(kept) :].startswith("--")]


# --- the role -------------------------------------------------------------------------------------------------


def test_the_first_word_is_an_alias_a_profile_or_a_whole_arn(
    shell: InteractiveShell, known_roles: None, sts: ScriptedSTS
) -> None:
    assert ends(shell, "%assume_role |") == ["s3", "work", "cn", '"two words"', ROLE, READER, CHINESE]
    used = "arn:aws:iam::123456789012:role/used"
    stsnb.assume_role(used, "used-name")
    assert ends(shell, "%assume_role |")[:3] == ["s3", used, "work"]
    assert ends(shell, "%%assume_role |\n1") == ends(shell, "%assume_role |")
    assert complete(shell, "%assume_role w|") == ["%assume_role work"]


@pytest.mark.parametrize(
    "typed", ["arn:aws:iam::123456789012:role/te", "arn:aws:iam::1234", "ARN:aws:iam::123456789012:role/t"]
)
def test_a_whole_arn_is_replaced_colons_and_all(
    shell: InteractiveShell, known_roles: None, typed: str
) -> None:
    assert f"%assume_role {READER}" in complete(shell, f"%assume_role {typed}|")


@pytest.mark.parametrize("typed", ["read", "team", "Reader"])
def test_a_role_is_found_by_its_name_too(shell: InteractiveShell, known_roles: None, typed: str) -> None:
    assert READER in ends(shell, f"%assume_role {typed}|")


@pytest.mark.parametrize(
    "line",
    [
        "%assume_role |",
        "  %assume_role |",
        "role = %assume_role |",
        "roles['s3'] = %assume_role |".replace("'s3'", "0"),
        "%assume_role --region eu-west-1 |",
        "%assume_role --role-arn |",
        "%assume_role aws sts assume-role --role-arn |",
        "%assume_role --output json --no-cli-pager --role-arn |",
        "%assume_role --role-session-name me |",
        "x = 1\n%assume_role |\ny = 2",
        "x = 1\n%assume_role \\\n  --region eu-west-1 \\\n  |",
        "\n%%assume_role |\nprint(1)",
        "assume_role |",
    ],
)
def test_a_role_is_completed_wherever_one_can_stand(
    shell: InteractiveShell, known_roles: None, line: str
) -> None:
    assert "work" in ends(shell, line)
    assert READER in ends(shell, line)


@pytest.mark.parametrize(
    "line",
    [
        "wor|",
        "assume_role = wor|",
        "print('%assume_role wor|')",
        "# %assume_role wor|",
        "x = 1\n%%assume_role wor|",
        "%current_role wor|",
        "%assume_roles wor|",
        "%assume_role s3\nwor|",
        "%assume_role s3 me wor|",
        "%assume_role --external-id wor|",
    ],
)
def test_nothing_is_completed_where_none_can(shell: InteractiveShell, known_roles: None, line: str) -> None:
    assert not [each for each in complete(shell, line) if each.endswith("work")]


def test_the_users_own_variable_goes_before_the_bare_magic(
    shell: InteractiveShell, known_roles: None
) -> None:
    shell.user_ns["assume_role"] = stsnb.assume_role
    assert "work" not in str(complete(shell, "assume_role w|"))


def test_only_the_clis_whole_command_is_passed_over(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    names = ("aws", "sts", "assume-role", "$")
    configuration.put(
        configuration.Settings(roles={name: {"role_arn": ROLE, "session_name": "me"} for name in names})
    )
    for name in names:
        assert ends(shell, f"%assume_role {name} |") == ["me"]
        assert ends(shell, f"%assume_role $ aws sts assume-role {name} |") == ["me"]
    assert ends(shell, "%assume_role $ aws sts assume-role |")[:4] == list(names)


# --- the session's name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["work |", f"{READER} |", "--role-arn work |", "--role-session-name | work"])
def test_the_second_word_is_a_session_name(
    shell: InteractiveShell, known_roles: None, sts: ScriptedSTS, line: str
) -> None:
    stsnb.assume_role(READER, "RoleSession1", inject=False)
    names = ends(shell, f"%assume_role {line}")
    assert set(names) == {"RoleSession1", "from-work", "of-alias"}
    if "| work" not in line:
        assert names == ["RoleSession1", "from-work", "of-alias"]
        assert ends(shell, f"%assume_role {line.replace('|', 'R|')}") == ["RoleSession1"]


# --- options --------------------------------------------------------------------------------------------------


def test_options_are_those_of_the_magic_that_are_not_given_yet(
    shell: InteractiveShell, known_roles: None
) -> None:
    found = complete(shell, "%assume_role s3 --|")
    for option in ("--duration-seconds", "--policy", "--policy-arns", "--read-only", "--no-read-only"):
        assert f"%assume_role s3 {option}" in found
    assert "%assume_role s3 --role-arn" not in found
    assert complete(shell, "%assume_role s3 --dur|") == ["%assume_role s3 --duration-seconds"]
    assert complete(shell, "%assume_role s3 --duration-seconds 900 --dur|") == []
    assert complete(shell, "%assume_role s3 --dur| --duration-seconds 900") == []
    assert complete(shell, "%assume_role s3 --read-only --no-read|") == []
    assert complete(shell, "%assume_role --tags a=b --reg|") == ["%assume_role --tags a=b --region"]


def test_an_option_that_wants_a_value_gets_one_before_another_option(
    shell: InteractiveShell, known_roles: None
) -> None:
    for option in ("--region", "--profile", "--duration-seconds", "--serial-number", "--role-arn"):
        found = complete(shell, f"%assume_role {option} |")
        assert found
        assert not [each for each in found if each.startswith(f"%assume_role {option} --")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("s3 --profile |", ["default", "work", "cn", '"two words"', "keys"]),
        ("s3 --profile=k|", ["--profile=keys"]),
        ("s3 --duration-seconds |", ["900", "3600", "7200", "14400", "28800", "43200"]),
        ("s3 --serial-number |", [DEVICE]),
        ("s3 --serial-number me|", [DEVICE]),
        ("s3 --region eu-w|", ["eu-west-1", "eu-west-2", "eu-west-3"]),
        ("cn --region |", ["cn-north-1", "cn-northwest-1"]),
        (f"{CHINESE} --region |", ["cn-north-1", "cn-northwest-1"]),
        ("s3 --policy-arns readon|", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
        ("cn --policy-arns ReadO|", ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]),
        (
            "s3 --policy-arns arn:aws:iam::aws:policy/ReadOnlyAccess arn:aws:iam::aws:policy/Sec|",
            ["arn:aws:iam::aws:policy/SecurityAudit"],
        ),
        ("s3 --tags team=data Key=project,Value=x --transitive-tag-keys |", ["team", "project"]),
        ("s3 --tags team=data project=x --transitive-tag-keys team |", ["project"]),
    ],
)
def test_values_are_what_the_option_takes(
    shell: InteractiveShell, known_roles: None, line: str, expected: list[str]
) -> None:
    found = complete(shell, f"%assume_role {line}")
    kept = f"%assume_role {line[:-1]}"
    kept = kept if kept.endswith(" ") else kept.rpartition(" ")[0] + " "
    values = [each[len(kept) :] for each in found]
    assert [value for value in values if not value.startswith("--") or "=" in value] == expected


def test_a_policys_file_is_found_below_folders(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "policies"
    (folder / "deep er").mkdir(parents=True)
    for name in ("narrow.json", "two words.json", ".hidden"):
        (folder / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    line = "%assume_role s3 --policy "
    assert [each.replace("\\", "/") for each in complete(shell, f"{line}policies/|")] == [
        f'{line}"policies/deep er/',
        f"{line}policies/narrow.json",
        f'{line}"policies/two words.json"',
    ]
    assert complete(shell, f"{line}policies/.h|")
    assert complete(shell, f"{line}~/pol|")[0].endswith("~/policies/")
    assert complete(shell, f"{line}file://policies/n|")[0].endswith("file://policies/narrow.json")
    assert complete(shell, f"{line}nowhere/xy|") == []


# --- quotation marks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ('"two w|', '"two words"'),
        ("'two w|", "'two words'"),
        ('"two w|"', '"two words'),  # JupyterLab has put the other mark behind the cursor already
        ("'arn:aws:iam::123456789012:role/te|", f"'{READER}'"),
        ("two|", '"two words"'),
        ("--role-arn='two|", "--role-arn='two words'"),
    ],
)
def test_quotation_marks_are_kept_closed_and_put_where_blanks_need_them(
    shell: InteractiveShell, known_roles: None, typed: str, completed: str
) -> None:
    assert complete(shell, f"%assume_role {typed}") == [f"%assume_role {completed}"]


# --- beside all else ------------------------------------------------------------------------------------------


def test_other_lines_are_completed_as_before(shell: InteractiveShell, known_roles: None) -> None:
    shell.user_ns["deliveries"] = 1
    for line in ("deliv|", "%assume_role s3\ndeliv|", "%%assume_role s3\ndeliv|"):
        assert "deliveries" in complete(shell, line)


def test_a_broken_config_offers_nothing_and_says_nothing(
    shell: InteractiveShell, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("%assume_role xy|", "%assume_role s3 --profile xy|")
    for content in (b"[profile xyz", b"\x00\xff\xfe[profile xyz]", b"= = =\nxyz"):
        (config / "config").write_bytes(content)
        assert [complete(shell, line) for line in lines] == [[], []]
    (config / "config").unlink()
    (config / "config").mkdir()
    assert [complete(shell, line) for line in lines] == [[], []]
    assert capsys.readouterr() == ("", "")


def test_a_role_in_force_does_not_hide_the_users_files(
    shell: InteractiveShell, known_roles: None, sts: ScriptedSTS
) -> None:
    stsnb.assume_role(ROLE)
    assert "keys" in ends(shell, "%assume_role s3 --profile |")


def test_the_matcher_is_there_once_and_goes_with_the_extension(
    shell: InteractiveShell, known_roles: None
) -> None:
    run(shell, "%reload_ext stsnb")
    assert len(shell.Completer.custom_matchers) == 1
    assert ends(shell, "%assume_role w|") == ["work"]
    shell.Completer.disable_matchers = ["stsnb"]
    assert "work" not in ends(shell, "%assume_role w|")
    shell.Completer.disable_matchers = []
    run(shell, "%unload_ext stsnb")
    assert shell.Completer.custom_matchers == []
    assert "work" not in ends(shell, "%assume_role w|")
    assert catalog.used_before() == []


_TEXTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["%assume_role ", "%%assume_role ", "x = %assume_role ", "--region", "--policy ", "--tags ", "--role-arn=", "'",
             '"', "\\\n", "\n", " ", "~", "/", "arn:aws:iam::", "s3", "aws sts assume-role ", "--policy-arns ", "\x00"]
        ),
    ),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_TEXTS, st.data())
def test_no_text_whatever_makes_it_fail(known_roles: None, text: str, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, text.count("\n")))
    column = data.draw(st.integers(0, len(text.split("\n")[row])))
    line = Line.at(text, row, column, bare=True)
    if line is not None:
        before = "\n".join([*text.split("\n")[:row], text.split("\n")[row][:column]])
        assert before.endswith(line.replaced)  # or IPython fails
        for completed, kind in completions(line):
            assert completed
            assert kind


# --- as it is asked from outside ------------------------------------------------------------------------------


def test_jupyterlab_gets_the_same_from_a_kernel(known_roles: None, tmp_path: Path) -> None:
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.start_kernel(env={**os.environ, "IPYTHONDIR": str(tmp_path)})
    client = manager.client()
    client.start_channels()

    def ask(code: str) -> dict[str, object]:
        return client.complete(code, code.index("|"), reply=True, timeout=60)["content"]

    try:
        client.wait_for_ready(timeout=60)
        roles = {"s3": {"role_arn": ROLE}}
        client.execute_interactive(f"%load_ext stsnb\n%config AssumeRole.roles = {roles}", timeout=60)
        code = "x = 1\n%assume_role arn:aws:iam::123456789012:role/te|"
        found = ask(code)
        assert found["matches"] == [READER]
        assert (found["cursor_start"], found["cursor_end"]) == (code.index("arn"), code.index("|"))
        assert found["metadata"]["_jupyter_types_experimental"][0]["type"] == "role"  # type: ignore[index]
        assert ask("%assume_role |")["matches"][:3] == ["s3", "work", "cn"]  # type: ignore[index]
        assert ask("%assume_role s3 --dur|")["matches"] == ["--duration-seconds"]
        client.execute_interactive("get_ipython().kernel.use_experimental_completions = False", timeout=60)
        assert ask(code)["matches"] == [READER]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_terminal_gets_the_same(known_roles: None) -> None:
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from IPython.terminal.ptutils import IPythonPTCompleter
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    InteractiveShell.clear_instance()
    shell = TerminalInteractiveShell.instance()
    try:
        shell.run_cell("%load_ext stsnb")
        configuration.put(configuration.Settings(roles={"s3": {"role_arn": ROLE}}))
        typed = "%assume_role arn:aws:iam::123456789012:role/te"
        (found,) = IPythonPTCompleter(shell=shell).get_completions(Document(typed), CompleteEvent())
        assert (found.text, found.start_position) == (READER, typed.index("arn") - len(typed))
    finally:
        shell.run_cell("%unload_ext stsnb")
        TerminalInteractiveShell.clear_instance()
