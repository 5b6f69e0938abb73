"""Completion in a real shell, for the tests: roles to complete, and the lines that come of it."""

from __future__ import annotations

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

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
