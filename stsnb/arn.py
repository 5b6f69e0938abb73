"""RoleArn: the name of a role, taken apart and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: How many characters STS takes as RoleArn (STS API reference, AssumeRole).
MIN_LENGTH, MAX_LENGTH = 20, 2048

_PATTERN = re.compile(
    r"arn:(?P<partition>[^:]*):(?P<service>[^:]*):(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)",
    re.DOTALL,
)
_PARTITION = re.compile(r"[a-z][a-z0-9-]*")
# An account of AWS is 12 digits; Ceph has none, a tenant's name or an account of its own alphabet there.
_ACCOUNT = re.compile(r"|[0-9]{12}|(?=.*[A-Za-z_])[A-Za-z0-9_]{1,128}")
# IAM API reference, CreateRole: RoleName and Path.
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_PATH = re.compile(r"/|/[\x21-\x7e]{1,510}/")

_EXPECTED = "arn:aws:iam::123456789012:role/NAME"


@dataclass(frozen=True)
class RoleArn:
    """The ARN of an IAM role.

    Parameters
    ----------
    partition : str
        ``aws``, ``aws-cn``, ``aws-us-gov``, or what another server calls itself.
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
        """Take an ARN apart.

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
            If `text` does not name a role; the message is a sentence on what it is and what is expected.
        """
        text = text.strip()
        shown = shorten(text)
        match = _PATTERN.fullmatch(text)
        if match is None:
            expected = _EXPECTED.replace("NAME", text) if _NAME.fullmatch(text) else _EXPECTED
            raise ValueError(f"{shown} is not the ARN of a role, which looks like {expected}.")
        if len(text) > MAX_LENGTH:
            raise ValueError(
                f"The role's ARN has {len(text)} characters ({shown}); STS takes {MIN_LENGTH} to {MAX_LENGTH}."
            )
        partition, account, resource = match["partition"], match["account"], match["resource"]
        if match["service"] == "sts" and resource.startswith("assumed-role/"):
            name = resource.split("/")[1]
            raise ValueError(
                f"{shown} is the ARN of a session of a role; give the role's own ARN, "
                f"arn:{partition}:iam::{account}:role/{name} (with the role's path, if it has one)."
            )
        kind, slash, rest = resource.partition("/")
        if match["service"] != "iam" or kind != "role" or not slash:
            what = (
                f"a {kind}"
                if match["service"] == "iam" and slash
                else f"a resource of {match['service'] or '?'}"
            )
            raise ValueError(f"{shown} names {what}, not a role; a role's ARN looks like {_EXPECTED}.")
        parent, _, name = ("/" + rest).rpartition("/")
        arn = cls(partition, account, parent + "/", name)
        fault = arn._fault() or (
            f"The region must be empty, not {match['region']!r}" if match["region"] else None
        )
        if fault:
            raise ValueError(f"{shown} is not the ARN of a role: {fault[0].lower()}{fault[1:]}.")
        return arn

    def _fault(self) -> str | None:
        if not _PARTITION.fullmatch(self.partition):
            return f"The partition must be aws, aws-cn, aws-us-gov or the like, not {self.partition!r}"
        if not _ACCOUNT.fullmatch(self.account_id):
            return f"The account id must be 12 digits, not {shorten(self.account_id)}"
        if not _NAME.fullmatch(self.name):
            return (
                f"The role's name must be 1 to 64 letters, digits and _ + = , . @ -, not {shorten(self.name)}"
            )
        if not _PATH.fullmatch(self.path):
            return f"The path must be at most 512 visible ASCII characters, not {shorten(self.path)}"
        return None

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role{self.path}{self.name}"


def shorten(value: object, most: int = 80) -> str:
    """Quote what was given, cut to `most` characters, so that a message stays a sentence.

    Parameters
    ----------
    value : object
        What the user gave; shown by its repr, so that white space and quotes can be seen.
    most : int
        How many characters are shown.

    Returns
    -------
    str
    """
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
