"""The form in a real JupyterLab: with mouse and keyboard, with what is wrong, and with a code that leaves no trace."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Locator, expect
from pytest_httpserver import HTTPServer

from stsnb.demo import EmbeddedAWS
from stsnb.sts.request import default_session_name
from tests.browser.accessibility import violations
from tests.browser.notebook import Notebook, Theme
from tests.browser.test_badge import BUSY, badge, prepared, time_of
from tests.sandbox import free_ports, wait_until
from tests.scripted_sts import ROLE, ScriptedSTS

DEVICE = "arn:aws:iam::123456789012:mfa/myid"
CODE = "871306"


@pytest.fixture
def sts(httpserver: HTTPServer) -> ScriptedSTS:
    """An STS that answers as a test says."""
    return ScriptedSTS(httpserver)


@pytest.fixture
def form(notebook: Notebook, sts: ScriptedSTS) -> Locator:
    """The form that a bare %assume_role shows in cell 1; cell 2 is empty."""
    return opened(notebook, sts)


def opened(notebook: Notebook, sts: ScriptedSTS, theme: Theme = "light") -> Locator:
    notebook.server.write("form.ipynb", prepared(sts), "%assume_role", "")
    notebook.page.set_viewport_size({"width": 1000, "height": 1000})
    notebook.open("form.ipynb", theme=theme)
    notebook.run_all()
    form = notebook.output(1).locator(".stsnb-form")
    expect(form).to_be_visible()
    return form


def field(form: Locator, label: str) -> Locator:
    return form.get_by_label(label, exact=True)


def go(form: Locator) -> Locator:
    return form.locator(".stsnb-go")


# --- asking ------------------------------------------------------------------------------------------------------


def test_with_the_mouse_it_becomes_the_badge_and_there_is_a_way_back(
    notebook: Notebook, sts: ScriptedSTS, form: Locator
) -> None:
    expect(go(form)).to_have_text("Enter the role")
    expect(field(form, "Session name")).to_have_value(default_session_name())
    field(form, "Role").fill(ROLE)
    field(form, "Session name").fill("RoleSession1")
    field(form, "Duration").select_option("2 hours")
    field(form, "Region").fill("eu-west-1")
    line = f"%assume_role {ROLE} RoleSession1 --duration-seconds 7200 --region eu-west-1"
    expect(form.locator(".stsnb-line")).to_contain_text(line)
    go(form).click()

    expect(time_of(badge(notebook, 1))).to_have_text("1 h 59 min")
    expect(badge(notebook, 1)).to_contain_text("123456789012 · RoleSession1 · eu-west-1")
    assert sts.calls == 1
    assert sts.requests[-1]["DurationSeconds"] == "7200"
    form.get_by_role("button", name="Assume another role").click()
    expect(field(form, "Role")).to_have_value(ROLE)
    expect(badge(notebook, 1)).to_have_count(0)

    # The line that it showed does the same.
    notebook.write(2, line)
    notebook.run(2)
    expect(time_of(badge(notebook, 2))).to_have_text("1 h 59 min")
    assert notebook.errors == []


def test_with_the_keyboard_alone(notebook: Notebook, sts: ScriptedSTS, form: Locator) -> None:
    keyboard = notebook.page.keyboard
    field(form, "Role").focus()
    keyboard.type(ROLE)
    keyboard.press("Tab")
    expect(field(form, "Session name")).to_be_focused()
    assert field(form, "Session name").evaluate("field => getComputedStyle(field).outlineStyle") == "solid"
    for label in ("Duration", "Region", "Read-only"):
        keyboard.press("Tab")
        expect(field(form, label)).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")  # on what folds the rest away
    for label in ("MFA device", "MFA code", "External id"):
        keyboard.press("Tab")
        expect(field(form, label)).to_be_focused()
    keyboard.type("12345")
    keyboard.press("Enter")

    expect(badge(notebook, 1)).to_have_attribute("data-state", "good")
    expect(form.get_by_role("button", name="Assume another role")).to_be_focused()
    assert sts.requests[-1]["ExternalId"] == "12345"
    keyboard.press("Enter")
    expect(field(form, "Role")).to_be_focused()
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)  # no key was taken for a shortcut


def test_a_double_click_calls_sts_once(notebook: Notebook, sts: ScriptedSTS, form: Locator) -> None:
    answer = threading.Event()
    sts.respond = lambda asked: answer.wait(30) and sts.credentials(asked)
    field(form, "Role").fill(ROLE)
    expect(go(form)).to_have_text("Assume role")
    go(form).dblclick(force=True)
    go(form).click(force=True)
    field(form, "Role").press("Enter")
    expect(go(form)).to_have_text("Calling STS…")
    expect(go(form)).to_have_attribute("aria-disabled", "true")
    notebook.screenshot("form-asking")
    answer.set()
    expect(badge(notebook, 1)).to_be_visible()
    notebook.wait_for_idle()
    assert sts.calls == 1


def test_it_calls_sts_while_a_cell_runs(notebook: Notebook, sts: ScriptedSTS, form: Locator) -> None:
    notebook.write(2, f"{BUSY}\nstsnb.current_role().role_name")
    notebook.run(2, wait=False)
    expect(notebook.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    field(form, "Role").fill(ROLE)
    expect(go(form)).to_have_text("Assume role")
    go(form).click()
    expect(badge(notebook, 1)).to_have_attribute("data-state", "good")
    expect(notebook.cell(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (notebook.server.root / "go").touch()
    notebook.wait_for_idle()
    (notebook.server.root / "go").unlink()
    expect(notebook.output(2)).to_have_text("'role-for-s3-fileserver'")


# --- what is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_says_what_is_wrong_where_it_is_wrong(notebook: Notebook, sts: ScriptedSTS, theme: Theme) -> None:
    form = opened(notebook, sts, theme)
    notebook.screenshot(f"form-{theme}", form)
    field(form, "Role").fill("arn:aws:iam::12345:role/role-for-s3-fileserver")
    field(form, "Session name").fill("Role Session 1")
    expect(form).to_contain_text("it contains a space. Use letters, digits and _ + = , . @ -.")
    expect(go(form)).to_have_text("Fix the role")
    expect(field(form, "Role")).to_have_attribute("aria-invalid", "true")
    assert field(form, "Role").get_attribute("aria-describedby") == form.locator(
        ".stsnb-fault:visible"
    ).first.get_attribute("id")
    field(form, "Role").fill(ROLE)
    expect(go(form)).to_have_text("Fix the session name")
    go(form).click(force=True)  # playwright takes aria-disabled for disabled
    expect(field(form, "Session name")).to_be_focused()

    form.locator("summary").click()
    field(form, "Tags").fill("team")
    field(form, "Managed policies").fill("ReadOnlyAccess")
    field(form, "Session policy").fill("/no/such/file.json")
    field(form, "MFA device").fill(DEVICE)
    field(form, "MFA code").fill("12345")
    expect(form).to_contain_text("team is not KEY=VALUE.")
    expect(form).to_contain_text("Invalid MFA code. It must be exactly 6 digits.")
    expect(form).to_contain_text("can't be read: No such file or directory.")
    expect(form.locator(".stsnb-fault:visible")).to_have_count(5)
    notebook.screenshot(f"form-faults-{theme}")
    assert violations(notebook.page, ".stsnb") == []
    assert sts.calls == 0
    assert notebook.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_refusal_is_shown_in_it_with_what_to_do(notebook: Notebook, sts: ScriptedSTS, theme: Theme) -> None:
    form = opened(notebook, sts, theme)
    notebook.write(2, "before = stsnb.assume_role('arn:aws:iam::123456789012:role/before')")
    notebook.run(2)
    sts.fails(
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/myid is not authorized to perform: sts:AssumeRole on resource: "
        + ROLE,
        403,
    )
    field(form, "Role").fill(ROLE)
    field(form, "Role").press("Enter")
    failure = form.get_by_role("alert")
    expect(failure).to_contain_text("assume role-for-s3-fileserver")
    expect(failure).to_contain_text('"AWS": "arn:aws:iam::123456789012:user/myid"')
    expect(field(form, "Role")).to_be_focused()
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    failure.get_by_role("button", name="Copy the statement").click()
    expect(failure.get_by_role("button", name="Copied")).to_be_visible()
    copied = notebook.page.evaluate("navigator.clipboard.readText()")
    assert '"Action": "sts:AssumeRole"' in copied
    assert violations(notebook.page, ".stsnb") == []
    notebook.screenshot(f"form-refused-{theme}", form)

    notebook.write(2, "stsnb.current_role() is before")
    notebook.run(2)
    expect(notebook.output(2)).to_have_text("True")
    sts.recovers()
    go(form).click()
    expect(badge(notebook, 1)).to_have_attribute("data-state", "good")


def test_an_sts_that_is_not_there(notebook: Notebook, sts: ScriptedSTS) -> None:
    notebook.server.write(
        "form.ipynb",
        f"{prepared(sts)}\nos.environ['AWS_ENDPOINT_URL_STS'] = 'http://127.0.0.1:{free_ports(1)[0]}'",
        "%assume_role",
    )
    notebook.open("form.ipynb")
    notebook.run_all()
    form = notebook.output(1).locator(".stsnb-form")
    field(form, "Role").fill(ROLE)
    go(form).click()
    expect(form.get_by_role("alert")).to_contain_text("could not be reached. Check the network")
    expect(go(form)).to_have_text("Assume role")


def test_an_unexpected_error_is_shown(notebook: Notebook, sts: ScriptedSTS, form: Locator) -> None:
    notebook.write(2, "import stsnb.widgets.form as f\nf.assume_role = lambda **asked: 1 / 0")
    notebook.run(2)
    field(form, "Role").fill(ROLE)
    go(form).click()
    expect(form.get_by_role("alert")).to_contain_text("Unexpected error: ZeroDivisionError.")
    expect(go(form)).to_have_text("Assume role")


def test_it_says_so_when_its_kernel_is_gone(notebook: Notebook, sts: ScriptedSTS, form: Locator) -> None:
    notebook.restart()
    expect(go(form)).to_have_text("No kernel")


# --- the code ----------------------------------------------------------------------------------------------------


def test_the_code_is_sent_once_and_is_nowhere_before_sts_is_asked(
    notebook: Notebook, sts: ScriptedSTS, form: Locator
) -> None:
    answer = threading.Event()
    sts.respond = lambda asked: answer.wait(30) and sts.credentials(asked)
    form.locator("summary").click()
    field(form, "Role").fill(ROLE)
    field(form, "MFA device").fill(DEVICE)
    expect(go(form)).to_have_text("Enter the MFA code")
    field(form, "MFA code").fill(CODE)
    expect(form.locator(".stsnb-line")).to_contain_text(f"--serial-number {DEVICE}")
    expect(go(form)).to_have_text("Assume role")
    field(form, "MFA code").press("Enter")

    wait_until("STS is being asked", lambda: any(CODE in request.values() for request in sts.requests))
    expect(field(form, "MFA code")).to_have_value("")
    assert CODE not in notebook.page.content()
    answer.set()
    expect(badge(notebook, 1)).to_be_visible()
    notebook.write(2, _STATES)
    notebook.run(2)
    expect(notebook.output(2)).to_have_text("(True, True)")
    notebook.save()
    assert CODE not in (notebook.server.root / "form.ipynb").read_text(encoding="utf-8")


# Digits apart, so that this cell does not hold what it looks for.
_STATES = f"""\
import ipywidgets
code = '{CODE[:3]}' + '{CODE[3:]}'
states = str([widget.get_state() for widget in ipywidgets.widgets.widget._instances.values()])
'session_name' in states, code not in states"""


# --- the README's pictures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_badge_and_form_in_one_notebook(embedded_aws: EmbeddedAWS, notebook: Notebook, theme: Theme) -> None:
    setting = f"import os; os.environ.update({embedded_aws.environment!r})"
    cells = "%load_ext stsnb", f"%assume_role {ROLE} RoleSession1", "%assume_role", setting
    notebook.server.write("picture.ipynb", *cells)
    notebook.page.set_viewport_size({"width": 860, "height": 690})
    notebook.open("picture.ipynb", theme=theme)
    notebook.run(3)
    for cell in range(3):
        notebook.run(cell)
    form = notebook.output(2).locator(".stsnb-form")
    field(form, "Role").fill("arn:aws:iam::123456789012:role/role-for-archive")
    field(form, "Session name").fill("Role Session 1")
    field(form, "Region").focus()
    expect(go(form)).to_have_text("Fix the session name")
    expect(time_of(badge(notebook, 1))).to_have_text("59 min")
    notebook.cell(3).evaluate("cell => (cell.style.display = 'none')")
    notebook.screenshot(
        f"stsnb-{theme}", notebook.page.locator(".jp-WindowedPanel-outer, .jp-Notebook").first
    )
    assert notebook.errors == []
