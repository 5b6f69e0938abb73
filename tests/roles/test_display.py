"""How a role shows itself: one line of text, or a card that any saved notebook can hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stsnb.errors import AssumeRoleError
from stsnb.roles import display


@dataclass
class Role:
    """What a card tells, without a kernel behind it."""

    role_name: str = "role-for-s3-fileserver"
    account_id: str | None = "123456789012"
    session_name: str = "RoleSession1"
    arn: str = "arn:aws:sts::123456789012:assumed-role/role-for-s3-fileserver/RoleSession1"
    region: str | None = "ap-northeast-2"
    expiration: datetime = datetime(2025, 1, 1, 13, 30, 5, tzinfo=timezone.utc)
    remaining: timedelta = timedelta(minutes=59, seconds=59)
    renewal_error: Exception | None = None
    renewable: bool = True
    narrowing: str | None = None
    packed_policy_size: int | None = None
    danger: str | None = None
    chained_from: Role | None = None


class Page(HTMLParser):
    """What a browser makes of HTML: its tags with their attributes, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


FAILED = AssumeRoleError(
    "STS at http://localhost:1 (from AWS_ENDPOINT_URL_STS) could not be reached.",
    "Check the network.",
    said="Throttling: <slow down>",
    statement={"Effect": "Allow"},
)


# --- time left ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remaining", "words"),
    [
        (timedelta(hours=12), "12 h left"),
        (timedelta(hours=11, minutes=59, seconds=59), "11 h 59 min left"),
        (timedelta(hours=1, minutes=1), "1 h 1 min left"),
        (timedelta(hours=1, seconds=59), "1 h left"),
        (timedelta(hours=1), "1 h left"),
        (timedelta(minutes=59, seconds=59, milliseconds=999), "59 min left"),
        (timedelta(minutes=1), "1 min left"),
        (timedelta(seconds=59, milliseconds=999), "59 s left"),
        (timedelta(seconds=1), "1 s left"),
        (timedelta(milliseconds=999), "ended"),
        (timedelta(0), "ended"),
        (timedelta(seconds=-1), "ended"),
        (timedelta(hours=-1), "ended"),
        (timedelta(days=2), "48 h left"),
    ],
)
def test_the_remaining_time_is_shown_in_hours_and_minutes_or_in_seconds(
    remaining: timedelta, words: str
) -> None:
    assert display.left(remaining) == words


# --- one line of text ---------------------------------------------------------------------------------------


def test_the_text_shows_role_account_session_and_expiration() -> None:
    assert display.text(Role()) == (
        "role-for-s3-fileserver · 123456789012 · RoleSession1 · until 2025-01-01 13:30:05 UTC (59 min left)"
    )


def test_the_text_of_a_role_without_an_account_has_no_gap() -> None:
    assert display.text(Role(account_id=None)).startswith("role-for-s3-fileserver · RoleSession1 · until")


def test_the_text_shows_that_a_role_is_not_renewed_automatically() -> None:
    assert display.text(Role(renewable=False)).endswith(" · does not renew itself")
    assert "renew" not in display.text(Role())


def test_the_text_shows_a_failed_renewal_and_its_error() -> None:
    text = display.text(Role(renewal_error=FAILED))
    assert (
        "renewal failed: STS at http://localhost:1 (from AWS_ENDPOINT_URL_STS) could not be reached." in text
    )


def test_the_text_shows_session_policies_and_warnings() -> None:
    text = display.text(Role(narrowing="read-only", packed_policy_size=72, danger="*file*"))
    assert " · RoleSession1 · read-only · until " in text
    assert text.endswith("(59 min left) · caution: matches *file* · session policies and tags 72 % full")
    assert "full" not in display.text(Role(packed_policy_size=50))


def test_the_text_is_always_one_line() -> None:
    everything = Role(renewal_error=FAILED, narrowing="scoped", packed_policy_size=99, danger="*")
    assert len(display.text(everything).splitlines()) == 1


# --- a card of HTML -----------------------------------------------------------------------------------------


def test_the_html_shows_the_same_and_the_region() -> None:
    page = Page(display.html(Role()))
    for told in (
        "role-for-s3-fileserver",
        "123456789012 · RoleSession1 · ap-northeast-2",
        "until 2025-01-01 13:30:05 UTC",
        "59 min left when shown",
    ):
        assert told in page.words
    assert ("title", Role.arn) in page.attributes
    assert "None" not in page.words


def test_the_card_of_a_role_without_account_and_region_has_no_gap() -> None:
    page = Page(display.html(Role(account_id=None, region=None)))
    assert " · " not in page.words
    assert "None" not in page.words


def test_the_html_shows_whether_the_role_renews_itself() -> None:
    assert "renews itself" in Page(display.html(Role())).words
    assert "does not renew itself" in Page(display.html(Role(renewable=False))).words


def test_the_html_shows_a_failed_renewal_and_changes_its_colour() -> None:
    well, failing = display.html(Role()), display.html(Role(renewal_error=FAILED))
    assert "Renewal failed" not in Page(well).words
    assert f"Renewal failed: {FAILED.happened} {FAILED.advice}" in Page(failing).words
    assert "--jp-success-color" in well
    assert "--jp-success-color" not in failing
    assert "--jp-warn-color" in failing


def test_the_html_shows_session_policies_and_warns_of_a_dangerous_role() -> None:
    calm, careful = Page(display.html(Role(narrowing="scoped"))), Page(display.html(Role(danger="*file*")))
    assert "scoped" in calm.words
    assert "Caution" not in calm.words
    assert "Caution: matches *file*" in careful.words
    assert "--jp-warn-color" in display.html(Role(danger="*file*"))
    assert "Session policies and tags 72 % full" in Page(display.html(Role(packed_policy_size=72))).words


def test_the_card_has_no_script_and_loads_nothing() -> None:
    page = Page(
        display.html(Role(renewal_error=FAILED, narrowing="scoped", packed_policy_size=99, danger="*file*"))
    )
    assert set(page.tags) <= {"div", "strong", "span"}
    assert {name for name, _ in page.attributes} <= {"class", "style", "title"}
    assert "url(" not in display.html(Role())


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
    "$name $$ ${arn}",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "field", ["role_name", "account_id", "session_name", "arn", "region", "renewal_error", "danger"]
)
def test_a_hostile_value_is_shown_as_it_is_and_does_nothing(field: str, hostile: str) -> None:
    value = Exception(hostile) if field == "renewal_error" else hostile
    page = Page(display.html(Role(**{field: value})))  # type: ignore[arg-type] # one field of several kinds
    calm = Page(display.html(Role(**{field: Exception() if field == "renewal_error" else "calm"})))  # type: ignore[arg-type]
    assert page.tags == calm.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in calm.attributes]
    assert hostile in (dict(page.attributes)["title"] or "" if field == "arn" else page.words)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_text_adds_a_tag_or_an_attribute(session_name: str, arn: str) -> None:
    page, calm = Page(display.html(Role(session_name=session_name, arn=arn))), Page(display.html(Role()))
    assert page.tags == calm.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in calm.attributes]
