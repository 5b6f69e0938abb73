"""What a user could mean: names out of the user's files, of what was used, and of what botocore knows."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore.exceptions import ConfigParseError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data

import stsnb
from stsnb.config import catalog
from stsnb.config import settings as configuration
from tests.scripted_sts import ROLE, SECRET_MARK, ScriptedSTS
from tests.test_init import python

DEVICE = "arn:aws:iam::123456789012:mfa/me"
CONFIG = f"""
# mine
[default]
region = eu-west-1

[profile work]
role_arn={ROLE}
source_profile = default
role_session_name : from-work
mfa_serial = {DEVICE}
s3 =
    role_arn = not-one
    addressing_style = path

[profile "with blanks"]
  Role_Arn = arn:aws-cn:iam::123456789012:role/cn
[profile]
[sso-session mine]
role_arn = not-one-either
[preview]
[profile unclosed
"""


@pytest.fixture
def files(config: Path) -> Path:
    (config / "config").write_text(CONFIG)
    (config / "credentials").write_text(
        f"[default]\naws_access_key_id = AKIA\naws_secret_access_key = {SECRET_MARK}\n[keys]\nregion = eu-west-1\n"
        "[work]\naws_access_key_id = AKIA\n"
    )
    return config


def test_profiles_and_their_roles_are_found_in_both_files(files: Path) -> None:
    assert catalog.profiles() == ["default", "work", "with blanks", "keys"]
    assert catalog.role_profiles() == {
        "work": ROLE,
        "with blanks": "arn:aws-cn:iam::123456789012:role/cn",
    }
    assert catalog.role_arns() == [ROLE, "arn:aws-cn:iam::123456789012:role/cn"]
    assert catalog.serial_numbers() == [DEVICE]
    assert catalog.session_names() == ["from-work"]


def test_no_secret_of_the_files_is_kept(files: Path) -> None:
    catalog.profiles()
    assert SECRET_MARK not in str([catalog._sections(str(path)) for path in files.iterdir()])


def test_a_file_that_changes_is_read_again(files: Path) -> None:
    catalog.profiles()
    (files / "config").write_text("[profile other]\n")
    assert catalog.profiles() == ["other", "default", "keys", "work"]


def test_another_environment_has_other_files(files: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("[profile elsewhere]\n")
    environ = {"AWS_CONFIG_FILE": "$HERE/other", "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    assert catalog.profiles(environ) == []
    assert catalog.profiles({**environ, "AWS_CONFIG_FILE": str(other)}) == ["elsewhere"]


def test_what_cannot_be_read_is_not_offered(config: Path) -> None:
    assert catalog.profiles() == []
    (config / "config").mkdir()
    (config / "credentials").write_bytes(b"\xff\xfe[\x00a\x00]\x00\n[keys]\n[")
    assert catalog.profiles() == ["keys"]
    for name in ("\0", "~nobody-of-that-name/config", ""):
        environ = {"AWS_CONFIG_FILE": name, "AWS_SHARED_CREDENTIALS_FILE": name}
        assert catalog.role_arns(environ) == []


_HEADERS = st.sampled_from(
    ["[default]", "[profile a]", '[profile "b c"]', "[profile  d ]", "[profile a b]", "[e]", "[profilef]", "[profile g] x",
     "[ default ]", "[sso-session i]", "[profile 'j]", "[profile k\\ l]", "[profile m] ]", "[profile #n]", "[profile é]"]
)  # fmt: skip
_OPTIONS = st.sampled_from(
    [f"role_arn = {ROLE}", f"role_arn:{ROLE}", f"ROLE_ARN={ROLE} # no comment", "role_arn =", "s3 =\n  x = path\n\n  y = 1",
     f"s4 =\n\trole_arn = {ROLE}", "", "  ", "# comment", "; comment", "region = eu-west-1", "x=", "z : x = y",
     f"source_profile = a\n  {ROLE}"]
)  # fmt: skip
_SECTIONS = st.tuples(
    _HEADERS,
    st.lists(_OPTIONS, max_size=4, unique_by=lambda option: option[:2].lower()),
    st.sampled_from(["", "  "]),
).map(lambda section: [section[0], *(section[2] + option for option in section[1])])
_WELL_FORMED = st.lists(_SECTIONS, max_size=4, unique_by=lambda section: section[0]).map(
    lambda found: [line for section in found for line in section]
)
_ANYTHING = st.lists(_HEADERS | _OPTIONS | st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


@settings(
    max_examples=2 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_WELL_FORMED | _ANYTHING, _WELL_FORMED)
def test_wherever_botocore_reads_a_config_the_same_profiles_and_roles_are_found(
    config: Path, lines: list[str], credentials: list[str]
) -> None:
    for name, content in (("config", lines), ("credentials", credentials)):
        (config / name).write_bytes("\n".join(content).encode())
    catalog._read.cache_clear()  # two files of one size within one tick of the clock
    try:
        profiles = botocore.session.Session().full_config["profiles"]
        event("read")
    except ConfigParseError:
        event("broken")
        assert isinstance(catalog.profiles(), list)
        return
    assert sorted(catalog.profiles()) == sorted(profiles)
    roles = {name: held["role_arn"] for name, held in profiles.items() if held.get("role_arn")}
    # A value that goes on over several lines is none that names a role.
    assert catalog.role_profiles() == {name: arn.partition("\n")[0] for name, arn in roles.items()}


def test_what_was_assumed_is_remembered_the_latest_first(sts: ScriptedSTS) -> None:
    other = "arn:aws:iam::123456789012:role/other"
    for role, name in ((ROLE, "one"), (other, "two"), (ROLE, "three"), (other, "two")):
        stsnb.assume_role(role, name, inject=False)
    assert catalog.used_before() == [other, ROLE]
    assert catalog.session_names() == ["two", "three", "one"]
    assert catalog.session_names(ROLE) == ["three", "one", "two"]
    sts.fails("AccessDenied", status=403)
    with pytest.raises(stsnb.AssumeRoleError):
        stsnb.assume_role("arn:aws:iam::123456789012:role/refused")
    assert catalog.used_before() == [other, ROLE]


def test_the_recent_roles_are_limited_and_thread_safe() -> None:
    def use(thread: int) -> None:
        for number in range(200):
            catalog.remember(f"arn:aws:iam::123456789012:role/{thread}-{number}", "me")
            catalog.used_before()

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.used_before()) == catalog.REMEMBERED
    catalog.remember(ROLE, "me")
    assert catalog.used_before()[0] == ROLE


def test_names_for_a_role_come_before_those_for_others(files: Path) -> None:
    configuration.put(
        configuration.Settings(
            roles={"s3": {"role_arn": ROLE, "session_name": "of-alias"}}, general={"session_name": "general"}
        )
    )
    catalog.remember("arn:aws:iam::1:role/x", "other")
    catalog.remember(ROLE, "used")
    assert catalog.aliases() == ["s3"]
    for role in (ROLE, "s3", "work"):
        assert catalog.session_names(role) == ["used", "of-alias", "from-work", "general", "other"]
    assert catalog.session_names("nobody")[0] == "general"


def test_regions_are_botocores_own_by_partition() -> None:
    session = boto3.Session()
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        assert set(catalog.regions(partition)) >= set(session.get_available_regions("sts", partition))
    assert catalog.regions()[: len(catalog.regions("aws"))] == catalog.regions("aws")
    assert not [region for region in catalog.regions() if "global" in region]
    assert catalog.regions("nowhere") == []


def test_the_policies_are_aws_own() -> None:
    """By moto's copy of AWS's list."""
    listed = aws_managed_policies_data
    policies = json.loads(listed) if isinstance(listed, str) else listed
    for arn in catalog.policy_arns():
        path, _, name = arn.removeprefix("arn:aws:iam::aws:policy").rpartition("/")
        assert policies[name]["Path"] == f"{path}/"
    assert catalog.policy_arns("aws-cn")[0] == "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"


def test_nothing_of_it_needs_ipython_or_botocore() -> None:
    code = """
import sys
from stsnb.config import catalog
catalog.profiles(), catalog.role_arns(), catalog.session_names(), catalog.regions(), catalog.policy_arns(), catalog.aliases()
print([name for name in ("IPython", "traitlets", "boto3", "botocore") if name in sys.modules])
"""
    assert python(code).strip() == "[]"
