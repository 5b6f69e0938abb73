"""Renewer: renews the credentials of all roles in one background thread."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable

from stsnb._threads import in_forked_children
from stsnb.roles.credentials import RoleCredentials

#: The longest that the thread sleeps, in seconds. Its sleep is timed by a clock that stops while a laptop sleeps;
#: what is due is decided by the wall clock, so that after a night the first look renews.
LOOK_EVERY_SECONDS = 20.0
#: The shortest, in seconds: another thread may be renewing what is due, for as long as STS takes.
REST_SECONDS = 0.1


class Renewer:
    """Renews the credentials that it watches, for as long as another object holds them.

    It belongs to the kernel. Its thread exists while it watches any. Any thread may call it; its lock guards the
    thread and is never held during a call of STS.

    Parameters
    ----------
    on_look : callable
        Called at each look, before anything is renewed.
    """

    def __init__(self, on_look: Callable[[], None]) -> None:
        self._on_look = on_look
        self._watched: weakref.WeakSet[RoleCredentials] = weakref.WeakSet()
        self._begin()
        in_forked_children(self._begin)

    def _begin(self) -> None:
        # In a forked child too, which has this object but not its thread: there a caller that signs renews.
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread exists."""
        return self._thread is not None

    def watch(self, credentials: RoleCredentials) -> None:
        """Renew credentials from now on. Only a weak reference to them is kept.

        Parameters
        ----------
        credentials : RoleCredentials
            Those that can't be renewed without a user are passed over.
        """
        if not credentials.renewable:
            return
        with self._lock:
            self._watched.add(credentials)
            credentials.nudge = self._nudge
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stsnb-renewer", daemon=True)
                self._thread.start()
        self._wake.set()

    def unwatch(self, credentials: RoleCredentials) -> None:
        """Leave the renewal of credentials to the callers that sign with them.

        Parameters
        ----------
        credentials : RoleCredentials
            Watched or not.
        """
        with self._lock:
            self._watched.discard(credentials)
            credentials.nudge = None
        self._wake.set()

    def stop(self) -> None:
        """Watch nothing any more; the thread ends soon after."""
        with self._lock:
            watched = list(self._watched)
        for credentials in watched:
            self.unwatch(credentials)

    def _nudge(self) -> bool:
        """Look now; return False where there is no thread."""
        self._wake.set()
        return self._thread is not None

    def _run(self) -> None:
        while (pause := self._look()) is not None:
            self._wake.wait(pause)
            self._wake.clear()

    def _look(self) -> float | None:
        """Renew what is due; return how long to sleep, in seconds, or None to end.

        It keeps no reference when it returns: a sleeping thread holds no role.
        """
        self._on_look()
        with self._lock:
            watched = list(self._watched)
        for credentials in watched:
            credentials.renew_if_due()
        watched.clear()
        with self._lock:
            if not self._watched:
                self._thread = None
                return None
            due = [credentials.due_at for credentials in self._watched if credentials.renewable]
        until = min(due, default=math.inf) - time.time()
        return min(LOOK_EVERY_SECONDS, max(REST_SECONDS, until))
