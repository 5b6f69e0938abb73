"""The line at a cursor: where the magic is, and which parameter is completed there."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from stsnb.config import settings as configuration
from stsnb.ipython.cursor import Line
from stsnb.ipython.suggestions import completions
from tests.ipython.completion import READER, complete, ends
from tests.scripted_sts import ROLE, ScriptedSTS


def at(text: str) -> Line:
    """The line at the ``|`` of a text."""
    before, _, after = text.partition("|")
    found = Line.at(before + after, before.count("\n"), len(before.rpartition("\n")[2]))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "expected", "given"),
    [
        ("%assume_role |", "role", {}),
        ("%assume_role s3 |", "session_name", {"role": ["s3"]}),
        ("%assume_role s3, |", "session_name", {"role": ["s3"]}),
        ("%assume_role aws --profile p sts assume-role |", "role", {"profile": ["p"]}),
        ("%assume_role $ AWS_PROFILE=p aws.exe sts assume-role --role-arn |", "role_arn", {"profile": ["p"], "role_arn": []}),
        ("%assume_role --output |", "--output", {"--output": []}),
        ("%assume_role s3 --region | --profile p", "region", {"role": ["s3"], "region": [], "profile": []}),
        ("%assume_role s3 ^\n --region |", "region", {"role": ["s3"], "region": []}),
        ("%assume_role s3 `\n --region |", "region", {"role": ["s3"], "region": []}),
        ("%%assume_role s3 \\ \n --region |\nx", "region", {"role": ["s3"], "region": []}),
        ("%assume_role s3 # --region |", None, {}),
    ],
)  # fmt: skip
def test_the_parameter_at_the_cursor_is_known(
    text: str, expected: str | None, given: dict[str, list[str]]
) -> None:
    found = at(text)
    assert (found.expected, found.given) == (expected, given)


@pytest.mark.parametrize(
    ("text", "fragment", "quote", "replaced", "closed"),
    [
        ("%assume_role a|b", "a", "", "a", False),
        ("%assume_role 'a b|", "a b", "'", "'a b", False),
        ('%assume_role "a b|"', "a b", '"', '"a b', True),
        ("%assume_role s3 --profile=x\\ y|", "x y", "", "x\\ y", False),
        ("%assume_role s3 --profile='x|", "x", "'", "'x", False),
    ],
)
def test_the_word_at_the_cursor_is_replaced_as_typed(
    text: str, fragment: str, quote: str, replaced: str, closed: bool
) -> None:
    found = at(text)
    assert (found.fragment, found.quote, found.replaced, found.closed) == (fragment, quote, replaced, closed)


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


def test_only_the_clis_whole_command_is_passed_over(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    names = ("aws", "sts", "assume-role", "$")
    configuration.put(
        configuration.Settings(roles={name: {"role_arn": ROLE, "session_name": "me"} for name in names})
    )
    for name in names:
        assert ends(shell, f"%assume_role {name} |") == ["me"]
        assert ends(shell, f"%assume_role $ aws sts assume-role {name} |") == ["me"]
    assert ends(shell, "%assume_role $ aws sts assume-role |")[:4] == list(names)


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


@settings(
    max_examples=10 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
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
