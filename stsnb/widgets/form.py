"""AssumeRoleForm: the form that asks for a role, and becomes its badge."""

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
# Stands in for the role while none is typed, so that the other fields can be checked.
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
    """The fields of the form, the line that they stand for, and what came of asking.

    The MFA code is not among them: the browser sends it once, in a message that nothing stores.
    """

    _esm = text_of("common.js", "form.js")
    _css = text_of("common.css", "form.css")

    #: What stands in the fields, as typed.
    fields = traitlets.Dict().tag(sync=True)
    #: How often the browser has changed them.
    version = traitlets.Int().tag(sync=True)
    #: What came of checking them: their version; for each field that is wrong why ("" if it is missing); the
    #: magic's line that does the same; the MFA device of the role, and whether a code of it is needed.
    checked = traitlets.Dict().tag(sync=True)
    #: What the fields offer: what the user's files and configuration name, and what was used before.
    choices = traitlets.Dict().tag(sync=True)
    #: ``open``; ``asking``; ``done``, when the badge shows what came of it.
    phase = traitlets.Unicode("open").tag(sync=True)
    #: What went wrong when STS was asked last: happened, advice, said, statement.
    failure: Any = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    #: How often it was asked: a second click of the same sight of the form asks for nothing more.
    attempt = traitlets.Int().tag(sync=True)

    def __init__(self) -> None:
        self._asking = threading.Lock()
        # Weakly: ipywidgets keeps each widget for ever.
        self._got: Callable[[], AssumedRole | None] = _nobody
        super().__init__(fields=_filled_in(), choices=_choices())
        self._check()
        self.observe(self._check, ["fields", "version"])
        self.on_msg(self._received)

    @property
    def got(self) -> AssumedRole | None:
        """The role that the form has assumed, for as long as somebody else holds it."""
        return self._got()

    def _check(self, _change: object = None) -> None:
        self.checked = {"version": self.version, **_checked(self.fields)}

    def _received(self, _widget: object, content: Any, _buffers: object) -> None:
        code = content.pop("token_code", None)
        if content.get("do") == "again" and self.phase == "done":
            self._got = _nobody
            self.phase, self.choices = "open", _choices()
            self._check()
        elif content.get("do") == "assume" and self._asking.acquire(blocking=False):
            try:
                if self.phase == "open" and content.get("attempt") == self.attempt:
                    self.fields = content["fields"]
                    self._check()  # the user's files may have been mended since
                    self._assume(code)
            finally:
                self._asking.release()

    def _assume(self, code: str | None) -> None:
        if self.checked["faults"]:
            self.attempt += 1
            return
        self.failure, self.phase = None, "asking"
        try:
            asked, _ = _read(self.fields)
            role = assume_role(**asked, token_code=code or None)
        except BaseException as error:  # noqa: BLE001 # an interrupt too: in a callback it would be lost
            self.failure = _told(error)
        else:
            self._got = weakref.ref(role)
        with self.hold_sync():
            self.phase = "done" if self.failure is None else "open"
            self.attempt += 1


class AssumeRoleForm(ipywidgets.VBox):
    """The form for a role: what a bare ``%assume_role`` shows.

    It checks as one types, in the sentences of `stsnb.assume_role`, shows the magic's line that does the same,
    and becomes the role's badge. A refusal is shown in it; everything is then as it was before.
    """

    def __init__(self) -> None:
        self._fields = Fields()
        self._badge = ipywidgets.Box()
        super().__init__([self._badge, self._fields])
        for box in (self, self._badge):
            box.add_class("stsnb-host")  # what has lost its kernel says so in words
        self._fields.observe(self._turn, "phase")

    @property
    def role(self) -> AssumedRole | None:
        """The role that it has assumed; None before, and once nobody else holds that."""
        return self._fields.got

    def _turn(self, _change: object) -> None:
        role = self.role
        self._badge.children = [] if role is None else [badge_of(role, kernel)]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        role = self.role
        return {**bundle, "text/plain": HOW if role is None else str(role)}


def _read(fields: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what was typed into the arguments of `stsnb.assume_role`, and say what cannot be read."""
    filled_in, faults = _filled_in(), {}
    asked: dict[str, Any] = {name: text.strip() for name, text in fields.items() if text.strip()}
    # What stood there from the beginning was not given: an alias or a profile goes before the configuration.
    asked = {name: text for name, text in asked.items() if text != filled_in.get(name) or name == "read_only"}
    if "duration_seconds" in asked:
        try:
            asked["duration_seconds"] = int(asked["duration_seconds"])
        except ValueError:
            faults["duration_seconds"] = f"{asked.pop('duration_seconds')} is not a whole number of seconds."
    read_only = asked.pop("read_only", "") == _YES
    if read_only or filled_in["read_only"]:
        asked["read_only"] = read_only
    if "policy" in asked:
        asked["policy"] = Path(asked["policy"].removeprefix("file://"))
    if "policy_arns" in asked:
        asked["policy_arns"] = asked["policy_arns"].replace(",", " ").split()
        if not asked["policy_arns"]:
            del asked["policy_arns"]
    if "tags" in asked:
        pairs = [pair.partition("=") for pair in asked["tags"].split()]
        wrong = [key for key, equals, _ in pairs if not equals]
        asked["tags"] = {key.strip(): value.strip() for key, _, value in pairs}
        if wrong:
            faults["tags"] = f"{wrong[0]} is not KEY=VALUE."
        elif len(asked["tags"]) < len(pairs):
            faults["tags"] = "A tag key was given twice."
    return asked, faults


def _checked(fields: dict[str, str]) -> dict[str, Any]:
    """Check what was typed, as it will be when it is asked for; the code is not among it."""
    asked, faults = _read(fields)
    line = line_of(asked)
    device = asked.get("serial_number")
    role = asked.pop("role", "")
    if not role:
        faults["role"] = ""
    try:
        request = resolve(role or _ANY_ROLE, asked, kernel.environ_of_user()).request
        device = request.serial_number
    except InvalidRequestError as error:
        # What is wrong with something that is no field came with the role: with its alias, or its profile.
        found = {name if name in _FIELDS else "role": sentence for name, sentence in error.faults}
        faults = {**found, **faults}
    except Exception as error:  # noqa: BLE001 # a profile that cannot be used, or a file
        told = explain(error)
        faults["role"] = f"{told.happened} {told.advice}"
    needs_code = device is not None and kernel.needs_code(device)
    return {"faults": faults, "line": line, "device": device, "needs_code": needs_code}


def _nobody() -> None:
    return None


def _told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, AssumeRoleError):
        statement = None if error.statement is None else json.dumps(error.statement, indent=2)
        return {
            "happened": error.happened,
            "advice": error.advice,
            "said": error.said,
            "statement": statement,
        }
    if isinstance(error, KeyboardInterrupt):
        return {"happened": "It was interrupted.", "advice": "Everything is as it was before."}
    # Whatever else may come has not met the check for secrets: its kind alone is shown.
    return {
        "happened": f"The form met a {type(error).__name__}.",
        "advice": "Try the line below in a cell: it tells more.",
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


def _filled_in() -> dict[str, str]:
    """Return what stands in the fields at the beginning: what is configured."""
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
