"""What is asked of STS: every rule of its API reference at both sides of each limit, before anything is sent."""

from __future__ import annotations

import getpass
import json
import os
import string
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from stsnb.sts.arn import RoleArn
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError, default_session_name
from tests.scripted_sts import IDENTITY_CENTER, ROLE, SECRET_MARK

DEVICE = "arn:aws:iam::123456789012:mfa/myid"
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
CONTEXT = {"ProviderArn": IDENTITY_CENTER, "ContextAssertion": SECRET_MARK}
WORD = string.ascii_letters + string.digits + "_+=,.@-"

unhurried = settings(deadline=None)


def asked(**parameters: Any) -> AssumeRoleRequest:
    return AssumeRoleRequest.of(
        parameters.pop("role_arn", ROLE), **{"session_name": "RoleSession1", **parameters}
    )


def faults(**parameters: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequestError) as refused:
        asked(**parameters)
    return list(refused.value.faults)


def fault(name: str, **parameters: Any) -> str:
    """The one fault of a request, which is `name`'s."""
    found = faults(**parameters)
    assert [of for of, _ in found] == [name], found
    return found[0][1]


def policy_of(length: int) -> str:
    """A policy of so many characters, written as it is sent."""
    text = json.dumps({"Statement": ""}, separators=(",", ":"))
    return text[:-2] + "x" * (length - len(text)) + text[-2:]


def managed_of(length: int) -> str:
    return "arn:aws:iam::aws:policy/".ljust(length, "p")[:length]


# --- the limits, at both sides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "given_too"),
    [
        ("session_name", "ab", {}),
        ("session_name", "x" * 64, {}),
        ("session_name", WORD[:40], {}),
        ("session_name", WORD[40:], {}),
        ("source_identity", "ab", {}),
        ("source_identity", "x" * 64, {}),
        ("source_identity", "aws", {}),
        ("source_identity", WORD[40:], {}),
        ("external_id", "ab", {}),
        ("external_id", "x" * 1224, {}),
        ("external_id", WORD + ":/", {}),
        ("serial_number", "GAHT12345", {"token_code": "123456"}),
        ("serial_number", "x" * 256, {"token_code": "123456"}),
        ("serial_number", WORD + ":/", {"token_code": "123456"}),
        ("token_code", "000000", {"serial_number": DEVICE}),
        ("token_code", "987654", {"serial_number": DEVICE}),
        ("duration_seconds", 900, {}),
        ("duration_seconds", 43200, {}),
        ("policy_arns", (MANAGED,) * 10, {}),
        ("policy_arns", (managed_of(25),), {}),
        ("policy_arns", (managed_of(2048),), {}),
        ("policy", policy_of(2048), {}),
        ("policy", policy_of(2048 - len(MANAGED)), {"policy_arns": (MANAGED,)}),
        ("tags", {f"key{n}": "value" for n in range(50)}, {}),
        ("tags", {"k": ""}, {}),
        ("tags", {"k" * 128: "v" * 256}, {}),
        ("tags", {"부서 team_.:/=+-@": "데이터 größe ½ Ⅷ 中 ٣"}, {}),
        ("transitive_tag_keys", tuple(f"key{n}" for n in range(50)), {}),
        ("transitive_tag_keys", ("k", "k" * 128), {}),
        ("provided_contexts", (CONTEXT,) * 5, {}),
        ("minimum_session_token_size", 0, {}),
        ("minimum_session_token_size", 4096, {"web_identity_token_file": "token"}),
    ],
)
def test_what_is_within_the_limit_is_asked_as_given(
    name: str, value: object, given_too: dict[str, Any]
) -> None:
    assert getattr(asked(**{name: value}, **given_too), name) == value


