"""RoleCredentials: a role's keys for botocore, renewed once for all who hold them."""

from __future__ import annotations

import mmap
import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timezone
from typing import NoReturn

from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials

from stsnb._threads import in_forked_children, uninterrupted
from stsnb.sources.credentials import FrozenCredentials
from stsnb.sts.response import AssumeRoleResponse

#: Renewal begins when this part of a session is left, and at most this many seconds before its end.
RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS = 1 / 3, 1200
#: Callers wait for it when this part is left. botocore's windows (900 and 600 s) are longer than a short
#: session: with 900 seconds they ask STS at every signing.
WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS = 1 / 6, 600
#: With child processes that fetch the keys, it begins earlier, with the first of these that is no larger part of the
#: session, in seconds: obstore's Boto3CredentialProvider keeps keys for half an hour whatever their end, and botocore
#: fetches again with less than a quarter of an hour left. A short session would be renewed all the time.
READERS_SECONDS, READERS_AT_MOST_FRACTION = (1860, 960), 0.6
#: The pauses between attempts after a renewal that failed, in seconds: they double up to the longest, and are
#: shortened by chance by up to half, so that many notebooks do not ask a server that is back all at once.
RETRY_AFTER_SECONDS, RETRY_AT_MOST_SECONDS = 1.0, 60.0
#: The longest pause once the session has ended, when somebody is kept from working.
RETRY_AFTER_END_SECONDS = 5.0


