"""The completions at the cursor of a %assume_role line: options, and the values of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stsnb.config import catalog, settings
from stsnb.ipython.cursor import Line, options
from stsnb.ipython.magics import environ_of_user
from stsnb.line import quoted

# Two names for one parameter: if one is given, the other is not offered.
_SAME = {"role_arn": "role", "role_session_name": "session_name"}


def completions(line: Line) -> Iterator[tuple[str, str]]:
    """Find the completions at a cursor.

    Parameters
    ----------
    line : Line
        The line.

    Yields
    ------
    text : str
        The replacement of `Line.replaced`, in quotation marks if it needs them.
    kind : str
        Its kind, which JupyterLab shows: ``role``, ``profile``, ``option``, …
    """
    seen: set[str] = set()
    find = _VALUES.get(line.expected or "")
    if find is not None:
        for value, kind in find(line, environ_of_user()):
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
    """Whether a value begins with the fragment; an ARN also by its name, since people know roles by that."""
    fragment = fragment.lower()
    value = value.lower()
    return value.startswith(fragment) or (
        value.startswith("arn:") and any(part.startswith(fragment) for part in value.split("/")[1:])
    )


def _quoted(value: str, line: Line, *, ends: bool) -> str | None:
    """Return a value as it is written at the cursor; None if it can't be within the open quotation mark."""
    if not line.quote and ends:
        return quoted(value)
    quote = line.quote
    if not quote and quoted(value.removesuffix("/")) != value.removesuffix("/"):
        quote = "'" if set(value) & set('"$`{}') else '"'
    if quote and set(value) & set("'" if quote == "'" else '"$`{}'):
        return None
    return f"{quote}{value}{quote if ends and not line.closed else ''}"


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
            path = scheme + os.path.join(folder, entry.name)  # noqa: PTH118 # Path would drop the "./" that was typed
            yield (f"{path}/", "folder") if entry.is_dir() else (path, "file")
    except (OSError, RuntimeError, ValueError):  # missing, unreadable, or no home folder for ~
        return


def _partition(line: Line, environ: Mapping[str, str]) -> str | None:
    """Return the partition of the line's role; None if it is unknown."""
    role = line.role or ""
    alias = settings.current().roles.get(role)
    arn = alias["role_arn"] if alias else catalog.role_profiles(environ).get(role, role)
    parts = arn.split(":")
    return parts[1] if len(parts) == 6 else None


#: For each parameter by its name in the parser, how its values are found; others have no completions.
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
