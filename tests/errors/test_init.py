"""AssumeRoleError shows its sentences, the statement and the server's words, and no traceback in IPython."""

from __future__ import annotations

import subprocess
import sys

from IPython.core.error import UsageError

from stsnb import AssumeRoleError


def test_it_shows_the_fault_the_advice_the_statement_and_the_servers_words() -> None:
    error = AssumeRoleError(
        "Access denied.",
        "Ask for it.",
        code="AccessDenied",
        said="AccessDenied: no",
        statement={"Effect": "Allow"},
    )
    assert (
        str(error)
        == 'Access denied. Ask for it.\n{\n  "Effect": "Allow"\n}\nThe answer was AccessDenied: no.'
    )
    assert (error.happened, error.advice, error.code) == ("Access denied.", "Ask for it.", "AccessDenied")


def test_several_faults_are_on_a_line_each() -> None:
    error = AssumeRoleError("Several values are invalid.", "\n- One.\n- Two.")
    assert str(error).splitlines() == ["Several values are invalid.", "- One.", "- Two."]
    assert error._render_traceback_()[0].splitlines()[1:] == ["- One.", "- Two."]


def test_ipython_shows_lines_that_break_between_words() -> None:
    lines = AssumeRoleError("word " * 40 + "end.", "Do it.")._render_traceback_()[0].splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 100 for line in lines)
    assert lines[0].startswith("\x1b[31mAssumeRoleError\x1b[0m: word")


def test_it_is_a_usage_error_where_ipython_is_and_imports_nothing_where_it_is_not() -> None:
    assert issubclass(AssumeRoleError, UsageError)
    program = "import sys, stsnb.errors; print('IPython' in sys.modules, stsnb.errors.AssumeRoleError.__mro__[1].__name__)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "Exception"]