@pytest.mark.parametrize(
    ("name", "value", "given_too", "sentence"),
    [
        ("session_name", "", {}, ": 0 characters. It must have 2 to 64"),
        ("session_name", "a", {}, "It must have 2 to 64"),
        ("session_name", "x" * 65, {}, ": 65 characters. It must have 2 to 64"),
        ("session_name", "my session", {}, "it contains a space. Use letters, digits and _ + = , . @ -"),
        ("session_name", "a/b", {}, "'/'"),
        ("session_name", "a:b", {}, "':'"),
        ("session_name", "größe", {}, "'ö' and 'ß'"),
        ("session_name", "세션", {}, "'세' and '션'"),
        ("session_name", "٣٣", {}, "it contains '٣'"),
        ("session_name", "session\n", {}, r"'\n'"),
        ("source_identity", "a", {}, "It must have 2 to 64"),
        ("source_identity", "x" * 65, {}, ": 65 characters. It must have 2 to 64"),
        ("source_identity", "alice smith", {}, "a space"),
        ("external_id", "a", {}, "It must have 2 to 1224"),
        ("external_id", "x" * 1225, {}, ": 1225 characters. It must have 2 to 1224"),
        ("external_id", "a b", {}, "a space"),
        ("external_id", "a\\b", {}, "Use letters, digits and _ + = , . @ - : /"),
        ("serial_number", "x" * 8, {"token_code": "123456"}, ": 8 characters. It must have 9 to 256"),
        ("serial_number", "x" * 257, {"token_code": "123456"}, ": 257 characters. It must have 9 to 256"),
        ("serial_number", "GAHT 12345", {"token_code": "123456"}, "a space"),
        (
            "token_code",
            "12345",
            {"serial_number": DEVICE},
            "Invalid MFA code: it has 5 characters",
        ),
        (
            "token_code",
            "1234567",
            {"serial_number": DEVICE},
            "Invalid MFA code: it has 7 characters",
        ),
        ("token_code", "", {"serial_number": DEVICE}, "Invalid MFA code: it has 0 characters"),
        ("token_code", "12345a", {"serial_number": DEVICE}, "not only digits"),
        ("token_code", "\N{ARABIC-INDIC DIGIT THREE}" * 6, {"serial_number": DEVICE}, "exactly 6 digits"),
        ("duration_seconds", 899, {}, "Invalid duration: 899 s. It must be 900 to 43200 s."),
        ("duration_seconds", 43201, {}, "Invalid duration: 43201 s. It must be 900 to 43200 s."),
        ("duration_seconds", 0, {}, "It must be 900 to 43200 s."),
        ("policy_arns", [MANAGED] * 11, {}, "Too many managed session policies: 11. Pass at most 10"),
        ("policy_arns", [managed_of(24)], {}, "is not the ARN of a managed policy"),
        ("policy_arns", ["ReadOnlyAccess_is_a_name"], {}, "It looks like arn:aws:iam::aws:policy/NAME"),
        (
            "policy_arns",
            [managed_of(1024), managed_of(1025)],
            {},
            "are too long: 2049 characters. Shorten them to at most 2048",
        ),
        ("policy", policy_of(2049), {}, "are too long: 2049 characters. Shorten them to at most 2048"),
        (
            "policy",
            policy_of(2049 - len(MANAGED)),
            {"policy_arns": [MANAGED]},
            "are too long: 2049 characters",
        ),
        ("tags", {f"key{n}": "value" for n in range(51)}, {}, "Too many tags: 51. Pass at most 50"),
        ("tags", {"": "value"}, {}, ": 0 characters. It must have 1 to 128"),
        ("tags", {"k" * 129: "value"}, {}, ": 129 characters. It must have 1 to 128"),
        ("tags", {"key": "v" * 257}, {}, "value of tag 'key'"),
        ("tags", {"key": "v" * 257}, {}, ": 257 characters. It must have 0 to 256"),
        (
            "tags",
            {"a,b": "value"},
            {},
            "tag key 'a,b': it contains ','. Use letters, digits, spaces and _ . : / = + - @",
        ),
        ("tags", {"key": "a\tb"}, {}, r"value of tag 'key' 'a\tb': it contains '\t'"),
        ("tags", {"key": "100 €"}, {}, "'€'"),
        ("tags", {"key": "🙂"}, {}, "'🙂'"),
        (
            "transitive_tag_keys",
            [f"key{n}" for n in range(51)],
            {},
            "Too many transitive tag keys: 51. Pass at most 50",
        ),
        ("transitive_tag_keys", [""], {}, ": 0 characters. It must have 1 to 128"),
        ("transitive_tag_keys", ["k" * 129], {}, ": 129 characters. It must have 1 to 128"),
        ("transitive_tag_keys", ["a;b"], {}, "';'"),
        ("provided_contexts", [CONTEXT] * 6, {}, "Too many provided contexts: 6. Pass at most 5."),
        (
            "provided_contexts",
            [CONTEXT, {**CONTEXT, "ContextAssertion": "x" * 2049}],
            {},
            "Invalid ContextAssertion of provided context 2: 2049 characters. It must have 4 to 2048.",
        ),
        (
            "minimum_session_token_size",
            4097,
            {},
            "Invalid minimum session token size: 4097 bytes. It must be 0 to 4096 bytes.",
        ),
        ("minimum_session_token_size", -1, {}, "It must be 0 to 4096 bytes."),
        ("minimum_session_token_size", "2048", {}, "'2048'. It must be a whole number of bytes."),
        ("minimum_session_token_size", True, {}, "It must be a whole number of bytes."),
        ("role_arn", "arn:aws:iam::123456789012:user/myid", {}, "is the ARN of a user, not of a role"),
    ],
)
def test_what_is_over_the_limit_is_refused_with_the_limit(
    name: str, value: object, given_too: dict[str, Any], sentence: str
) -> None:
    assert sentence in fault(name, **{name: value}, **given_too)


