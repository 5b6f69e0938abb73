"""AssumeRoleRequest: the parameters of AssumeRole, with every limit checked before anything is sent."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from stsnb.sts import limits, session_policies
from stsnb.sts.arn import RoleArn, shorten
from stsnb.sts.fault import Fault
from stsnb.sts.readers import READERS, read_token_code


class InvalidRequestError(ValueError):
    """A request that STS would refuse. It was not sent.

    Parameters
    ----------
    faults : sequence of (str, Fault)
        For each fault the name of the parameter, and what is wrong with its value.
    """

    def __init__(self, faults: Sequence[tuple[str, Fault]]) -> None:
        super().__init__(" ".join(fault for _, fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, eq=False)
class AssumeRoleRequest:
    """A request for STS, complete and within its limits.

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
    provided_contexts : tuple of dict of str to str, optional
        At most 5 assertions of trusted context providers, such as IAM Identity Center's: each with ``ProviderArn``
        (20 to 2048 characters) and ``ContextAssertion`` (4 to 2048 characters; a secret). Never shown in a repr or
        a message.
    minimum_session_token_size : int, optional
        The size that the session token has at least, 0 to 4096 bytes.
    serial_number : str, optional
        The MFA device, 9 to 256 characters.
    token_code : str, optional
        The six digits that the MFA device shows; needs `serial_number`. A code is valid once, so a request is kept
        without it. Never shown in a repr or a message.
    web_identity_token_file : str, optional
        The file with an OpenID Connect token in place of AWS credentials (AssumeRoleWithWebIdentity, which takes
        no external id, tags, source identity, provided contexts or MFA).

    Raises
    ------
    InvalidRequestError
        With all the faults of the request.
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
    provided_contexts: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    minimum_session_token_size: int | None = None
    serial_number: str | None = None
    token_code: str | None = field(default=None, repr=False)
    web_identity_token_file: str | None = None

    @classmethod
    def of(
        cls, role_arn: RoleArn | str, session_name: str | None = None, **parameters: Any
    ) -> AssumeRoleRequest:
        """Make a request from a user's values.

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
            With all the faults of the request.
        """
        faults: list[tuple[str, Fault]] = []

        def read(name: str, reader: Any, value: Any) -> Any:
            try:
                return reader(value)
            except ValueError as error:
                faults.append((name, error.args[0]))
                return None

        given = {name: value for name, value in parameters.items() if value is not None}
        for name, reader in READERS.items():
            if name in given:
                given[name] = read(name, reader, given[name])
        if isinstance(role_arn, str):
            role_arn = read("role_arn", RoleArn.parse, role_arn)
        elif not isinstance(role_arn, RoleArn):
            invalid = Fault(
                f"Invalid role: {shorten(role_arn)}.", "Pass its ARN, a profile or an alias as text."
            )
            faults.append(("role_arn", invalid))
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
            The code that the device shows; blanks around it are ignored.

        Returns
        -------
        AssumeRoleRequest

        Raises
        ------
        InvalidRequestError
            If it is not six digits; the message does not repeat it.
        """
        try:
            code = read_token_code(token_code)
        except ValueError as error:
            raise InvalidRequestError([("token_code", error.args[0])]) from None
        return replace(self, token_code=code)

    def __post_init__(self) -> None:
        faults = [(name, fault) for name, found in self._faults() for fault in found]
        if faults:
            raise InvalidRequestError(faults)

    def _faults(self) -> Iterator[tuple[str, list[Fault]]]:
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
            happened = (
                f"Invalid source identity {shorten(self.source_identity)}: AWS reserves aws: for itself."
            )
            yield "source_identity", [Fault(happened, "Choose one that does not begin with aws:.")]
        yield "provided_contexts", limits.provided_context_faults(self.provided_contexts)
        if self.minimum_session_token_size is not None:
            size = self.minimum_session_token_size
            yield "minimum_session_token_size", limits.session_token_size_faults(size)
        if self.token_code is not None:
            yield "token_code", limits.token_code_faults(self.token_code)
            if self.serial_number is None:
                needed = Fault(
                    "The MFA code has no device.", "Pass its serial number or ARN too (serial_number)."
                )
                yield "serial_number", [needed]
        if self.web_identity_token_file is not None:
            for name, label in NOT_WITH_WEB_IDENTITY.items():
                if getattr(self, name):
                    yield name, [Fault(f"STS accepts no {label} with a web identity.", f"Leave out {name}.")]

    @property
    def narrowing(self) -> str | None:
        """What narrows the session: ``read-only``, ``scoped`` by session policies, or None."""
        return session_policies.narrowing(self)

    def parameters(self) -> dict[str, Any]:
        """Return the request as botocore's ``client.assume_role`` takes it.

        An MFA device without a code is left out: the source credentials are an MFA session then.

        Returns
        -------
        dict
            STS's parameter names and values; those that are not requested are absent.
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
            "ProvidedContexts": [dict(context) for context in self.provided_contexts],
            "MinimumSessionTokenSize": self.minimum_session_token_size,
            "SerialNumber": self.serial_number if self.token_code is not None else None,
            "TokenCode": self.token_code,
        }
        return {name: value for name, value in asked.items() if value not in (None, [])}

    def secrets(self) -> list[str]:
        """Return what must not show in a message that quotes a server's answer.

        Returns
        -------
        list of str
            Without the MFA code: its six digits may be part of an account's id, and it is valid once.
        """
        return [context["ContextAssertion"] for context in self.provided_contexts]


#: The parameters with a secret in them: no message, line or file shows their values.
SECRETS = frozenset({"provided_contexts", "token_code"})


#: What AssumeRole accepts and AssumeRoleWithWebIdentity does not, with what a user calls it.
NOT_WITH_WEB_IDENTITY = {
    "external_id": "external id",
    "tags": "session tags",
    "transitive_tag_keys": "transitive tag keys",
    "source_identity": "source identity",
    "provided_contexts": "provided contexts",
    "serial_number": "MFA device",
    "token_code": "MFA code",
}


def default_session_name() -> str:
    """Return a session name that shows the user to a reader of CloudTrail.

    It is made of the user's name on this machine (on a JupyterHub the hub's, where every user is ``jovyan``),
    reduced to the characters that STS takes and cut to 64 of them.

    Returns
    -------
    str
        For example ``alice-jupyter``.
    """
    import getpass  # only for those who leave the name out: it loads more of the system

    try:
        user = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this uid, as in many containers
        user = ""
    plain = unicodedata.normalize("NFKD", user).encode("ascii", "ignore").decode()
    clean = "".join(c if c in limits.WORD else "-" for c in plain).strip("-")
    suffix = "jupyter"
    return f"{clean[: limits.MAX_SESSION_NAME_LENGTH - len(suffix) - 1]}-{suffix}" if clean else suffix
