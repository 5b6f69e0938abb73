"""The badge in a real JupyterLab: its states, its clock, its buttons, and what is left of it without a kernel."""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime, timedelta, timezone

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Locator, expect
from pytest_httpserver import HTTPServer

from tests.browser.accessibility import violations
from tests.browser.notebook import Mode, Notebook, Theme
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS

DEVICE = "arn:aws:iam::123456789012:mfa/myid"
ACCOUNT = "arn:aws:iam::123456789012:role"
#: Holds the kernel until its file is there.
BUSY = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"


@pytest.fixture
def sts(httpserver: HTTPServer) -> ScriptedSTS:
    """An STS that answers as a test says; the kernel asks it after `prepared`."""
    return ScriptedSTS(httpserver)


def prepared(sts: ScriptedSTS) -> str:
    """The first cell of a notebook whose kernel asks a scripted STS."""
    return f"import os; os.environ.update({sts.environment!r})\n%load_ext stsnb\nimport stsnb"


def badge(notebook: Notebook, cell: int) -> Locator:
    return notebook.output(cell).locator(".stsnb-badge")


def time_of(badge: Locator) -> Locator:
    return badge.locator("time")


def opened(
    notebook: Notebook, sts: ScriptedSTS, *cells: str, theme: Theme = "light", mode: Mode = "doc"
) -> None:
    """Open a notebook of these cells behind the preparing one, and run them all."""
    notebook.server.write("badge.ipynb", prepared(sts), *cells)
    notebook.page.set_viewport_size({"width": 1000, "height": 1200})
    notebook.open("badge.ipynb", theme=theme, mode=mode)
    notebook.run_all()


# --- what it shows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_state_is_plain_in_words_and_can_be_read(
    notebook: Notebook, sts: ScriptedSTS, theme: Theme
) -> None:
    apart = "inject=False)"
    opened(
        notebook,
        sts,
        f"stsnb.assume_role('{ACCOUNT}/dropped', 'RoleSession1')",
        "stsnb.drop_role()",
        f"stsnb.assume_role('{ACCOUNT}/replaced', 'RoleSession1')",
        f"%assume_role {ROLE} RoleSession1",
        f"stsnb.assume_role('{ACCOUNT}/last', 'RoleSession1', duration_seconds=900, refresh=False, {apart}",
        f"stsnb.assume_role('{ACCOUNT}/failing', 'RoleSession1', {apart}",
        f"stsnb.assume_role('{ACCOUNT}/ended', 'RoleSession1', refresh=False, {apart}",
        f"stsnb.assume_role('{ACCOUNT}/renewing', 'RoleSession1', {apart}",
        theme=theme,
    )
    expect(badge(notebook, 8)).to_be_visible()

    # Two sessions come nearer to their end than STS allows: the test sets their expiration in the kernel.
    notebook.write(0, _ENDS_IN.format(seconds=250, cell=5) + "\n" + _ENDS_IN.format(seconds=-1, cell=7))
    notebook.run(0)
    sts.fails("ExpiredToken", "The security token included in the request is expired")
    badge(notebook, 6).get_by_role("button", name="Renew").click()
    expect(badge(notebook, 6)).to_have_attribute("data-state", "failing")
    answer = threading.Event()
    sts.respond = lambda asked: answer.wait(30) and sts.credentials(asked)
    badge(notebook, 8).get_by_role("button", name="Renew").click()

    expected = {
        1: ("dropped", "dropped", "not active"),
        3: ("replaced", "replaced", "Replaced by role-for-s3-fileserver."),
        4: ("good", "59 min", "renews itself · from the environment"),
        5: ("last", "4:", "does not renew itself"),
        6: ("failing", "59 min", "Renewal failed: "),
        7: ("ended", "ended ", "Run %assume_role again."),
        8: ("renewing", "59 min", "renewing now"),
    }
    for cell, (state, time, words) in expected.items():
        expect(badge(notebook, cell)).to_have_attribute("data-state", state)
        expect(time_of(badge(notebook, cell))).to_contain_text(time)
        expect(badge(notebook, cell)).to_contain_text(words)
    expect(badge(notebook, 4)).to_contain_text("123456789012 · RoleSession1 · ap-northeast-2")
    expect(time_of(badge(notebook, 4))).to_have_attribute("title", re.compile(r"^until .*\d:\d\d:\d\d"))
    expect(badge(notebook, 8).get_by_role("button", name="Renew")).to_be_disabled()
    expect(badge(notebook, 1).get_by_role("button")).to_have_text(["Copy ARN"])
    notebook.screenshot(f"badge-states-{theme}")
    notebook.screenshot(f"badge-{theme}", badge(notebook, 4))
    assert violations(notebook.page, ".stsnb") == []

    answer.set()
    expect(badge(notebook, 8)).to_have_attribute("data-state", "good")
    assert notebook.errors == []


