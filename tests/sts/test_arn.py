"""The ARN of a role: which texts are one, and the faults of those that are not."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stsnb.sts.arn import MAX_LENGTH, RoleArn

unhurried = settings(deadline=None)

partitions = st.from_regex(r"aws(-[a-z]{1,8}){0,2}", fullmatch=True)
accounts = st.one_of(
    st.just(""),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True),
)
names = st.from_regex(r"[A-Za-z0-9_+=,.@-]{1,64}", fullmatch=True)
paths = st.lists(st.from_regex(r"[!-.0-~]{1,30}", fullmatch=True), max_size=8).map(
    lambda folders: "".join(f"/{folder}" for folder in folders) + "/"
)
arns = st.builds(RoleArn, partitions, accounts, paths, names)
# Text of any kind seldom has the five colons that lead past the first check.
nearly = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "arn",
                "aws",
                "iam",
                "sts",
                "s3",
                "",
                "123456789012",
                "role/r",
                "assumed-role/",
                "assumed-role/r/s",
            ]
        ),
        st.text(),
    ),
    max_size=8,
).map(":".join)


def refused(text: str) -> str:
    with pytest.raises(ValueError) as fault:
        RoleArn.parse(text)
    return str(fault.value)


# --- texts that name a role ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arn:aws:iam::123456789012:role/name", RoleArn("aws", "123456789012", "/", "name")),
        ("arn:aws-cn:iam::123456789012:role/name", RoleArn("aws-cn", "123456789012", "/", "name")),
        ("arn:aws-us-gov:iam::123456789012:role/name", RoleArn("aws-us-gov", "123456789012", "/", "name")),
        ("arn:aws-iso-b:iam::123456789012:role/name", RoleArn("aws-iso-b", "123456789012", "/", "name")),
        ("arn:aws:iam::123456789012:role/a/b/name", RoleArn("aws", "123456789012", "/a/b/", "name")),
        ("arn:aws:iam::123456789012:role/A_z0+=,.@-", RoleArn("aws", "123456789012", "/", "A_z0+=,.@-")),
        ("arn:aws:iam:::role/name", RoleArn("aws", "", "/", "name")),
        ("arn:aws:iam:::role/analysis/name", RoleArn("aws", "", "/analysis/", "name")),
        ("arn:aws:iam::tenant_1:role/name", RoleArn("aws", "tenant_1", "/", "name")),
        ("arn:aws:iam::RGW11111111111111111:role/name", RoleArn("aws", "RGW11111111111111111", "/", "name")),
        ("  arn:aws:iam::123456789012:role/name\n", RoleArn("aws", "123456789012", "/", "name")),
        ("\tarn:aws:iam::123456789012:role/name\u00a0", RoleArn("aws", "123456789012", "/", "name")),
    ],
)
def test_the_arn_of_a_role_is_taken_apart(text: str, expected: RoleArn) -> None:
    assert RoleArn.parse(text) == expected


@unhurried
@given(arns)
def test_an_arn_that_is_written_and_read_is_the_same(arn: RoleArn) -> None:
    assert RoleArn.parse(str(arn)) == arn


@unhurried
@given(arns, st.sampled_from(["", " ", "\n", "\t \r\n"]), st.sampled_from(["", " ", "\n"]))
def test_an_arn_that_is_read_and_written_is_the_text_without_the_blanks_around_it(
    arn: RoleArn, before: str, after: str
) -> None:
    assert str(RoleArn.parse(f"{before}{arn}{after}")) == str(arn)


# --- limits, at both sides ----------------------------------------------------------------------------------


def test_a_name_has_at_most_64_characters() -> None:
    assert RoleArn.parse("arn:aws:iam::123456789012:role/" + "n" * 64).name == "n" * 64
    assert "name must be 1 to 64" in refused("arn:aws:iam::123456789012:role/" + "n" * 65)


def test_a_path_has_at_most_512_characters() -> None:
    assert len(RoleArn.parse(f"arn:aws:iam::123456789012:role/{'p' * 510}/name").path) == 512
    assert "path must be at most 512" in refused(f"arn:aws:iam::123456789012:role/{'p' * 511}/name")


def test_an_arn_has_at_most_2048_characters() -> None:
    rest = ":iam::123456789012:role/name"
    longest = "arn:" + "p" * (MAX_LENGTH - len(rest) - 4) + rest
    assert len(longest) == 2048
    assert str(RoleArn.parse(longest)) == longest
    assert "2049 characters" in refused(longest.replace("arn:", "arn:p"))
    assert "It must have 20 to 2048" in refused(longest.replace("arn:", "arn:p"))


def test_an_arn_has_at_least_20_characters() -> None:
    assert str(RoleArn.parse("arn:aws:iam:::role/x")) == "arn:aws:iam:::role/x"
    assert "It must have 20 to 2048" in refused("arn:aw:iam:::role/x")


# --- texts that do not, and what they are -------------------------------------------------------------------


def test_a_session_of_a_role_is_answered_with_the_roles_own_arn() -> None:
    sentence = refused("arn:aws-cn:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1")
    assert "is the ARN of a role's session" in sentence
    assert "arn:aws-cn:iam::123456789012:role/role-for-s3-fileserver" in sentence
    assert "path" in sentence


def test_a_bare_name_is_answered_with_the_arn_that_it_would_be_part_of() -> None:
    sentence = refused("role-for-s3-fileserver")
    assert "'role-for-s3-fileserver' is not a role ARN" in sentence
    assert "arn:aws:iam::123456789012:role/role-for-s3-fileserver" in sentence


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("arn:aws:iam::123456789012:user/myid", "is the ARN of a user, not of a role"),
        ("arn:aws:iam::123456789012:group/analysts", "is the ARN of a group, not of a role"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "is the ARN of a policy, not of a role"),
        (
            "arn:aws:iam::123456789012:instance-profile/web",
            "is the ARN of an instance-profile, not of a role",
        ),
        ("arn:aws:iam::123456789012:root", "not a role"),
        ("arn:aws:iam::123456789012:role", "not a role"),
        ("arn:aws:s3:::bucket", "is the ARN of a resource of s3, not of a role"),
        ("arn:aws:s3:::bucket/role/name", "is the ARN of a resource of s3, not of a role"),
        ("arn:aws:sts::123456789012:federated-user/bob", "is the ARN of a resource of sts, not of a role"),
        ("arn:aws:IAM::123456789012:role/name", "not of a role"),
        ("arn:aws:iam::123456789012:Role/name", "not a role"),
    ],
)
def test_another_kind_of_arn_is_named_in_the_error_with_an_example(text: str, what: str) -> None:
    sentence = refused(text)
    assert text in sentence
    assert what in sentence
    assert "arn:aws:iam::123456789012:role/NAME" in sentence


@pytest.mark.parametrize(
    "account",
    ["12345678901", "1234567890123", "1234-5678-9012", "1234 5678 9012", "\N{FULLWIDTH DIGIT ONE}" * 12],
)
def test_an_account_id_of_the_wrong_length_or_kind_is_shown(account: str) -> None:
    sentence = refused(f"arn:aws:iam::{account}:role/name")
    assert "The account id must be 12 digits" in sentence
    assert repr(account) in sentence


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("arn:aws:iam:us-east-1:123456789012:role/name", "The region must be empty, not 'us-east-1'"),
        (
            "arn::iam::123456789012:role/name",
            "The partition must be aws, aws-cn, aws-us-gov or the like, not ''",
        ),
        ("arn:AWS:iam::123456789012:role/name", "not 'AWS'"),
        ("arn:aws:iam::123456789012:role/", "The role's name must be 1 to 64 letters"),
        ("arn:aws:iam::123456789012:role/path/", "The role's name must be 1 to 64 letters"),
        ("arn:aws:iam::123456789012:role/na me", "not 'na me'"),
        ("arn:aws:iam::123456789012:role/na\nme", "not 'na\\nme'"),
        ("arn:aws:iam::123456789012:role/name:1", "not 'name:1'"),
        ("arn:aws:iam::123456789012:role/größe", "not 'größe'"),
        ("arn:aws:iam::123456789012:role//name", "The path must be at most 512 visible ASCII characters"),
        ("arn:aws:iam::123456789012:role/a b/name", "The path must be at most 512 visible ASCII characters"),
        ("arn:aws:iam::123456789012:role/a\nb/name", "The path must be at most 512 visible ASCII characters"),
        ("arn:aws:iam::123456789\n012:role/name", "The account id must be 12 digits"),
    ],
)
def test_the_part_that_is_wrong_is_named(text: str, what: str) -> None:
    assert what in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "arn",
        "arn:aws",
        "arn:aws:iam::123456789012",
        "role/name",
        "ARN:aws:iam::123456789012:role/name",
    ],
)
def test_an_error_about_an_invalid_arn_shows_an_example(text: str) -> None:
    sentence = refused(text)
    assert f"{text.strip()!r} is not a role ARN" in sentence
    assert "arn:aws:iam::123456789012:role/" in sentence


def test_a_text_of_any_length_makes_a_short_sentence() -> None:
    assert len(refused("x" * 100_000)) < 300
    assert len(refused("arn:aws:iam::123456789012:role/" + "x" * 100_000)) < 300


@unhurried
@given(st.one_of(st.text(), nearly))
def test_any_text_is_a_role_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert str(RoleArn.parse(text)) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::123456789012:us\ner/myid",
        f"arn:aws:iam::123456789012:{'user' * 400}/myid",
        f"arn:{'A' * 1900}:iam::123456789012:role/name",
        f"arn:aws:iam:{'us-east-1' * 200}:123456789012:role/name",
        "arn:aws:sts::123456789012:assumed-role/na\nme/session",
    ],
    ids=["newline in the kind", "long kind", "long partition", "long region", "newline in a session's role"],
)
def test_a_hostile_text_stays_one_short_line(text: str) -> None:
    sentence = refused(text)
    assert "\n" not in sentence
    assert len(sentence) < 500
