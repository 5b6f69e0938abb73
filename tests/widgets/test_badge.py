"""The badge and the form, without a browser: what is sent, what is never sent, what stays as it was."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import stsnb
from stsnb.config import settings
from stsnb.kernel import kernel
from stsnb.widgets.badge import Badge, badge_of
from stsnb.widgets.form import AssumeRoleForm
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, SECRET_MARK, MFADevice, ScriptedSTS

OTHER = "arn:aws:iam::123456789012:role/other"
CODE = "871306"
DEVICE = MFADevice.serial_number


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What widgets send to the browser, in order."""
    messages: list[dict[str, Any]] = []

    def send(_widget: ipywidgets.Widget, message: dict[str, Any], buffers: object = None) -> None:
        messages.append(message)

    monkeypatch.setattr(ipywidgets.Widget, "_send", send)
    yield messages
    assert SECRET_MARK not in json.dumps(messages)


def asks(form: AssumeRoleForm, code: str = "", attempt: int | None = None, **fields: str) -> None:
    """What the browser says when the button is pressed."""
    inner = form._fields
    attempt = inner.attempt if attempt is None else attempt
    content = {"do": "assume", "attempt": attempt, "fields": fields, "token_code": code}
    inner._handle_custom_msg(content, [])


# --- how a role stands -------------------------------------------------------------------------------------------


def test_the_kernel_knows_how_each_role_stands(sts: ScriptedSTS) -> None:
    apart = stsnb.assume_role(ROLE, inject=False)
    first = stsnb.assume_role(ROLE)
    assert kernel.state_of(apart) == ("not injected", None)
    assert kernel.state_of(first) == ("active", None)
    second = stsnb.assume_role(OTHER)
    assert kernel.state_of(first) == ("replaced", second)
    with first:
        assert kernel.state_of(first) == ("active", None)
        assert kernel.state_of(second) == ("replaced", first)
    assert kernel.state_of(second) == ("active", None)
    second.drop()
    assert kernel.state_of(second) == ("dropped", None)
    first.drop()
    assert kernel.state_of(first) == ("dropped", None)