_ENDS_IN = """\
from datetime import datetime, timedelta, timezone
import dataclasses
role = Out[{cell} + 1]
role.credentials._store(dataclasses.replace(role.response, expiration=datetime.now(timezone.utc) + timedelta(seconds={seconds})))
from stsnb.kernel import kernel; kernel._tell()
"""


def test_a_narrow_output_wraps(notebook: Notebook, sts: ScriptedSTS) -> None:
    opened(notebook, sts, f"%assume_role {ACCOUNT}/{'a-long-name-' * 5} RoleSession1")
    notebook.page.set_viewport_size({"width": 420, "height": 800})
    expect(badge(notebook, 1)).to_be_visible()
    assert badge(notebook, 1).evaluate("badge => badge.scrollWidth <= badge.clientWidth")
    notebook.screenshot("badge-narrow")


def test_jupyter_notebook_shows_it_too(notebook: Notebook, sts: ScriptedSTS) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1", "%assume_role", mode="notebook")
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    expect(notebook.output(2).locator(".stsnb-form")).to_be_visible()
    badge(notebook, 1).get_by_role("button", name="Drop").click()
    expect(time_of(badge(notebook, 1))).to_have_text("dropped")
    notebook.screenshot("notebook-7")


# --- the clock -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-30, 30])
def test_the_countdown_is_right_where_the_browsers_clock_is_not(
    notebook: Notebook, sts: ScriptedSTS, minutes: int
) -> None:
    notebook.page.clock.install(time=datetime.now(timezone.utc) + timedelta(minutes=minutes))
    opened(notebook, sts, f"role = stsnb.assume_role('{ROLE}', duration_seconds=900, refresh=False); role")
    notebook.write(0, _ENDS_IN.replace("Out[{cell} + 1]", "role").format(seconds=300, cell=0))
    notebook.run(0)

    expect(time_of(badge(notebook, 1))).to_contain_text(":")
    shown = time_of(badge(notebook, 1)).evaluate("time => [time.textContent, time.title]")
    left, seconds = shown[0].split(":"), timedelta(minutes=5)
    off = seconds - timedelta(minutes=int(left[0]), seconds=int(left[1]))
    notebook.write(0, "role.remaining.total_seconds()")
    notebook.run(0)
    passed = 300 - float(notebook.output(0).text_content() or "")
    assert -2 <= off.total_seconds() <= passed + 2


