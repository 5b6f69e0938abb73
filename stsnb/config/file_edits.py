"""Applies what a program has changed in a copy of the user's AWS config to the user's own file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_OPTION = re.compile(r"(\s*)([^=:\s#;\[][^=:]*?)\s*[=:]\s*(.*?)\s*$")

#: A section, an option of it, and the one below that option, or "" (``s3 =`` with ``addressing_style`` below it).
Place = tuple[str, str, str]


def options_of(text: str) -> dict[Place, str]:
    """Return what a config file says.

    Parameters
    ----------
    text : str
        The file's text.

    Returns
    -------
    dict
        By section, option, and nested option. A value that goes on in further lines is not complete.
    """
    found: dict[Place, str] = {}
    section, parent, depth = "", "", 0
    for line in text.splitlines():
        if header := _SECTION.match(line):
            section, parent = " ".join(header[1].split()), ""
        elif option := _OPTION.match(line):
            indent, name, value = len(option[1]), option[2].lower(), option[3]
            if parent and indent > depth:
                found[section, parent, name] = value
            else:
                parent, depth = name, indent
                found[section, name, ""] = value
    return found


def changed_options(before: str, after: str) -> dict[Place, str]:
    """Return the options that a program has set in a config file.

    Parameters
    ----------
    before, after : str
        The file's text.

    Returns
    -------
    dict
        The new values, by place.
    """
    old = options_of(before)
    return {place: value for place, value in options_of(after).items() if old.get(place) != value}


def apply(options: Mapping[Place, str], path: Path) -> None:
    """Set options in a config file. Every other line stays as it is.

    Parameters
    ----------
    options : mapping
        The values, by place.
    path : Path
        The file, which need not exist.

    Raises
    ------
    OSError, UnicodeDecodeError
        If it can't be read or replaced; it is as before then.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for place, value in options.items():
        _set(lines, place, value)
    path = path.resolve()  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.stsnb-new")
    aside.touch(mode=path.stat().st_mode & 0o777 if path.exists() else 0o600)
    aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    aside.replace(path)


def _set(lines: list[str], place: Place, value: str) -> None:
    section, option, nested = place
    begin = _find_section(lines, section)
    if begin is None:
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        begin = len(lines)
    end = next((n for n in range(begin, len(lines)) if _SECTION.match(lines[n])), len(lines))
    while end > begin and not lines[end - 1].strip():
        end -= 1
    found = _find_option(lines, begin, end, option)
    if not nested:
        if found is None:
            lines.insert(end, f"{option} = {value}")
        else:
            lines[found] = f"{_indent(lines[found])}{option} = {value}"
        return
    if found is None:
        lines[end:end] = [f"{option} =", f"  {nested} = {value}"]
        return
    last = found + 1
    while last < end and len(_indent(lines[last])) > len(_indent(lines[found])):
        last += 1
    inner = _find_option(lines, found + 1, last, nested)
    if inner is None:
        lines.insert(last, f"  {nested} = {value}")
    else:
        lines[inner] = f"{_indent(lines[inner])}{nested} = {value}"


def _find_section(lines: list[str], section: str) -> int | None:
    for number, line in enumerate(lines):
        if (header := _SECTION.match(line)) and " ".join(header[1].split()) == section:
            return number + 1
    return None


def _find_option(lines: list[str], begin: int, end: int, name: str) -> int | None:
    for number in range(begin, end):
        option = _OPTION.match(lines[number])
        if option and option[2].lower() == name:
            return number
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