def test_a_source_identity_may_not_begin_with_what_aws_reserves() -> None:
    sentences = [
        sentence for name, sentence in faults(source_identity="aws:alice") if name == "source_identity"
    ]
    assert any("AWS reserves aws:" in sentence for sentence in sentences)


@pytest.mark.parametrize("duration", ["3600", 3600.0, True, [3600]])
def test_a_duration_is_a_whole_number(duration: object) -> None:
    assert "It must be a whole number of seconds" in fault("duration_seconds", duration_seconds=duration)


def test_a_sentence_shows_what_was_given_but_not_all_of_it() -> None:
    sentence = fault("external_id", external_id="x" * 100_000)
    assert "'xxxx" in sentence
    assert len(sentence) < 300


# --- all faults at once -------------------------------------------------------------------------------------


def test_all_faults_are_shown_together_in_the_order_of_the_parameters() -> None:
    found = faults(
        role_arn="role-for-s3-fileserver",
        session_name="a b",
        duration_seconds=1,
        external_id="x",
        policy="{",
        policy_arns=["nonsense"],
        tags={"": "value", "Team": "a", "team": "b"},
        transitive_tag_keys=[""],
        source_identity="y",
        token_code="12",
    )
    assert [name for name, _ in found] == [
        "role_arn",
        "session_name",
        "duration_seconds",
        "external_id",
        "policy",
        "policy_arns",
        "tags",
        "tags",
        "transitive_tag_keys",
        "source_identity",
        "serial_number",
        "token_code",
    ]
    assert all(
        sentence.endswith(".") and sentence[0] in string.ascii_uppercase + "'" for _, sentence in found
    )


def test_one_parameter_may_have_two_faults() -> None:
    assert [name for name, _ in faults(session_name="x" * 64 + " ")] == ["session_name", "session_name"]


def test_the_error_itself_reads_as_all_its_sentences() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        asked(session_name="a", duration_seconds=1)
    assert str(refused.value) == " ".join(sentence for _, sentence in refused.value.faults)


