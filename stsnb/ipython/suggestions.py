"""What could stand at the cursor of a line of %assume_role: options, and what each of them could be."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stsnb.config import catalog, settings
from stsnb.ipython.cursor import Line, options

# Two names for one thing: the first given, the second is not offered.
_SAME = {"role_arn": "role", "role_session_name": "session_name"}
_NEEDS_QUOTE = re.compile(r"[\s'\"]")


def completions(line: Line) -> Iterator[tuple[str, str]]:
    """Find what could stand at the cursor.

    Parameters
    ----------
    line : Line
        The line.

    Yields
    ------
    text : str
        What takes the place of `Line.replaced`, in quotation marks where it needs them.
    kind : str
        What it is, as JupyterLab shows it: ``role``, ``profile``, ``option``, …
    """
    seen: set[str] = set()
    find = _VALUES.get(line.expected or "")
    if find is not None:
        for value, kind in find(line, _environ()):
            if value not in seen and _begins(value, line.fragment):
                seen.add(value)
                text = _quoted(value, line, ends=kind != "folder")
                if text is not None:
                    yield text, kind
    if line.options and not line.quote:
        given = {_SAME.get(name, name) for name in line.given}
        for option, action in options().items():
            if _SAME.get(action.dest, action.dest) not in given and option.startswith(line.fragment):
                yield option, "option"


def _begins(value: str, fragment: str) -> bool:
    """Whether somebody who typed the fragment may mean the value: people know a role by its name, not its ARN."""
    fragment = fragment.lower()
    value = value.lower()
    return value.startswith(fragment) or (
        value.startswith("arn:") and any(part.startswith(fragment) for part in value.split("/")[1:])
    )


def _quoted(value: str, line: Line, *, ends: bool) -> str | None:
    quote = line.quote
    if not quote and _NEEDS_QUOTE.search(value):
        quote = "'" if '"' in value else '"'
    if quote and quote in value:
        return None
    return f"{quote}{value}{quote if ends and not line.closed else ''}"


def _environ() -> Mapping[str, str]:
    """Return the environment in which the user's files are named; a role in force may have put others there."""
    # Without kernel.py no role can have been assumed, and importing it now would cost botocore's time.
    module = sys.modules.get("stsnb.kernel")
    return os.environ if module is None else module.kernel.environ_of_user()


_Found = Iterator[tuple[str, str]]


def _roles(_line: Line, environ: Mapping[str, str]) -> _Found:
    yield from ((alias, "alias") for alias in catalog.aliases())
    yield from ((arn, "role") for arn in catalog.used_before())
    yield from ((profile, "profile") for profile in catalog.role_profiles(environ))
    yield from ((arn, "role") for arn in catalog.role_arns(environ))


def _session_names(line: Line, environ: Mapping[str, str]) -> _Found:
    return ((name, "session") for name in catalog.session_names(line.role, environ))


def _profiles(_line: Line, environ: Mapping[str, str]) -> _Found:
    return ((name, "profile") for name in catalog.profiles(environ))


def _regions(line: Line, environ: Mapping[str, str]) -> _Found:
    return ((region, "region") for region in catalog.regions(_partition(line, environ)))


def _policy_arns(line: Line, environ: Mapping[str, str]) -> _Found:
    given = line.given.get("policy_arns", [])
    partition = _partition(line, environ) or "aws"
    return ((arn, "policy") for arn in catalog.policy_arns(partition) if arn not in given)


def _serial_numbers(_line: Line, environ: Mapping[str, str]) -> _Found:
    return ((device, "device") for device in catalog.serial_numbers(environ))


def _durations(_line: Line, _environ: Mapping[str, str]) -> _Found:
    return ((str(seconds), "seconds") for seconds in catalog.DURATIONS)


def _tag_keys(line: Line, _environ: Mapping[str, str]) -> _Found:
    given = line.given.get("transitive_tag_keys", [])
    keys = (
        tag.removeprefix("Key=").partition(",Value=")[0].partition("=")[0]
        for tag in line.given.get("tags", [])
    )
    return ((key, "tag") for key in keys if key not in given)


def _files(line: Line, _environ: Mapping[str, str]) -> _Found:
    scheme = "file://" if line.fragment.startswith("file://") else ""
    folder, name = os.path.split(line.fragment.removeprefix(scheme))
    try:
        entries = sorted(Path(folder or ".").expanduser().iterdir(), key=lambda entry: entry.name.lower())
        for entry in entries:
            if entry.name.startswith(".") and not name.startswith("."):
                continue
            path = scheme + os.path.join(folder, entry.name)  # noqa: PTH118 # Path would lose "./" as it was typed
            yield (f"{path}/", "folder") if entry.is_dir() else (path, "file")
    except (OSError, RuntimeError, ValueError):  # not there, not to be read, or no home for ~
        return


def _partition(line: Line, environ: Mapping[str, str]) -> str | None:
    """Return the partition of the line's role; None while it is not known."""
    role = line.role or ""
    alias = settings.current().roles.get(role)
    arn = alias["role_arn"] if alias else catalog.role_profiles(environ).get(role, role)
    parts = arn.split(":")
    return parts[1] if len(parts) == 6 else None


#: How to find the values of each parameter by its name in the parser; the others are the user's own words.
_VALUES: dict[str, Callable[[Line, Mapping[str, str]], _Found]] = {
    "role": _roles,
    "role_arn": _roles,
    "session_name": _session_names,
    "role_session_name": _session_names,
    "profile": _profiles,
    "region": _regions,
    "policy": _files,
    "web_identity_token_file": _files,
    "policy_arns": _policy_arns,
    "serial_number": _serial_numbers,
    "duration_seconds": _durations,
    "transitive_tag_keys": _tag_keys,
}
