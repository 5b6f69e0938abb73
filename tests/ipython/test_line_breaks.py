"""Rows of a line as sh, cmd and PowerShell break it, in a real shell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from stsnb.ipython.line_breaks import joined
from tests.ipython.test_magics import run
from tests.scripted_sts import ROLE, ScriptedSTS


@pytest.mark.parametrize("mark", ["\\", "^", "`", " \\", " ^", " `", "\\  ", "^ ", "`\t"])
@pytest.mark.parametrize(
    "cell",
    [
        "%assume_role aws sts assume-role@\n  --role-arn {role}@\n  --role-session-name me\nx = 1",
        "y = 0\n%assume_role {role}@\nme\nx = y + 1",
        "role = %assume_role {role}@\n  me\nx = 1",
        "if True:\n    %assume_role {role}@\n      me\nx = 1",
        "%%assume_role {role}@\n  me\nx = 1",
        "\n%%assume_role {role}@\n@\n  me\nx = 1",
    ],
)
def test_a_line_goes_on_behind_the_mark(
    shell: InteractiveShell, sts: ScriptedSTS, cell: str, mark: str
) -> None:
    run(shell, cell.format(role=ROLE).replace("@", mark))
    asked = sts.requests[-1]
    assert (asked["RoleArn"], asked["RoleSessionName"]) == (ROLE, "me")
    assert shell.user_ns["x"] == 1


@pytest.mark.parametrize("mark", ["\\", "^", "`"])
def test_a_mark_at_the_end_of_the_cell_is_passed_over(
    shell: InteractiveShell, sts: ScriptedSTS, mark: str
) -> None:
    run(shell, f"x = 1\n%assume_role {ROLE} me {mark}")
    run(shell, f"%%assume_role {ROLE} me {mark}\n  --duration-seconds 900 {mark}\n\nx = 2")
    assert [asked["RoleSessionName"] for asked in sts.requests] == ["me", "me"]


@pytest.mark.parametrize(
    "cell",
    [
        'x = """\n%assume_role a ^\n  b"""\n',
        "x = (\nassume_role ^\n 3)\n",
        "%assume_role a\nb ^\n c\n",
        "%%time\n%assume_role a ^\n b\n",
        "%%bash\naws sts assume-role ^\n b\n",
        "%assume_roles a ^\n b\n",
        "print('%assume_role') ^\\\n 1\n",
    ],
)
def test_other_rows_stay_as_they_are(cell: str) -> None:
    rows = cell.splitlines(keepends=True)
    assert joined(rows) == rows


@given(
    st.lists(
        st.sampled_from(["%assume_role x", "%%assume_role", "a = %assume_role b", "^", " `", "\\", "\n", "\n", "'", '"""', "(", "x"]),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_any_cell_keeps_its_words(text: str) -> None:
    rows = text.splitlines(keepends=True)
    after = "".join(joined(rows))
    assert [c for c in after if c not in " ^`\\\n"] == [c for c in text if c not in " ^`\\\n"]
    if not text.lstrip().startswith("%%"):
        assert after.count("\n") == text.count("\n")


def test_the_rows_are_joined_once_and_not_after_unloading(shell: InteractiveShell) -> None:
    run(shell, "%reload_ext stsnb")
    assert shell.input_transformers_cleanup.count(joined) == 1
    run(shell, "%unload_ext stsnb")
    assert joined not in shell.input_transformers_cleanup
    run(shell, "%load_ext stsnb")
