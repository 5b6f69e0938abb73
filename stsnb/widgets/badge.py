"""Badge: a role in a notebook, with its expiration, state and buttons."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Any

import traitlets

from stsnb.kernel import Kernel
from stsnb.roles.assumed_role import AssumedRole
from stsnb.roles.display import first_line, remarks, via
from stsnb.widgets.assets import text_of
from stsnb.widgets.subshell import SubshellWidget


class Badge(SubshellWidget):
    """A role as a widget; all its views show the current state of the role.

    `badge_of` creates it. The browser counts down; a message is sent only when the role changes.

    Parameters
    ----------
    role : AssumedRole
        The role. Only a weak reference is kept, since ipywidgets keeps each widget for ever.
    kernel : Kernel
        The role's kernel.
    """

    _esm = text_of("common.js", "badge.js")
    _css = text_of("common.css", "badge.css")

    #: The state of the role, without secrets.
    role = traitlets.Dict().tag(sync=True)
    #: The kernel's clock when the state was sent, in milliseconds of Unix time: the browser's may differ.
    now = traitlets.Float().tag(sync=True)

    def __init__(self, role: AssumedRole, kernel: Kernel) -> None:
        self._role = weakref.ref(role)
        self._kernel = kernel
        self._failure: str | None = None
        # Threads read and send the state one at a time, so that the newest is sent last.
        self._sending = threading.RLock()
        super().__init__(role=self._state(role))
        self.on_msg(self._received)
        kernel.listen(self)

    def changed(self) -> None:
        """Read the state of the role again, and send what has changed."""
        role = self._role()
        if role is not None:
            with self._sending:
                self.role = self._state(role)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the state to send, with the time at which it is sent."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if "now" in state:
            state["now"] = time.time() * 1000
        return state

    def _state(self, role: AssumedRole) -> dict[str, Any]:
        state, error = self._kernel.state_of(role), role.renewal_error
        return {
            "name": role.role_name,
            "arn": role.arn,
            "where": [part for part in (role.account_id, role.session_name, role.region) if part],
            "came": via(role) or f"from {role.origin}",
            "expires_at": role.expiration.timestamp() * 1000,
            "renewable": role.renewable,
            "narrowing": role.narrowing,
            "danger": role.danger is not None,
            "remarks": [f"{remark[0].upper()}{remark[1:]}." for remark in remarks(role)],
            "device": role.serial_number if role.needs_code else None,
            "asking": role.credentials.asking,
            "state": state.name,
            "replaced_by": _replaced_by(role, state.by),
            "trouble": None
            if error is None
            else {"text": first_line(error), "retry_at": role.credentials.due_at * 1000},
            "refused": self._failure if error is None else None,
        }

    def _received(self, _widget: object, content: Any, _buffers: object) -> None:
        role, message = self._role(), content if isinstance(content, dict) else {}
        code = message.pop("token_code", None)
        if role is None:
            return
        if message.get("do") == "drop":
            role.drop()
        elif message.get("do") == "renew":
            # In a thread: the next cell must not wait for STS.
            threading.Thread(target=self._renew, args=(role, code), name="stsnb-renew", daemon=True).start()

    def _renew(self, role: AssumedRole, code: str | None) -> None:
        try:
            role.refresh(code)
        except Exception as error:  # noqa: BLE001 # shown in the badge; from a thread it would be lost
            self._failure = first_line(error)
        else:
            self._failure = None
        self.changed()


def _replaced_by(role: AssumedRole, other: AssumedRole | None) -> str:
    if other is None:
        return "Replaced by another role. Clients created earlier keep using this role."
    if (other.role_arn, other.session_name) == (role.role_arn, role.session_name):
        return "Assumed again: see its newer badge."
    return f"Replaced by {other.role_name}. Clients created earlier keep using this role."


_BADGES: weakref.WeakKeyDictionary[AssumedRole, Badge] = weakref.WeakKeyDictionary()
_CREATING = threading.Lock()


def badge_of(role: AssumedRole, kernel: Kernel) -> Badge:
    """Return the badge of a role; each role has one, which may be shown several times.

    Parameters
    ----------
    role : AssumedRole
        The role.
    kernel : Kernel
        Its kernel.

    Returns
    -------
    Badge
    """
    with _CREATING:
        if role not in _BADGES:
            _BADGES[role] = Badge(role, kernel)
        return _BADGES[role]


def bundle(role: AssumedRole, kernel: Kernel) -> dict[str, object]:
    """Return the MIME bundle that shows a role's badge in a notebook.

    Parameters
    ----------
    role : AssumedRole
        The role.
    kernel : Kernel
        Its kernel.

    Returns
    -------
    dict of str to object
        By MIME type.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": badge_of(role, kernel).model_id}
    return {"application/vnd.jupyter.widget-view+json": view}
