"""AssumeRoleFetcher: calls STS again at each renewal, with the user's keys as they are then and MFA codes where needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from werkzeug import Response

import stsnb
from stsnb import AssumeRoleError
from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from tests.person import Person
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, MFADevice, ScriptedSTS, error
from tests.unchanged import unchanged

OTHER = "arn:aws:iam::123456789012:role/other"


def test_a_session_that_each_time_needs_a_code_says_early_that_it_ends(
    short: ScriptedSTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary already")
    short.seconds = 1
    held = stsnb.assume_role(ROLE, serial_number="arn:aws:iam::123456789012:mfa/myid", token_code="123456")
    assert "does not renew itself" in str(held)
    wait_until("it has ended", lambda: not held.remaining)
    with pytest.raises(stsnb.AssumeRoleError, match="Run %assume_role again with --token-code"):
        held.client("sts").get_caller_identity()
    assert short.calls == 1


def test_keys_that_a_login_tool_rewrites_are_read_again(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys: list[str] = []

    def write(key: str) -> None:
        (config / "credentials").write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n"
        )

    def note(request: object) -> None:
        keys.append(str(request.headers["Authorization"]).split("Credential=")[1].split("/")[0])  # type: ignore[attr-defined]

    handle = sts._handle
    sts.server.clear()
    sts.server.expect_request("/", method="POST").respond_with_handler(lambda r: (note(r), handle(r))[1])
    write("AKIAMORNING000000000")
    held = stsnb.assume_role(ROLE)
    write("AKIAEVENING000000000 ")
    held.refresh()
    assert keys == ["AKIAMORNING000000000", "AKIAEVENING000000000"]


def test_a_source_that_is_broken_since_fails_the_renewal_and_the_role_stays(
    sts: ScriptedSTS, config: Path
) -> None:
    held = stsnb.assume_role(ROLE)
    (config / "config").write_text("not a section\n")
    with unchanged(), pytest.raises(stsnb.AssumeRoleError, match="has no section before line 1"):
        held.refresh()


# --- MFA --------------------------------------------------------------------------------------------------------


@pytest.fixture
def short_mfa(sts: ScriptedSTS, device: MFADevice, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSTS]:
    """MFA sessions of 2 seconds, roles of 3."""
    sts.seconds, sts.mfa_seconds = 3, 2
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(rules, "RETRY_AT_MOST_SECONDS", 0.2)
    monkeypatch.setattr(rules, "RETRY_AFTER_END_SECONDS", 0.2)
    yield sts
    kernel.reset()


def test_the_renewer_needs_no_code(
    sts: ScriptedSTS, device: MFADevice, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.seconds = 2
    person.types = [device.code]
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number)
    wait_until("it is renewed twice", lambda: sts.calls >= 3)
    assert held.renewal_error is None
    assert len(person.asked) == 1


def test_a_role_whose_mfa_session_has_ended_says_so_and_is_renewed_with_a_new_code(
    short_mfa: ScriptedSTS, device: MFADevice, person: Person
) -> None:
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    client, calls = held.client("sts"), short_mfa.calls
    wait_until("the renewal fails", lambda: held.renewal_error is not None)
    assert f"The MFA session of {device.serial_number} that renews role-for-s3-fileserver ended at" in str(
        held.renewal_error
    )
    assert held.needs_code
    wait_until("the role has ended", lambda: not held.remaining)
    with pytest.raises(
        AssumeRoleError, match=r"could not be renewed: The MFA session of .*refresh\(token_code=…\)"
    ):
        client.get_caller_identity()
    assert short_mfa.calls == calls  # nothing that could only be refused was sent
    held.refresh(device.shows_next())
    assert (held.renewal_error, held.needs_code) == (None, False)
    client.get_caller_identity()
    assert person.asked == []


def test_an_mfa_session_that_nearly_ends_is_replaced_while_a_user_can_be_asked(
    short_mfa: ScriptedSTS, device: MFADevice, person: Person
) -> None:
    short_mfa.mfa_seconds = 600
    stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    person.types = [device.shows_next()]
    stsnb.assume_role(ROLE, serial_number=device.serial_number)
    assert len(person.asked) == 1
    assert short_mfa.count("GetSessionToken") == 2


def test_a_temporary_source_needs_a_code_for_each_session(
    sts: ScriptedSTS, device: MFADevice, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "temporary already")
    person.types = [device.code]
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number)
    assert (held.renewable, held.needs_code) == (False, True)
    assert "does not renew itself" in str(held)
    assert (sts.requests[-1]["SerialNumber"], sts.requests[-1]["TokenCode"]) == (
        device.serial_number,
        device.code,
    )
    assert sts.count("GetSessionToken") == 0
    first, client = os.environ["AWS_SESSION_TOKEN"], boto3.client("s3")
    held.refresh(device.shows_next())
    assert (
        first
        != os.environ["AWS_SESSION_TOKEN"]
        == client._request_signer._credentials.get_frozen_credentials().token
    )
    person.types = [device.shows_next()]
    held.refresh()
    assert len(person.asked) == 2
    assert not kernel._renewer.running


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("InvalidAction", "Could not find operation GetSessionToken for version 2011-06-15", 400),
        ("MethodNotAllowed", "", 405),
        ("AccessDenied", "", 403),  # as Ceph does
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/x is not authorized to perform: sts:GetSessionToken with an explicit deny",
            403,
        ),
    ],
)
def test_a_server_without_mfa_sessions_gets_the_code_with_the_role(
    sts: ScriptedSTS, device: MFADevice, code: str, message: str, status: int
) -> None:
    def answer(asked: dict[str, str]) -> Response:
        if asked["Action"] == "GetSessionToken":
            return error(code, message, status)
        return sts.refusal(asked, "") or sts.credentials(asked)

    sts.respond = answer
    with pytest.raises(AssumeRoleError, match="refused the code"):
        stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code="000000")
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    assert (held.renewable, held.needs_code) == (False, True)
    held.refresh(device.shows_next())
    assert sts.count("GetSessionToken") == 2  # it is not tried again


def test_a_wrong_code_for_the_active_role_leaves_it_as_it_is(sts: ScriptedSTS, device: MFADevice) -> None:
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    token = held.response.session_token
    with unchanged(), pytest.raises(AssumeRoleError, match="refused the code"):
        held.refresh("000000")
    assert held.response.session_token == token
    held.refresh()
    assert held.response.session_token != token


def test_a_role_that_requires_a_recent_code_gets_the_one_on_the_line(
    sts: ScriptedSTS, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trust policy's condition on aws:MultiFactorAuthAge."""
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    old = {"ASIA0000000000000001"}

    def answer(asked: dict[str, str]) -> Response:
        if sts.callers[-1] in old:
            return error("AccessDenied", "User is not authorized", 403)
        return sts.refusal(
            asked, "" if sts.callers[-1].startswith("AKIA") else "GetSessionToken"
        ) or sts.credentials(asked)

    sts.respond = answer
    monkeypatch.setattr("stsnb.errors.access_denied.RECENT", -rules.datetime.resolution)
    with pytest.raises(AssumeRoleError, match="aws:MultiFactorAuthAge"):
        held.refresh()
    assert held.needs_code
    with pytest.raises(AssumeRoleError, match="access denied"):  # the code was used
        stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    role = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.shows_next())
    assert not role.needs_code


@pytest.mark.parametrize("code", ["12345", "1234567", "hunter2", 493817])
def test_an_invalid_code_is_not_sent(
    sts: ScriptedSTS, device: MFADevice, person: Person, code: object
) -> None:
    held = stsnb.assume_role(ROLE, serial_number=device.serial_number, token_code=device.code)
    requests = len(sts.requests)
    with pytest.raises(AssumeRoleError, match="exactly 6 digits") as refused:
        held.refresh(code)  # type: ignore[arg-type]
    assert str(code) not in str(refused.value)
    kernel._mfa_sessions.clear()
    person.types = [str(code)[:5]]
    with pytest.raises(AssumeRoleError, match="exactly 6 digits"):
        stsnb.assume_role(OTHER, serial_number=device.serial_number)
    assert len(sts.requests) == requests


def test_a_role_without_a_device_needs_no_code(sts: ScriptedSTS) -> None:
    held = stsnb.assume_role(ROLE)
    assert (held.serial_number, held.needs_code) == (None, False)
    with pytest.raises(AssumeRoleError, match=r"without an MFA device\. Leave out the code"):
        held.refresh("493817")
