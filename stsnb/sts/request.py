"""AssumeRoleRequest: what is asked of STS, with every limit checked before anything is sent."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from stsnb.sts import limits, session_policies
from stsnb.sts.arn import RoleArn, shorten


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


@dataclass(frozen=True, eq=False)
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
        At most 10 ARNs of managed policies, of AWS's own or of the role's account.
    read_only : bool
        Whether ReadOnlyAccess is the session policy; not together with others, which would widen it.
    tags : dict of str to str, optional
        At most 50 session tags; keys of 1 to 128, values of 0 to 256 characters; keys that differ only in
        case are the same key.
    transitive_tag_keys : tuple of str, optional
        At most 50 keys of tags that a chained role inherits.
    source_identity : str, optional
        2 to 64 letters, digits and ``_+=,.@-``, not beginning with ``aws:``.
    serial_number : str, optional
        The MFA device, 9 to 256 characters.
    token_code : str, optional
        The six digits that the MFA device shows; goes with `serial_number`. Good once, so that a request is
        kept without it. Never shown in a repr or a message.
    web_identity_token_file : str, optional
        The file with a token of OpenID Connect that takes the place of AWS credentials
        (AssumeRoleWithWebIdentity), which knows neither an external id nor tags, a source identity or MFA.

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
    read_only: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    serial_number: str | None = None
    token_code: str | None = field(default=None, repr=False)
    web_identity_token_file: str | None = None

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
            unread = {name for name, _ in faults}
            faults += [fault for fault in error.faults if fault[0] not in unread]
        if faults:
            order = [f.name for f in fields(cls)]
            raise InvalidRequestError(sorted(faults, key=lambda fault: order.index(fault[0])))
        return request

    def with_code(self, token_code: object) -> AssumeRoleRequest:
        """Return the same request with a code of its MFA device.

        Parameters
        ----------
        token_code : str
            What the device shows; blanks around it are ignored.

        Returns
        -------
        AssumeRoleRequest

        Raises
        ------
        InvalidRequestError
            If it is not six digits; the message does not repeat it.
        """
        try:
            code = _read_token_code(token_code)
        except ValueError as fault:
            raise InvalidRequestError([("token_code", str(fault))]) from None
        return replace(self, token_code=code)

    def __post_init__(self) -> None:
        faults = [(name, sentence) for name, sentences in self._faults() for sentence in sentences]
        if faults:
            raise InvalidRequestError(faults)

    def _faults(self) -> Iterator[tuple[str, list[str]]]:
        for name, rule in limits.TEXTS.items():
            if (value := getattr(self, name)) is not None:
                yield name, rule.faults(value)
        if self.duration_seconds is not None:
            yield "duration_seconds", limits.duration_faults(self.duration_seconds)
        yield "policy", limits.policy_faults(self.policy or "")
        yield "policy_arns", limits.policy_arn_faults(self.policy_arns)
        if isinstance(self.role_arn, RoleArn):
            yield "policy_arns", session_policies.policy_arn_faults(self)
            yield "read_only", session_policies.read_only_faults(self)
        too_long = limits.policy_length_faults(self.policy or "", self.policy_arns)
        yield "policy" if self.policy else "policy_arns", too_long
        yield "tags", limits.tag_faults(self.tags)
        yield "transitive_tag_keys", limits.transitive_tag_key_faults(self.transitive_tag_keys)
        if isinstance(self.source_identity, str) and self.source_identity.startswith("aws:"):
            identity = shorten(self.source_identity)
            yield "source_identity", [f"The source identity {identity} begins with aws:, which AWS reserves."]
        if self.token_code is not None:
            yield "token_code", limits.token_code_faults(self.token_code)
            if self.serial_number is None:
                needs = "The MFA code needs the device that shows it: give its serial number too."
                yield "serial_number", [needs]
        if self.web_identity_token_file is not None:
            for name, label in NOT_WITH_WEB_IDENTITY.items():
                if getattr(self, name):
                    yield name, [f"STS takes no {label} with a web identity: leave it out."]

    @property
    def narrowing(self) -> str | None:
        """What narrows the session: ``read-only``, ``scoped`` by session policies, or None."""
        return session_policies.narrowing(self)

    def parameters(self) -> dict[str, Any]:
        """Return the request as botocore's ``client.assume_role`` takes it.

        An MFA device without a code is left out: the credentials that ask have been got with one then.

        Returns
        -------
        dict
            STS's parameter names and values; what was not asked for is absent.
        """
        policy, policy_arns = session_policies.session_policies(self)
        asked = {
            "RoleArn": str(self.role_arn),
            "RoleSessionName": self.session_name,
            "DurationSeconds": self.duration_seconds,
            "ExternalId": self.external_id,
            "Policy": policy,
            "PolicyArns": [{"arn": arn} for arn in policy_arns],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "TransitiveTagKeys": list(self.transitive_tag_keys),
            "SourceIdentity": self.source_identity,
            "SerialNumber": self.serial_number if self.token_code is not None else None,
            "TokenCode": self.token_code,
        }
        return {name: value for name, value in asked.items() if value not in (None, [])}


#: What AssumeRole takes and AssumeRoleWithWebIdentity does not, with what a person calls it.
NOT_WITH_WEB_IDENTITY = {
    "external_id": "external id",
    "tags": "session tags",
    "transitive_tag_keys": "transitive tag keys",
    "source_identity": "source identity",
    "serial_number": "MFA device",
    "token_code": "MFA code",
}


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
            value = Path(value).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{where} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ValueError(f"{where} is not text in UTF-8.") from None
        except (ValueError, RuntimeError) as error:  # a name that no file can have, a home that is not there
            raise ValueError(f"{where} cannot be read: {error}.") from None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where} is not JSON: {error}.") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a JSON object (a dict), not {shorten(value)}.")
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_as_dict)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{where} cannot be written as JSON: {error}.") from None


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is none of JSON's kinds")


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


def _read_token_file(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(f"The web identity token file must be the path of a file, not {shorten(value)}.")
    try:
        return str(Path(os.fspath(value)).expanduser())
    except (RuntimeError, TypeError):  # no home to look in, a path of bytes
        raise ValueError(f"The web identity token file {shorten(value)} cannot be found.") from None


_READERS = {
    "duration_seconds": _read_duration,
    "policy": _read_policy,
    "policy_arns": _read_texts("managed session policies"),
    "tags": _read_tags,
    "transitive_tag_keys": _read_texts("transitive tag keys"),
    "token_code": _read_token_code,
    "web_identity_token_file": _read_token_file,
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
    import getpass  # and what it needs of the system, for those who leave the name out

    try:
        user = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this uid, as in many containers; the kind varies
        user = ""
    plain = unicodedata.normalize("NFKD", user).encode("ascii", "ignore").decode()
    clean = "".join(c if c in limits.WORD else "-" for c in plain).strip("-")
    suffix = "jupyter"
    return f"{clean[: limits.MAX_SESSION_NAME_LENGTH - len(suffix) - 1]}-{suffix}" if clean else suffix