def test_the_countdown_runs_while_a_cell_runs_and_is_right_after_a_sleep_of_the_machine(
    notebook: Notebook, sts: ScriptedSTS
) -> None:
    notebook.page.clock.install()
    opened(notebook, sts, f"%assume_role {ROLE} --no-refresh", "")
    notebook.write(2, BUSY)
    notebook.run(2, wait=False)
    expect(notebook.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")

    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    notebook.page.clock.fast_forward("10:30")  # timers due meanwhile fire once, as after a sleep
    expect(time_of(badge(notebook, 1))).to_have_text("49 min")
    notebook.page.clock.fast_forward("46:00")
    expect(badge(notebook, 1)).to_have_attribute("data-state", "last")
    notebook.page.clock.fast_forward("04:00")
    expect(badge(notebook, 1)).to_have_attribute("data-state", "ended")
    (notebook.server.root / "go").touch()
    notebook.wait_for_idle()
    (notebook.server.root / "go").unlink()


def test_ten_badges_send_nothing_while_time_passes(notebook: Notebook, sts: ScriptedSTS) -> None:
    frames: list[str] = []
    note = lambda frame: frames.append(str(frame))  # noqa: E731
    notebook.page.on(
        "websocket", lambda socket: (socket.on("framesent", note), socket.on("framereceived", note))
    )
    notebook.page.clock.install()
    roles = [f"stsnb.assume_role('{ACCOUNT}/role-{number}', inject=False)" for number in range(10)]
    opened(notebook, sts, *roles)
    for cell in range(1, 11):
        expect(badge(notebook, cell)).to_be_visible()
    for cell in range(1, 11):
        expect(badge(notebook, cell)).to_have_attribute("data-state", "good")
    notebook.wait_for_idle()
    assert any("comm_msg" in frame for frame in frames)
    notebook.screenshot("badge-ten")

    frames.clear()
    notebook.page.clock.run_for(60_000)
    for cell in range(1, 11):
        expect(time_of(badge(notebook, cell))).to_have_text("58 min")
    assert [frame for frame in frames if "comm" in frame] == []


# --- its buttons -----------------------------------------------------------------------------------------------


def test_all_that_is_shown_of_a_role_follows_it(notebook: Notebook, sts: ScriptedSTS) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1", "%current_role", "")
    assert sts.calls == 1
    badge(notebook, 2).get_by_role("button", name="Renew").click()
    wait_until("STS was asked again", lambda: sts.calls == 2)
    expect(badge(notebook, 1)).to_have_attribute("data-state", "good")

    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy = badge(notebook, 1).get_by_role("button", name="Copy ARN")
    copy.click()
    expect(badge(notebook, 1).get_by_role("button", name="Copied")).to_be_visible()
    copied = notebook.page.evaluate("navigator.clipboard.readText()")
    assert copied == "arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1"

    badge(notebook, 1).get_by_role("button", name="Drop").click()
    expect(time_of(badge(notebook, 1))).to_have_text("dropped")
    expect(time_of(badge(notebook, 2))).to_have_text("dropped")
    notebook.write(3, "stsnb.current_role(), 'AWS_SESSION_TOKEN' in os.environ")
    notebook.run(3)
    expect(notebook.output(3)).to_have_text("(None, False)")
    assert notebook.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_says_that_the_users_own_keys_have_replaced_the_role(
    notebook: Notebook, sts: ScriptedSTS, theme: Theme
) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1", "", theme=theme)
    notebook.write(2, "os.environ.update(AWS_ACCESS_KEY_ID='AKIAMINE', AWS_SECRET_ACCESS_KEY='mine')")
    notebook.run(2)
    expect(badge(notebook, 1)).to_have_attribute("data-state", "good")
    notebook.run(0)  # the next cell
    expect(badge(notebook, 1)).to_have_attribute("data-state", "overridden")
    expect(badge(notebook, 1)).to_contain_text("Replaced by credentials in the environment.")
    expect(badge(notebook, 1).get_by_role("button")).to_have_text(["Copy ARN"])
    notebook.screenshot(f"badge-overridden-{theme}", badge(notebook, 1))
    assert violations(notebook.page, ".stsnb") == []
    assert notebook.errors == []


def test_its_buttons_work_with_the_keyboard_and_while_a_cell_runs(
    notebook: Notebook, sts: ScriptedSTS
) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1", "")
    notebook.write(2, BUSY)
    notebook.run(2, wait=False)
    expect(notebook.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")

    badge(notebook, 1).get_by_role("button", name="Copy ARN").focus()
    notebook.page.keyboard.press("Tab")
    expect(badge(notebook, 1).get_by_role("button", name="Renew")).to_be_focused()
    notebook.page.keyboard.press("Enter")
    wait_until("STS was asked again", lambda: sts.calls == 2)
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")
    expect(time_of(badge(notebook, 1))).to_have_text("dropped")
    expect(notebook.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (notebook.server.root / "go").touch()
    notebook.wait_for_idle()
    (notebook.server.root / "go").unlink()


def test_a_role_that_needs_a_code_takes_the_next_one_in_its_last_minutes(
    notebook: Notebook, sts: ScriptedSTS
) -> None:
    asks = f"%assume_role {ROLE} --serial-number {DEVICE} --token-code 123456"
    # Temporary keys can't start an MFA session: each session of the role needs a code.
    opened(notebook, sts, f"os.environ['AWS_SESSION_TOKEN'] = 'temporary'\n{asks}", "")
    expect(badge(notebook, 1)).to_contain_text("does not renew itself")
    code = badge(notebook, 1).get_by_label("Next MFA code")
    expect(code).to_be_hidden()
    notebook.write(2, _ENDS_IN.format(seconds=590, cell=1))
    notebook.run(2)
    code.fill("8713")
    code.press("Enter")
    expect(code).to_have_attribute("aria-invalid", "true")
    code.fill("871306")
    notebook.screenshot("badge-code", badge(notebook, 1))
    assert violations(notebook.page, ".stsnb") == []
    code.press("Enter")
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    expect(code).to_have_value("")
    expect(code).to_be_hidden()
    assert sts.requests[-1]["TokenCode"] == "871306"


# --- without a kernel --------------------------------------------------------------------------------------------


def test_it_says_so_when_its_kernel_is_gone(notebook: Notebook, sts: ScriptedSTS) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1")
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    notebook.restart()
    expect(badge(notebook, 1)).to_have_attribute("data-state", "gone")
    expect(badge(notebook, 1)).to_contain_text("The kernel was restarted. Run the cell")
    expect(badge(notebook, 1).get_by_role("button")).to_have_text(["Copy ARN"])
    notebook.screenshot("badge-gone")


def test_a_notebook_that_is_opened_again_shows_what_is_so(notebook: Notebook, sts: ScriptedSTS) -> None:
    opened(notebook, sts, f"%assume_role {ROLE} RoleSession1")
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    notebook.save()
    saved = (notebook.server.root / "badge.ipynb").read_text(encoding="utf-8")
    assert f"role{SECRET_MARK}" not in saved
    data = json.loads(saved)["cells"][1]["outputs"][0]["data"]
    assert "UTC" in "".join(data["text/plain"])
    assert "UTC" in "".join(data["text/html"])

    notebook.page.reload()
    notebook.wait_for_idle()
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    badge(notebook, 1).get_by_role("button", name="Drop").click()
    expect(time_of(badge(notebook, 1))).to_have_text("dropped")


def test_saved_with_widget_state_the_last_state_is_shown_without_a_kernel(
    notebook: Notebook, sts: ScriptedSTS
) -> None:
    path = notebook.server.write(
        "badge.ipynb", prepared(sts), f"%assume_role {ROLE} RoleSession1", "%assume_role"
    )
    executed = NotebookClient(nbformat.read(path, 4), kernel_name="python3").execute()  # keeps it by default
    nbformat.write(executed, path)
    assert f"role{SECRET_MARK}" not in path.read_text(encoding="utf-8")

    # Who has not run it sees the card, for JupyterLab trusts no widgets but one's own.
    notebook.open("badge.ipynb")
    expect(notebook.output(1).locator(".stsnb-card")).to_contain_text("UTC")
    expect(notebook.output(2)).to_contain_text("%assume_role needs a role")
    notebook.screenshot("badge-reopened-untrusted")

    notebook.server.trust("badge.ipynb")
    notebook.page.reload()
    expect(badge(notebook, 1)).to_have_attribute("data-state", "gone")
    expect(time_of(badge(notebook, 1))).to_contain_text("until ")
    expect(notebook.output(2).locator(".stsnb-go")).to_have_text("No kernel")
    signs = "all => all.map(each => getComputedStyle(each, '::before').display)"
    assert set(notebook.output(2).locator(".jupyter-widgets-disconnected").evaluate_all(signs)) == {"none"}
    notebook.screenshot("badge-reopened")
