"""Chaining: a role assumed with another role, for an hour at most, each link renewed when it is needed."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import stsnb
from stsnb import AssumeRoleError
from stsnb.demo import ARCHIVE_ROLE_ARN, REPORTS_ROLE_ARN, ROLE_ARN, EmbeddedAWS
from stsnb.kernel import kernel
from stsnb.roles import credentials as rules
from stsnb.roles import renewer
from tests.sandbox import wait_until
from tests.scripted_sts import ROLE, ScriptedSTS
from tests.unchanged import unchanged

SECOND = "arn:aws:iam::123456789012:role/second"
THIRD = "arn:aws:iam::123456789012:role/third"


@contextmanager
def refused(match: str) -> Iterator[None]:
    """With a sentence, and nothing changed or sent."""
    with unchanged(), pytest.raises(AssumeRoleError, match=match):
        yield


def key(role: stsnb.AssumedRole) -> str:
    return role.response.access_key_id


def test_chain_calls_sts_with_the_active_role(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    second = stsnb.assume_role(SECOND, chain=True)
    assert sts.callers == ["AKIAIOSFODNN7EXAMPLE", key(first)]
    assert (first.chained_from, second.chained_from) == (None, first)
    assert (first.origin, second.origin) == ("the environment", "role role-for-s3-fileserver")
    assert os.environ["AWS_ACCESS_KEY_ID"] == key(second)


def test_any_role_can_be_chained_from_and_a_chain_shows_its_roles(sts: ScriptedSTS) -> None:
    own = dict(os.environ)
    first = stsnb.assume_role(ROLE, inject=False)
    second = stsnb.assume_role(SECOND, chain=first, inject=False)
    third = stsnb.assume_role(THIRD, chain=second)
    assert "via role-for-s3-fileserver → second" in str(third)
    assert "via role-for-s3-fileserver → second" in third._repr_mimebundle_()["text/html"]
    assert "via" not in str(first)
    stsnb.drop_role()
    assert os.environ == own


def test_running_the_cell_again_chains_from_the_same_role(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    for _ in range(3):
        assert stsnb.assume_role(SECOND, chain=True).chained_from is first
    assert set(sts.callers[1:]) == {key(first)}
    assert stsnb.assume_role(THIRD, chain=True).chained_from.role_name == "second"


def test_without_chain_the_users_own_credentials_ask(sts: ScriptedSTS) -> None:
    stsnb.assume_role(ROLE)
    stsnb.assume_role(SECOND, chain=True)
    third = stsnb.assume_role(THIRD, chain=False)
    assert (sts.callers[-1], third.chained_from) == ("AKIAIOSFODNN7EXAMPLE", None)


def test_settings_are_those_of_the_link(
    sts: ScriptedSTS, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    (config / "config").write_text(
        f"[profile work]\nregion = eu-west-3\nendpoint_url = {sts.endpoint_url}\naws_access_key_id = AKIAWORK\naws_secret_access_key = x\n"
    )
    first = stsnb.assume_role(ROLE, profile="work", region="eu-west-1", inject=False)
    second = stsnb.assume_role(SECOND, chain=first)
    assert second.region == os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert second.client("s3").meta.endpoint_url == os.environ["AWS_ENDPOINT_URL"] == sts.endpoint_url
    assert stsnb.assume_role(SECOND, chain=first, region="eu-west-2").region == "eu-west-2"


# --- renewal down the chain -----------------------------------------------------------------------------------


@pytest.fixture
def short(sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSTS]:
    """An STS whose sessions last 3 seconds; it refuses those that have ended."""
    sts.seconds = 3
    monkeypatch.setattr(rules, "RETRY_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(rules, "RETRY_AT_MOST_SECONDS", 0.2)
    monkeypatch.setattr(rules, "RETRY_AFTER_END_SECONDS", 0.2)
    monkeypatch.setattr(renewer, "LOOK_EVERY_SECONDS", 0.2)
    yield sts
    kernel.reset()


def generations(role: stsnb.AssumedRole, wanted: int) -> None:
    keys = {key(role)}

    def renewed() -> bool:
        keys.add(key(role))
        return len(keys) > wanted

    wait_until(f"the role is renewed {wanted} times", renewed)


def test_each_link_is_renewed_and_signs_for_the_next(short: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    second = stsnb.assume_role(SECOND, chain=True)
    signed = {key(first)}
    generations(second, 3)
    assert (first.renewal_error, second.renewal_error) == (None, None)
    signers = {
        who
        for who, asked in zip(short.callers, short.requests, strict=True)
        if asked.get("RoleArn") == SECOND
    }
    assert len(signers | signed) >= 3
    assert not any(who.startswith("AKIA") for who in signers)


def test_a_dropped_role_is_still_renewed_for_the_roles_chained_from_it(short: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE)
    second = stsnb.assume_role(SECOND, chain=True)
    first.drop()
    link = weakref.ref(first)
    del first
    gc.collect()
    generations(second, 2)
    assert second.renewal_error is None
    assert second.chained_from is link()
    second.drop()
    own = second.client("sts")
    wait_until("both have ended", lambda: not second.remaining and not link().remaining)
    own.get_caller_identity()  # who signs renews, down the chain
    assert second.remaining


def test_a_chain_is_let_go_with_its_last_role(short: ScriptedSTS) -> None:
    second = stsnb.assume_role(SECOND, chain=stsnb.assume_role(ROLE, inject=False), inject=False)
    links = [weakref.ref(second), weakref.ref(second.chained_from)]
    del second
    gc.collect()
    assert [link() for link in links] == [None, None]
    wait_until("the renewer has ended", lambda: not kernel._renewer.running)


def test_a_link_that_has_ended_is_named(short: ScriptedSTS) -> None:
    short.seconds = 1
    first = stsnb.assume_role(ROLE, refresh=False)
    second = stsnb.assume_role(SECOND, chain=True)
    wait_until(
        "both have ended, and nothing is under way any more",
        lambda: second.renewal_error is not None and not first.remaining and not second.remaining,
    )
    told = r"Role role-for-s3-fileserver has no valid credentials to assume second with: The session of role-for-s3-fileserver ended at"
    with refused(told):
        stsnb.assume_role(SECOND, chain=first)
    with pytest.raises(AssumeRoleError, match=told):
        second.client("sts").get_caller_identity()


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [3601, 43200])
def test_more_than_an_hour_is_refused_before_the_call(sts: ScriptedSTS, seconds: int) -> None:
    stsnb.assume_role(ROLE, duration_seconds=43200)
    told = rf"Invalid duration for role chaining: {seconds} s. .*\(role role-for-s3-fileserver\) can have at most 3600 s"
    with refused(told):
        stsnb.assume_role(SECOND, chain=True, duration_seconds=seconds)
    assert sts.calls == 1
    stsnb.assume_role(SECOND, chain=True, duration_seconds=3600)


def test_a_profile_that_is_a_role_counts_as_one(sts: ScriptedSTS, config: Path) -> None:
    (config / "config").write_text(
        f"[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n"
        f"[profile hop]\nrole_arn = {ROLE}\nsource_profile = base\n"
        f"[profile top]\nrole_arn = {SECOND}\nsource_profile = hop\nduration_seconds = 7200\n"
    )
    with refused("with another role .profile hop. can have at most 3600 s"):
        stsnb.assume_role(SECOND, profile="hop", duration_seconds=7200)
    with refused("with another role .profile base. can have at most 3600 s"):
        stsnb.assume_role("top")
    assert sts.requests == []
    assert stsnb.assume_role("top", duration_seconds=1800).origin == "profile base"
    assert stsnb.assume_role("top", profile="base").remaining.total_seconds() > 7000


def test_a_server_without_accounts_has_its_own_rules(sts: ScriptedSTS) -> None:
    first = stsnb.assume_role(ROLE, inject=False)
    sts.refusal = lambda *_: None  # type: ignore[method-assign]
    stsnb.assume_role("arn:aws:iam:::role/second", chain=first, duration_seconds=7200)


def test_what_contradicts_itself_gets_a_sentence(sts: ScriptedSTS, config: Path) -> None:
    with refused("No role is active to chain from"):
        stsnb.assume_role(ROLE, chain=True)
    first = stsnb.assume_role(ROLE)
    with refused("chain and profile can't be combined"):
        stsnb.assume_role(SECOND, chain=first, profile="work")
    with refused("chain and web_identity_token_file can't be combined"):
        stsnb.assume_role(SECOND, chain=True, web_identity_token_file="/token")
    with refused("Invalid chain: 'second'. It must be True .the active role. or an AssumedRole."):
        stsnb.assume_role(SECOND, chain="second")  # type: ignore[arg-type]
    assert sts.calls == 1


# --- the magic, and who enforces ------------------------------------------------------------------------------


def test_the_magic_chains_shows_the_chain_and_puts_all_back(
    shell: InteractiveShell, aws: EmbeddedAWS
) -> None:
    own = dict(os.environ)
    with refused("assume role-for-reports as"):
        stsnb.assume_role(REPORTS_ROLE_ARN)
    with capture_output() as shown:
        assert shell.run_cell(
            f"%assume_role {ROLE_ARN}\n%assume_role --chain {REPORTS_ROLE_ARN} Reports"
        ).success
        assert shell.run_cell("%current_role").success
    assert "via role-for-s3-fileserver" in shown.stdout
    assert boto3.client("sts").get_caller_identity()["Arn"].endswith("assumed-role/role-for-reports/Reports")
    with capture_output():
        assert not shell.run_cell(
            f"%assume_role --chain {ARCHIVE_ROLE_ARN}"
        ).success  # it trusts the user only
        assert stsnb.current_role().role_arn == REPORTS_ROLE_ARN
        assert shell.run_cell("%drop_role").success
    assert os.environ == own


def test_a_refused_role_of_a_chain_names_its_caller(aws: EmbeddedAWS) -> None:
    stsnb.assume_role(ROLE_ARN, "RoleSession1")
    with pytest.raises(AssumeRoleError) as told:
        stsnb.assume_role(ARCHIVE_ROLE_ARN, chain=True)
    assert (
        "assumed-role/role-for-s3-fileserver/RoleSession1 (role role-for-s3-fileserver)"
        in told.value.happened
    )
    assert told.value.statement["Principal"] == {"AWS": ROLE_ARN}
