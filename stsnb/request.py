"""AssumeRoleRequest: what is asked of STS, with every limit checked before anything is sent."""

from __future__ import annotations

import getpass
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stsnb.arn import RoleArn, shorten

MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 900, 43200
#: Inline and managed session policies together, in characters as they are sent.
MAX_POLICY_LENGTH = 2048
MAX_POLICY_ARNS = 10
MAX_TAGS = 50
MAX_SESSION_NAME_LENGTH = 64


class InvalidRequestError(ValueError):
    """A request that STS could only refuse: nothing was sent.

    Parameters
    ----------
    faults : sequence of (str, str)
        For each fault the name of the parameter and a sentence with the limit and what was given.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(" ".join(sentence for _, sentence in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class _Text:
    """The rule for a parameter of text: its length, and the characters that STS takes."""

    label: str
    least: int
    most: int
    alphabet: re.Pattern[str]
    described: str

    def faults(self, value: object) -> list[str]:
        if not isinstance(value, str):
            return [f"The {self.label} must be text, not {shorten(value)}."]
        found = []
        if not self.least <= len(value) <= self.most:
            limits = f"{self.least} to {self.most}" if self.least != self.most else f"exactly {self.most}"
            found.append(
                f"The {self.label} {shorten(value)} has {len(value)} characters; STS takes {limits}."
            )
        strange = self.alphabet.sub("", value)
        if strange:
            found.append(
                f"The {self.label} {shorten(value)} has {_named(strange)} in it; STS takes {self.described}."
            )
        return found


def _named(characters: str) -> str:
    distinct = list(dict.fromkeys(characters))
    names = ["a space" if c == " " else repr(c) for c in distinct[:5]]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


_WORD = "letters, digits and _ + = , . @ -"
# STS API reference, AssumeRole, and the patterns of the service model.
_TEXTS = {
    "session_name": _Text(
        "session name", 2, MAX_SESSION_NAME_LENGTH, re.compile(r"[A-Za-z0-9_+=,.@-]"), _WORD
    ),
    "source_identity": _Text("source identity", 2, 64, re.compile(r"[A-Za-z0-9_+=,.@-]"), _WORD),
    "external_id": _Text("external id", 2, 1224, re.compile(r"[A-Za-z0-9_+=,.@:/-]"), _WORD + " : /"),
    "serial_number": _Text("MFA serial number", 9, 256, re.compile(r"[A-Za-z0-9_+=/:,.@-]"), _WORD + " : /"),
}
_TAG_PUNCTUATION = frozenset("_.:/=+-@")
_TAG_ALPHABET = "letters, digits, spaces and _ . : / = + - @"
_TOKEN_CODE = re.compile(r"[0-9]{6}")
_POLICY_STRANGE = re.compile(r"[^\t\n\r\x20-\xff]")


@dataclass(frozen=True)
class AssumeRoleRequest:
    """What STS is asked for, complete and within its limits.

    Names are STS's own (`STS API reference, AssumeRole
    <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>`_), as are all limits.

    Parameters
    ----------
    role_arn : RoleArn
        The role.
    session_name : str
        2 to 64 letters, digits and ``_+=,.@-``.
    duration_seconds : int, optional
        900 to 43200 seconds, and at most the role's MaxSessionDuration. STS's own default is 3600.
    external_id : str, optional
        2 to 1224 letters, digits and ``_+=,.@:/-``.
    policy : str, optional
        A session policy, in JSON. With `policy_arns` at most 2048 characters, as sent.
    policy_arns : tuple of str, optional
        At most 10 ARNs of managed policies.
    tags : dict of str to str, optional
        At most 50 session tags; keys of 1 to 128, values of 0 to 256 characters; keys that differ only in
        case are the same key.
    transitive_tag_keys : tuple of str, optional
        At most 50 keys of tags that a chained role inherits.
    source_identity : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, not beginning with ``aws:``.
    serial_number : str, optional
        The MFA device, 9 to 256 characters; goes with `token_code`.
    token_code : str, optional
        The six digits that the MFA device shows. Never shown in a repr or a message.

    Raises
    ------
    InvalidRequestError
        With all the faults of the request, each a sentence.
    """

    role_arn: RoleArn
    session_name: str
    duration_seconds: int | None = None
    external_id: str | None = None
    policy: str | None = field(default=None, repr=False)
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    serial_number: str | None = None
    token_code: str | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, role_arn: RoleArn | str, session_name: str | None = None, **parameters: Any
    ) -> AssumeRoleRequest:
        """Make a request from what a user gives.

        Parameters
        ----------
        role_arn : RoleArn or str
            The role.
        session_name : str, optional
            The session's name; None for `default_session_name`.
        **parameters
            The parameters of the class. None means not given. `policy` may also be a dict, or an os.PathLike
            that names a JSON file; lists may be any iterable of str.

        Returns
        -------
        AssumeRoleRequest

        Raises
        ------
        InvalidRequestError
            With all the faults of the request, each a sentence.
        """
        faults: list[tuple[str, str]] = []

        def read(name: str, reader: Any, value: Any) -> Any:
            try:
                return reader(value)
            except ValueError as fault:
                faults.append((name, str(fault)))
                return None

        given = {name: value for name, value in parameters.items() if value is not None}
        for name, reader in _READERS.items():
            if name in given:
                given[name] = read(name, reader, given[name])
        if isinstance(role_arn, str):
            role_arn = read("role_arn", RoleArn.parse, role_arn)
        elif not isinstance(role_arn, RoleArn):
            faults.append(("role_arn", f"The role must be an ARN, not {shorten(role_arn)}."))
        given["session_name"] = default_session_name() if session_name is None else session_name
        given = {name: value for name, value in given.items() if value is not None}
        try:
            request = cls(role_arn, **given)  # type: ignore[arg-type] # a fault of the ARN is among the faults
        except InvalidRequestError as error:
            faults.extend(error.faults)
        if faults:
            order = [f.name for f in fields(cls)]
            raise InvalidRequestError(sorted(faults, key=lambda fault: order.index(fault[0])))
        return request

    def __post_init__(self) -> None:
        faults = [(name, sentence) for name in _TEXTS for sentence in self._text_faults(name)]
        faults += self._duration_faults() + self._policy_faults() + self._tag_faults() + self._mfa_faults()
        if self.source_identity and self.source_identity.startswith("aws:"):
            faults.append(
                (
                    "source_identity",
                    f"The source identity {shorten(self.source_identity)} begins with aws:, which AWS reserves.",
                )
            )
        if faults:
            raise InvalidRequestError(faults)

    def _text_faults(self, name: str) -> list[str]:
        value = getattr(self, name)
        return [] if value is None else _TEXTS[name].faults(value)

    def _duration_faults(self) -> list[tuple[str, str]]:
        seconds = self.duration_seconds
        if seconds is None or MIN_DURATION_SECONDS <= seconds <= MAX_DURATION_SECONDS:
            return []
        return [
            (
                "duration_seconds",
                f"The duration is {seconds} seconds; STS takes {MIN_DURATION_SECONDS} to {MAX_DURATION_SECONDS} "
                "(15 minutes to 12 hours), and at most the role's MaxSessionDuration.",
            )
        ]

    def _policy_faults(self) -> list[tuple[str, str]]:
        faults = []
        if len(self.policy_arns) > MAX_POLICY_ARNS:
            faults.append(
                (
                    "policy_arns",
                    f"There are {len(self.policy_arns)} managed session policies; STS takes at most {MAX_POLICY_ARNS}.",
                )
            )
        faults += [
            (
                "policy_arns",
                f"{shorten(arn)} is not the ARN of a managed policy, which looks like arn:aws:iam::aws:policy/NAME.",
            )
            for arn in self.policy_arns
            if not (arn.startswith("arn:") and 20 <= len(arn) <= MAX_POLICY_LENGTH)
        ]
        if self.policy is not None and (strange := _POLICY_STRANGE.search(self.policy)):
            faults.append(
                (
                    "policy",
                    f"The session policy has {strange[0]!r} in it; STS takes the characters up to U+00FF.",
                )
            )
        length = len(self.policy or "") + sum(map(len, self.policy_arns))
        if length > MAX_POLICY_LENGTH:
            faults.append(
                (
                    "policy" if self.policy else "policy_arns",
                    f"The session policies have {length} characters together; STS takes at most {MAX_POLICY_LENGTH}.",
                )
            )
        return faults

    def _tag_faults(self) -> list[tuple[str, str]]:
        faults = [
            ("tags", sentence) for key, value in self.tags.items() for sentence in _tag_faults(key, value)
        ]
        if len(self.tags) > MAX_TAGS:
            faults.append(("tags", f"There are {len(self.tags)} tags; STS takes at most {MAX_TAGS}."))
        folded: dict[str, str] = {}
        for key in self.tags:
            twin = folded.setdefault(key.lower(), key)
            if twin != key:
                faults.append(
                    (
                        "tags",
                        f"The tag keys {shorten(twin)} and {shorten(key)} are the same to STS, which ignores case.",
                    )
                )
        if len(self.transitive_tag_keys) > MAX_TAGS:
            faults.append(
                (
                    "transitive_tag_keys",
                    f"There are {len(self.transitive_tag_keys)} transitive tag keys; STS takes at most {MAX_TAGS}.",
                )
            )
        faults += [
            ("transitive_tag_keys", sentence)
            for key in self.transitive_tag_keys
            for sentence in _tag_part_faults("transitive tag key", key, 1, 128)
        ]
        return faults

    def _mfa_faults(self) -> list[tuple[str, str]]:
        faults = []
        if self.token_code is not None and not _TOKEN_CODE.fullmatch(self.token_code):
            # What was typed may be another secret in the wrong field: only its shape is told.
            shape = f"{len(self.token_code)} characters" + (
                "" if self.token_code.isdigit() else ", not only digits"
            )
            faults.append(
                ("token_code", f"The MFA code must be exactly 6 digits; the one given has {shape}.")
            )
        if self.token_code is not None and self.serial_number is None:
            faults.append(
                ("serial_number", "The MFA code needs the device that shows it: give its serial number too.")
            )
        if self.serial_number is not None and self.token_code is None:
            faults.append(
                (
                    "token_code",
                    f"The MFA device {shorten(self.serial_number)} needs the 6 digits that it shows: give the code too.",
                )
            )
        return faults

    @property
    def renewable(self) -> bool:
        """Whether it can be sent again without a person: an MFA code is good only once."""
        return self.token_code is None

    def parameters(self) -> dict[str, Any]:
        """Return the request as botocore's ``client.assume_role`` takes it.

        Returns
        -------
        dict
            STS's parameter names and values; what was not asked for is absent.
        """
        asked = {
            "RoleArn": str(self.role_arn),
            "RoleSessionName": self.session_name,
            "DurationSeconds": self.duration_seconds,
            "ExternalId": self.external_id,
            "Policy": self.policy,
            "PolicyArns": [{"arn": arn} for arn in self.policy_arns],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "TransitiveTagKeys": list(self.transitive_tag_keys),
            "SourceIdentity": self.source_identity,
            "SerialNumber": self.serial_number,
            "TokenCode": self.token_code,
        }
        return {name: value for name, value in asked.items() if value not in (None, [])}


MIN_POLICY_ARN_LENGTH = 20


def _tag_faults(key: str, value: str) -> list[str]:
    return _tag_part_faults("tag key", key, 1, 128) + _tag_part_faults(
        f"value of tag {shorten(key)}", value, 0, 256
    )


def _tag_part_faults(label: str, text: str, least: int, most: int) -> list[str]:
    # \p{L}, \p{Z} and \p{N} of STS's pattern are Unicode's categories; Python's re does not know them.
    strange = "".join(
        c for c in text if c not in _TAG_PUNCTUATION and unicodedata.category(c)[0] not in "LZN"
    )
    found = []
    if not least <= len(text) <= most:
        found.append(f"The {label} {shorten(text)} has {len(text)} characters; STS takes {least} to {most}.")
    if strange:
        found.append(f"The {label} {shorten(text)} has {_named(strange)} in it; STS takes {_TAG_ALPHABET}.")
    return found


def _read_duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"The duration must be a whole number of seconds, not {shorten(value)}.")
    return value


def _read_policy(value: Any) -> str:
    """Return a policy as compact JSON: Ceph takes no spaces, and fewer characters count against the limit."""
    where = "The session policy"
    if isinstance(value, os.PathLike):
        where += f" in {os.fspath(value)}"
        try:
            value = Path(value).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{where} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ValueError(f"{where} is not text in UTF-8.") from None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"{where} is not JSON: {error}.") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a JSON object (a dict), not {shorten(value)}.")
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} cannot be written as JSON: {error}.") from None


def _read_texts(label: str) -> Any:
    def read(value: Any) -> tuple[str, ...]:
        texts = (
            (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
        )
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"The {label} must be a list of texts, not {shorten(value)}.")
        return texts

    return read


def _read_tags(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(t, str) for pair in value.items() for t in pair):
        raise ValueError(f"The tags must be a dict of texts, not {shorten(value)}.")
    return dict(value)


def _read_token_code(value: Any) -> str:
    if not isinstance(value, str):
        # A code may begin with 0, which a number loses.
        raise ValueError("The MFA code must be text of exactly 6 digits, in quotes.")
    return value.strip()


_READERS = {
    "duration_seconds": _read_duration,
    "policy": _read_policy,
    "policy_arns": _read_texts("managed session policies"),
    "tags": _read_tags,
    "transitive_tag_keys": _read_texts("transitive tag keys"),
    "token_code": _read_token_code,
}


def default_session_name() -> str:
    """Return a session name by which a reader of CloudTrail finds the person.

    The name of the user on this machine (on a JupyterHub the hub's, since there everybody is ``jovyan``),
    cleaned to STS's alphabet and cut to its 64 characters.

    Returns
    -------
    str
        For example ``alice-jupyter``.
    """
    try:
        user = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this uid, as in many containers; the kind varies
        user = ""
    plain = unicodedata.normalize("NFKD", user).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9_+=,.@-]+", "-", plain).strip("-")
    suffix = "jupyter"
    return f"{clean[: MAX_SESSION_NAME_LENGTH - len(suffix) - 1]}-{suffix}" if clean else suffix