class RoleCredentials(RefreshableCredentials):
    """A role's credentials, for botocore: asked for by `renew`, then renewed in time by the kernel's keeper.

    Any thread may use them; the lock of renewals lets one at a time ask STS.

    Parameters
    ----------
    ask : callable
        Asks STS once and returns the AssumeRoleResponse.
    on_renewed : callable
        Called with the new response, by the thread that renewed, under the lock of renewals.
    ended : callable
        Makes the error for who signs after the end, of the time of the end and of what kept it from being
        renewed (None if nothing was tried).
    on_change : callable
        Called when asking begins and when it has ended, under the lock of renewals.
    renewable : bool
        Whether it may be asked again without a person; if not, the credentials serve to their last second.
    """

    def __init__(
        self,
        ask: Callable[[], AssumeRoleResponse],
        on_renewed: Callable[[AssumeRoleResponse], None],
        ended: Callable[[datetime, Exception | None], Exception],
        on_change: Callable[[], None],
        *,
        renewable: bool,
    ) -> None:
        super().__init__("", "", "", datetime.now(timezone.utc), self._not_asked_by_botocore, "assume-role")
        self._renewal = threading.Lock()
        self._ask = ask
        self._on_renewed = on_renewed
        self._ended = ended
        self._on_change = on_change
        self.renewable = renewable
        #: Whether other processes read the keys, each with a window of its own.
        self.has_readers = False
        #: Wakes who renews beside the callers; None, or its answer False, where nobody does.
        self.nudge: Callable[[], bool] | None = None
        self.error: Exception | None = None
        #: Whether STS is being asked now.
        self.asking = False
        self.response: AssumeRoleResponse
        # Memory that forked children share: they see that the role was dropped after they were forked.
        self._shared = mmap.mmap(-1, 1) if hasattr(os, "fork") else None
        self._parents: mmap.mmap | None = None
        self._dropped = False
        self._failures = 0
        self._renew_at = self._wait_at = self._ends_at = self._retry_at = self._renew_at_monotonic = 0.0
        _ALL.add(self)

    @staticmethod
    def _not_asked_by_botocore() -> NoReturn:
        raise NotImplementedError("a role renews by its own rules, not by botocore's")

    @property
    def dropped(self) -> bool:
        """Whether the role was dropped: here, or in the parent of this forked process."""
        return self._dropped or (self._parents is not None and bool(self._parents[0]))

    @dropped.setter
    def dropped(self, dropped: bool) -> None:
        if dropped != self._dropped:
            self._dropped = dropped
            if self._shared is not None:
                self._shared[0] = dropped

    def _begin_in_child(self) -> None:
        # The thread that held the lock when the process forked does not exist here to release it.
        self._renewal = threading.Lock()
        if self._parents is None:
            self._parents, self._shared = self._shared, None

    @property
    def due_at(self) -> float:
        """When STS should be asked next, in seconds of the wall clock."""
        return max(self._renew_at, self._retry_at)

    @property
    def is_due(self) -> bool:
        """Whether STS should be asked now."""
        return self._is_due()

    def renew(self, ask: Callable[[], AssumeRoleResponse] | None = None) -> None:
        """Ask STS now.

        Parameters
        ----------
        ask : callable, optional
            Asks in place of the usual way, for this once: with a code that a person has given.

        Raises
        ------
        Exception
            What `ask` raised; the credentials stay as they are then.
        """
        with self._renewal:
            self._renew_locked(ask)

    def renew_if_due(self) -> None:
        """Ask STS if it is time to; a failure is kept in `error`."""
        if self._is_due() and self._renewal.acquire(blocking=False):
            try:
                if self._is_due():
                    self._renew_locked()
            except Exception as error:  # noqa: BLE001 # kept and shown by the role; the keys in force are still good
                self.error = error
            finally:
                self._renewal.release()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys that hold now; outside the last sixth of the session nobody waits for a renewal.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        Exception
            If the session has ended and cannot be renewed: that it has, and why.
        """
        if time.time() >= self._renew_at:
            self._refresh()
        return self._frozen_credentials

    def _refresh(self) -> None:
        """Renew, or have it renewed, if it is time to: botocore calls this from each of its accessors."""
        now = time.time()
        if now < self._renew_at:
            return
        if now >= self._ends_at:
            self._renew_ended()
        elif now < self._wait_at:
            if self.nudge is None or not self.nudge():
                self.renew_if_due()
        elif now >= self._retry_at:
            with self._renewal:  # who waited finds it done, or tried a moment ago
                pass
            self.renew_if_due()

    def _renew_ended(self) -> None:
        with self._renewal:
            now = time.time()
            if now < self._ends_at:
                return
            if self._may_renew and now >= self._retry_at:
                try:
                    self._renew_locked()
                except Exception as error:  # noqa: BLE001 # raised below, with the session's end
                    self.error = error
                else:
                    return
            raise self._ended(self.response.expiration, self.error) from None

    def _is_due(self) -> bool:
        now = time.time()
        # A wall clock that was set back must not put the renewal off until after the session's end.
        late = now >= self._renew_at or time.monotonic() >= self._renew_at_monotonic
        return self._may_renew and late and now >= self._retry_at

    @property
    def _may_renew(self) -> bool:
        # A forked child of a process that has dropped the role ends with its session.
        return self.renewable and not (self._parents is not None and self._parents[0])

    def _renew_locked(self, ask: Callable[[], AssumeRoleResponse] | None = None) -> None:
        self.asking = True
        self._on_change()
        try:
            self._ask_and_take(ask or self._ask)
        finally:
            self.asking = False
            self._on_change()

    def _ask_and_take(self, ask: Callable[[], AssumeRoleResponse]) -> None:
        try:
            response = ask()
        except Exception as error:
            self._failed(error)
            raise

        def take() -> None:
            self._take(response)
            self._on_renewed(response)

        uninterrupted(take)  # or the environment could be left with keys older than the role's

    def _failed(self, error: Exception) -> None:
        now = time.time()
        self.error = error
        most = RETRY_AT_MOST_SECONDS if now < self._ends_at else RETRY_AFTER_END_SECONDS
        pause = min(most, RETRY_AFTER_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at = now + pause * random.uniform(0.5, 1.0)  # noqa: S311 # against a stampede, not an attacker

    def _take(self, response: AssumeRoleResponse) -> None:
        now, ends_at = time.time(), response.expiration.timestamp()
        length = max(0.0, ends_at - now)
        renew_before = min(length * RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS) if self.renewable else 0.0
        if self.has_readers and self.renewable:
            fitting = [each for each in READERS_SECONDS if length * READERS_AT_MOST_FRACTION >= each]
            renew_before = max([renew_before, *fitting])
        wait_before = min(length * WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS) if self.renewable else 0.0
        keys = response.access_key_id, response.secret_access_key, response.session_token
        # The fifth part of an ARN; other servers may give something shorter.
        account_id = (response.arn.split(":") + [""] * 5)[4] or None
        self.response = response
        self._access_key, self._secret_key, self._token = keys
        self._account_id = account_id
        self._expiry_time = response.expiration
        self._frozen_credentials = FrozenCredentials(*keys, account_id)
        self.error = None
        self._failures = 0
        # A server that gives credentials which have ended already is not asked at every signing.
        self._retry_at = now + RETRY_AFTER_SECONDS if length == 0.0 else 0.0
        self._renew_at_monotonic = time.monotonic() + length - renew_before
        self._ends_at, self._wait_at = ends_at, ends_at - wait_before
        self._renew_at = ends_at - renew_before  # last: it is what readers look at first

    def __repr__(self) -> str:
        return f"<{type(self).__name__} until {self._expiry_time:%Y-%m-%d %H:%M:%S} UTC>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("The credentials of a role are not written anywhere: they stay in this process.")


_ALL: weakref.WeakSet[RoleCredentials] = weakref.WeakSet()


def _in_forked_child() -> None:
    for credentials in _ALL:
        credentials._begin_in_child()


in_forked_children(_in_forked_child)
