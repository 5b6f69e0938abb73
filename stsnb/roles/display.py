"""A role as one line of text and as HTML, for output without widgets."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Protocol

#: Above this PackedPolicySize it is shown: another session policy or tag may exceed STS's limit.
TELL_SIZE_OVER_PERCENT = 50

_TEMPLATE = Path(__file__).with_name("display.html")
_EDGES = ("var(--jp-success-color1, #2e7d32)", "var(--jp-warn-color1, #b26a00)")


class Shown(Protocol):
    """The attributes of a role that are shown."""

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
    def narrowing(self) -> str | None: ...  # noqa: D102
    @property
    def packed_policy_size(self) -> int | None: ...  # noqa: D102
    @property
    def danger(self) -> str | None: ...  # noqa: D102
    @property
    def chained_from(self) -> Shown | None: ...  # noqa: D102


def text(role: Shown) -> str:
    """Return one line: role, account, session, session policies, absolute expiry in UTC, time left.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    str
    """
    parts = [role.role_name, role.account_id, role.session_name, role.narrowing]
    parts += [f"{_expiry(role)} ({left(role.remaining)})", via(role), *remarks(role)]
    if not role.renewable:
        parts.append("does not renew itself")
    if role.renewal_error is not None:
        parts.append(f"renewal failed: {first_line(role.renewal_error)}")
    return " · ".join(part for part in parts if part)


def html(role: Shown) -> str:
    """Return the same as HTML in the colours of JupyterLab's theme.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    str
        All values are escaped. It has no script, so that it is shown in any saved notebook.
    """
    error = role.renewal_error
    notes = remarks(role) + ([] if error is None else [f"renewal failed: {first_line(error)}"])
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(role.role_name),
        arn=escape(role.arn),
        where=escape(" · ".join(part for part in _where(role) if part)),
        expiry=escape(_expiry(role)),
        left=escape(left(role.remaining)),
        renews="renews itself" if role.renewable else "does not renew itself",
        narrowing=f"<span>{escape(role.narrowing)}</span>" if role.narrowing else "",
        edge=_EDGES[role.danger is not None or error is not None],
        note="".join(f'<div class="stsnb-note">{escape(note[0].upper() + note[1:])}</div>' for note in notes),
    )


def remarks(role: Shown) -> list[str]:
    """Return warnings: the role matches a dangerous pattern, or its session policies and tags are nearly too large.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    list of str
        In lower case: ``caution: matches *prod*``.
    """
    found = []
    if role.danger is not None:
        found.append(f"caution: matches {role.danger}")
    if (role.packed_policy_size or 0) > TELL_SIZE_OVER_PERCENT:
        found.append(f"session policies and tags {role.packed_policy_size} % full")
    return found


def left(remaining: timedelta) -> str:
    """Return the remaining time as text, in hours and minutes or in seconds.

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
    return role.account_id, role.session_name, role.region, via(role)


def via(role: Shown) -> str | None:
    """Return the roles of a chain that lead to a role, the first one first.

    Parameters
    ----------
    role : Shown
        The role.

    Returns
    -------
    str or None
        ``via NAME → NAME``; None without a chain.
    """
    names: list[str] = []
    link = role.chained_from
    while link is not None:
        names.insert(0, link.role_name)
        link = link.chained_from
    return f"via {' → '.join(names)}" if names else None


def _expiry(role: Shown) -> str:
    return f"until {role.expiration:%Y-%m-%d %H:%M:%S} UTC"


def first_line(error: Exception) -> str:
    """Return an error's sentences, without the policy statement and the server's message on the following lines.

    Parameters
    ----------
    error : Exception
        An AssumeRoleError.

    Returns
    -------
    str
    """
    return next(iter(str(error).splitlines()), type(error).__name__)
