"""STS is called as boto3 calls it with the same profile, files and environment: server, region, identity, settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

import stsnb
from stsnb.kernel import kernel
from tests.identity.wire import Request, Wire, differences
from tests.scripted_sts import ROLE
from tests.sso_portal import PORTAL, write_token

FIRST = "arn:aws:iam::123456789012:role/first"
KEYS = "aws_access_key_id = AKIA{}\naws_secret_access_key = x\n"
HOP = "role_arn = arn:aws:iam::123456789012:role/{}\nrole_session_name = hop\n"
REGIONS = ["us-east-1", "eu-west-3", "ap-northeast-2", "us-gov-west-1", "cn-north-1"]
BOOLEANS = ["true", "false"]
#: What a profile can say of its servers.
SETTINGS: dict[str, list[str]] = {
    "region": REGIONS,
    "endpoint_url": ["http://profile.example", "https://profile.example/path"],
    "services": ["ours"],
    "use_fips_endpoint": BOOLEANS,
    "use_dualstack_endpoint": BOOLEANS,
    "max_attempts": ["1", "7"],
    "retry_mode": ["standard", "adaptive", "legacy"],
    "defaults_mode": ["standard", "in-region", "legacy"],
    "sts_regional_endpoints": ["legacy", "regional"],
    "request_checksum_calculation": ["when_required"],
    "sdk_ua_app_id": ["profiles"],
    "ca_bundle": ["/profile.pem"],
    "ignore_configured_endpoint_urls": BOOLEANS,
    "sigv4a_signing_region_set": ["*"],
    "account_id_endpoint_mode": ["disabled"],
}
#: What the environment can say of them.
VARIABLES: dict[str, list[str]] = {
    "AWS_DEFAULT_REGION": REGIONS,
    "AWS_REGION": REGIONS,
    "AWS_ENDPOINT_URL": ["http://environment.example"],
    "AWS_ENDPOINT_URL_STS": ["http://sts.example"],
    "AWS_ENDPOINT_URL_SSO": ["http://sso.example"],
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": BOOLEANS,
    "AWS_USE_FIPS_ENDPOINT": BOOLEANS,
    "AWS_USE_DUALSTACK_ENDPOINT": BOOLEANS,
    "AWS_MAX_ATTEMPTS": ["2", "5"],
    "AWS_RETRY_MODE": ["standard", "adaptive", "legacy"],
    "AWS_DEFAULTS_MODE": ["standard", "in-region", "legacy"],
    "AWS_STS_REGIONAL_ENDPOINTS": ["legacy", "regional"],
    "AWS_REQUEST_CHECKSUM_CALCULATION": ["when_required"],
    "AWS_RESPONSE_CHECKSUM_VALIDATION": ["when_required"],
    "AWS_SDK_UA_APP_ID": ["environments"],
    "AWS_CA_BUNDLE": ["/environment.pem"],
    "REQUESTS_CA_BUNDLE": ["/requests.pem"],
    "HTTPS_PROXY": ["http://proxy.example:3128"],
    "HTTP_PROXY": ["http://proxy.example:3128"],
    "NO_PROXY": ["amazonaws.com", "sts.example,profile.example", "*"],
}
#: What it can say of who one is.
IDENTITIES: list[dict[str, str]] = [
    {},
    {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "x"},
    {"AWS_ACCESS_KEY_ID": "ASIATEMPORARY", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "t"},
    {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/container"},
]
KINDS = {
    "keys": KEYS.format("KEYS"),
    "process": "credential_process = PROCESS\n",
    "sso": PORTAL["legacy"],
    "role": HOP.format("on-the-way") + "source_profile = {next}\n",
    "environment": HOP.format("on-the-way") + "credential_source = Environment\n",
    "container": HOP.format("on-the-way") + "credential_source = EcsContainer\n",
    "web": HOP.format("of-token") + "web_identity_token_file = TOKEN\n",
    "nothing": "",
}
NAMES = ("default", "a", "b", "c")


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A config file, and an environment."""
    lines = []
    for name, next_name in zip(NAMES, (*NAMES[1:], "a"), strict=True):
        kind = draw(st.sampled_from([*KINDS, "keys", "role"]))
        lines.append(f"[{'default' if name == 'default' else f'profile {name}'}]")
        lines.append(KINDS[kind].format(next=next_name))
        lines += [f"{key} = {value}" for key, value in draw(some(SETTINGS, 3)).items()]
    endpoint = draw(st.sampled_from(["", "  endpoint_url = http://services.example"]))
    lines += ["[services ours]", "sts =", endpoint or "  unknown = 1"]
    environ = {**draw(st.sampled_from(IDENTITIES)), **draw(st.sampled_from(IDENTITIES))}
    environ |= draw(some(VARIABLES, 4))
    if name := draw(st.sampled_from([None, None, *NAMES])):
        environ[draw(st.sampled_from(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]))] = name
    return "\n".join(lines), environ