# --- MFA ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["493817", "hunter2!", 493817, "4938170"])
def test_a_token_code_shows_nowhere(code: object) -> None:
    for parameters in ({"serial_number": DEVICE}, {}):
        try:
            request = asked(token_code=code, **parameters)
        except InvalidRequestError as error:
            shown = f"{error} {error!r} {error.faults}"
        else:
            shown = f"{request} {request!r}"
        assert str(code) not in shown


def test_a_code_needs_a_device_and_a_device_goes_to_sts_with_a_code_alone() -> None:
    assert "Pass its serial number" in fault("serial_number", token_code="123456")
    assert "SerialNumber" not in asked(serial_number=DEVICE).parameters()
    sent = asked(serial_number=DEVICE).with_code(" 012345\n").parameters()
    assert (sent["SerialNumber"], sent["TokenCode"]) == (DEVICE, "012345")


def test_blanks_around_a_code_are_ignored() -> None:
    assert asked(token_code=" 012345\n", serial_number=DEVICE).parameters()["TokenCode"] == "012345"


def test_a_code_that_is_a_number_has_that_one_fault() -> None:
    assert "in quotes" in fault("token_code", token_code=12345, serial_number=DEVICE)


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "hunter2", 123456, None, ""])
def test_a_code_that_is_given_later_is_checked_too(code: object) -> None:
    with pytest.raises(InvalidRequestError, match="exactly 6 digits") as refused:
        asked(serial_number=DEVICE).with_code(code)
    assert not code or str(code) not in str(refused.value)


# --- provided contexts --------------------------------------------------------------------------------------


def test_a_context_assertion_shows_nowhere() -> None:
    request = asked(provided_contexts=[CONTEXT])
    assert request.parameters()["ProvidedContexts"] == [CONTEXT]
    assert SECRET_MARK not in f"{request} {request!r}"
    assert SECRET_MARK in request.secrets()
    short = {**CONTEXT, "ProviderArn": SECRET_MARK}  # in the wrong place
    with pytest.raises(InvalidRequestError) as refused:
        asked(provided_contexts=[short])
    assert SECRET_MARK not in f"{refused.value} {refused.value!r} {refused.value.faults}"


def test_contexts_that_change_later_do_not_change_the_request() -> None:
    context = dict(CONTEXT)
    request = asked(provided_contexts=[context])
    context["ContextAssertion"] = "other"
    request.parameters()["ProvidedContexts"][0]["ContextAssertion"] = "other"
    assert request.parameters()["ProvidedContexts"] == [CONTEXT]


# --- web identity -------------------------------------------------------------------------------------------


def test_a_web_identity_takes_only_what_sts_takes_with_it() -> None:
    found = faults(
        web_identity_token_file="/var/run/token",
        provided_contexts=[CONTEXT],
        minimum_session_token_size=2048,
        external_id="ext-1",
        tags={"team": "data"},
        transitive_tag_keys=["team"],
        source_identity="alice",
        serial_number=DEVICE,
        token_code="123456",
    )
    assert [name for name, _ in found] == [
        "external_id", "tags", "transitive_tag_keys", "source_identity", "provided_contexts", "serial_number", "token_code",
    ]  # fmt: skip
    assert all(sentence.endswith(f"with a web identity. Leave out {name}.") for name, sentence in found)
    assert asked(web_identity_token_file="~/token", policy={}, duration_seconds=900)


@pytest.mark.parametrize("path", ["", 5, b"/token"])
def test_a_token_file_is_the_path_of_a_file(path: object) -> None:
    assert "token file" in fault("web_identity_token_file", web_identity_token_file=path)


