"""How a role shows itself where there are no widgets: one line of text, or a card of HTML."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Protocol

_TEMPLATE = Path(__file__).with_name("card.html")


class Shown(Protocol):
    """What a card tells of a role."""

    @property
    def role_name(self) -> str: ...  # noqa: D102
    @property
    def account_id(self) -> str | None: ...  # noqa: D102
    @property
    def session_name(self) -> str: ...  # noqa: D102
    @property
    def arn(self) -> str: ...  # noqa: D102
    @property
    def region(self) -> str | None: ...  # noqa: D102
    @property
    def expiration(self) -> datetime: ...  # noqa: D102
    @property
    def remaining(self) -> timedelta: ...  # noqa: D102
    @property
    def renewal_error(self) -> Exception | None: ...  # noqa: D102
    @property
    def renewable(self) -> bool: ...  # noqa: D102
    @property
    def chained_from(self) -> Shown | None: ...  # noqa: D102


def text(role: Shown) -> str:
    """Return one line: role, account, session, absolute expiry in UTC, time left.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    str
    """
    expiry = f"{_expiry(role)} ({left(role.remaining)})"
    parts = [role.role_name, role.account_id, role.session_name, expiry, _chain(role)]
    if not role.renewable:
        parts.append("does not renew itself")
    if role.renewal_error is not None:
        parts.append(f"renewal fails: {_first_line(role.renewal_error)}")
    return " · ".join(part for part in parts if part)


def html(role: Shown) -> str:
    """Return the same as a card that takes its colours from JupyterLab's theme.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    str
        Everything in it is escaped; it has no script, so that it shows in any saved notebook.
    """
    error = role.renewal_error
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(role.role_name),
        arn=escape(role.arn),
        where=escape(" · ".join(part for part in _where(role) if part)),
        expiry=escape(_expiry(role)),
        left=escape(left(role.remaining)),
        renews="renews itself" if role.renewable else "does not renew itself",
        edge="var(--jp-success-color1, #2e7d32)" if error is None else "var(--jp-warn-color1, #b26a00)",
        note=""
        if error is None
        else f'<div class="stsnb-note">Renewal fails: {escape(_first_line(error))}</div>',
    )


def left(remaining: timedelta) -> str:
    """Say how long is left, as exactly as a person wants it.

    Parameters
    ----------
    remaining : timedelta
        Not negative.

    Returns
    -------
    str
        ``11 h 59 min left``, ``59 min left``, ``42 s left``, ``ended``.
    """
    seconds = int(remaining.total_seconds())
    if seconds <= 0:
        return "ended"
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes} min left" if minutes else f"{hours} h left"
    return f"{minutes} min left" if minutes else f"{seconds} s left"


def _where(role: Shown) -> tuple[str | None, ...]:
    return role.account_id, role.session_name, role.region, _chain(role)


def _chain(role: Shown) -> str | None:
    """Name the roles by which a role was assumed, the first one first."""
    names: list[str] = []
    link = role.chained_from
    while link is not None:
        names.insert(0, link.role_name)
        link = link.chained_from
    return f"via {' → '.join(names)}" if names else None


def _expiry(role: Shown) -> str:
    return f"until {role.expiration:%Y-%m-%d %H:%M:%S} UTC"


def _first_line(error: Exception) -> str:
    # What happened and what to do; a policy statement and a server's words follow on lines of their own.
    return next(iter(str(error).splitlines()), type(error).__name__)
