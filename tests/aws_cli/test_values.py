"""Values as the AWS CLI and shells write them: variables, files, JSON, Key=…,Value=…, arn=…."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stsnb import AssumeRoleError
from stsnb.aws_cli.values import read_values
from tests.scripted_sts import IDENTITY_CENTER, SECRET_MARK
from tests.test_line import ME, ROLE, read

A, B = "arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"
CONTEXT = {"ProviderArn": IDENTITY_CENTER, "ContextAssertion": "eyJ+/x=="}
SHORT = f"ProviderArn={IDENTITY_CENTER},ContextAssertion=eyJ+/x=="
TAG, TAGS = '{"Key": "team", "Value": "data"}', {"team": "data"}


@pytest.mark.parametrize(
    ("options", "more"),
    [
        (f"--policy-arns {A},{B}", {"policy_arns": [A, B]}),
        (f"--policy-arns {A} arn={B}", {"policy_arns": [A, B]}),
        (f"--policy-arns arn={A},arn={B}", {"policy_arns": [A, B]}),
        (f'--policy-arns \'[{{"arn": "{A}"}}, {{"arn": "{B}"}}]\'', {"policy_arns": [A, B]}),
        (f"--policy-arns '[\"{A}\"]' {B}", {"policy_arns": [A, B]}),
        (f'--policy-arns \'{{"arn": "{A},x"}}\'', {"policy_arns": [f"{A},x"]}),
        ("--tags team=data", {"tags": TAGS}),
        ("--tags Key=team,Value=data Key=c,Value=d", {"tags": {**TAGS, "c": "d"}}),
        ("--tags Key=team,Value=data --tags c=d", {"tags": {**TAGS, "c": "d"}}),
        ("--tags team=data, c=d", {"tags": {**TAGS, "c": "d"}}),
        ("--tags Value=data,Key=team", {"tags": TAGS}),
        ("--tags Key=team,Value=", {"tags": {"team": ""}}),
        ("--tags 'Key=cost center,Value=a b'", {"tags": {"cost center": "a b"}}),
        (f"--tags '[{TAG}]'", {"tags": TAGS}),
        (f"--tags '{TAG}' c=d", {"tags": {**TAGS, "c": "d"}}),
        (r'--tags "[{\"Key\": \"team\", \"Value\": \"data\"}]"', {"tags": TAGS}),
        (f"--provided-contexts {SHORT}", {"provided_contexts": [CONTEXT]}),
        (f"--provided-contexts {SHORT} {SHORT}", {"provided_contexts": [CONTEXT, CONTEXT]}),
        (
            f"--provided-contexts={SHORT} --provided-contexts {SHORT}",
            {"provided_contexts": [CONTEXT, CONTEXT]},
        ),
        (
            f"--provided-contexts ContextAssertion=eyJ+/x==,ProviderArn={IDENTITY_CENTER}",
            {"provided_contexts": [CONTEXT]},
        ),
        (f"--provided-contexts '{json.dumps([CONTEXT])}'", {"provided_contexts": [CONTEXT]}),
        (f"--provided-contexts '{json.dumps(CONTEXT)}' {SHORT}", {"provided_contexts": [CONTEXT, CONTEXT]}),
        ("--minimum-session-token-size 0", {"minimum_session_token_size": 0}),
        (f"--policy '{TAG}'", {"policy": TAG}),
        ("--policy file://a/b.json", {"policy": Path("a/b.json")}),
        ("--policy '~/b c.json'", {"policy": Path("~/b c.json").expanduser()}),
    ],
)
def test_lists_and_pairs_are_read_as_the_aws_cli_takes_them(options: str, more: dict[str, Any]) -> None:
    assert read(f"{ROLE} me {options}") == {**ME, **more}


@pytest.mark.parametrize(
    ("options", "happened", "advice"),
    [
        ("--tags Key=team", "The tag 'team' has no value.", "Write Key=team,Value=VALUE, or team=VALUE."),
        ("--tags Value=team", "A tag has no key.", "Write Key=KEY,Value=VALUE, or KEY=VALUE."),
        ("--tags team", "The tag 'team' is not KEY=VALUE.", "Write it as team=data."),
        ("--tags a=1 a=2", "A tag key is given twice.", "Give each key once."),
        ("--tags a=1 --tags Key=a,Value=2", "A tag key is given twice.", "Give each key once."),
        ('--tags [{"Key":"team"}]', "The value of --tags is not valid JSON.", "Write it in single quotes: '[{"),
        ("--tags '[1]'", "An item of --tags is not an object with the texts Key and Value.", "Write the list as"),
        ("--tags '[{\"Key\": \"a\"}]'", "An item of --tags is not an object", "Write the list as"),
        ("--tags '[{\"Key\": {}, \"Value\": 1}]'", "An item of --tags is not an object", "Write the list as"),
        ("--policy-arns '[{}]'", "An item of --policy-arns is not a policy ARN.", "Write the list as"),
        ("--policy-arns '[1'", "The value of --policy-arns is not valid JSON.", "Write it in single quotes"),
        ("--provided-contexts x", "An item of --provided-contexts is not an object with the texts", "Write it as ProviderArn="),
        ("--provided-contexts file://nowhere", "Can't read the file of --provided-contexts: No such file", "Check"),
        ("--tags file://nowhere", "Can't read the file of --tags: No such file or directory.", "Check the path"),
        ("--external-id file://nowhere", "Can't read the file of --external-id: No such file", "Check the path"),
        ("--external-id file://~nobody-of-that-name/x", "Can't read the file of --external-id: ", "Check the path"),
        ("--policy ~nobody-of-that-name/x", "The path '~nobody-of-that-name/x' of --policy names an unknown home", "Check"),
    ],
)  # fmt: skip
def test_a_value_that_cant_be_read_names_the_fault(options: str, happened: str, advice: str) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(f"{ROLE} me {options}")
    assert refused.value.happened.startswith(happened)
    assert advice in refused.value.advice


@pytest.mark.parametrize(
    "value",
    [
        SECRET_MARK,
        f"ContextAssertion={SECRET_MARK}",
        f"ProviderArn={SECRET_MARK}",
        f"x,ProviderArn=a,ContextAssertion={SECRET_MARK}",
        f"ProviderArn=a,ContextAssertion={SECRET_MARK},ContextAssertion={SECRET_MARK}",
        f"ContextAssertion=b,ContextAssertion={SECRET_MARK}",
        f"'[{SECRET_MARK}]'",
        f"'[\"{SECRET_MARK}\"]'",
        f'\'{{"ContextAssertion": "{SECRET_MARK}"}}\'',
        f'\'{{"ProviderArn": "a", "ContextAssertion": ["{SECRET_MARK}"]}}\'',
    ],
)
def test_a_context_that_cant_be_read_is_not_repeated(value: str) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(f"{ROLE} me --provided-contexts {value}")
    assert "--provided-contexts" in refused.value.happened
    assert SECRET_MARK not in f"{refused.value} {refused.value!r}"


def test_a_file_gives_the_text_of_any_value(tmp_path: Path) -> None:
    for name, content in (("id", "e-1\n"), ("tags", f"[{TAG}]\r\n"), ("arn", A), ("binary", b"\xff")):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    line = f"{ROLE} me --external-id file://{tmp_path}/id --tags file://{tmp_path}/tags --policy-arns file://{tmp_path}/arn"
    assert read(line) == {**ME, "external_id": "e-1", "tags": TAGS, "policy_arns": [A]}
    with pytest.raises(AssumeRoleError, match="Can't read the file of --external-id: it is not a text file"):
        read(f"{ROLE} --external-id file://{tmp_path}/binary")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["Key", "Value", "arn"]), inner),
)


@given(
    st.text("abc=,KeyValu: ", max_size=20)
    | st.lists(st.sampled_from(["ProviderArn=", "ContextAssertion=", ",", "a"])).map("".join)
    | st.text('[]{}":,KeyValue01', max_size=20)
    | _JSON.map(json.dumps)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(AssumeRoleError):
        for context in read_values({"provided_contexts": [text]})["provided_contexts"]:
            assert set(context) == {"ProviderArn", "ContextAssertion"}
            assert all(isinstance(each, str) for each in context.values())
    for name in ("tags", "policy_arns"):
        with contextlib.suppress(AssumeRoleError):
            found = read_values({name: [text]})[name]
            assert all(isinstance(each, str) for each in [*found, *getattr(found, "values", list)()])


# --- variables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("$HERE/policy.json", "/here/policy.json"),
        ("${HERE}/policy.json", "/here/policy.json"),
        ("$env:HERE/policy.json", "/here/policy.json"),
        ('"$HERE/my policy.json"', "/here/my policy.json"),
        ("'$HERE/x'", "$HERE/x"),
        (r"\$HERE", "$HERE"),
        ("$python", "of python"),
        ("${python}", "of python"),
        ("{python}", "of python"),
        ("'{python}'", "{python}"),
        ("$BOTH", "python's"),
        ("$env:BOTH", "environment's"),
        ("a$", "a$"),
        ("$5", "$5"),
        ("$TOKEN_FILE", "/token"),
    ],
)
def test_variables_are_expanded_outside_single_quotes(typed: str, value: str) -> None:
    namespace = {"python": "of python", "BOTH": "python's"}
    asked = read(
        f"{ROLE} me --profile {typed}", namespace, HERE="/here", BOTH="environment's", TOKEN_FILE="/token"
    )
    assert asked == {**ME, "profile": value}


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("$NOWHERE", "Define a Python or environment variable of this name"),
        ("${NOWHERE}", "Define a Python or environment variable of this name"),
        ("{nowhere}", "Define a Python variable of this name"),
        ("{roles[0].arn}", "Define a Python variable of this name"),
        ("{f()}", "Define a Python variable of this name"),
    ],
)
def test_an_undefined_variable_is_named(typed: str, advice: str) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(f"{ROLE} me --profile a-{typed}")
    assert refused.value.happened == f"{typed!r} is not defined."
    assert advice in refused.value.advice


def test_a_secret_of_the_environment_is_not_put_into_a_request() -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        with pytest.raises(AssumeRoleError) as refused:
            read(f"{ROLE} me --external-id ${name}", **{name: SECRET_MARK})
        assert refused.value.happened == f"${name} holds a secret."
