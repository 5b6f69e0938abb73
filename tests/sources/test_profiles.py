"""Roles of ~/.aws/config: assumed as botocore assumes them, and a sentence for each fault."""

from __future__ import annotations

import getpass
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

import stsnb
from stsnb import AssumeRoleError
from stsnb.config import settings as configuration
from stsnb.demo import ROLE_ARN, EmbeddedAWS
from stsnb.kernel import kernel
from tests.scripted_sts import ROLE, SECRET_MARK, MFADevice, ScriptedSTS
from tests.sso_portal import PORTAL, Portal

BASE = f"[profile base]\naws_access_key_id = AKIABASE000000000000\naws_secret_access_key = {SECRET_MARK}\n"


@pytest.fixture
def write(config: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        (config / "config").write_text(text)

    return write


@contextmanager
def unchanged() -> Iterator[None]:
    before = dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()
    yield
    assert (dict(os.environ), boto3.DEFAULT_SESSION, stsnb.current_role()) == before


def why(role: str, **parameters: Any) -> AssumeRoleError:
    with unchanged(), pytest.raises(AssumeRoleError) as refused:
        stsnb.assume_role(role, **parameters)
    assert SECRET_MARK not in f"{refused.value} {refused.value!r}"
    return refused.value


# --- all keys count -------------------------------------------------------------------------------------------

ALL_KEYS = (
    f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\nrole_session_name = Work\nexternal_id = ext-1\n"
    f"duration_seconds = 1800\nmfa_serial = {MFADevice.serial_number}\nregion = eu-west-1\n{BASE}"
)


def test_a_name_is_enough(
    sts: ScriptedSTS, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    sts.device = MFADevice()
    write(ALL_KEYS)
    role = stsnb.assume_role("work", token_code=sts.device.code)
    asked = {name: value for name, value in sts.requests[-1].items() if name not in ("Action", "Version")}
    assert asked == {
        "RoleArn": ROLE,
        "RoleSessionName": "Work",
        "ExternalId": "ext-1",
        "DurationSeconds": "1800",
    }
    assert sts.callers[0] == "AKIABASE000000000000"
    assert (role.region, role.origin, role.serial_number) == (
        "eu-west-1",
        "profile base",
        sts.device.serial_number,
    )


def test_what_is_said_beats_what_the_profile_says(
    sts: ScriptedSTS, write: Callable[[str], None], shell: InteractiveShell
) -> None:
    write(
        f"{ALL_KEYS}[profile other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n".replace(
            f"mfa_serial = {MFADevice.serial_number}\n", ""
        )
    )
    line = "work Me --external-id ext-2 --duration-seconds 900 --region us-west-2 --profile other"
    assert shell.run_cell(f"%assume_role {line}").success
    asked = sts.requests[-1]
    assert (asked["RoleArn"], asked["RoleSessionName"], asked["ExternalId"], asked["DurationSeconds"]) == (
        ROLE,
        "Me",
        "ext-2",
        "900",
    )
    assert sts.callers == ["AKIAOTHER"]
    role = stsnb.current_role()
    assert (role.region, role.origin) == ("us-west-2", "profile other")


def test_settings_are_the_role_profiles(
    sts: ScriptedSTS, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_STS", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name)
    write(
        f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-3\nservices = ours\nmax_attempts = 7\n"
        f"[services ours]\nsts =\n    endpoint_url = {sts.endpoint_url}\ns3 =\n    endpoint_url = {sts.endpoint_url}/s3\n"
        f"{BASE}region = us-east-2\nendpoint_url = http://127.0.0.1:9\n"
    )
    role = stsnb.assume_role("work")
    s3 = boto3.client("s3")
    assert (s3.meta.region_name, s3.meta.endpoint_url) == ("eu-west-3", f"{sts.endpoint_url}/s3")
    assert role.client("s3").meta.config.retries["total_max_attempts"] == 7
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-3"
    stsnb.drop_role()
    # a source that is named in its place brings its credentials alone
    assert stsnb.assume_role("work", profile="base").region == "eu-west-3"


def test_a_profile_may_be_in_either_file(sts: ScriptedSTS, config: Path) -> None:
    (config / "credentials").write_text(
        f"[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n[work]\nrole_arn = {ROLE}\nsource_profile = base\n"
    )
    assert stsnb.assume_role("work").origin == "profile base"


def test_a_mended_file_is_read_again(sts: ScriptedSTS, write: Callable[[str], None]) -> None:
    why("work")
    write(f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\n{BASE}")
    role = stsnb.assume_role("work")
    write(f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\n{BASE}".replace("AKIABASE", "AKIANEXT"))
    role.refresh()
    assert sts.callers == ["AKIABASE000000000000", "AKIANEXT000000000000"]


def test_a_profile_chains_from_the_role_in_force(sts: ScriptedSTS, write: Callable[[str], None]) -> None:
    write(f"[profile top]\nrole_arn = {ROLE}2\nregion = eu-west-3\nexternal_id = ext-1\n")
    first = stsnb.assume_role(ROLE)
    second = stsnb.assume_role("top", chain=True)
    assert (sts.callers[-1], sts.requests[-1]["ExternalId"]) == (first.response.access_key_id, "ext-1")
    assert second.region == "eu-west-3"


def test_a_role_profile_as_source_asks_for_its_code_first(
    sts: ScriptedSTS, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.device = MFADevice()
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or MFADevice.code)
    write(
        f"[profile top]\nrole_arn = {ROLE}2\nsource_profile = hop\n"
        f"[profile hop]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = {sts.device.serial_number}\n{BASE}"
    )
    sts.device = None
    role = stsnb.assume_role("top")
    assert asked == [f"Enter MFA code for {MFADevice.serial_number}: "]
    assert (role.serial_number, role.needs_code) == (None, False)


def test_the_demos_profiles_work(aws: EmbeddedAWS, shell: InteractiveShell) -> None:
    assert shell.run_cell("%assume_role deliveries").success
    assert (stsnb.current_role().role_arn, stsnb.current_role().session_name) == (ROLE_ARN, "Deliveries")
    stsnb.assume_role("reports")
    assert boto3.client("sts").get_caller_identity()["Arn"].split("/")[1] == "role-for-reports"


@pytest.fixture
def configured() -> Iterator[Callable[..., None]]:
    yield lambda **held: configuration.put(configuration.Settings(**held))
    configuration.put(configuration.Settings())


def test_an_alias_goes_before_a_profile_and_that_before_the_general_configuration(
    sts: ScriptedSTS,
    write: Callable[[str], None],
    configured: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    write(ALL_KEYS.replace(f"mfa_serial = {MFADevice.serial_number}\n", ""))
    general = {"session_name": "General", "duration_seconds": 3000, "region": "eu-north-1", "read_only": True}
    configured(general=general)
    role = stsnb.assume_role("work")
    assert (role.session_name, role.region, role.narrowing) == ("Work", "eu-west-1", "read-only")
    assert sts.requests[-1]["DurationSeconds"] == "1800"
    assert stsnb.assume_role(ROLE, profile="base").region == "eu-north-1"
    configured(general=general, roles={"work": {"role_arn": f"{ROLE}2", "profile": "base"}})
    role = stsnb.assume_role("work")
    assert (role.role_arn, role.session_name) == (f"{ROLE}2", "General")
    assert role.origin == "profile base"


def test_an_alias_with_a_device_asks_for_its_code(
    sts: ScriptedSTS, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sts.device = MFADevice()
    configured(roles={"costs": {"role_arn": ROLE, "serial_number": sts.device.serial_number}})
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: MFADevice.code)
    assert stsnb.assume_role("costs").serial_number == sts.device.serial_number


# --- faults ---------------------------------------------------------------------------------------------------


def test_an_unknown_name_gets_the_nearest_one(sts: ScriptedSTS, write: Callable[[str], None]) -> None:
    write(f"[profile fileserver]\nrole_arn = {ROLE}\nsource_profile = base\n{BASE}")
    error = why("filserver")
    assert error.happened.startswith("'filserver' is neither a profile nor a role ARN")
    assert error.advice == "Did you mean fileserver?"
    assert "list-profiles" in why("something else").advice
    assert "role/NAME" in why("something else").advice


def test_a_profile_without_a_role_is_for_the_source(sts: ScriptedSTS, write: Callable[[str], None]) -> None:
    write(BASE)
    error = why("base")
    assert error.happened == "Profile base has no role_arn."
    assert "--profile base" in error.advice


KEY_FAULTS = [
    (
        "role_arn = arn:aws:iam::123456789012:user/me",
        "is the ARN of a user, not of a role",
        "(role_arn of profile work)",
    ),
    ("role_session_name = a b", "it contains a space", "(role_session_name of profile work)"),
    ("external_id = x", "It must have 2 to 1224", "(external_id of profile work)"),
    ("mfa_serial = short", "It must have 9 to 256", "(mfa_serial of profile work)"),
    ("duration_seconds = 60", "It must be 900 to 43200 s.", "(duration_seconds of profile work)"),
    (
        "duration_seconds = 1h",
        "Invalid duration_seconds of profile work: '1h'.",
        "",
    ),
]


@pytest.mark.parametrize(("key", "told", "where"), KEY_FAULTS, ids=[key for key, *_ in KEY_FAULTS])
def test_a_value_that_sts_would_refuse_is_an_error_with_its_key(
    key: str, told: str, where: str, sts: ScriptedSTS, write: Callable[[str], None]
) -> None:
    role_arn = "" if key.startswith("role_arn") else f"role_arn = {ROLE}\n"
    write(f"[profile work]\n{role_arn}source_profile = base\n{key}\n{BASE}")
    error = str(why("work"))
    assert told in error
    assert where in error
    assert sts.requests == []


SOURCE_FAULTS = {
    "both": (
        "source_profile = base\ncredential_source = Environment\n",
        "Profile work has both source_profile and credential_source.",
    ),
    "neither": ("", "Profile work has a role_arn, but neither source_profile nor credential_source."),
    "unknown credential_source": (
        "credential_source = environment\n",
        "Profile work has an invalid credential_source: 'environment'.",
    ),
    "no instance": ("credential_source = Ec2InstanceMetadata\n", "Profile work has credential_source = Ec2InstanceMetadata, but the instance's metadata service has no credentials"),
    "missing": ("source_profile = bsae\n", "Profile work has source_profile = 'bsae', but there is no such profile. Did you mean base?"),
    "itself": ("source_profile = work\n", "Profile work is its own source_profile and has no keys."),
    "loop": (
        f"source_profile = hop\n[profile hop]\nrole_arn = {ROLE}\nsource_profile = work\n",
        "The profiles work, hop are each other's source_profile, in a loop",
    ),
    "longer loop": (
        f"source_profile = hop\n[profile hop]\nrole_arn = {ROLE}\nsource_profile = hip\n[profile hip]\nrole_arn = {ROLE}\nsource_profile = hop\n",
        "The profiles hop, hip are each other's source_profile, in a loop",
    ),
    "nested neither": (
        f"source_profile = hop\n[profile hop]\nrole_arn = {ROLE}\n",
        "Profile hop has a role_arn, but neither source_profile nor credential_source.",
    ),
    "no credentials": ("source_profile = hop\n[profile hop]\nregion = eu-west-1\n", "Profile hop, the source_profile of work, has no credentials."),
    "no secret": (
        "source_profile = hop\n[profile hop]\naws_access_key_id = AKIA\n",
        "Profile hop, the source_profile of work, has aws_access_key_id, but no aws_secret_access_key.",
    ),
    "no id": (
        f"source_profile = hop\n[profile hop]\naws_secret_access_key = {SECRET_MARK}\n",
        "Profile hop, the source_profile of work, has aws_secret_access_key, but no aws_access_key_id.",
    ),
    "its own key without secret": (
        "source_profile = work\naws_access_key_id = AKIA\n",
        "Profile work, the source_profile of work, has aws_access_key_id, but no aws_secret_access_key.",
    ),
    "sso without a role": (
        "source_profile = hop\n[profile hop]\nsso_start_url = https://x\nsso_region = eu-west-1\n",
        "Profile hop, the source_profile of work, has sso_start_url, but no sso_account_id and no sso_role_name.",
    ),
    "an sso_session that is not there": ("source_profile = hop\n[profile hop]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = r\n", "gone"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["role", "source"])
@pytest.mark.parametrize(("keys", "told"), SOURCE_FAULTS.values(), ids=SOURCE_FAULTS)
def test_each_fault_of_a_source_names_the_profile_and_the_key(
    keys: str, told: str, way: str, sts: ScriptedSTS, write: Callable[[str], None]
) -> None:
    """Whether the profile names the role, or is the source of another one."""
    write(f"{BASE}[profile work]\nrole_arn = {ROLE}\n{keys}")
    error = why("work") if way == "role" else why(f"{ROLE}2", profile="work")
    assert told in str(error)
    assert sts.requests == []


def test_a_credential_source_without_credentials_is_named(
    sts: ScriptedSTS, write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"[profile work]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "The credentials of the environment are incomplete: AWS_SECRET_ACCESS_KEY is missing." in str(
        why("work")
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "but the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) has no credentials" in str(
        why("work")
    )


def test_a_file_that_cannot_be_parsed_is_named(
    sts: ScriptedSTS, write: Callable[[str], None], config: Path
) -> None:
    write("[profile work")
    assert f"The file {config / 'config'} has no section before line 1." in str(why("work"))


def test_a_failing_process_of_the_source_is_an_error(sts: ScriptedSTS, write: Callable[[str], None]) -> None:
    write(
        f"[profile work]\nrole_arn = {ROLE}\nsource_profile = hop\n[profile hop]\ncredential_process = {sys.executable} -c 'raise SystemExit(3)'\n"
    )
    assert "The credential_process of profile hop failed with exit code 3." in str(why("work"))


def test_a_role_on_the_way_of_15_minutes_is_asked_for_once_a_question(
    sts: ScriptedSTS, write: Callable[[str], None]
) -> None:
    """botocore renews it at each look, since that is within its window."""
    write(
        f"[profile top]\nrole_arn = {ROLE}2\nsource_profile = hop\n"
        f"[profile hop]\nrole_arn = {ROLE}\nsource_profile = base\nduration_seconds = 900\n{BASE}"
    )
    role = stsnb.assume_role("top")
    assert sts.calls == 2
    role.refresh()
    assert sts.calls == 4


# --- SSO ------------------------------------------------------------------------------------------------------


@pytest.fixture
def portal(sts: ScriptedSTS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return Portal(sts, tmp_path / "sso", monkeypatch)


@pytest.mark.parametrize("kind", PORTAL)
def test_an_sso_login_is_a_source_also_of_a_role_profile(
    kind: str, portal: Portal, sts: ScriptedSTS, write: Callable[[str], None]
) -> None:
    write(f"[profile work]\nrole_arn = {ROLE}\nsource_profile = sso\n[profile sso]\n{PORTAL[kind]}")
    portal.log_in()
    for role in (stsnb.assume_role(ROLE, profile="sso"), stsnb.assume_role("work")):
        assert role.origin == "profile sso"
        role.refresh()
    assert sts.callers == ["ASIASSO"] * 4
    assert {(asked["account_id"], asked["role_name"]) for asked in portal.asked} == {
        ("123456789012", "Analyst")
    }
    assert "another role (profile sso)" in str(why(ROLE, profile="sso", duration_seconds=7200))


@pytest.mark.parametrize("kind", PORTAL)
@pytest.mark.parametrize("how", ["never", "ended", "revoked"])
@pytest.mark.parametrize("way", ["source", "role"])
def test_a_login_that_is_not_good_names_the_command_for_the_profile_that_logs_in(
    how: str, way: str, kind: str, portal: Portal, sts: ScriptedSTS, write: Callable[[str], None]
) -> None:
    write(f"[profile work]\nrole_arn = {ROLE}\nsource_profile = sso\n[profile sso]\n{PORTAL[kind]}")
    if how != "never":
        portal.log_in(hours=-1 if how == "ended" else 8, token=f"other{SECRET_MARK}")
    error = why("work") if way == "role" else why(ROLE, profile="sso")
    assert error.happened == "Profile sso has no valid SSO login."
    assert "`aws sso login --profile sso`" in error.advice
    portal.log_in()
    assert (stsnb.assume_role("work") if way == "role" else stsnb.assume_role(ROLE, profile="sso")).remaining


# --- botocore is the reference --------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "default")
TEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789_=,.@-"


def maybe(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | strategy


def often(draw: st.DrawFn, usual: Any, *others: Any) -> Any:
    """Nine times in ten the usual thing."""
    return draw(st.sampled_from([usual] * 9 * max(1, len(others)) + list(others)))


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    """A configuration that mostly works: roles upon roles upon keys, and now and then what is wrong with them."""
    drawn = {}
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))]
    for name, next_name in zip(names, [*names[1:], "nobody"], strict=True):
        keys: dict[str, str | None] = {"region": draw(maybe(st.sampled_from(["eu-west-1", "us-east-2"])))}
        last = name == names[-1]
        has = {"role": not last or len(names) == 1}
        for kind, usual in (("keys", last), ("process", False), ("web", False)):
            has[kind] = often(draw, usual, not usual)
        if has["keys"]:
            keys |= {
                "aws_access_key_id": f"AKIA{name.upper()}",
                "aws_secret_access_key": often(draw, "x", None),
            }
            keys["aws_session_token"] = draw(maybe(st.just("temporary")))
        if has["process"]:
            keys["credential_process"] = "PROCESS"
        if has["web"]:
            keys["web_identity_token_file"] = "TOKEN"
        if has["role"] or has["web"]:
            kinds = ["Environment", "EcsContainer", "Ec2InstanceMetadata", "environment"]
            by_source = often(draw, len(names) > 1, len(names) == 1)
            keys |= {
                "role_arn": f"arn:aws:iam::123456789012:role/{name}",
                "source_profile": often(draw, next_name, *names, None) if by_source else None,
                "credential_source": often(draw, None, *kinds)
                if by_source
                else often(draw, draw(st.sampled_from(kinds)), None),
                "role_session_name": draw(maybe(st.text(TEXT, min_size=2, max_size=64))),
                "external_id": draw(maybe(st.text(TEXT + ":/", min_size=2, max_size=80))),
                "duration_seconds": draw(maybe(st.integers(900, 3600).map(str))),
                "mfa_serial": draw(
                    st.sampled_from([None, None, "arn:aws:iam::123456789012:mfa/myid", "GAHT12345"])
                ),
            }
        drawn[name] = {key: value for key, value in keys.items() if value is not None}
    return drawn


Sent = list[dict[str, str]]


def normal(sts: ScriptedSTS) -> Sent:
    """What was sent, by whom and in which region, but for what botocore and stsnb are known to do differently.

    botocore invents a session name with the time in it, stsnb one with the user. And where botocore sends a
    role's MFA code along each time, stsnb starts a session with it and calls STS with that.
    """
    found: Sent = []
    given_by: dict[str, int] = {}
    code: dict[str, str] = {}
    for n, (who, region, asked) in enumerate(zip(sts.callers, sts.regions, sts.requests, strict=True), 1):
        body = {name: value for name, value in asked.items() if name != "Version"}
        if body["Action"] == "GetSessionToken":
            code = {name: body[name] for name in ("SerialNumber", "TokenCode")}
            code["by"] = who
            continue
        by = code.pop("by", None) or (f"call {given_by[who]}" if who in given_by else who)
        if "TokenCode" in {**body, **code}:
            (body if "TokenCode" in body else code)["TokenCode"] = (
                "what was typed"  # the order of the prompts differs
            )
        if re.fullmatch(r"botocore-session-\d+|.*jupyter", body["RoleSessionName"]):
            body["RoleSessionName"] = "invented"
        found.append({**body, **code, "by": by, "region": region})
        code = {}
        given_by[f"ASIA{n:016d}"] = len(found)
    return found


@settings(
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
        Phase.shrink,
    ],  # to explain a failure takes half the time
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(config=profiles(), data=st.data())
def test_what_boto3_would_send_is_sent(
    config: dict[str, dict[str, str]],
    data: st.DataObject,
    sts: ScriptedSTS,
    tmp_path: Path,
) -> None:
    roles = [name for name, keys in config.items() if "role_arn" in keys]
    if not roles:
        return
    name = data.draw(st.sampled_from(roles))
    folder = tmp_path / "aws"
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text("the token")
    process = folder / "process.py"
    keys = {"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x", "SessionToken": "temporary"}
    process.write_text(f"print({json.dumps(json.dumps(keys))})")
    text = "\n".join(
        "\n".join(
            [
                f"[{'profile ' if each != 'default' else ''}{each}]",
                *(f"{key} = {value}" for key, value in keys.items()),
                "",
            ]
        )
        for each, keys in config.items()
    )
    text = text.replace("= TOKEN", f"= {folder / 'token'}").replace(
        "= PROCESS", f"= {sys.executable} -S -E {process}"
    )
    (folder / "config").write_text(text)
    sts.server.expect_request("/container").respond_with_json(
        {
            "AccessKeyId": "AKIACONTAINER",
            "SecretAccessKey": "x",
            "Token": "temporary",
            "Expiration": "2099-01-01T00:00:00Z",
        }
    )

    def sent(ask: Callable[[Callable[[str], str]], object], refused: type[Exception]) -> tuple[bool, Sent]:
        sts.requests.clear(), sts.callers.clear(), sts.regions.clear(), sts._given.clear()
        sts._number = itertools.count(1)
        codes = itertools.count(100_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{sts.server.port}/container"
            )
            patch.delenv("AWS_DEFAULT_REGION")
            try:
                ask(lambda _prompt: str(next(codes)))
            except refused:
                return False, normal(sts)
            finally:
                kernel.reset()
            return True, normal(sts)

    def with_boto3(prompter: Callable[[str], str]) -> None:
        session = boto3.Session(profile_name=name)
        if session.region_name is None:  # stsnb asks all the same, where the address is known
            session = boto3.Session(profile_name=name, region_name="us-east-1")
        session._session.get_component("credential_provider").get_provider("assume-role")._prompter = prompter
        session.get_credentials().get_frozen_credentials()

    def with_stsnb(prompter: Callable[[str], str]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(getpass, "getpass", prompter)
            stsnb.assume_role(name)

    expected = sent(with_boto3, Exception)
    event(f"{'sent' if expected[0] else 'refused'}, {len(expected[1])} calls")
    assert sent(with_stsnb, AssumeRoleError) == expected
