"""The form, without a browser: what it checks, sends and never sends."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path
from typing import Any

import pytest

import stsnb
from stsnb.config import settings
from stsnb.kernel import kernel
from stsnb.widgets.badge import badge_of
from stsnb.widgets.form import AssumeRoleForm
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, MFADevice, ScriptedSTS

OTHER = "arn:aws:iam::123456789012:role/other"
DEVICE = MFADevice.serial_number
CODE = "871306"


def click(form: AssumeRoleForm, code: str = "", attempt: int | None = None, **fields: str) -> None:
    """What the browser sends when the button is pressed."""
    inner = form._fields
    attempt = inner.attempt if attempt is None else attempt
    content = {"do": "assume", "attempt": attempt, "fields": fields, "token_code": code}
    inner._handle_custom_msg(content, [])


def test_the_form_assumes_a_role_and_goes_back(sts: ScriptedSTS, sent: list[dict[str, Any]]) -> None:
    form = AssumeRoleForm()
    assert "%assume_role needs a role" in form._repr_mimebundle_()["text/plain"]
    click(form, role=ROLE, session_name="RoleSession1", duration_seconds="7200", tags="team=data x=1")
    role = stsnb.current_role()
    assert role is not None
    assert form.role is role
    assert form._badge.children == (badge_of(role, kernel),)
    assert sts.requests[-1]["Tags.member.1.Value"] == "data"
    assert form._repr_mimebundle_()["text/plain"] == str(role)
    form._fields._handle_custom_msg({"do": "again"}, [])
    assert (form.role, form._badge.children, form._fields.phase) == (None, (), "open")
    assert stsnb.current_role() is role


def test_a_second_click_on_the_same_form_does_not_call_sts_again(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    sts.fails("AccessDenied")
    click(form, role=ROLE, session_name="RoleSession1")
    click(form, role=ROLE, session_name="RoleSession1", attempt=0)
    assert sts.calls == 1
    assert form._fields.phase == "open"


def test_a_refusal_is_shown_and_leaves_everything_as_it_was(sts: ScriptedSTS) -> None:
    before = stsnb.assume_role(OTHER)
    form = AssumeRoleForm()
    sts.fails("AccessDenied", f"User: arn:aws:iam::123456789012:user/myid may not assume {ROLE}")
    click(form, role=ROLE, session_name="RoleSession1")
    failure = form._fields.failure
    assert "assume role-for-s3-fileserver" in failure["happened"]
    assert json.loads(failure["statement"])["Action"] == "sts:AssumeRole"
    assert stsnb.current_role() is before
    assert form.role is None


def test_an_invalid_field_is_not_sent_to_sts(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    click(form, role=ROLE, session_name="Role Session 1", tags="team x=1 x=2")
    checked = form._fields.checked
    assert set(checked["faults"]) == {"session_name", "tags"}
    assert (sts.calls, form._fields.attempt, form._fields.phase) == (0, 1, "open")


@pytest.mark.parametrize("policy", ["~nobody-here/p.json", "no\x00name", "/", "{}", "~/none.json"])
def test_a_policy_that_cannot_be_read_is_a_fault_of_its_field(sts: ScriptedSTS, policy: str) -> None:
    form = AssumeRoleForm()
    click(form, role=ROLE, session_name="RoleSession1", policy=policy)
    assert "can't be read" in form._fields.checked["faults"]["policy"]
    assert sts.calls == 0


def test_an_interrupt_is_shown(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stsnb.widgets.form.assume_role", interrupted)
    form = AssumeRoleForm()
    click(form, role=ROLE, session_name="RoleSession1")
    assert form._fields.failure["happened"] == "Interrupted."
    assert form._fields.phase == "open"


def test_the_code_is_in_no_state_and_no_message(sts: ScriptedSTS, sent: list[dict[str, Any]]) -> None:
    form = AssumeRoleForm()
    seen: list[str] = []

    def respond(asked: dict[str, str]) -> Any:
        seen.append(str([widget.get_state() for widget in (form, form._fields)]))
        return sts.credentials(asked)

    sts.respond = respond
    device = "arn:aws:iam::123456789012:mfa/myid"
    click(form, CODE, role=ROLE, session_name="RoleSession1", serial_number=device)
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
    click(form, sts.device.code, role="costs", session_name="RoleSession1")
    assert form.role is not None
    assert form.role.renewable
    inner._handle_custom_msg({"do": "again"}, [])
    assert (inner.checked["device"], inner.checked["needs_code"]) == (DEVICE, False)
    click(form, role="costs", session_name="RoleSession2")
    assert form.role is not None
    assert form.role.session_name == "RoleSession2"


def test_the_form_is_filled_in_with_the_configuration(sts: ScriptedSTS) -> None:
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
    click(form, role="s3", session_name="Mine", read_only="")
    assert form.role is not None
    assert form.role.narrowing is None
    assert "--no-read-only" in inner.checked["line"]


def test_a_ticked_read_only_box_always_applies(sts: ScriptedSTS) -> None:
    writer = {"role_arn": ROLE, "read_only": False}
    settings.put(settings.Settings(roles={"writer": writer}, general={"read_only": True}))
    form = AssumeRoleForm()
    ticked = {"session_name": "RoleSession1", "read_only": "yes"}
    click(form, role=ROLE, policy_arns="arn:aws:iam::aws:policy/AmazonS3FullAccess", **ticked)
    assert "use one or the other" in form._fields.checked["faults"]["read_only"]
    for role, policy_arns in ((ROLE, ","), ("writer", "")):
        click(form, role=role, policy_arns=policy_arns, **ticked)
        assert form.role is not None
        assert form.role.narrowing == "read-only"
        form._fields._handle_custom_msg({"do": "again"}, [])
    assert stsnb.assume_role(ROLE, policy_arns=[]).narrowing == "read-only"


def test_the_form_does_what_its_line_does_also_with_an_alias(sts: ScriptedSTS) -> None:
    alias = {"role_arn": ROLE, "session_name": "of-alias", "region": "eu-west-1", "duration_seconds": 900}
    general = {"region": "us-west-2", "duration_seconds": 7200}
    settings.put(settings.Settings(roles={"s3": alias}, general=general))
    form = AssumeRoleForm()
    click(form, **{**form._fields.fields, "role": "s3"})
    assert form._fields.checked["line"] == "%assume_role s3"
    assert form.role is not None
    assert (form.role.session_name, form.role.region) == ("of-alias", "eu-west-1")
    assert sts.requests[-1]["DurationSeconds"] == "900"


def test_a_fault_of_an_alias_is_shown_at_the_role(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text("[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = s\n")
    settings.put(settings.Settings(roles={"up": {"role_arn": ROLE, "chain": True, "duration_seconds": 60}}))
    form = AssumeRoleForm()
    inner = form._fields
    inner.fields = {"role": "up", "session_name": "RoleSession1"}
    assert set(inner.checked["faults"]) == {"duration_seconds"}
    # The source is one choice: the form's overrides the alias'.
    click(form, role="up", session_name="RoleSession1", profile="me", duration_seconds="900")
    assert form.role is not None
    assert form.role.origin == "profile me"


def test_a_profile_that_was_fixed_meanwhile_is_read_again(sts: ScriptedSTS, config: Path) -> None:
    form, fields = AssumeRoleForm(), {"role": "work", "session_name": "RoleSession1"}
    click(form, **fields)
    assert "neither a profile" in form._fields.checked["faults"]["role"]
    (config / "config").write_text(
        f"[profile work]\nrole_arn = {ROLE}\nsource_profile = me\n"
        "[profile me]\naws_access_key_id = AKIAME\naws_secret_access_key = s\n"
    )
    click(form, **fields)
    assert form.role is not None


def test_a_duration_that_is_no_number_is_a_fault(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    click(form, role=ROLE, session_name="RoleSession1", duration_seconds="an hour")
    assert "not a whole number" in form._fields.checked["faults"]["duration_seconds"]


def test_a_form_keeps_no_role_alive(sts: ScriptedSTS) -> None:
    form = AssumeRoleForm()
    click(form, role=ROLE, session_name="RoleSession1")
    stsnb.drop_role()
    gc.collect()
    assert form.role is None
    assert form._repr_mimebundle_()["text/plain"].startswith("%assume_role needs a role")


def test_two_threads_call_sts_once(sts: ScriptedSTS) -> None:
    form, answer = AssumeRoleForm(), threading.Event()
    sts.respond = lambda asked: answer.wait(30) and sts.credentials(asked)
    fields = {"role": ROLE, "session_name": "RoleSession1"}
    first = threading.Thread(target=lambda: click(form, **fields))
    first.start()
    wait_until("STS is being asked", lambda: sts.calls == 1)
    click(form, **fields)
    answer.set()
    first.join()
    assert sts.calls == 1
    assert form.role is not None
