"""Values as a pasted line of the AWS CLI writes them: variables, file://, JSON, Key=…,Value=…, arn=…."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stsnb.config.settings import OWN_KINDS
from stsnb.errors import AssumeRoleError
from stsnb.sts.arn import shorten

# sh's $NAME and ${NAME}, PowerShell's $env:NAME, and {expression} where IPython has not expanded it.
_VARIABLE = re.compile(
    r"\$(?:env:)?(?P<name>[A-Za-z_]\w*)|\$\{(?:env:)?(?P<braced>\w+)\}|\{(?P<expression>[A-Za-z_][\w.()\[\]]*)\}",
    re.ASCII,
)


def expanded(text: str, namespace: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Expand the variables in a text.

    Parameters
    ----------
    text : str
        With ``$NAME``, ``${NAME}``, ``$env:NAME`` or ``{name}`` in it.
    namespace : mapping
        The user's Python variables, which go before the environment, as in IPython.
    environ : mapping
        The user's environment.

    Returns
    -------
    str

    Raises
    ------
    stsnb.AssumeRoleError
        If a variable is not defined, or is a secret of the environment.
    """

    def expand(found: re.Match[str]) -> str:
        return _variable(found[0], next(filter(None, found.groups())), namespace, environ)

    return _VARIABLE.sub(expand, text)


