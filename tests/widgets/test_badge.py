"""The badge, without a browser: what it sends, and what it does when it is clicked."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest

import stsnb
from stsnb.config import settings
from stsnb.kernel import kernel
from stsnb.widgets.badge import Badge, badge_of
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, MFADevice, ScriptedSTS

OTHER = "arn:aws:iam::123456789012:role/other"
DEVICE = MFADevice.serial_number


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


def test_a_badge_shows_a_failed_renewal_until_one_succeeds(sts: ScriptedSTS) -> None:
    role = stsnb.assume_role(ROLE)
    badge = badge_of(role, kernel)
    sts.fails("AccessDenied", "no")
    badge._handle_custom_msg({"do": "renew"}, [])
    wait_until("the badge shows it", lambda: badge.role["trouble"] is not None)
    assert "access denied" in badge.role["trouble"]["text"]
    assert badge.role["trouble"]["retry_at"] == role.credentials.due_at * 1000
    sts.recovers()
    badge._handle_custom_msg({"do": "renew"}, [])
    wait_until("the badge shows it", lambda: badge.role["trouble"] is None)


def test_a_badge_sends_the_time_with_its_whole_state(sts: ScriptedSTS) -> None:
    badge = badge_of(stsnb.assume_role(ROLE), kernel)
    first = badge.get_state()["now"]
    wait_until("time has passed", lambda: badge.get_state()["now"] > first)
    assert "now" not in badge.get_state("role")


@pytest.mark.parametrize("content", [None, "drop", {}, {"do": "steal"}, {"do": ["drop"]}])
def test_a_badge_ignores_messages_that_it_does_not_know(sts: ScriptedSTS, content: Any) -> None:
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


def test_a_badge_that_cannot_be_drawn_fails_no_change_of_roles(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = stsnb.assume_role(ROLE)
    badge_of(role, kernel)
    monkeypatch.setattr(Badge, "changed", lambda self: 1 / 0)
    assert stsnb.assume_role(OTHER).role_name == "other"
    assert stsnb.drop_role() is not None


def test_a_badge_shows_session_policies_danger_and_the_source(
    sts: ScriptedSTS,
) -> None:
    settings.put(settings.Settings(dangerous=("*fileserver*",)))
    sts.packed_policy_size = 72
    first = stsnb.assume_role(ROLE, read_only=True)
    badge = badge_of(first, kernel)
    assert (badge.role["narrowing"], badge.role["danger"]) == ("read-only", True)
    assert badge.role["remarks"] == [
        "Caution: matches *fileserver*.",
        "Session policies and tags 72 % full.",
    ]
    assert badge.role["came"] == "from the environment"
    second = stsnb.assume_role(OTHER, chain=True)
    assert badge_of(second, kernel).role["came"] == "via role-for-s3-fileserver"


def test_a_badge_renews_with_a_code_and_shows_why_it_could_not(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]]
) -> None:
    sts.device = MFADevice()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary")  # such keys start no MFA session
    role = stsnb.assume_role(ROLE, serial_number=DEVICE, token_code=sts.device.code)
    badge = badge_of(role, kernel)
    assert badge.role["device"] == DEVICE
    badge._handle_custom_msg({"do": "renew", "token_code": "12345"}, [])
    wait_until("it shows why", lambda: badge.role["refused"])
    assert "exactly 6 digits" in badge.role["refused"]
    code = sts.device.shows_next()
    before = role.response
    badge._handle_custom_msg({"do": "renew", "token_code": code}, [])
    wait_until("it is renewed", lambda: role.response is not before and badge.role["refused"] is None)
    assert code not in json.dumps(sent)
