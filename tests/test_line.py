"""The line that the form shows does what the form does: the magic reads from it what was written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stsnb.ipython.magics import RoleMagics
from stsnb.line import arguments_of, line_of

ROLE = "arn:aws:iam::123456789012:role/role-for-s3-fileserver"

words = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12
).filter(
    lambda text: text.strip() == text and not text.startswith(("-", "$")) and not {"'", '"'} <= set(text)
)
names = st.text("abcXYZ019_+=,.@", min_size=2, max_size=12)


def read(line: str) -> dict[str, Any] | None:
    return arguments_of(RoleMagics.assume_role.parser, line.removeprefix("%assume_role "))


@given(
    st.fixed_dictionaries(
        {"role": st.just(ROLE)},
        optional={
            "session_name": names,
            "duration_seconds": st.integers(900, 43200),
            "external_id": words,
            "policy_arns": st.lists(st.just("arn:aws:iam::aws:policy/ReadOnlyAccess"), min_size=1),
            "read_only": st.booleans(),
            "tags": st.dictionaries(names.filter(lambda key: "=" not in key), words, min_size=1),
            "serial_number": names,
            "profile": words,
            "region": st.just("eu-west-1"),
        },
    )
)
def test_the_magic_reads_what_was_written(asked: dict[str, Any]) -> None:
    assert read(line_of(asked)) == asked


def test_a_path_is_written_as_it_is() -> None:
    asked = {"role": ROLE, "policy": Path("my policies") / "read.json"}
    assert line_of(asked) == f'%assume_role {ROLE} --policy "{asked["policy"]}"'
    assert read(line_of(asked)) == asked


def test_what_was_not_given_is_left_out() -> None:
    assert line_of({}) == "%assume_role ROLE"
    assert (
        line_of({"role": ROLE, "session_name": None, "policy_arns": [], "tags": {}}) == f"%assume_role {ROLE}"
    )
