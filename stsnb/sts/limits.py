"""The limits of AssumeRole's parameters, and the sentences for a value beyond them.

All are those of the `STS API reference <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_;
botocore checks only types and minimums and sends the rest.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping, Sequence

from stsnb.sts.arn import shorten
from stsnb.sts.fault import Fault

MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 900, 43200
#: How long a chained session lasts on AWS, in seconds (IAM user guide, "Roles terms and concepts": Role chaining).
MAX_CHAINED_DURATION_SECONDS = 3600
#: The length of inline and managed session policies together, in characters as sent.
MAX_POLICY_LENGTH = 2048
MAX_POLICY_ARNS = 10
MAX_TAGS = 50
MAX_SESSION_NAME_LENGTH = 64
MAX_PROVIDED_CONTEXTS = 5
#: In bytes.
MAX_SESSION_TOKEN_SIZE = 4096
#: Partition and account of a managed policy; the account is ``aws`` for AWS's own.
MANAGED_POLICY_ARN = re.compile(r"arn:([^:\s]+):iam::([^:\s]*):policy/\S+")
#: The characters that STS accepts in names.
WORD = frozenset(string.ascii_letters + string.digits + "_+=,.@-")


class Text:
    """The rule for a parameter of text: its length, and the characters that STS accepts."""

    def __init__(self, label: str, least: int, most: int, more: str = "") -> None:
        self.label = label
        self.least = least
        self.most = most
        self.alphabet = WORD | set(more)
        self.described = " ".join(["letters, digits and _ + = , . @ -", *more])

    def faults(self, value: object) -> list[Fault]:
        """Return each fault of a value."""
        if not isinstance(value, str):
            return [Fault(f"Invalid {self.label}: {shorten(value)}.", "It must be text (a str).")]
        found = _length_faults(self.label, value, self.least, self.most)
        strange = [c for c in value if c not in self.alphabet]
        if strange:
            happened = f"Invalid {self.label} {shorten(value)}: it contains {_named(strange)}."
            found.append(Fault(happened, f"Use {self.described}."))
        return found


TEXTS = {
    "session_name": Text("session name", 2, MAX_SESSION_NAME_LENGTH),
    "source_identity": Text("source identity", 2, 64),
    "external_id": Text("external id", 2, 1224, ":/"),
    "serial_number": Text("MFA serial number", 9, 256, ":/"),
}


def duration_faults(seconds: int) -> list[Fault]:
    """Return a fault if a session can't be as long, in seconds."""
    if MIN_DURATION_SECONDS <= seconds <= MAX_DURATION_SECONDS:
        return []
    limits = f"It must be {MIN_DURATION_SECONDS} to {MAX_DURATION_SECONDS} s."
    return [Fault(f"Invalid duration: {seconds} s.", limits)]


def policy_faults(policy: str) -> list[Fault]:
    """Return a fault if a session policy has characters that STS does not accept."""
    strange = next((c for c in policy if not (c in "\t\n\r" or " " <= c <= "\xff")), None)
    if strange is None:
        return []
    return [Fault(f"Invalid session policy: it contains {strange!r}.", "Use characters up to U+00FF.")]


def policy_arn_faults(arns: Sequence[str]) -> list[Fault]:
    """Return each fault of the managed session policies."""
    found = []
    if len(arns) > MAX_POLICY_ARNS:
        too_many = f"Too many managed session policies: {len(arns)}."
        found.append(Fault(too_many, f"Pass at most {MAX_POLICY_ARNS}."))
    found += [
        Fault(
            f"{shorten(arn)} is not the ARN of a managed policy.",
            "It looks like arn:aws:iam::aws:policy/NAME.",
        )
        for arn in arns
        if not (MANAGED_POLICY_ARN.fullmatch(arn) and len(arn) <= MAX_POLICY_LENGTH)
    ]
    return found


def policy_length_faults(policy: str, arns: Sequence[str]) -> list[Fault]:
    """Return a fault if the session policies together are too long."""
    length = len(policy) + sum(map(len, arns))
    if length <= MAX_POLICY_LENGTH:
        return []
    happened = f"The session policies are too long: {length} characters."
    return [Fault(happened, f"Shorten them to at most {MAX_POLICY_LENGTH} characters together.")]