def _variable(typed: str, name: str, namespace: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the value of a variable, the Python variable first, as IPython does."""
    if name in namespace and "env:" not in typed:
        return str(namespace[name])
    if typed.startswith("$") and name in environ:
        if re.search("SECRET|TOKEN", name) and not name.endswith("_FILE"):
            raise AssumeRoleError(
                f"{typed} holds a secret.", "Remove it: %assume_role uses the environment's credentials."
            )
        return environ[name]
    where = "a Python variable" if typed.startswith("{") else "a Python or environment variable"
    raise AssumeRoleError(
        f"{shorten(typed)} is not defined.",
        f"Define {where} of this name before the line, or write the value.",
    )


def read_values(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Read values as the AWS CLI writes them: ``file://``, JSON, ``Key=…,Value=…``, ``arn=…``.

    Parameters
    ----------
    asked : mapping
        The magic's arguments by name, as texts and lists of texts.

    Returns
    -------
    dict
        The arguments of `stsnb.assume_role`.

    Raises
    ------
    stsnb.AssumeRoleError
        If a value can't be read.
    """
    return {
        name: _READERS[name](value) if name in _READERS else _texts(name, value)
        for name, value in asked.items()
    }


def _text_of(option: str, value: str) -> str:
    """Return the content of a file that a value names with ``file://``; other values as they are."""
    if not value.startswith("file://"):
        return value
    try:
        path = Path(os.path.expandvars(value.removeprefix("file://"))).expanduser()
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        fault = error.strerror or type(error).__name__
    except (ValueError, RuntimeError):  # not text, a name that no file can have, a home that is not there
        fault = "it is not a text file"
    raise AssumeRoleError(f"Can't read the file of {option}: {fault}.", "Check the path after file://.")


def _policy(value: str) -> Path | str:
    if value.lstrip().startswith("{"):
        return value
    try:
        return Path(value.removeprefix("file://")).expanduser()
    except RuntimeError:  # ~name of an unknown user
        raise AssumeRoleError(
            f"The path {shorten(value)} of --policy names an unknown home folder.", "Check the path."
        ) from None


def _items(option: str, word: str, example: str) -> list[Any] | str:
    """Return the items of a list in JSON; other text as it is."""
    text = _text_of(option, word)
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise AssumeRoleError(
            f"The value of {option} is not valid JSON.", f"Write it in single quotes: {example}"
        ) from None
    return items if isinstance(items, list) else [items]


def _policy_arns(words: Sequence[str]) -> list[str]:
    arns: list[Any] = []
    example = '\'[{"arn": "arn:aws:iam::aws:policy/NAME"}]\''
    for word in words:
        items = _items("--policy-arns", word, example)
        if isinstance(items, str):
            items = re.split(r",(?=arn[:=])", items)
        arns += [item["arn"] if isinstance(item, dict) and set(item) == {"arn"} else item for item in items]
    if not _are_texts(arns):
        raise AssumeRoleError(
            "An item of --policy-arns is not a policy ARN.", f"Write the list as {example}, or ARN ARN …"
        )
    return [arn.removeprefix("arn=") for arn in arns]


def _tags(words: Sequence[str]) -> dict[str, str]:
    pairs: list[tuple[str, str]] = []
    example = '\'[{"Key": "team", "Value": "data"}]\''
    for word in words:
        items = _items("--tags", word, example)
        if isinstance(items, str):
            pairs.append(_tag(items))
            continue
        for item in items:
            if not isinstance(item, dict) or set(item) != {"Key", "Value"} or not _are_texts(item.values()):
                raise AssumeRoleError(
                    "An item of --tags is not an object with the texts Key and Value.",
                    f"Write the list as {example}",
                )
            pairs.append((item["Key"], item["Value"]))
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise AssumeRoleError("A tag key is given twice.", "Give each key once.")
    return tags


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _tag(text: str) -> tuple[str, str]:
    """Read ``team=data``, or ``Key=team,Value=data`` as the AWS CLI writes it."""
    if text.startswith("Key="):
        key, comma, value = text.removeprefix("Key=").partition(",Value=")
        if not comma:
            raise AssumeRoleError(
                f"The tag {shorten(key)} has no value.", f"Write Key={key},Value=VALUE, or {key}=VALUE."
            )
        return key, value
    if text.startswith("Value="):
        value, comma, key = text.removeprefix("Value=").rpartition(",Key=")
        if not comma:
            raise AssumeRoleError("A tag has no key.", "Write Key=KEY,Value=VALUE, or KEY=VALUE.")
        return key, value
    key, equals, value = text.partition("=")
    if not equals:
        raise AssumeRoleError(f"The tag {shorten(text)} is not KEY=VALUE.", "Write it as team=data.")
    return key, value


def _provided_contexts(words: Sequence[str]) -> list[dict[str, str]]:
    """Read contexts. No value is shown: an assertion is a secret."""
    contexts: list[Any] = []
    example = '\'[{"ProviderArn": "ARN", "ContextAssertion": "TEXT"}]\''
    for word in words:
        items = _items("--provided-contexts", word, example)
        contexts += [_context(items)] if isinstance(items, str) else items
    for context in contexts:
        if (
            not isinstance(context, dict)
            or set(context) != {"ProviderArn", "ContextAssertion"}
            or not _are_texts(context.values())
        ):
            raise AssumeRoleError(
                "An item of --provided-contexts is not an object with the texts ProviderArn and ContextAssertion.",
                f"Write it as ProviderArn=ARN,ContextAssertion=TEXT, or the list as {example}",
            )
    return contexts


def _context(text: str) -> dict[str, str] | None:
    """Read ``ProviderArn=…,ContextAssertion=…``; None for another text, or for a key that is given twice."""
    before, *parts = re.split(r"(?:^|,)(ProviderArn|ContextAssertion)=", text)
    return None if before or len(parts) != 4 else dict(zip(parts[::2], parts[1::2], strict=True))


def _texts(name: str, value: Any) -> Any:
    """Read the files that the texts of a parameter name; its own options and the AWS CLI's general ones name none."""
    option = "--" + name.replace("_", "-")
    if name in _AS_WRITTEN or not isinstance(value, (str, list)):
        return value
    return _text_of(option, value) if isinstance(value, str) else [_text_of(option, word) for word in value]


_READERS: dict[str, Callable[[Any], Any]] = {
    "policy": _policy,
    "policy_arns": _policy_arns,
    "provided_contexts": _provided_contexts,
    "tags": _tags,
}
_AS_WRITTEN = frozenset({"role", "session_name", "web_identity_token_file", *OWN_KINDS})
