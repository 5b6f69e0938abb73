"""Calls the callbacks of libraries and users after each change of the active role."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stsnb.injection import worker_pools

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole

_log = logging.getLogger(__name__)

#: The group of entry points whose callbacks need no call of `on_role_change`.
GROUP = "stsnb.on_role_change"
_callbacks: list[RoleChangeCallback] = []
#: The callbacks of entry points; None until the first change.
_of_entry_points: list[Callable[[AssumedRole | None], object]] | None = None


class RoleChangeCallback:
    """A callback of `on_role_change`; calling it calls the function.

    Parameters
    ----------
    function : callable
        The function. A bound method is held weakly.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        self._function: Callable[[], Callable[..., object] | None]
        if inspect.ismethod(function):
            self._function = weakref.WeakMethod(function)
        else:
            self._function = lambda: function
            functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any, **keywords: Any) -> object:
        """Call the function."""
        function = self._function()
        if function is None:
            self.remove()
            return None
        return function(*arguments, **keywords)

    def remove(self) -> None:
        """Stop calling it; without effect if that was done already."""
        if self in _callbacks:
            _callbacks.remove(self)


def on_role_change(callback: Callable[[AssumedRole | None], object]) -> RoleChangeCallback:
    """Call a function after each change of the active role, for a cache that keeps credentials.

    It is called when a role is assumed, switched, renewed by running its cell again, or dropped, and at the end of a
    ``with``, a ``%%assume_role`` cell or ``%unload_ext``: after the environment and boto3's default session are right,
    on the thread that made the change, with no lock held. A renewal of the credentials is no change. Also usable as a
    decorator. A package can do without this call by an entry point of the group ``stsnb.on_role_change`` whose value
    is the callback; entry points are looked up once, at the first change.

    Parameters
    ----------
    callback : callable
        Takes the active `AssumedRole`, or None without one. What it raises is logged by type at DEBUG and doesn't
        undo the change; changes that it makes itself call no callbacks. A bound method is held weakly, so that it ends
        with its object; any other callable is held until it is removed. Forked child processes have the callbacks of
        their parent, and call them at their own changes only.

    Returns
    -------
    RoleChangeCallback
        Its ``remove()`` ends the calls; calling it calls the function.

    Examples
    --------
    >>> @stsnb.on_role_change
    ... def forget(role):
    ...     my_library.cache_clear()
    >>> forget.remove()
    """
    added = RoleChangeCallback(callback)
    _callbacks.append(added)
    return added


def announce(before: AssumedRole | None, after: AssumedRole | None) -> None:
    """Call all callbacks, and warn of worker processes that keep the identity from before.

    Parameters
    ----------
    before, after : AssumedRole or None
        The role that was active, and the one that is.
    """
    if _is_announcing():
        return
    if not _is_same(before, after):
        worker_pools.warn()
    for of_package in _entry_points():
        _call(of_package, after)
    for callback in list(_callbacks):
        _call(callback, after)


def replace_pools(before: AssumedRole | None, after: AssumedRole | None) -> None:
    """Have pools that libraries make for each call begin with the environment of now.

    Parameters
    ----------
    before, after : AssumedRole or None
        The role that was active, and the one that is.
    """
    if not _is_same(before, after):
        worker_pools.replace()


def _is_same(before: AssumedRole | None, after: AssumedRole | None) -> bool:
    return before is after or (before is not None and after is not None and before.is_same_as(after))


def _is_announcing() -> bool:
    # By the stack, since an interrupt at any point would leave a variable set.
    frame = sys._getframe(1).f_back
    while frame is not None:
        if frame.f_code is announce.__code__:
            return True
        frame = frame.f_back
    return False


def _call(callback: Callable[[AssumedRole | None], object], role: AssumedRole | None) -> None:
    try:
        callback(role)
    except Exception as error:  # noqa: BLE001 # the role is active all the same
        # Not its message, which may hold a secret.
        name = getattr(callback, "__qualname__", type(callback).__qualname__)
        _log.debug("the callback %s failed: %s", name, type(error).__name__)


def _entry_points() -> list[Callable[[AssumedRole | None], object]]:
    global _of_entry_points
    if _of_entry_points is None:
        _of_entry_points = []
        if _group_exists():
            from importlib.metadata import entry_points

            for point in entry_points(group=GROUP):
                try:
                    _of_entry_points.append(point.load())
                except Exception as error:  # noqa: BLE001 # a package that is broken must not keep a user from a role
                    _log.debug("the entry point %s failed: %s", point.value, type(error).__name__)
    return _of_entry_points


def _group_exists() -> bool:
    # importlib.metadata takes 100 ms to say so (80 of them to be imported), this 2 ms with 200 packages.
    section = f"[{GROUP}]".encode()
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                found = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for path in found:
            try:
                with open(os.path.join(path, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123
                    if section in file.read():
                        return True
            except OSError:
                continue
    return False
