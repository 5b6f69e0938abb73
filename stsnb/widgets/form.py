"""AssumeRoleForm: the form that assumes a role, and then shows its badge."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from stsnb.api import assume_role
from stsnb.config import catalog, settings
from stsnb.errors import AssumeRoleError
from stsnb.errors.explain import explain
from stsnb.kernel import kernel
from stsnb.line import HOW, line_of
from stsnb.resolve import resolve
from stsnb.roles.assumed_role import AssumedRole
from stsnb.sts.request import InvalidRequestError, default_session_name
from stsnb.widgets.assets import text_of
from stsnb.widgets.badge import badge_of
from stsnb.widgets.subshell import SubshellWidget

_MINUTE, _HOUR = 60, 3600
# Within STS's limits of 900 and 43200 seconds.
_DURATIONS = (15 * _MINUTE, 30 * _MINUTE, *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12)))
_YES = "yes"
# Used while no role is typed, so that the other fields can be checked.
_ANY_ROLE = "arn:aws:iam::123456789012:role/NAME"
_FIELDS = frozenset(
    {
        "session_name",
        "duration_seconds",
        "region",
        "read_only",
        "serial_number",
        "external_id",
        "profile",
        "policy",
        "policy_arns",
        "tags",
    }
)


class Fields(SubshellWidget):
    """The fields of the form, the equivalent line of `%assume_role`, and the result.

    The MFA code is not part of the state: the browser sends it once, in a message that is not stored.
    """

    _esm = text_of("common.js", "form.js")
    _css = text_of("common.css", "form.css")

    #: The values of the fields, as typed.
    fields = traitlets.Dict().tag(sync=True)
    #: How often the browser has changed them.
    version = traitlets.Int().tag(sync=True)
    #: The result of checking them: their version; the fault of each invalid field ("" if it is missing); the equivalent
    #: line of `%assume_role`; the MFA device of the role, and whether its code is needed.
    checked = traitlets.Dict().tag(sync=True)
    #: The suggestions for the fields, from the user's files, the configuration, and recent use.
    choices = traitlets.Dict().tag(sync=True)
    #: ``open``; ``asking`` while STS is called; ``done`` when the badge is shown.
    phase = traitlets.Unicode("open").tag(sync=True)
    #: The error of the last attempt: happened, advice, said, statement.
    failure: Any = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    #: The number of attempts: a second click on the same view of the form is ignored.
    attempt = traitlets.Int().tag(sync=True)

    def __init__(self) -> None:
        self._assuming = threading.Lock()
        # Weak, since ipywidgets keeps each widget for ever.
        self._role_ref: Callable[[], AssumedRole | None] = _no_role
        super().__init__(fields=_initial_fields(), choices=_choices())
        self._check()
        self.observe(self._check, ["fields", "version"])
        self.on_msg(self._received)

    @property
    def got(self) -> AssumedRole | None:
        """The role that the form has assumed, while something else holds a reference to it."""
        return self._role_ref()

    def _check(self, _change: object = None) -> None:
        self.checked = {"version": self.version, **_checked(self.fields)}

    def _received(self, _widget: object, content: Any, _buffers: object) -> None:
        code = content.pop("token_code", None)
        if content.get("do") == "again" and self.phase == "done":
            self._role_ref = _no_role
            self.phase, self.choices = "open", _choices()
            self._check()
        elif content.get("do") == "assume" and self._assuming.acquire(blocking=False):
            try:
                if self.phase == "open" and content.get("attempt") == self.attempt:
                    self.fields = content["fields"]
                    self._check()  # the user's files may have changed
                    self._assume(code)
            finally:
                self._assuming.release()

    def _assume(self, code: str | None) -> None:
        if self.checked["faults"]:
            self.attempt += 1
            return
        self.failure, self.phase = None, "asking"
        try:
            arguments, _ = _read(self.fields)
            role = assume_role(**arguments, token_code=code or None)
        except BaseException as error:  # noqa: BLE001 # shown in the form, an interrupt too: from a callback it would be lost
            self.failure = _failure_of(error)
        else:
            self._role_ref = weakref.ref(role)
        with self.hold_sync():
            self.phase = "done" if self.failure is None else "open"
            self.attempt += 1


class AssumeRoleForm(ipywidgets.VBox):
    """The form that ``%assume_role`` without arguments shows.

    It checks the fields while the user types, with the messages of `stsnb.assume_role`, shows the equivalent line of
    the magic, and then the role's badge. After an error, which it shows, everything is as it was before.
    """

    def __init__(self) -> None:
        self._fields = Fields()
        self._badge = ipywidgets.Box()
        super().__init__([self._badge, self._fields])
        for box in (self, self._badge):
            box.add_class("stsnb-host")  # for the style without JupyterLab's sign for a lost kernel
        self._fields.observe(self._show_badge, "phase")

    @property
    def role(self) -> AssumedRole | None:
        """The role that it has assumed; None before, and once nothing else holds a reference to it."""
        return self._fields.got

    def _show_badge(self, _change: object) -> None:
        role = self.role
        self._badge.children = [] if role is None else [badge_of(role, kernel)]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        role = self.role
        return {**bundle, "text/plain": HOW if role is None else str(role)}


def _read(fields: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments of `stsnb.assume_role` from the fields, and the faults of fields that can't be read."""
    initial, faults = _initial_fields(), {}
    arguments: dict[str, Any] = {name: text.strip() for name, text in fields.items() if text.strip()}
    # Unchanged initial values are not passed on: an alias or a profile overrides the configuration.
    arguments = {
        name: text for name, text in arguments.items() if text != initial.get(name) or name == "read_only"
    }
    if "duration_seconds" in arguments:
        try:
            arguments["duration_seconds"] = int(arguments["duration_seconds"])
        except ValueError:
            faults["duration_seconds"] = (
                f"Invalid duration: {arguments.pop('duration_seconds')} is not a whole number of seconds."
            )
    read_only = arguments.pop("read_only", "") == _YES
    if read_only or initial["read_only"]:
        arguments["read_only"] = read_only
    if "policy" in arguments:
        arguments["policy"] = Path(arguments["policy"].removeprefix("file://"))
    if "policy_arns" in arguments:
        arguments["policy_arns"] = arguments["policy_arns"].replace(",", " ").split()
        if not arguments["policy_arns"]:
            del arguments["policy_arns"]
    if "tags" in arguments:
        pairs = [pair.partition("=") for pair in arguments["tags"].split()]
        wrong = [key for key, equals, _ in pairs if not equals]
        arguments["tags"] = {key.strip(): value.strip() for key, _, value in pairs}
        if wrong:
            faults["tags"] = f"Invalid tag: {wrong[0]} is not KEY=VALUE."
        elif len(arguments["tags"]) < len(pairs):
            faults["tags"] = "Duplicate tag key. Enter each key once."
    return arguments, faults


