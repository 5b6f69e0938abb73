"""RoleArn: a role's ARN, parsed and checked."""

from __future__ import annotations

import string
from dataclasses import dataclass

from stsnb.sts.fault import Fault

#: The length of RoleArn in characters (STS API reference, AssumeRole).
MIN_LENGTH, MAX_LENGTH = 20, 2048

_DIGITS = frozenset(string.digits)
_WORD = _DIGITS | set(string.ascii_letters)
_PARTITION = _DIGITS | set(string.ascii_lowercase) | {"-"}

# Other resources of IAM, which people paste in place of a role.
_KINDS = {
    "user": "a user",
    "group": "a group",
    "policy": "a policy",
    "instance-profile": "an instance-profile",
    "mfa": "an MFA device",
    "oidc-provider": "an OIDC provider",
    "saml-provider": "a SAML provider",
    "server-certificate": "a server certificate",
}
_EXPECTED = "arn:aws:iam::123456789012:role/NAME"


@dataclass(frozen=True)
class RoleArn:
    """The ARN of an IAM role.

    Parameters
    ----------
    partition : str
        ``aws``, ``aws-cn``, ``aws-us-gov``, or that of another server.
    account_id : str
        Twelve digits; empty or a tenant's name where a server has no accounts (Ceph, MinIO).
    path : str
        ``/``, or the role's path with a slash at both ends, as IAM writes it.
    name : str
        The role's name, 1 to 64 characters.
    """

    partition: str
    account_id: str
    path: str
    name: str

    @classmethod
    def parse(cls, text: str) -> RoleArn:
        """Parse an ARN.

        Parameters
        ----------
        text : str
            The ARN, 20 to 2048 characters; white space around it is ignored.

        Returns
        -------
        RoleArn

        Raises
        ------
        ValueError
            If `text` does not name a role; its argument is a `Fault`.
        """
        text = text.strip()
        shown = shorten(text)
        arn, *parts = text.split(":", 5)
        if arn != "arn" or len(parts) < 5:
            expected = _EXPECTED.replace("NAME", text) if _is_name(text) else _EXPECTED
            raise ValueError(Fault(f"{shown} is not a role ARN.", f"A role ARN looks like {expected}."))
        partition, service, region, account, resource = parts
        kind, slash, rest = resource.partition("/")
        if service == "sts" and kind == "assumed-role":
            own = cls(partition, account, "/", rest.partition("/")[0])
            instead = _EXPECTED if own._fault() else own
            raise ValueError(
                Fault(
                    f"{shown} is the ARN of a role's session, not of the role.",
                    f"Use the role's own ARN: {instead} (with the role's path, if it has one).",
                )
            )
        if service != "iam" or kind != "role" or not slash:
            what = _KINDS.get(kind) if service == "iam" else None
            if service != "iam" and _is_name(service):
                what = f"a resource of {service}"
            happened = f"{shown} is {f'the ARN of {what}, not of a role' if what else 'not a role ARN'}."
            raise ValueError(Fault(happened, f"A role ARN looks like {_EXPECTED}."))
        if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
            happened = f"Invalid role ARN {shown}: {len(text)} characters."
            raise ValueError(Fault(happened, f"It must have {MIN_LENGTH} to {MAX_LENGTH}."))
        parent, _, name = ("/" + rest).rpartition("/")
        role = cls(partition, account, parent + "/", name)
        fault = role._fault() or (f"The region must be empty, not {shorten(region)}." if region else None)
        if fault:
            raise ValueError(Fault(f"{shown} is not a role ARN.", fault))
        return role

    def _fault(self) -> str | None:
        if not self.partition or not set(self.partition) <= _PARTITION:
            return (
                f"The partition must be aws, aws-cn, aws-us-gov or the like, not {shorten(self.partition)}."
            )
        if not _is_account(self.account_id):
            return f"The account id must be 12 digits, not {shorten(self.account_id)}."
        if not _is_name(self.name):
            return f"The role's name must be 1 to 64 letters, digits and _ + = , . @ -, not {shorten(self.name)}."
        if self.path == "//" or len(self.path) > 512 or not all("!" <= c <= "~" for c in self.path):
            return f"The path must be at most 512 visible ASCII characters between slashes, not {shorten(self.path)}."
        return None

    @property
    def has_account(self) -> bool:
        """Whether it has an account id of 12 digits, as on AWS; a role of Ceph or MinIO has none."""
        return len(self.account_id) == 12 and set(self.account_id) <= _DIGITS

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role{self.path}{self.name}"


def _is_name(text: str) -> bool:
    # IAM API reference, CreateRole, RoleName.
    return 1 <= len(text) <= 64 and set(text) <= _WORD | set("_+=,.@-")


def _is_account(text: str) -> bool:
    # An account of AWS has 12 digits; Ceph has none, a tenant's name, or an account id with letters.
    if set(text) <= _DIGITS:
        return len(text) in (0, 12)
    return len(text) <= 128 and set(text) <= _WORD | {"_"}


def shorten(value: object, most: int = 80) -> str:
    """Return a value's repr for a message, cut to `most` characters.

    Parameters
    ----------
    value : object
        The value that the user gave; a repr shows white space and quotes.
    most : int
        The number of characters that are shown.

    Returns
    -------
    str
    """
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