def tag_faults(tags: Mapping[str, str]) -> list[Fault]:
    """Return each fault of the session tags."""
    found = []
    folded: dict[str, str] = {}
    for key, value in tags.items():
        found += tag_key_faults("tag key", key)
        found += _tag_text_faults(f"value of tag {shorten(key)}", value, 0, 256)
        twin = folded.setdefault(key.lower(), key)
        if twin != key:
            happened = f"The tag keys {shorten(twin)} and {shorten(key)} differ in case only."
            found.append(Fault(happened, "STS ignores case: use one of them."))
    if len(tags) > MAX_TAGS:
        found.append(Fault(f"Too many tags: {len(tags)}.", f"Pass at most {MAX_TAGS}."))
    return found


def transitive_tag_key_faults(keys: Sequence[str]) -> list[Fault]:
    """Return each fault of the transitive tag keys."""
    found = [fault for key in keys for fault in tag_key_faults("transitive tag key", key)]
    if len(keys) > MAX_TAGS:
        found.append(Fault(f"Too many transitive tag keys: {len(keys)}.", f"Pass at most {MAX_TAGS}."))
    return found


def tag_key_faults(label: str, key: str) -> list[Fault]:
    """Return each fault of a tag's key."""
    return _tag_text_faults(label, key, 1, 128)


def provided_context_faults(contexts: Sequence[Mapping[str, str]]) -> list[Fault]:
    """Return each fault of the provided contexts, without their values: an assertion is a secret, in either place."""
    found = []
    for number, context in enumerate(contexts, 1):
        for name, least in (("ProviderArn", 20), ("ContextAssertion", 4)):
            if not least <= (length := len(context[name])) <= 2048:
                happened = f"Invalid {name} of provided context {number}: {_count(length)}."
                found.append(Fault(happened, f"It must have {least} to 2048."))
    if len(contexts) > MAX_PROVIDED_CONTEXTS:
        too_many = f"Too many provided contexts: {len(contexts)}."
        found.append(Fault(too_many, f"Pass at most {MAX_PROVIDED_CONTEXTS}."))
    return found


def session_token_size_faults(size: int) -> list[Fault]:
    """Return a fault if STS can't be asked for a session token of at least so many bytes."""
    if 0 <= size <= MAX_SESSION_TOKEN_SIZE:
        return []
    happened = f"Invalid minimum session token size: {size} bytes."
    return [Fault(happened, f"It must be 0 to {MAX_SESSION_TOKEN_SIZE} bytes.")]


def token_code_faults(code: str) -> list[Fault]:
    """Return a fault, without the code, if it is not 6 digits."""
    if len(code) == 6 and set(code) <= set(string.digits):
        return []
    # What was typed may be another secret in the wrong field: only its shape is shown.
    shape = f"{len(code)} characters" + ("" if code.isdigit() else ", not only digits")
    return [Fault(f"Invalid MFA code: it has {shape}.", "It must be exactly 6 digits.")]


def _tag_text_faults(label: str, text: str, least: int, most: int) -> list[Fault]:
    found = _length_faults(label, text, least, most)
    # \p{L}, \p{Z} and \p{N} of STS's pattern are Unicode's categories, which Python's re does not know.
    strange = [c for c in text if c not in "_.:/=+-@" and unicodedata.category(c)[0] not in "LZN"]
    if strange:
        happened = f"Invalid {label} {shorten(text)}: it contains {_named(strange)}."
        found.append(Fault(happened, "Use letters, digits, spaces and _ . : / = + - @."))
    return found


def _length_faults(label: str, text: str, least: int, most: int) -> list[Fault]:
    if least <= len(text) <= most:
        return []
    happened = f"Invalid {label} {shorten(text)}: {_count(len(text))}."
    return [Fault(happened, f"It must have {least} to {most}.")]


def _count(length: int) -> str:
    return f"{length} character{'' if length == 1 else 's'}"


def _named(characters: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(characters))
    names = ["a space" if c == " " else repr(c) for c in distinct[:5]]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
