"""The line of %assume_role: split into tokens with positions, written, and read back as it was written."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stsnb import AssumeRoleError
from stsnb.ipython.cursor import Line, words_before
from stsnb.ipython.magics import RoleMagics
from stsnb.line import Token, arguments_of, line_of, quoted, tokens
from tests.scripted_sts import SECRET_MARK

ROLE = "arn:aws:iam::123456789012:role/role-for-s3-fileserver"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"

# argparse takes a "--" out of any values, even behind a "=" (until Python 3.13).
words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text != "--"
)
names = st.text("abcXYZ019_+=,.@-", min_size=2, max_size=12).filter(lambda text: text != "--")
tag_texts = st.text("abcXYZé 019_.:/=+-@", max_size=12)
pieces = st.lists(
    st.text("ab$ {}\t\n", max_size=3)
    | st.sampled_from(["'", '"', "\\", "\\\n", "^\n", "`\r\n", "^", "`", "#", ";", "|", ">", ",", "--x", "=", "é", "\\ ", '\\"'])
).map("".join)  # fmt: skip


def read(line: str, namespace: dict[str, Any] | None = None, **environ: str) -> dict[str, Any] | None:
    parser = RoleMagics.assume_role.parser
    return arguments_of(parser, line.removeprefix("%assume_role "), namespace or {}, environ)


# --- the tokenizer --------------------------------------------------------------------------------------------


@given(pieces)
def test_tokens_stand_where_they_say_and_miss_nothing(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert end <= token.start < token.end
        assert text[token.start : token.end] == token.raw
        assert not text[end : token.start].strip("\\^` \t\r\n")
        end = token.end
    assert not text[end:].strip("\\^` \t\r\n")


@given(pieces, st.data())
@example("a \\x", None)
@example("a\\\nb", None)
def test_the_words_before_a_cursor_are_those_of_the_line(text: str, data: st.DataObject | None) -> None:
    cuts = range(len(text) + 1) if data is None else [data.draw(st.integers(0, len(text)))]
    for cut in cuts:
        *before, last = words_before(text[:cut])
        whole = tokens(text)
        assert whole[: len(before)] == before
        assert text[:cut].endswith(last.raw)
        if last.raw and not last.raw.endswith(
            ("\\", "^", "`")
        ):  # which the next character can turn into a line break
            assert whole[len(before)].start == last.start
            assert whole[len(before)].raw.startswith(last.raw)


@given(pieces)
def test_the_words_before_the_cursor_are_the_words_that_are_read(text: str) -> None:
    """Closing the open quotation mark where the cursor is changes no word."""
    assume(not text.endswith("\\"))  # which would make the mark literal
    *before, last = words_before(text)
    found = [*before, last] if last.raw else before
    assert [token.value for token in tokens(text + last.quote)] == [token.value for token in found]


@given(st.text("ab'\" \t\n=,-"))
def test_words_and_quotation_marks_are_those_of_sh(text: str) -> None:
    try:
        expected = shlex.split(text)
    except ValueError:
        assert tokens(text)[-1].quote
    else:
        assert [token.value for token in tokens(text)] == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (r"C:\policies\read.json \\server\share\x", [r"C:\policies\read.json", r"\\server\share\x"]),
        (r'"C:\my policies\read.json"', [r"C:\my policies\read.json"]),
        (r"my\ policy.json", ["my policy.json"]),
        (r'"{\"Key\":\"a\"}" [\"b\"]', ['{"Key":"a"}', '["b"]']),
        (r"it\'s \$x '\$x'", ["it's", "$x", r"\$x"]),
        ("a \\\n b \\ \n c ^\n d `\r\n e", ["a", "b", "c", "d", "e"]),
        ("a \\", ["a"]),
        ("a ^ ", ["a"]),
        ("a b;", ["a", "b", ";"]),
        ("a|b>c", ["a", "|", "b", ">", "c"]),
        ("'a|b' \";\"", ["a|b", ";"]),
        ("a # b 'c", ["a", ""]),
        ("a#b", ["a#b"]),
        ("a # b\nc", ["a", "", "c"]),
    ],
)
def test_a_backslash_is_part_of_a_path_and_line_breaks_are_those_of_all_shells(
    text: str, values: list[str]
) -> None:
    assert [token.value for token in tokens(text)] == values


def test_a_token_knows_its_position_its_text_and_its_open_mark() -> None:
    assert tokens("me 'it is") == [
        Token(0, 2, "me", (("me", True),)),
        Token(3, 9, "'it is", (("it is", False),), quote="'"),
    ]
    assert [token.is_operator for token in tokens("; ';' a")] == [True, False, False]
    assert [token.is_comment for token in tokens("a#b '#' # c")] == [False, False, True]


# --- written and read -----------------------------------------------------------------------------------------

_ASKED = st.fixed_dictionaries(
    {"role": words.filter(lambda word: not word.startswith("file:"))},
    optional={
        "session_name": names,
        "duration_seconds": st.integers(900, 43200),
        "external_id": words.filter(lambda word: not word.startswith("file://")),
        "policy": words.filter(lambda word: word.strip() and word[0] not in "~{ ").map(Path)
        | st.just('{"Version": "2012-10-17", "Statement": [{"Sid": "it\'s"}]}'),
        "policy_arns": st.lists(st.sampled_from([READ_ONLY, f"{READ_ONLY},x"]), min_size=1),
        "read_only": st.booleans(),
        "tags": st.dictionaries(tag_texts.filter(bool) | st.sampled_from(["Key", "Value"]), tag_texts, min_size=1),
        "transitive_tag_keys": st.lists(tag_texts.filter(lambda key: key not in ("", "--")), min_size=1),
        "source_identity": names,
        "minimum_session_token_size": st.integers(0, 4096),
        "serial_number": names,
        "web_identity_token_file": words,
        "profile": words,
        "chain": st.just(True),
        "region": st.just("eu-west-1"),
        "refresh": st.booleans(),
        "live": st.booleans(),
    },
)  # fmt: skip


@given(_ASKED)
@example({"role": "-x", "session_name": "-y", "tags": {"-a": "-b", "Key": "c"}, "profile": 'it\'s "$x" {y}'})
@example({"role": "aws", "session_name": "sts"})
@example({"role": "a\\", "profile": "a b\\", "external_id": "a,", "transitive_tag_keys": ["--x", "y"]})
def test_the_magic_reads_what_was_written(asked: dict[str, Any]) -> None:
    assert read(line_of(asked)) == asked


@given(_ASKED)
def test_completion_finds_what_was_written(asked: dict[str, Any]) -> None:
    line = line_of(asked) + " "
    found = Line.at(line, 0, len(line))
    assert found is not None
    assert found.role == asked["role"]
    for name in ("external_id", "profile", "serial_number", "source_identity", "transitive_tag_keys"):
        if name in asked:
            value = asked[name]
            assert found.given[name] == (value if isinstance(value, list) else [value])
    assert {"refresh", "chain", "region", "tags"} & set(asked) <= set(found.given)


@given(words)
def test_a_quoted_word_is_one_token(word: str) -> None:
    (token,) = tokens(quoted(word))
    assert (token.value, token.quote, token.is_operator, token.is_comment) == (word, "", False, False)


def test_a_path_is_written_as_it_is() -> None:
    asked = {"role": ROLE, "policy": Path("my policies") / "read.json"}
    assert line_of(asked) == f'%assume_role {ROLE} --policy "{asked["policy"]}"'
    assert read(line_of(asked)) == asked


def test_what_was_not_given_is_left_out() -> None:
    assert line_of({}) == "%assume_role ROLE"
    assert (
        line_of({"role": ROLE, "session_name": None, "policy_arns": [], "tags": {}}) == f"%assume_role {ROLE}"
    )


def test_secrets_are_not_written() -> None:
    contexts = [{"ProviderArn": ROLE, "ContextAssertion": SECRET_MARK}]
    asked = {"role": ROLE, "region": "r", "token_code": SECRET_MARK, "provided_contexts": contexts}
    assert line_of(asked) == f"%assume_role {ROLE} --region r"


# --- what is pasted -------------------------------------------------------------------------------------------

ME = {"role": ROLE, "session_name": "me"}


@pytest.mark.parametrize(
    ("line", "more"),
    [
        (f"{ROLE}, me", {}),
        (f"{ROLE} , me", {}),
        (f"'{ROLE}',  'me'", {}),
        (f"{ROLE} me;", {}),
        (f"{ROLE} me ; # one more", {}),
        (f"{ROLE} me # --duration-seconds 900 'it", {}),
        (f"{ROLE} me \\", {}),
        (f"{ROLE} \\\n  me \\ \n  --region eu-west-1", {"region": "eu-west-1"}),
        (f"{ROLE} me ^\n  --region eu-west-1", {"region": "eu-west-1"}),
        (f"{ROLE} me `\r\n  --region eu-west-1 `\r\n", {"region": "eu-west-1"}),
        (f"{ROLE} me --policy-arns A, B", {"policy_arns": ["A", "B"]}),
    ],
)
def test_punctuation_of_shells_and_python_is_passed_over(line: str, more: dict[str, Any]) -> None:
    assert read(line) == {**ME, **more}


def test_a_comma_that_is_quoted_or_belongs_to_a_name_stays() -> None:
    assert read(f"{ROLE} me,") == {"role": ROLE, "session_name": "me,"}
    assert read("'a,' me") == {"role": "a,", "session_name": "me"}
    assert read(f"{ROLE} me, --region r") == {"role": ROLE, "session_name": "me,", "region": "r"}
    assert read(f"{ROLE},me") == {"role": f"{ROLE},me"}


@pytest.mark.parametrize(
    ("line", "happened", "advice"),
    [
        (f"{ROLE} 'me", "Missing closing quotation mark.", "Add ' at the end of the value."),
        (f"{ROLE} me you", "Too many arguments: expected ROLE [SESSION_NAME].", "Quote values that contain"),
        (f"{ROLE} --role-arn {ROLE} me", "Two roles given, one with --role-arn and one without.", "Pass one"),
        (f"{ROLE} me --role-session-name me", "Two session names given, one with --role-session-name", "Pass"),
        ("--role-session-name me", "No role given.", "Run %assume_role arn:aws:iam::123456789012:role/NAME."),
        (f"{ROLE} --dur 900", "%assume_role has no option '--dur'.", "Run %assume_role? to list the options."),
        (f"{ROLE} --regoin x", "%assume_role has no option '--regoin'.", "Did you mean --region?"),
        (f"{ROLE} --region", "Invalid --region: expected one argument.", "Run %assume_role?"),
        (f"{ROLE} me | jq -r .Credentials", "Unexpected | in the line:", "Remove | and what follows"),
        (f"{ROLE} me > creds.json", "Unexpected > in the line:", "Remove > and what follows"),
        (f"{ROLE} me 2>/dev/null", "Unexpected > in the line:", "Remove > and what follows"),
        (f"{ROLE} me && aws s3 ls", "Unexpected & in the line:", "or quote the value that contains it."),
        (f"{ROLE} me; aws s3 ls", "Unexpected ; in the line:", "Remove ; and what follows"),
        ("--role-arn <ROLE_ARN>", "The placeholder '<ROLE_ARN>' is not filled in.", "Replace it with the value."),
        ("--role-arn $(cat role)", "The line contains a command substitution.", "Pass its value"),
        (f"CREDS=$(aws sts assume-role --role-arn {ROLE})", "The line contains a command substitution.", "Paste"),
        ("--role-arn `cat role`", "The line contains a command substitution.", "without $(…)"),
        (f"{ROLE} “me”", "The line contains typographic quotation marks.", "Replace them with plain ones"),
        (f"\N{EN DASH}role-arn {ROLE}", "An option begins with a typographic dash.", "Replace it with two hyphens"),
    ],
)  # fmt: skip
def test_a_line_that_cant_be_read_names_the_fault_and_what_to_do(
    line: str, happened: str, advice: str
) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(line)
    assert refused.value.happened.startswith(happened)
    assert advice in refused.value.advice


@pytest.mark.parametrize(
    "line",
    [
        f"{ROLE} me {SECRET_MARK} more",
        f"{ROLE} --token {SECRET_MARK}",
        f"{ROLE} --token-coed={SECRET_MARK}",
        f"{ROLE} '{SECRET_MARK}",
        f"{ROLE} | {SECRET_MARK}",
        f"AWS_SECRET_ACCESS_KEY={SECRET_MARK} aws sts assume-role --role-arn {ROLE}",
        f"{ROLE} $({SECRET_MARK})",
        f"{ROLE} --external-id $AWS_SESSION_TOKEN",
        f"{ROLE} --endpoint-url {SECRET_MARK}",
        f"{ROLE} --tags '[{SECRET_MARK}]'",
        f"{ROLE} --cli-input-json {SECRET_MARK}",
        f"{ROLE} --provided-contexts ProviderArn=a,ContextAssertion={SECRET_MARK} --regoin x",
        f"{ROLE} --provided-contexts ProviderArn=a,ContextAssertion=b {SECRET_MARK}",
        f"{ROLE} --provided-context ProviderArn=a,ContextAssertion={SECRET_MARK}",
    ],
)
def test_no_value_that_may_be_a_secret_is_repeated(line: str) -> None:
    with pytest.raises(AssumeRoleError) as refused:
        read(line, AWS_SESSION_TOKEN=SECRET_MARK)
    assert SECRET_MARK not in f"{refused.value} {refused.value!r}"


def test_an_empty_line_has_no_arguments() -> None:
    for line in ("", "  ", "# nothing", ";", "\\\n"):
        assert read(line) is None