# --- policies -----------------------------------------------------------------------------------------------

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::größe/*"}],
}


def as_dict(_: Path) -> object:
    return POLICY


def as_mapping(_: Path) -> object:
    return MappingProxyType(POLICY)


def as_text(_: Path) -> object:
    return json.dumps(POLICY, indent=4)


def as_path(folder: Path) -> object:
    path = folder / "policy.json"
    path.write_text(json.dumps(POLICY, indent=4, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("given_as", [as_dict, as_mapping, as_text, as_path])
def test_a_policy_is_sent_as_compact_json_however_it_is_given(
    given_as: Callable[[Path], object], tmp_path: Path
) -> None:
    sent = asked(policy=given_as(tmp_path)).parameters()["Policy"]
    assert json.loads(sent) == POLICY
    assert " " not in sent
    assert "\n" not in sent
    assert all("\x20" <= character <= "\xff" for character in sent)


def test_a_policy_counts_as_it_is_sent_not_as_it_is_written() -> None:
    padded = policy_of(2048).replace("{", "{" + " " * 5000)
    assert len(asked(policy=padded).parameters()["Policy"]) == 2048


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("", "The session policy is not JSON"),
        ("{'Version': '2012-10-17'}", "The session policy is not JSON"),
        ('{"Version": "2012-10-17"', "The session policy is not JSON"),
        ("policy.json", "The session policy is not JSON"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ("1", "is not a JSON object"),
        ([POLICY], "is not a JSON object"),
        (7, "is not a JSON object"),
        ({"Statement": {1, 2}}, "can't be written as JSON"),
        ({"Statement": float("nan")}, "can't be written as JSON"),
        ({("a", "b"): 1}, "can't be written as JSON"),
    ],
)
def test_an_invalid_policy_is_an_error_with_its_reason(policy: object, sentence: str) -> None:
    assert sentence in fault("policy", policy=policy)


def test_a_policy_that_contains_itself_is_an_error() -> None:
    policy: dict[str, object] = {}
    policy["Statement"] = policy
    assert "can't be written as JSON" in fault("policy", policy=policy)


@pytest.mark.parametrize("policy", ["[" * 100_000, '{"a":' * 100_000], ids=["lists", "objects"])
def test_a_policy_text_that_nests_too_deep_is_an_error(policy: str) -> None:
    assert fault("policy", policy=policy).startswith("The session policy")


def test_a_policy_that_nests_too_deep_is_an_error() -> None:
    policy: dict[str, object] = {}
    for _ in range(100_000):
        policy = {"a": policy}
    sentence = fault("policy", policy=policy)
    while policy:  # else its end is reached by as many nested deallocations
        policy = policy["a"]  # type: ignore[assignment]
    assert sentence.startswith("The session policy")


def test_a_policy_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.json"
    assert f"The session policy in {path} can't be read: No such file" in fault("policy", policy=path)


def test_a_policy_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert f"The session policy in {tmp_path} can't be read" in fault("policy", policy=tmp_path)


def test_a_policy_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert f"The session policy in {path} is not text in UTF-8" in fault("policy", policy=path)


def test_a_policy_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text("Version: 2012-10-17")
    assert f"The session policy in {path} is not JSON" in fault("policy", policy=path)


def test_an_impossible_path_is_an_error_in_a_sentence() -> None:
    assert fault("policy", policy=Path("policy\0.json")).startswith("The session policy")


def test_a_policy_that_is_given_as_it_is_sent_keeps_to_the_characters_that_sts_takes() -> None:
    role = RoleArn.parse(ROLE)
    assert AssumeRoleRequest(role, "RoleSession1", policy='{"a":"\u00ff\t\r\n"}').policy is not None
    with pytest.raises(InvalidRequestError, match="Use characters up to U\\+00FF"):
        AssumeRoleRequest(role, "RoleSession1", policy='{"a":"\u0100"}')


def test_a_policy_does_not_crowd_the_repr() -> None:
    assert "s3:GetObject" not in repr(asked(policy=POLICY))


def test_one_managed_policy_may_be_given_without_a_list() -> None:
    assert asked(policy_arns=MANAGED).parameters()["PolicyArns"] == [{"arn": MANAGED}]


def test_managed_policies_may_be_any_iterable() -> None:
    assert asked(policy_arns=(arn for arn in [MANAGED])).policy_arns == (MANAGED,)


# --- tags ---------------------------------------------------------------------------------------------------


def test_tag_keys_that_differ_only_in_case_are_one_key() -> None:
    sentence = fault("tags", tags={"Größe": "a", "größe": "b", "team": "c"})
    assert "'Größe' and 'größe' differ in case only" in sentence


def test_tags_are_a_dict_of_texts() -> None:
    for tags in ([("team", "data")], {"team": 1}, {1: "data"}, "team=data", {"team": None}):
        assert "Pass a dict of texts" in fault("tags", tags=tags)


def test_tags_that_change_later_do_not_change_the_request() -> None:
    tags = {"team": "data"}
    request = asked(tags=tags)
    tags["team"] = "other"
    assert request.parameters()["Tags"] == [{"Key": "team", "Value": "data"}]


# --- the session's name when none is given ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("alice", "alice-jupyter"),
        ("Jürgen Müller", "Jurgen-Muller-jupyter"),
        ("alice@example.com", "alice@example.com-jupyter"),
        ("DOMAIN\\alice", "DOMAIN-alice-jupyter"),
        ("a", "a-jupyter"),
        ("-", "jupyter"),
        ("김철수", "jupyter"),
        ("x" * 100, "x" * 56 + "-jupyter"),
    ],
)
def test_a_session_is_named_after_the_hubs_user(
    user: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", user)
    assert default_session_name() == name
    assert AssumeRoleRequest.of(ROLE).session_name == name


def test_without_a_hub_it_is_named_after_the_machines_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    assert default_session_name() == "alice-jupyter"


def test_an_empty_name_of_the_hub_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    assert default_session_name() == "alice-jupyter"


@pytest.mark.parametrize("kind", [OSError, KeyError, ImportError, ModuleNotFoundError])
def test_a_machine_without_a_name_for_its_user_names_a_session_all_the_same(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise kind("uid not found: 54321")

    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert AssumeRoleRequest.of(ROLE).session_name == default_session_name() == "jupyter"


@unhurried
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_user_has_a_session_name_that_sts_takes(user: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTERHUB_USER", user)
        AssumeRoleRequest.of(ROLE)


def test_a_name_that_is_given_is_not_replaced_even_if_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "alice")
    assert asked(session_name="bob").session_name == "bob"
    assert faults(session_name="")


# --- what botocore is given ---------------------------------------------------------------------------------


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert asked().parameters() == {"RoleArn": ROLE, "RoleSessionName": "RoleSession1"}
    none_given = dict.fromkeys(
        ("duration_seconds", "external_id", "policy", "policy_arns", "tags", "token_code")
    )
    assert asked(**none_given).parameters() == asked().parameters()
    assert asked(policy_arns=[], tags={}, transitive_tag_keys=[]).parameters() == asked().parameters()


def test_everything_that_is_asked_for_is_sent_under_stss_names() -> None:
    request = asked(
        duration_seconds=1800,
        external_id="id",
        policy={},
        policy_arns=[MANAGED],
        tags={"team": "data"},
        transitive_tag_keys=["team"],
        source_identity="alice",
        serial_number=DEVICE,
        token_code="012345",
    )
    assert request.parameters() == {
        "RoleArn": ROLE,
        "RoleSessionName": "RoleSession1",
        "DurationSeconds": 1800,
        "ExternalId": "id",
        "Policy": "{}",
        "PolicyArns": [{"arn": MANAGED}],
        "Tags": [{"Key": "team", "Value": "data"}],
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "alice",
        "SerialNumber": DEVICE,
        "TokenCode": "012345",
    }


def test_a_request_that_is_changed_is_checked_again() -> None:
    with pytest.raises(InvalidRequestError, match="899"):
        replace(asked(), duration_seconds=899)


INPUT: Any = botocore.session.Session().get_service_model("sts").operation_model("AssumeRole").input_shape

words = st.text(WORD, min_size=2, max_size=64)
tag_texts = st.text(
    st.characters(categories=["L", "Z", "N"], include_characters="_.:/=+-@"), min_size=1, max_size=128
)
requests = st.builds(
    lambda mfa, **others: asked(**others, **mfa),
    mfa=st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {
                "serial_number": st.text(WORD + ":/", min_size=9, max_size=256),
                "token_code": st.from_regex("[0-9]{6}", fullmatch=True),
            }
        ),
    ),
    session_name=words,
    duration_seconds=st.none() | st.integers(900, 43200),
    external_id=st.none() | st.text(WORD + ":/", min_size=2, max_size=1224),
    policy=st.none() | st.just({}) | st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4),
    policy_arns=st.none() | st.lists(words.map("arn:aws:iam::aws:policy/{}".format), max_size=10),
    tags=st.none()
    | st.lists(
        st.tuples(tag_texts, tag_texts | st.just("")), max_size=50, unique_by=lambda tag: tag[0].lower()
    ).map(dict),
    transitive_tag_keys=st.none() | st.lists(tag_texts, max_size=50),
    source_identity=st.none() | words,
    provided_contexts=st.none()
    | st.lists(
        st.fixed_dictionaries(
            {
                "ProviderArn": st.text(min_size=20, max_size=2048),
                "ContextAssertion": st.text(min_size=4, max_size=2048),
            }
        ),
        max_size=5,
    ),
    minimum_session_token_size=st.none() | st.integers(0, 4096),
)


@settings(deadline=None, max_examples=50)
@given(requests)
def test_a_request_within_the_limits_is_one_that_botocore_sends(request: AssumeRoleRequest) -> None:
    report = ParamValidator().validate(request.parameters(), INPUT)
    assert not report.has_errors(), report.generate_report()


def test_botocore_knows_all_that_can_be_asked_and_a_kind_for_it() -> None:
    """Break it once: the validator does see a parameter of the wrong kind."""
    assert ParamValidator().validate({**asked().parameters(), "DurationSeconds": "900"}, INPUT).has_errors()


# --- anything at all ----------------------------------------------------------------------------------------

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = (
    "role_arn",
    "session_name",
    "duration_seconds",
    "external_id",
    "policy",
    "policy_arns",
    "tags",
    "transitive_tag_keys",
    "source_identity",
    "provided_contexts",
    "minimum_session_token_size",
    "serial_number",
    "token_code",
)


@unhurried
@given(st.dictionaries(st.sampled_from(PARAMETERS), json_like, min_size=1))
def test_whatever_is_given_is_a_request_or_an_invalid_one(parameters: dict[str, Any]) -> None:
    with suppress(InvalidRequestError):
        asked(**parameters)


@pytest.mark.parametrize("value", [5, True, ["alice"], {"alice": 1}, b"alice", 1.5, os], ids=repr)
@pytest.mark.parametrize(
    "name", [name for name in PARAMETERS if name not in ("policy_arns", "transitive_tag_keys")]
)
def test_a_value_of_the_wrong_kind_is_a_fault_of_its_parameter(name: str, value: object) -> None:
    if name in ("duration_seconds", "minimum_session_token_size") and type(value) is int:
        value = "5"
    if name == "policy" and isinstance(value, dict):
        value = [value]
    mfa = {"serial_number": DEVICE, "token_code": "123456"} if name in ("serial_number", "token_code") else {}
    assert name in dict(faults(**{**mfa, name: value}))


@pytest.mark.parametrize("name", ["policy_arns", "transitive_tag_keys"])
@pytest.mark.parametrize("value", [5, True, [5], [MANAGED, None], {5: 5}, b"arn"], ids=repr)
def test_a_list_of_the_wrong_kind_is_a_fault_of_its_parameter(name: str, value: object) -> None:
    assert "Pass a list of texts" in fault(name, **{name: value})
