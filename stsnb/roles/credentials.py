"""RoleCredentials: a role's credentials for botocore, renewed once for all their users."""

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

#: Renewal begins when this fraction of a session is left, at most this many seconds before its end.
RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS = 1 / 3, 1200
#: Callers wait for it when this fraction is left. botocore's windows (900 and 600 s) are longer than a short session:
#: with 900 seconds they would call STS at every signing.
WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS = 1 / 6, 600
#: With child processes that fetch the keys it begins earlier: this many seconds before the end, unless that is more than
#: this fraction of the session, which would then be renewed all the time. obstore's Boto3CredentialProvider keeps keys for
#: half an hour whatever their expiration, and botocore fetches again with less than a quarter of an hour left.
READERS_SECONDS, READERS_AT_MOST_FRACTION = (1860, 960), 0.6
#: The pauses between attempts after a failed renewal, in seconds: they double up to the longest, and are shortened by
#: a random part of up to half, so that many notebooks do not call a recovered server at the same time.
RETRY_AFTER_SECONDS, RETRY_AT_MOST_SECONDS = 1.0, 60.0
#: The longest pause once the session has ended, in seconds.
RETRY_AFTER_END_SECONDS = 5.0


class RoleCredentials(RefreshableCredentials):
    """A role's credentials for botocore: fetched by `renew`, then renewed in time by the kernel's renewer.

    Any thread may use them; the lock of renewals lets one thread at a time call STS.

    Parameters
    ----------
    call_sts : callable
        Calls STS once and returns the AssumeRoleResponse.
    on_renewed : callable
        Called with the new response, by the thread that renewed, under the lock of renewals.
    ended : callable
        Makes the exception for a signing after the end, from the time of the end and the error of the last renewal
        (None if none was tried).
    on_change : callable
        Called before and after each call of STS, under the lock of renewals.
    renewable : bool
        Whether STS can be called again without the user; if not, the credentials are used to their last second.
    """

    def __init__(
        self,
        call_sts: Callable[[], AssumeRoleResponse],
        on_renewed: Callable[[AssumeRoleResponse], None],
        ended: Callable[[datetime, Exception | None], Exception],
        on_change: Callable[[], None],
        *,
        renewable: bool,
    ) -> None:
        super().__init__("", "", "", datetime.now(timezone.utc), self._refreshed_by_botocore, "assume-role")
        self._renewal = threading.Lock()
        self._call_sts = call_sts
        self._on_renewed = on_renewed
        self._ended = ended
        self._on_change = on_change
        self.renewable = renewable
        #: Whether other processes read the keys, each with a window of its own.
        self.has_readers = False
        #: Wakes the renewer; None without one, False if it is not running.
        self.nudge: Callable[[], bool] | None = None
        self.error: Exception | None = None
        #: Whether STS is being called.
        self.asking = False
        self.response: AssumeRoleResponse
        # Memory that forked children share, so that they see a drop after the fork.
        self._shared = mmap.mmap(-1, 1) if hasattr(os, "fork") else None
        self._parents: mmap.mmap | None = None
        self._dropped = False
        self._failures = 0
        self._renew_at = self._wait_at = self._ends_at = self._retry_at = self._renew_at_monotonic = 0.0
        _ALL.add(self)

    @staticmethod
    def _refreshed_by_botocore() -> NoReturn:
        raise NotImplementedError("a role is renewed by `renew`, not by botocore")

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
        """When to call STS next, in seconds of the wall clock."""
        return max(self._renew_at, self._retry_at)

    @property
    def is_due(self) -> bool:
        """Whether to call STS now."""
        return self._is_due()

    def renew(self, call_sts: Callable[[], AssumeRoleResponse] | None = None) -> None:
        """Call STS now.

        Parameters
        ----------
        call_sts : callable, optional
            Calls STS instead of the constructor's, this time only: with the user's MFA code, for example.

        Raises
        ------
        Exception
            What `call_sts` raised; the credentials are unchanged then.
        """
        with self._renewal:
            self._renew_locked(call_sts)

    def renew_if_due(self) -> None:
        """Call STS if it is time to; an exception is kept in `error`."""
        if self._is_due() and self._renewal.acquire(blocking=False):
            try:
                if self._is_due():
                    self._renew_locked()
            except Exception as error:  # noqa: BLE001 # shown by the role; its credentials are still valid
                self.error = error
            finally:
                self._renewal.release()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the current keys; callers wait for a renewal in the last sixth of the session only.

        Returns
        -------
        botocore.credentials.ReadOnlyCredentials

        Raises
        ------
        Exception
            If the session has ended and can't be renewed; the message says why.
        """
        if time.time() >= self._renew_at:
            self._refresh()
        return self._frozen_credentials

    def _refresh(self) -> None:
        """Renew, or wake the renewer, if it is time to; botocore calls this from each of its accessors."""
        now = time.time()
        if now < self._renew_at:
            return
        if now >= self._ends_at:
            self._renew_ended()
        elif now < self._wait_at:
            if self.nudge is None or not self.nudge():
                self.renew_if_due()
        elif now >= self._retry_at:
            with self._renewal:  # after the wait, another thread has just tried
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
        # A wall clock that was set back must not delay the renewal until after the session's end.
        late = now >= self._renew_at or time.monotonic() >= self._renew_at_monotonic
        return self._may_renew and late and now >= self._retry_at

    @property
    def _may_renew(self) -> bool:
        # A forked child keeps the role until its session ends if the parent has dropped it.
        return self.renewable and not (self._parents is not None and self._parents[0])

    def _renew_locked(self, call_sts: Callable[[], AssumeRoleResponse] | None = None) -> None:
        self.asking = True
        self._on_change()
        try:
            self._call_and_store(call_sts or self._call_sts)
        finally:
            self.asking = False
            self._on_change()

    def _call_and_store(self, call_sts: Callable[[], AssumeRoleResponse]) -> None:
        try:
            response = call_sts()
        except Exception as error:
            self._failed(error)
            raise

        def store() -> None:
            self._store(response)
            self._on_renewed(response)

        uninterrupted(store)  # or the environment could be left with keys older than the role's

    def _failed(self, error: Exception) -> None:
        now = time.time()
        self.error = error
        most = RETRY_AT_MOST_SECONDS if now < self._ends_at else RETRY_AFTER_END_SECONDS
        pause = min(most, RETRY_AFTER_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at = now + pause * random.uniform(0.5, 1.0)  # noqa: S311 # no security depends on it

    def _store(self, response: AssumeRoleResponse) -> None:
        now, ends_at = time.time(), response.expiration.timestamp()
        length = max(0.0, ends_at - now)
        renew_before = min(length * RENEW_AT_FRACTION, RENEW_AT_MOST_SECONDS) if self.renewable else 0.0
        if self.has_readers and self.renewable:
            allowed = [each for each in READERS_SECONDS if length * READERS_AT_MOST_FRACTION >= each]
            renew_before = max([renew_before, *allowed])
        wait_before = min(length * WAIT_AT_FRACTION, WAIT_AT_MOST_SECONDS) if self.renewable else 0.0
        keys = response.access_key_id, response.secret_access_key, response.session_token
        # The fifth part of an ARN; other servers may return a shorter one.
        account_id = (response.arn.split(":") + [""] * 5)[4] or None
        self.response = response
        self._access_key, self._secret_key, self._token = keys
        self._account_id = account_id
        self._expiry_time = response.expiration
        self._frozen_credentials = FrozenCredentials(*keys, account_id)
        self.error = None
        self._failures = 0
        # A server that returns expired credentials is not called at every signing.
        self._retry_at = now + RETRY_AFTER_SECONDS if length == 0.0 else 0.0
        self._renew_at_monotonic = time.monotonic() + length - renew_before
        self._ends_at, self._wait_at = ends_at, ends_at - wait_before
        self._renew_at = ends_at - renew_before  # last, since readers read it first

    def __repr__(self) -> str:
        return f"<{type(self).__name__} until {self._expiry_time:%Y-%m-%d %H:%M:%S} UTC>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("A role's credentials can't be pickled: they stay in this process.")


_ALL: weakref.WeakSet[RoleCredentials] = weakref.WeakSet()


def _in_forked_child() -> None:
    for credentials in _ALL:
        credentials._begin_in_child()


in_forked_children(_in_forked_child)
