"""The completions of each parameter and of the options, in a real shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from tests.ipython.completion import CHINESE, DEVICE, READER, complete, ends
from tests.scripted_sts import ROLE, ScriptedSTS


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


@pytest.mark.parametrize(
    ("name", "completed"),
    [("a;b", '"a;b"'), ("$x", "'$x'"), ("it's", '"it\'s"'), ("a,", '"a,"'), ("é", "é"), ("a\\b", "a\\b")],
)
def test_a_completed_value_is_quoted_as_the_magic_reads_it(
    shell: InteractiveShell, config: Path, name: str, completed: str
) -> None:
    (config / "credentials").write_text(f"[{name}]\n")
    assert ends(shell, "%assume_role s3 --profile |") == [completed]