def _checked(fields: dict[str, str]) -> dict[str, Any]:
    """Check the fields as `stsnb.assume_role` will, without the MFA code."""
    arguments, faults = _read(fields)
    line = line_of(arguments)
    device = arguments.get("serial_number")
    role = arguments.pop("role", "")
    if not role:
        faults["role"] = ""
    try:
        request = resolve(role or _ANY_ROLE, arguments, kernel.environ_of_user()).request
        device = request.serial_number
    except InvalidRequestError as error:
        # A fault of a parameter without a field comes from the role's alias or profile.
        found = {name if name in _FIELDS else "role": sentence for name, sentence in error.faults}
        faults = {**found, **faults}
    except Exception as error:  # noqa: BLE001 # a profile or a file that can't be used
        explained = explain(error)
        faults["role"] = f"{explained.happened} {explained.advice}"
    needs_code = device is not None and kernel.needs_code(device)
    return {"faults": faults, "line": line, "device": device, "needs_code": needs_code}


def _no_role() -> None:
    return None


def _failure_of(error: BaseException) -> dict[str, Any]:
    if isinstance(error, AssumeRoleError):
        statement = None if error.statement is None else json.dumps(error.statement, indent=2)
        return {
            "happened": error.happened,
            "advice": error.advice,
            "said": error.said,
            "statement": statement,
        }
    if isinstance(error, KeyboardInterrupt):
        return {"happened": "Interrupted.", "advice": "Run %current_role to see the active role."}
    # The message of any other exception may contain secrets: only its type is shown.
    return {
        "happened": f"Unexpected error: {type(error).__name__}.",
        "advice": "Run the line below in a cell for details.",
    }


def _choices() -> dict[str, Any]:
    environ = kernel.environ_of_user()
    named = [*catalog.aliases(), *catalog.role_profiles(environ), *catalog.role_arns(environ)]
    configured = settings.current().general.get("duration_seconds")
    durations = sorted({*_DURATIONS, *([configured] if configured else [])})
    return {
        "roles": list(dict.fromkeys(named)),
        "profiles": catalog.profiles(environ),
        "regions": catalog.regions(),
        "serial_numbers": catalog.serial_numbers(environ),
        "policy_arns": catalog.policy_arns(),
        "durations": [[str(seconds), _in_words(seconds)] for seconds in durations],
    }


def _initial_fields() -> dict[str, str]:
    """Return the initial values of the fields, from the configuration."""
    general = settings.current().general
    return {
        "session_name": general.get("session_name") or default_session_name(),
        "duration_seconds": str(general.get("duration_seconds", "")),
        "region": general.get("region", ""),
        "read_only": _YES if general.get("read_only") else "",
    }


def _in_words(seconds: int) -> str:
    hours, minutes = divmod(seconds // _MINUTE, 60)
    parts = [(hours, "hour"), (minutes, "minute")]
    return " ".join(f"{number} {unit}{'s' * (number > 1)}" for number, unit in parts if number)
