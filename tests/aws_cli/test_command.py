"""The command of a pasted AWS CLI line: the same request as the AWS CLI's own, or the setting to use instead."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stsnb
from stsnb import AssumeRoleError
from stsnb.aws_cli.command import find_command, prompt_length
from stsnb.demo import ROLE_ARN, EmbeddedAWS
from tests.scripted_sts import IDENTITY_CENTER, ScriptedSTS
from tests.test_line import ME, ROLE, read

OPTIONS = f"--role-arn {ROLE} --role-session-name me"


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("aws sts assume-role", {}),
        ("$ aws sts assume-role", {}),
        ("!aws sts assume-role", {}),
        ("! aws sts assume-role", {}),
        ("% aws sts assume-role", {}),
        ("> aws sts assume-role", {}),
        ("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} aws sts assume-role", {}),
        ("me@host:~/notebooks$ aws sts assume-role", {}),
        ("(venv) $ aws sts assume-role", {}),
        (r"PS C:\Users\me> aws sts assume-role", {}),
        (r"C:\> aws.exe sts assume-role", {}),
        ("AWS.EXE sts assume-role", {}),
        ("aws.cmd sts assume-role", {}),
        ("/usr/local/bin/aws sts assume-role", {}),
        (r'"C:\Program Files\Amazon\AWSCLIV2\aws.exe" sts assume-role', {}),
        ("aws --profile p sts assume-role", {"profile": "p"}),
        ("aws --profile=p --region r --output json sts assume-role", {"profile": "p", "region": "r"}),
        ("aws sts --profile p assume-role", {"profile": "p"}),
        ("aws --profile sts sts assume-role", {"profile": "sts"}),
        ("aws --no-cli-pager --no-paginate --query a.b sts assume-role", {}),
        ("AWS_PROFILE=p aws sts assume-role", {"profile": "p"}),
        ("env AWS_PROFILE=p aws sts assume-role", {"profile": "p"}),
        ('$ AWS_PROFILE="p q" AWS_PAGER="" aws sts assume-role', {"profile": "p q"}),
        ("!AWS_DEFAULT_PROFILE=p aws sts assume-role", {"profile": "p"}),
        ("AWS_PROFILE=p aws --profile q sts assume-role", {"profile": "q"}),
        ("AWS_REGION=r aws sts assume-role", {"region": "r"}),
        ("AWS_REGION=r AWS_DEFAULT_REGION=s aws sts assume-role", {"region": "r"}),
        ("AWS_DEFAULT_REGION=s AWS_PROFILE=p aws --region t sts assume-role", {"region": "t", "profile": "p"}),
        ("AWS_PROFILE=p", {"profile": "p"}),
    ],
)  # fmt: skip
def test_a_command_is_read_however_it_is_called(command: str, more: dict[str, Any]) -> None:
    assert read(f"{command} {OPTIONS}") == {**ME, **more}


@pytest.mark.parametrize(
    "options",
    [
        "--output json",
        "--output=json --query Credentials.[AccessKeyId,SecretAccessKey] --color off",
        "--no-cli-pager --no-paginate --no-cli-auto-prompt",
        "--cli-binary-format raw-in-base64-out",
    ],
)
def test_options_about_the_output_are_passed_over(options: str) -> None:
    assert read(f"aws sts assume-role {options} {OPTIONS}") == ME
    assert read(f"{ROLE} {options} me") == ME


@pytest.mark.parametrize("prefix", ["", "aws sts assume-role ", "$ aws.exe sts assume-role "])
@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("--endpoint-url http://localhost:4566", "Set AWS_ENDPOINT_URL_STS in the environment, or endpoint_url"),
        ("--endpoint-url=http://localhost:4566", "Set AWS_ENDPOINT_URL_STS in the environment, or endpoint_url"),
        ("--ca-bundle ca.pem", "Set AWS_CA_BUNDLE in the environment, or ca_bundle in the profile."),
        ("--no-verify-ssl", "Set AWS_CA_BUNDLE"),
        ("--no-sign-request", "pass --web-identity-token-file"),
        ("--debug", "Python's logging"),
        ("--cli-read-timeout 5", "boto3's own timeouts apply"),
        ("--cli-connect-timeout 5", "boto3's own timeouts apply"),
        ("--cli-input-json file://x.json", "Pass its values as options"),
        ("--cli-input-yaml file://x.yaml", "Pass its values as options"),
        ("--generate-cli-skeleton", "Run %assume_role? to list the options."),
    ],
)  # fmt: skip
def test_an_option_that_cant_be_followed_names_what_to_use_instead(
    prefix: str, option: str, advice: str
) -> None:
    lines = [f"{prefix}{OPTIONS} {option}", f"{prefix}{option} {OPTIONS}"]
    if prefix:
        lines.append(f"{prefix.replace(' sts', f' {option} sts')}{OPTIONS}")
    for line in lines:
        with pytest.raises(AssumeRoleError) as refused:
            read(line)
        assert refused.value.happened == f"%assume_role can't use {option.replace('=', ' ').split()[0]}."
        assert advice in refused.value.advice


@pytest.mark.parametrize(
    ("line", "happened", "advice"),
    [
        ("aws sts get-caller-identity", "'aws sts get-caller-identity' is not aws sts assume-role.", "!aws"),
        (f"$ aws sts assume-role-with-saml {OPTIONS}", "'aws sts assume-role-with-saml' is not aws", "Run it"),
        (f"AWS_PROFILE= aws sts assume-role {OPTIONS}", "AWS_PROFILE is empty.", "Set it to a name, or remove it."),
        (f"AWS_ACCESS_KEY_ID=x aws sts assume-role {OPTIONS}", "Can't set AWS_ACCESS_KEY_ID in the line.", "os.environ"),
        (f"HTTPS_PROXY=x aws sts assume-role {OPTIONS}", "Can't set HTTPS_PROXY in the line.", "os.environ"),
        (f"awslocal sts assume-role {OPTIONS}", "awslocal calls LocalStack, but no endpoint is set", "AWS_ENDPOINT_URL"),
    ],
)  # fmt: skip
def test_a_command_that_cant_be_followed_names_the_fault(line: str, happened: str, advice: str) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(line)
    assert refused.value.happened.startswith(happened)
    assert advice in refused.value.advice


def test_awslocal_is_aws_where_the_kernel_has_an_endpoint() -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"):
        assert read(f"awslocal sts assume-role {OPTIONS}", **{name: "http://localhost:4566"}) == ME


def test_roles_and_sessions_may_be_called_like_the_commands_words() -> None:
    for role, session in (
        ("aws", "sts"),
        ("$", "aws"),
        ("sts", "assume-role"),
        ("env", "me"),
        ("FOO=x", "me"),
    ):
        assert read(f"{role} {session}") == {"role": role, "session_name": session}
        assert read(f"{role} --region r {session}")["role"] == role  # type: ignore[index]
        assert read(f"aws sts assume-role {role} {session}") == {"role": role, "session_name": session}
    assert read("aws sts --external-id x") == {"role": "aws", "session_name": "sts", "external_id": "x"}


@given(
    st.lists(
        st.sampled_from(["$", "!aws", "aws", "sts", "assume-role", "--profile", "--region=r", "--debug", "p", "AWS_PROFILE=x",
                         "A=b", "env", "--output", "--external-id", "awslocal", "get-caller-identity", "", "!"]),
        max_size=8,
    )
)  # fmt: skip
def test_no_words_make_it_fail(words: list[str]) -> None:
    prompt = prompt_length(words)
    found = find_command(words[prompt:])
    assert 0 <= found.length <= len(words) - prompt
    assert not set(found.options()) & {"--output", "sts", "assume-role"} or "--profile" in words
    if prompt:
        assert found.program


# --- against the AWS CLI itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"aws sts assume-role {OPTIONS}",
        f"aws --region eu-west-1 sts assume-role {OPTIONS} --output json --query Credentials",
        f"aws sts --no-paginate assume-role --role-session-name=me --role-arn={ROLE} --duration-seconds 900",
        f"aws sts assume-role {OPTIONS} --tags Key=team,Value=data Key=project,Value=x=y Value=v,Key=k",
        f'aws sts assume-role {OPTIONS} --tags Key=team,Value="a b" "Key=cost center,Value="',
        f"""aws sts assume-role {OPTIONS} --tags '[{{"Key": "team", "Value": "data"}}, {{"Key": "k", "Value": ""}}]'""",
        f"""aws sts assume-role {OPTIONS} --tags '{{"Key": "team", "Value": "data"}}'""",
        f"aws sts assume-role {OPTIONS} --policy-arns arn=arn:aws:iam::aws:policy/A arn=arn:aws:iam::aws:policy/B",
        f"""aws sts assume-role {OPTIONS} --policy-arns '[{{"arn": "arn:aws:iam::aws:policy/A"}}]'""",
        f"aws sts assume-role {OPTIONS} --transitive-tag-keys a b --tags Key=a,Value=1 Key=b,Value=2",
        f"""aws sts assume-role {OPTIONS} --policy '{{"Version":"2012-10-17","Statement":[]}}'""",
        f"aws sts assume-role {OPTIONS} --external-id e:/-1 --source-identity alice",
        f"aws sts assume-role {OPTIONS} --provided-contexts ProviderArn={IDENTITY_CENTER},ContextAssertion=eyJ+/x== "
        f"ContextAssertion=eyJ2,ProviderArn={IDENTITY_CENTER} --minimum-session-token-size 2048",
        f"""aws sts assume-role {OPTIONS} --provided-contexts '[{{"ProviderArn": "{IDENTITY_CENTER}", "ContextAssertion": "eyJ,1"}}]' """
        "--minimum-session-token-size 0",
        f"aws sts assume-role {OPTIONS} --provided-contexts file://contexts.json",
        f"aws sts assume-role {OPTIONS} --external-id file://external.txt --tags file://tags.json --policy file://policy.json",
    ],
)
def test_sts_gets_the_request_that_the_aws_cli_sends(
    sts: ScriptedSTS, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, line: str
) -> None:
    import awscli

    # It sets the variable itself when it is imported first, for all that follows.
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).parent / "data"))
    from awscli.clidriver import create_clidriver

    folder = tmp_path_factory.mktemp("files")
    (folder / "external.txt").write_text("e-1")
    (folder / "tags.json").write_text('[{"Key": "team", "Value": "data"}]')
    (folder / "policy.json").write_text('{"Version":"2012-10-17","Statement":[]}')
    (folder / "contexts.json").write_text(
        f'[{{"ProviderArn": "{IDENTITY_CENTER}", "ContextAssertion": "eyJ1"}}]'
    )
    monkeypatch.chdir(folder)
    assert create_clidriver().main(shlex.split(line)[1:]) == 0
    asked = read(line)
    assert asked is not None
    stsnb.assume_role(**asked, inject=False)
    by_cli, by_us = sts.requests
    assert by_us == by_cli
    assert sts.regions[0] == sts.regions[1]


def test_the_line_of_the_seed_assumes_the_role(shell: Any, aws: EmbeddedAWS) -> None:
    from tests.ipython.test_magics import run

    line = f'aws sts assume-role --role-arn {ROLE_ARN} --role-session-name "RoleSession1"'
    for prompt in ("", "$ ", "!"):
        assert "role-for-s3-fileserver · 123456789012 · RoleSession1" in run(
            shell, f"%assume_role {prompt}{line}"
        )
