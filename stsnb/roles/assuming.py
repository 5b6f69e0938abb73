"""Assumes a role: calls STS for the first time, and makes the AssumedRole with its session while STS answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from stsnb._threads import BackgroundCall
from stsnb.errors.explain import ended
from stsnb.roles.assumed_role import AssumedRole, Owner
from stsnb.roles.credentials import RoleCredentials
from stsnb.roles.fetcher import AssumeRoleFetcher
from stsnb.roles.source_settings import settings_of
from stsnb.sources.source import Source
from stsnb.sts.fault import Fault
from stsnb.sts.request import AssumeRoleRequest, InvalidRequestError
from stsnb.sts.response import AssumeRoleResponse


def assume(
    fetcher: AssumeRoleFetcher,
    source: Source,
    region: str | None,
    owner: Owner,
    *,
    token_code: str | None,
    environ: Callable[[], Mapping[str, str]],
    on_renewed: Callable[[RoleCredentials, AssumeRoleResponse], None],
    on_change: Callable[[], None],
    chained_from: AssumedRole | None,
    live: bool,
) -> AssumedRole:
    """Call STS for a role, and return it.

    Parameters
    ----------
    fetcher : AssumeRoleFetcher
        Calls STS for the role.
    source : Source
        Whose credentials call STS, and whose settings the role's session has.
    region : str, optional
        The region of the role's clients; None for the source's.
    owner : Owner
        Makes the role active and inactive.
    token_code : str, optional
        A code of the MFA device.
    environ : callable
        Returns the environment without what stsnb has put into it.
    on_renewed : callable
        Called with the role's credentials and each new response.
    on_change : callable
        Called when a call of STS begins and when it has ended.
    chained_from : AssumedRole, optional
        The role whose credentials `source` has.
    live : bool
        Whether child processes fetch its credentials while they run.

    Returns
    -------
    AssumedRole

    Raises
    ------
    stsnb.AssumeRoleError
        If STS refuses.
    """

    def has_ended(when: datetime, error: Exception | None) -> Exception:
        return ended(fetcher.request, when, error, needs_code=fetcher.needs_code)

    credentials = RoleCredentials(
        fetcher.fetch,
        lambda response: on_renewed(credentials, response),
        has_ended,
        on_change,
        renewable=fetcher.renewable,
    )
    credentials.has_readers = live
    # The role's session needs boto3, whose import takes as long as STS does to answer: it begins when the request has
    # left, since two threads that both compute would only share one interpreter.
    session = BackgroundCall(lambda: source.session_for(credentials, environ, region))
    fetcher.renew(credentials, token_code, meanwhile=session.start)
    settings = settings_of(source.session, environ(), region)
    return AssumedRole(fetcher, credentials, session.result(), settings, owner, chained_from, live)


def chain_start(
    chain: AssumedRole | bool, active: AssumedRole | None, request: AssumeRoleRequest
) -> AssumedRole:
    """Return the role that a chain begins with.

    Parameters
    ----------
    chain : AssumedRole or bool
        The role; True for the active one.
    active : AssumedRole, optional
        The active role.
    request : AssumeRoleRequest
        The request for the next role. If that is active already, since the cell was run before, the chain begins with
        the role that it was assumed with.

    Returns
    -------
    AssumedRole

    Raises
    ------
    stsnb.sts.request.InvalidRequestError
        If no role is active.
    """
    if not isinstance(chain, bool):
        return chain
    if active is None:
        raise InvalidRequestError(
            [("chain", Fault("No role is active to chain from.", "Assume one first, or leave out chain."))]
        )
    if active.chained_from is not None and active.role_arn == str(request.role_arn):
        return active.chained_from
    return active