def some(values: dict[str, list[str]], most: int) -> st.SearchStrategy[dict[str, str]]:
    """Up to so many of the settings, each with one of its values."""
    pairs = st.sampled_from(list(values)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(values[name]))
    )
    return st.lists(pairs, max_size=most, unique_by=lambda pair: pair[0]).map(dict)


@settings(
    max_examples=2 * settings().max_examples,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    configuration=configurations(),
    profile=st.sampled_from([None, *NAMES]),
    region=st.sampled_from([None, None, None, *REGIONS]),
    way=st.sampled_from(["option", "default session", "role profile"]),
    under=st.sampled_from([None, *NAMES]),
)
def test_sts_is_called_as_boto3_calls_it(
    configuration: tuple[str, dict[str, str]],
    profile: str | None,
    region: str | None,
    way: str,
    under: str | None,
    tmp_path: Path,
    models_read_once: None,
) -> None:
    text, environ = configuration
    folder = tmp_path / "aws"
    if not folder.exists():
        prepare(folder)
    process = f"{sys.executable} -S -E -I {folder / 'process.py'}"
    text += f"\n[profile named]\n{HOP.format('named')}source_profile = {profile or 'default'}\n"
    (folder / "config").write_text(text.replace("PROCESS", process).replace("TOKEN", str(folder / "token")))
    wire = Wire()

    def by_boto3() -> None:
        if way == "role profile":
            boto3.Session(profile_name="named").get_credentials().get_frozen_credentials()
            return
        client = boto3.Session(profile_name=profile).client("sts", region_name=region)
        client.assume_role(RoleArn=ROLE, RoleSessionName="RoleSession1")

    def by_stsnb() -> None:
        given: dict[str, Any] = {"region": region} if region else {}
        if way == "role profile":
            stsnb.assume_role("named")
            return
        if profile is not None:
            if way == "option":
                given["profile"] = profile
            else:
                boto3.setup_default_session(profile_name=profile)
        stsnb.assume_role(ROLE, "RoleSession1", **given)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False), patch.delenv(name.lower(), raising=False)
        for name, value in environ.items():
            patch.setenv(name, value.replace("TOKEN", str(folder / "token")))
        for provider in (SSOProvider, SSOTokenProvider):
            patch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(folder / "sso"))
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        worked, expected = run(wire, by_boto3)
        event(f"{way}: {len(expected)} calls" if worked else f"{way}: boto3 fails")
        note(f"{text}\n{environ}")
        if not worked:
            return
        try:
            if (
                under is not None
            ):  # the same under the active role of another source, with settings of its own
                run(wire, lambda: stsnb.assume_role(FIRST, profile=under))
                patch.setenv("UNKNOWN_VARIABLE", "1")  # a change, so that credentials are fetched anew
            works, sent = run(wire, by_stsnb)
        finally:
            kernel.reset()
    assert (works, sent) == (True, expected), differences(sent, expected)


def prepare(folder: Path) -> None:
    """Write what the configurations refer to."""
    write_token(folder / "sso")
    (folder / "token").write_text("the token")
    keys = {"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "x"}
    (folder / "process.py").write_text(f"print({json.dumps(json.dumps(keys))})")


def run(wire: Wire, call: Callable[[], object]) -> tuple[bool, list[Request]]:
    """Return whether a call works, and what was sent."""
    with wire.noting() as requests:
        try:
            call()
        except Exception as error:  # noqa: BLE001 # whatever boto3 and stsnb raise: what was sent is compared
            note(repr(error))
            return False, requests
    return True, requests
