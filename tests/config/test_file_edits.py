"""Single options are changed in an AWS config file, and every other line stays."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stsnb.config.file_edits import apply, changed_options, options_of

TEXT = """# mine
[default]
region = us-east-1
s3 =
    addressing_style = path

[ profile work ]
role_arn=arn:aws:iam::123456789012:role/x
# end
"""


def test_options_are_read_by_section_option_and_nested_option() -> None:
    assert options_of(TEXT) == {
        ("default", "region", ""): "us-east-1",
        ("default", "s3", ""): "",
        ("default", "s3", "addressing_style"): "path",
        ("profile work", "role_arn", ""): "arn:aws:iam::123456789012:role/x",
    }


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("default", "region", ""), "eu-west-1"),
        (("default", "output", ""), "json"),
        (("default", "s3", "addressing_style"), "virtual"),
        (("default", "s3", "use_dualstack_endpoint"), "true"),
        (("profile work", "region", ""), "eu-west-1"),
        (("profile work", "s3", "addressing_style"), "path"),
        (("profile new", "region", ""), "eu-west-1"),
    ],
)
def test_an_option_is_set_where_it_belongs(tmp_path: Path, place: tuple[str, str, str], value: str) -> None:
    file = tmp_path / "config"
    file.write_text(TEXT)
    apply({place: value}, file)
    after = file.read_text()
    assert {
        **options_of(TEXT),
        place: value,
        (place[0], place[1], ""): options_of(after)[(place[0], place[1], "")],
    } == options_of(after)
    assert {"# mine", "# end", "[default]", "[ profile work ]"} <= set(after.splitlines())
    assert changed_options(TEXT, after) == {
        changed: held for changed, held in options_of(after).items() if options_of(TEXT).get(changed) != held
    }


def test_a_file_that_does_not_exist_is_written_for_its_user_only(tmp_path: Path) -> None:
    file = tmp_path / ".aws" / "config"
    apply({("default", "region", ""): "eu-west-1"}, file)
    assert file.read_text() == "[default]\nregion = eu-west-1\n"
    assert file.stat().st_mode & 0o077 == 0


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(TEXT)
    (tmp_path / "config").symlink_to(tmp_path / "real")
    apply({("default", "region", ""): "eu-west-1"}, tmp_path / "config")
    assert (tmp_path / "config").is_symlink()
    assert "eu-west-1" in (tmp_path / "real").read_text()


def test_a_file_that_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"[default]\n# \xff\n")
    with pytest.raises(UnicodeDecodeError):
        apply({("default", "region", ""): "eu-west-1"}, tmp_path / "config")
    assert (tmp_path / "config").read_bytes() == b"[default]\n# \xff\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "config"]


NAMES = st.sampled_from(["default", "profile a", "profile b"])
OPTIONS = st.sampled_from(["region", "output", "role_session_name"])
VALUES = st.text("abc-1", min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.dictionaries(st.tuples(NAMES, OPTIONS, st.just("")), VALUES),
    second=st.dictionaries(st.tuples(NAMES, OPTIONS, st.just("")), VALUES),
)
def test_botocore_reads_what_was_set(
    tmp_path: Path, first: dict[tuple[str, str, str], str], second: dict[tuple[str, str, str], str]
) -> None:
    file = tmp_path / "config"
    file.unlink(missing_ok=True)
    apply(first, file)
    apply(second, file)
    session = botocore.session.Session(session_vars={"config_file": (None, None, str(file), None)})
    for (section, option, _), value in {**first, **second}.items():
        assert session.full_config["profiles"][section.removeprefix("profile ")][option] == value
