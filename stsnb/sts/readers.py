"""Readers: what a user may pass for a parameter, read into what `AssumeRoleRequest` holds.

Each raises a ValueError whose argument is a `stsnb.sts.fault.Fault`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stsnb.sts.arn import shorten
from stsnb.sts.fault import Fault


def _read_whole_number(label: str, unit: str) -> Any:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(
                Fault(f"Invalid {label}: {shorten(value)}.", f"It must be a whole number of {unit}.")
            )
        return value

    return read


def _read_policy(value: Any) -> str:
    """Return a policy as compact JSON: Ceph takes no spaces, and fewer characters count against the limit."""
    where = "The session policy"
    if isinstance(value, os.PathLike):
        where += f" in {os.fspath(value)}"
        try:
            value = Path(value).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(Fault(f"{where} can't be read: {error.strerror}.", "Check the path.")) from None
        except UnicodeDecodeError:
            raise ValueError(Fault(f"{where} is not text in UTF-8.", "Save the file as UTF-8.")) from None
        except (
            ValueError,
            RuntimeError,
            TypeError,
        ) as error:  # a name that no file can have, a home that is not there
            raise ValueError(
                Fault(f"{where} can't be read: {str(error).rstrip('.')}.", "Check the path.")
            ) from None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(Fault(f"{where} is not JSON: {error}.", "Pass a JSON object.")) from None
    if not isinstance(value, Mapping):
        raise ValueError(
            Fault(
                f"{where} is not a JSON object: {shorten(value)}.", "Pass a dict, JSON text or a file's path."
            )
        )
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_as_dict)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            Fault(
                f"{where} can't be written as JSON: {error}.",
                "Use dicts with str keys, lists, text and numbers.",
            )
        ) from None


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"JSON has no {type(value).__name__}")


def _read_texts(label: str) -> Any:
    def read(value: Any) -> tuple[str, ...]:
        texts = (
            (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
        )
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(Fault(f"Invalid {label}: {shorten(value)}.", "Pass a list of texts (str)."))
        return texts

    return read


def _read_tags(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(t, str) for pair in value.items() for t in pair):
        raise ValueError(Fault(f"Invalid tags: {shorten(value)}.", "Pass a dict of texts (str)."))
    return dict(value)


def _read_provided_contexts(value: Any) -> tuple[dict[str, str], ...]:
    """Return dicts with exactly two texts each. No value is shown: an assertion is a secret."""
    contexts = (
        (value,) if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable) else tuple(value)
    )
    for number, context in enumerate(contexts, 1):
        if (
            not isinstance(context, Mapping)
            or set(context) != {"ProviderArn", "ContextAssertion"}
            or not all(isinstance(text, str) for text in context.values())
        ):
            raise ValueError(
                Fault(
                    f"Invalid provided contexts: item {number} is not a dict with the texts ProviderArn and ContextAssertion.",
                    'Pass a list such as [{"ProviderArn": "…", "ContextAssertion": "…"}].',
                )
            )
    return tuple(map(dict, contexts))


def read_token_code(value: Any) -> str:
    """Read an MFA code.

    Parameters
    ----------
    value : object
        What was passed; spaces around it are ignored.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is not text; its argument is a `Fault`.
    """
    if not isinstance(value, str):
        # A code may begin with 0, which a number loses.
        raise ValueError(Fault("Invalid MFA code: it is not text.", "Pass exactly 6 digits in quotes."))
    return value.strip()


def _read_token_file(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(
            Fault(f"Invalid web identity token file: {shorten(value)}.", "Pass the path of a file.")
        )
    try:
        return str(Path(os.fspath(value)).expanduser())
    except (RuntimeError, TypeError):  # no home to look in, a path of bytes
        raise ValueError(
            Fault(f"The web identity token file {shorten(value)} can't be found.", "Pass the path of a file.")
        ) from None


#: How the value of each parameter is read.
READERS = {
    "duration_seconds": _read_whole_number("duration", "seconds"),
    "policy": _read_policy,
    "policy_arns": _read_texts("managed session policies"),
    "tags": _read_tags,
    "transitive_tag_keys": _read_texts("transitive tag keys"),
    "provided_contexts": _read_provided_contexts,
    "minimum_session_token_size": _read_whole_number("minimum session token size", "bytes"),
    "token_code": read_token_code,
    "web_identity_token_file": _read_token_file,
}
