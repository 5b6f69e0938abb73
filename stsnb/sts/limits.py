"""The limits of AssumeRole's parameters, and the sentence for what is beyond them.

All are those of the `STS API reference <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_;
botocore checks only types and minimums and sends the rest.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping, Sequence

from stsnb.sts.arn import shorten

MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 900, 43200
#: How long a chained session lasts on AWS, in seconds (IAM user guide, "Roles terms and concepts": Role chaining).
MAX_CHAINED_DURATION_SECONDS = 3600
#: Inline and managed session policies together, in characters as they are sent.
MAX_POLICY_LENGTH = 2048
MAX_POLICY_ARNS = 10
MAX_TAGS = 50
MAX_SESSION_NAME_LENGTH = 64
#: Partition and account of a managed policy; the account is ``aws`` for AWS's own.
MANAGED_POLICY_ARN = re.compile(r"arn:([^:\s]+):iam::([^:\s]*):policy/\S+")
#: What STS takes in names.
WORD = frozenset(string.ascii_letters + string.digits + "_+=,.@-")


class Text:
    """The rule for a parameter of text: its length, and the characters that STS takes."""

    def __init__(self, label: str, least: int, most: int, more: str = "") -> None:
        self.label = label
        self.least = least
        self.most = most
        self.alphabet = WORD | set(more)
        self.described = " ".join(["letters, digits and _ + = , . @ -", *more])

    def faults(self, value: object) -> list[str]:
        """Return a sentence for each way in which a value is beyond the rule."""
        if not isinstance(value, str):
            return [f"The {self.label} must be text, not {shorten(value)}."]
        found = _length_faults(self.label, value, self.least, self.most)
        strange = [c for c in value if c not in self.alphabet]
        if strange:
            found.append(
                f"The {self.label} {shorten(value)} has {_named(strange)} in it; STS takes {self.described}."
            )
        return found


TEXTS = {
    "session_name": Text("session name", 2, MAX_SESSION_NAME_LENGTH),
    "source_identity": Text("source identity", 2, 64),
    "external_id": Text("external id", 2, 1224, ":/"),
    "serial_number": Text("MFA serial number", 9, 256, ":/"),
}


def duration_faults(seconds: int) -> list[str]:
    """Return a sentence if a session cannot be as long, in seconds."""
    if MIN_DURATION_SECONDS <= seconds <= MAX_DURATION_SECONDS:
        return []
    return [
        f"The duration is {seconds} seconds; STS takes {MIN_DURATION_SECONDS} to {MAX_DURATION_SECONDS} "
        "(15 minutes to 12 hours), and at most the role's MaxSessionDuration."
    ]


def policy_faults(policy: str) -> list[str]:
    """Return a sentence for a session policy with characters that STS does not take."""
    strange = next((c for c in policy if not (c in "\t\n\r" or " " <= c <= "\xff")), None)
    if strange is None:
        return []
    return [f"The session policy has {strange!r} in it; STS takes the characters up to U+00FF."]


def policy_arn_faults(arns: Sequence[str]) -> list[str]:
    """Return a sentence for each fault of the managed session policies."""
    found = []
    if len(arns) > MAX_POLICY_ARNS:
        found.append(f"There are {len(arns)} managed session policies; STS takes at most {MAX_POLICY_ARNS}.")
    found += [
        f"{shorten(arn)} is not the ARN of a managed policy, which looks like arn:aws:iam::aws:policy/NAME."
        for arn in arns
        if not (MANAGED_POLICY_ARN.fullmatch(arn) and len(arn) <= MAX_POLICY_LENGTH)
    ]
    return found


def policy_length_faults(policy: str, arns: Sequence[str]) -> list[str]:
    """Return a sentence if the session policies together are too long."""
    length = len(policy) + sum(map(len, arns))
    if length <= MAX_POLICY_LENGTH:
        return []
    return [f"The session policies have {length} characters together; STS takes at most {MAX_POLICY_LENGTH}."]


def tag_faults(tags: Mapping[str, str]) -> list[str]:
    """Return a sentence for each fault of the session tags."""
    found = []
    folded: dict[str, str] = {}
    for key, value in tags.items():
        found += tag_key_faults("tag key", key)
        found += _tag_text_faults(f"value of tag {shorten(key)}", value, 0, 256)
        twin = folded.setdefault(key.lower(), key)
        if twin != key:
            found.append(
                f"The tag keys {shorten(twin)} and {shorten(key)} are the same to STS, which ignores case."
            )
    if len(tags) > MAX_TAGS:
        found.append(f"There are {len(tags)} tags; STS takes at most {MAX_TAGS}.")
    return found


def transitive_tag_key_faults(keys: Sequence[str]) -> list[str]:
    """Return a sentence for each fault of the transitive tag keys."""
    found = [sentence for key in keys for sentence in tag_key_faults("transitive tag key", key)]
    if len(keys) > MAX_TAGS:
        found.append(f"There are {len(keys)} transitive tag keys; STS takes at most {MAX_TAGS}.")
    return found


def tag_key_faults(label: str, key: str) -> list[str]:
    """Return a sentence for each fault of a tag's key."""
    return _tag_text_faults(label, key, 1, 128)


def token_code_faults(code: str) -> list[str]:
    """Return a sentence, without the code, if it is not one of 6 digits."""
    if len(code) == 6 and set(code) <= set(string.digits):
        return []
    # What was typed may be another secret in the wrong field: only its shape is told.
    shape = f"{len(code)} characters" + ("" if code.isdigit() else ", not only digits")
    return [f"The MFA code must be exactly 6 digits; the one given has {shape}."]


def _tag_text_faults(label: str, text: str, least: int, most: int) -> list[str]:
    found = _length_faults(label, text, least, most)
    # \p{L}, \p{Z} and \p{N} of STS's pattern are Unicode's categories, which Python's re does not know.
    strange = [c for c in text if c not in "_.:/=+-@" and unicodedata.category(c)[0] not in "LZN"]
    if strange:
        found.append(
            f"The {label} {shorten(text)} has {_named(strange)} in it; "
            "STS takes letters, digits, spaces and _ . : / = + - @."
        )
    return found


def _length_faults(label: str, text: str, least: int, most: int) -> list[str]:
    if least <= len(text) <= most:
        return []
    return [f"The {label} {shorten(text)} has {len(text)} characters; STS takes {least} to {most}."]


def _named(characters: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(characters))
    names = ["a space" if c == " " else repr(c) for c in distinct[:5]]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
