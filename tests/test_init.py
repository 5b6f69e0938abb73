"""Loading is cheap, and the package names what it has."""

from __future__ import annotations

import subprocess
import sys

import pytest

import stsnb


def python(code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_loading_imports_neither_boto3_nor_widgets() -> None:
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext stsnb")
heavy = "boto3", "botocore", "ipywidgets", "anywidget", "pandas", "stsnb.sts.request"
print([name for name in heavy if name in sys.modules])
"""
    assert python(code).strip() == "[]"


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert (
        python(
            "import sys, stsnb; print([n for n in ('boto3', 'botocore', 'IPython') if n in sys.modules])"
        ).strip()
        == "[]"
    )


def test_a_callback_can_be_added_without_boto3() -> None:
    code = "import sys, stsnb; stsnb.on_role_change(print); print('botocore' in sys.modules)"
    assert python(code).strip() == "False"


def test_assuming_from_plain_python_needs_no_ipython() -> None:
    code = "import sys, stsnb.api; print([n for n in ('IPython', 'ipywidgets') if n in sys.modules])"
    assert python(code).strip() == "[]"


def test_every_public_name_is_there_and_no_other() -> None:
    assert stsnb.__all__ == [
        "AssumeRoleError",
        "AssumeRoleForm",
        "AssumedRole",
        "assume_role",
        "current_role",
        "drop_role",
        "on_role_change",
    ]
    for name in stsnb.__all__:
        assert getattr(stsnb, name).__doc__
        assert name in dir(stsnb)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        stsnb.nonsense  # noqa: B018