def test_a_role_dropped_within_a_with_of_another_is_dropped(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    with stsnb.assume_role(OTHER):
        first.drop()
        assert kernel.state_of(first) == ("dropped", None)


# --- the badge -----------------------------------------------------------------------------------------------------


def test_a_badge_sends_what_changes_and_nothing_else(sts: ScriptedSTS, sent: list[dict[str, Any]]) -> None:
    role = stsnb.assume_role(ROLE, "RoleSession1")
    badge = badge_of(role, kernel)
    assert badge_of(role, kernel) is badge
    sent.clear()
    badge.changed()
    kernel._tell()
    assert sent == []

    role.refresh()
    asking, renewed = (message["state"]["role"] for message in sent)
    assert (asking["asking"], renewed["asking"]) == (True, False)
    assert renewed["expires_at"] == role.expiration.timestamp() * 1000
    sent.clear()
    role.drop()
    assert [message["state"]["role"]["state"] for message in sent] == ["dropped"]


def test_a_badge_tells_of_a_renewal_that_fails_and_of_the_next_that_does_not(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    badge = badge_of(role, kernel)
    sts.fails("AccessDenied", "no")
    badge._handle_custom_msg({"do": "renew"}, [])
    wait_until("the badge tells of it", lambda: badge.role["trouble"] is not None)
    assert "access denied" in badge.role["trouble"]["text"]
    assert badge.role["trouble"]["retry_at"] == role.credentials.due_at * 1000
    sts.recovers()
    badge._handle_custom_msg({"do": "renew"}, [])
    wait_until("the badge tells of it", lambda: badge.role["trouble"] is None)


def test_the_time_goes_with_all_that_a_badge_sends_of_itself(sts: ScriptedSTS) -> None:
    badge = badge_of(stsnb.assume_role(ROLE), kernel)
    first = badge.get_state()["now"]
    wait_until("time has passed", lambda: badge.get_state()["now"] > first)
    assert "now" not in badge.get_state("role")


@pytest.mark.parametrize("content", [None, "drop", {}, {"do": "steal"}, {"do": ["drop"]}])
def test_a_badge_does_nothing_that_it_does_not_know(sts: ScriptedSTS, content: Any) -> None:
    role = stsnb.assume_role(ROLE)
    badge_of(role, kernel)._handle_custom_msg(content, [])
    assert stsnb.current_role() is role


def test_a_badge_keeps_no_role_alive(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE, inject=False)
    badge = badge_of(role, kernel)
    assert isinstance(badge, Badge)
    name = badge.role["name"]
    del role
    gc.collect()
    assert badge._role() is None
    badge.changed()
    badge._handle_custom_msg({"do": "renew"}, [])
    assert badge.role["name"] == name


def test_a_badge_that_cannot_be_drawn_keeps_nobody_from_a_role(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = stsnb.assume_role(ROLE)
    badge_of(role, kernel)
    monkeypatch.setattr(Badge, "changed", lambda self: 1 / 0)
    assert stsnb.assume_role(OTHER).role_name == "other"
    assert stsnb.drop_role() is not None


def test_where_there_is_no_kernel_a_role_is_text_and_html(shell: InteractiveShell, sts: ScriptedSTS) -> None:
    bundle = stsnb.assume_role(ROLE)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_a_badge_tells_what_narrows_a_role_what_is_dangerous_and_whom_it_came_by(
    sts: ScriptedSTS,
) -> None:
    settings.put(settings.Settings(dangerous=("*fileserver*",)))
    sts.packed_policy_size = 72
    first = stsnb.assume_role(ROLE, read_only=True)
    badge = badge_of(first, kernel)
    assert (badge.role["narrowing"], badge.role["danger"]) == ("read-only", True)
    assert badge.role["remarks"] == [
        "Take care: it matches *fileserver*.",
        "Session policies and tags 72 % full.",
    ]
    assert badge.role["came"] == "from the environment"
    second = stsnb.assume_role(OTHER, chain=True)
    assert badge_of(second, kernel).role["came"] == "via role-for-s3-fileserver"


def test_a_badge_renews_with_a_code_and_tells_why_it_could_not(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]]
) -> None:
    sts.device = MFADevice()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary")  # such keys buy no MFA session
    role = stsnb.assume_role(ROLE, serial_number=DEVICE, token_code=sts.device.code)
    badge = badge_of(role, kernel)
    assert badge.role["device"] == DEVICE
    badge._handle_custom_msg({"do": "renew", "token_code": "12345"}, [])
    wait_until("it tells why", lambda: badge.role["refused"])
    assert "exactly 6 digits" in badge.role["refused"]
    code = sts.device.shows_next()
    before = role.response
    badge._handle_custom_msg({"do": "renew", "token_code": code}, [])
    wait_until("it is renewed", lambda: role.response is not before and badge.role["refused"] is None)
    assert code not in json.dumps(sent)


# --- the form ------------------------------------------------------------------------------------------------------


def test_the_form_assumes_a_role_and_goes_back(sts: ScriptedSTS, sent: list[dict[str, Any]]) -> None:
    form = AssumeRoleForm()
    assert "%assume_role needs a role" in form._repr_mimebundle_()["text/plain"]
    asks(form, role=ROLE, session_name="RoleSession1", duration_seconds="7200", tags="team=data x=1")
    role = stsnb.current_role()
    assert role is not None
    assert form.role is role
    assert form._badge.children == (badge_of(role, kernel),)
    assert sts.requests[-1]["Tags.member.1.Value"] == "data"
    assert form._repr_mimebundle_()["text/plain"] == str(role)
    form._fields._handle_custom_msg({"do": "again"}, [])
    assert (form.role, form._badge.children, form._fields.phase) == (None, (), "open")
    assert stsnb.current_role() is role


def test_an_attempt_that_was_answered_is_not_made_again(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    sts.fails("AccessDenied")
    asks(form, role=ROLE, session_name="RoleSession1")
    asks(form, role=ROLE, session_name="RoleSession1", attempt=0)
    assert sts.calls == 1
    assert form._fields.phase == "open"


def test_a_refusal_is_told_and_leaves_everything_as_it_was(sts: ScriptedSTS) -> None:
    before = stsnb.assume_role(OTHER)
    form = AssumeRoleForm()
    sts.fails("AccessDenied", f"User: arn:aws:iam::123456789012:user/myid may not assume {ROLE}")
    asks(form, role=ROLE, session_name="RoleSession1")
    failure = form._fields.failure
    assert "assume role-for-s3-fileserver" in failure["happened"]
    assert json.loads(failure["statement"])["Action"] == "sts:AssumeRole"
    assert stsnb.current_role() is before
    assert form.role is None


def test_what_is_wrong_is_not_sent(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    asks(form, role=ROLE, session_name="Role Session 1", tags="team x=1 x=2")
    checked = form._fields.checked
    assert set(checked["faults"]) == {"session_name", "tags"}
    assert (sts.calls, form._fields.attempt, form._fields.phase) == (0, 1, "open")


@pytest.mark.parametrize("policy", ["~nobody-here/p.json", "no\x00name", "/", "{}", "~/none.json"])
def test_a_policy_that_cannot_be_read_is_a_fault_of_its_field(sts: ScriptedSTS, policy: str) -> None:
    form = AssumeRoleForm()
    asks(form, role=ROLE, session_name="RoleSession1", policy=policy)
    assert "can't be read" in form._fields.checked["faults"]["policy"]
    assert sts.calls == 0


def test_an_interrupt_is_told(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stsnb.widgets.form.assume_role", interrupted)
    form = AssumeRoleForm()
    asks(form, role=ROLE, session_name="RoleSession1")
    assert form._fields.failure["happened"] == "It was interrupted."
    assert form._fields.phase == "open"


def test_the_code_is_in_no_state_and_no_message(sts: ScriptedSTS, sent: list[dict[str, Any]]) -> None:
    form = AssumeRoleForm()
    seen: list[str] = []

    def respond(asked: dict[str, str]) -> Any:
        seen.append(str([widget.get_state() for widget in (form, form._fields)]))
        return sts.credentials(asked)

    sts.respond = respond
    device = "arn:aws:iam::123456789012:mfa/myid"
    asks(form, CODE, role=ROLE, session_name="RoleSession1", serial_number=device)
    assert any(CODE in request.values() for request in sts.requests)
    assert form.role is not None
    assert seen
    assert CODE not in "".join(seen) + json.dumps(sent) + str(form._fields.get_state())


def test_the_form_takes_a_profile_and_asks_for_its_code_once_a_day(sts: ScriptedSTS, config: Path) -> None:
    sts.device = MFADevice()
    (config / "config").write_text(
        f"[profile costs]\nrole_arn = {ROLE}\nsource_profile = me\nmfa_serial = {DEVICE}\n"
        "[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = s\n[profile odd]\nregion = x\n"
    )
    form = AssumeRoleForm()
    inner = form._fields
    assert inner.choices["roles"] == ["costs", ROLE]
    assert inner.choices["serial_numbers"] == [DEVICE]
    inner.fields = {"role": "odd"}
    assert "has no role_arn" in inner.checked["faults"]["role"]
    inner.fields = {"role": "costs", "session_name": "RoleSession1"}
    assert (inner.checked["faults"], inner.checked["device"], inner.checked["needs_code"]) == (
        {},
        DEVICE,
        True,
    )
    asks(form, sts.device.code, role="costs", session_name="RoleSession1")
    assert form.role is not None
    assert form.role.renewable
    inner._handle_custom_msg({"do": "again"}, [])
    assert (inner.checked["device"], inner.checked["needs_code"]) == (DEVICE, False)
    asks(form, role="costs", session_name="RoleSession2")
    assert form.role is not None
    assert form.role.session_name == "RoleSession2"


def test_what_is_configured_stands_in_the_form(sts: ScriptedSTS) -> None:
    general = {"session_name": "Mine", "duration_seconds": 5400, "region": "eu-west-1", "read_only": True}
    settings.put(settings.Settings(roles={"s3": {"role_arn": ROLE}}, general=general))
    form = AssumeRoleForm()
    inner = form._fields
    assert inner.fields == {
        "session_name": "Mine",
        "duration_seconds": "5400",
        "region": "eu-west-1",
        "read_only": "yes",
    }
    assert ["5400", "1 hour 30 minutes"] in inner.choices["durations"]
    asks(form, role="s3", session_name="Mine", read_only="")
    assert form.role is not None
    assert form.role.narrowing is None
    assert "--no-read-only" in inner.checked["line"]


def test_a_read_only_box_that_is_ticked_is_never_passed_over(sts: ScriptedSTS) -> None:
    writer = {"role_arn": ROLE, "read_only": False}
    settings.put(settings.Settings(roles={"writer": writer}, general={"read_only": True}))
    form = AssumeRoleForm()
    ticked = {"session_name": "RoleSession1", "read_only": "yes"}
    asks(form, role=ROLE, policy_arns="arn:aws:iam::aws:policy/AmazonS3FullAccess", **ticked)
    assert "use one or the other" in form._fields.checked["faults"]["read_only"]
    for role, policy_arns in ((ROLE, ","), ("writer", "")):
        asks(form, role=role, policy_arns=policy_arns, **ticked)
        assert form.role is not None
        assert form.role.narrowing == "read-only"
        form._fields._handle_custom_msg({"do": "again"}, [])
    assert stsnb.assume_role(ROLE, policy_arns=[]).narrowing == "read-only"


def test_the_form_does_what_its_line_does_also_with_an_alias(sts: ScriptedSTS) -> None:
    alias = {"role_arn": ROLE, "session_name": "of-alias", "region": "eu-west-1", "duration_seconds": 900}
    general = {"region": "us-west-2", "duration_seconds": 7200}
    settings.put(settings.Settings(roles={"s3": alias}, general=general))
    form = AssumeRoleForm()
    asks(form, **{**form._fields.fields, "role": "s3"})
    assert form._fields.checked["line"] == "%assume_role s3"
    assert form.role is not None
    assert (form.role.session_name, form.role.region) == ("of-alias", "eu-west-1")
    assert sts.requests[-1]["DurationSeconds"] == "900"


def test_what_is_wrong_with_an_alias_is_told_at_the_role(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text("[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = s\n")
    settings.put(settings.Settings(roles={"up": {"role_arn": ROLE, "chain": True, "duration_seconds": 60}}))
    form = AssumeRoleForm()
    inner = form._fields
    inner.fields = {"role": "up", "session_name": "RoleSession1"}
    assert set(inner.checked["faults"]) == {"duration_seconds"}
    # Who asks is one choice: the line's goes before the alias'.
    asks(form, role="up", session_name="RoleSession1", profile="me", duration_seconds="900")
    assert form.role is not None
    assert form.role.origin == "profile me"


def test_a_profile_that_was_mended_meanwhile_is_looked_at_again(sts: ScriptedSTS, config: Path) -> None:
    form, fields = AssumeRoleForm(), {"role": "work", "session_name": "RoleSession1"}
    asks(form, **fields)
    assert "neither a profile" in form._fields.checked["faults"]["role"]
    (config / "config").write_text(
        f"[profile work]\nrole_arn = {ROLE}\nsource_profile = me\n"
        "[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = s\n"
    )
    asks(form, **fields)
    assert form.role is not None


def test_a_duration_that_is_no_number_is_a_fault(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    asks(form, role=ROLE, session_name="RoleSession1", duration_seconds="an hour")
    assert "not a whole number" in form._fields.checked["faults"]["duration_seconds"]


def test_a_form_keeps_no_role_alive(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    asks(form, role=ROLE, session_name="RoleSession1")
    stsnb.drop_role()
    gc.collect()
    assert form.role is None
    assert form._repr_mimebundle_()["text/plain"].startswith("%assume_role needs a role")


def test_two_threads_ask_once(sts: ScriptedSTS) -> None:
    form, answer = AssumeRoleForm(), threading.Event()
    sts.respond = lambda asked: answer.wait(30) and sts.credentials(asked)
    fields = {"role": ROLE, "session_name": "RoleSession1"}
    first = threading.Thread(target=lambda: asks(form, **fields))
    first.start()
    wait_until("STS is being asked", lambda: sts.calls == 1)
    asks(form, **fields)
    answer.set()
    first.join()
    assert sts.calls == 1
    assert form.role is not None


# --- in a notebook -------------------------------------------------------------------------------------------------


def test_a_notebook_that_was_run_without_a_browser_holds_text_and_no_secret(sts: ScriptedSTS) -> None:
    cells = ["%load_ext stsnb", f"%assume_role {ROLE} RoleSession1", "%assume_role", "%current_role"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    role, form, again = (cell["outputs"][0]["data"] for cell in notebook["cells"][1:])
    view = "application/vnd.jupyter.widget-view+json"
    assert set(role) == {"text/plain", "text/html", view}
    assert role["text/plain"].startswith("role-for-s3-fileserver · 123456789012 · RoleSession1 · until ")
    assert role[view] == again[view]
    assert form["text/plain"].startswith("%assume_role needs a role")
    saved = nbformat.writes(notebook)
    assert "widget-state" in saved
    assert f"role{SECRET_MARK}" not in saved
