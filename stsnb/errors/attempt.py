"""Attempt: what the sentences of an error name: whose credentials called STS, at which endpoint, for which role."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stsnb._redaction import without_password
from stsnb.sources.source import Source
from stsnb.sts.request import AssumeRoleRequest

#: One sentence on the fault and one on what to do.
Sentences = tuple[str, str]
#: A row of a table of errors: two sentences with names of an Attempt's properties in braces, or a function that
#: makes them of the error and the attempt.
Row = Sentences | Callable[[Any, "Attempt"], Sentences]


@dataclass(frozen=True)
class Attempt:
    """A call of STS, as far as it got.

    Parameters
    ----------
    request : AssumeRoleRequest or None
        The request; None if none could be made.
    source : Source or None
        Whose credentials call STS; None if they were not found.
    region, profile : str or None
        The region and the source profile that the user named.
    environ : mapping
        The user's environment, without what stsnb has put into it.
    """

    request: AssumeRoleRequest | None = None
    source: Source | None = None
    region: str | None = None
    profile: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def explain(self, row: Row, error: object) -> Sentences:
        """Return the sentences of a row for an error.

        Parameters
        ----------
        row : Row
            Of a table of errors.
        error : object
            What a row that is a function makes its sentences of.

        Returns
        -------
        Sentences
        """
        if callable(row):
            return row(error, self)
        happened, advice = (text.format_map(_Names(self)) for text in row)
        return happened, advice

    @property
    def role(self) -> str:
        """The role's name."""
        return self.request.role_arn.name if self.request else "the role"

    @property
    def role_arn(self) -> str:
        """The role's ARN."""
        return str(self.request.role_arn) if self.request else "the role"

    @property
    def device(self) -> str:
        """The MFA device."""
        return (self.request.serial_number if self.request else None) or "of the role"

    @property
    def origin(self) -> str:
        """Where the credentials were found: ``profile work``."""
        return self.source.origin if self.source else f"profile {self._profile}"

    @property
    def owner(self) -> str:
        """The profile that the credentials belong to, at the beginning of a sentence."""
        return f"Profile {self._profile}"

    @property
    def endpoint(self) -> str:
        """STS's address, and the setting that it comes from."""
        if self.source is None or self.request is None:
            return "STS"
        setting = self.source.session.endpoint_setting()
        if self.region and setting.startswith(("region", "the default")):
            setting = f"region {self.region}"
        try:
            url = self.source.client(self.request.role_arn, self.region).meta.endpoint_url
        except Exception:  # noqa: BLE001 # no client can be made with these settings, which are being explained
            return f"STS (its address from {setting})"
        return f"STS at {without_password(url)} (from {setting})"

    @property
    def login(self) -> str:
        """The command that signs in to Identity Center again."""
        return f"aws sso login{self._profile_option}"

    @property
    def aws_login(self) -> str:
        """The command that signs in with the AWS console's credentials again."""
        return f"aws login{self._profile_option}"

    @property
    def method(self) -> str:
        """How botocore found the credentials (the METHOD of its provider); empty if it did not."""
        return str(self.source.credentials.method) if self.source else ""

    @property
    def secrets(self) -> list[str]:
        """The secrets of the source and the request, which no message may show."""
        return [
            *(self.source.secrets() if self.source else []),
            *(self.request.secrets() if self.request else []),
        ]

    @property
    def _profile(self) -> str:
        return self.profile or (self.source.profile if self.source else "default")

    @property
    def _profile_option(self) -> str:
        return "" if self._profile == "default" else f" --profile {shlex.quote(self._profile)}"


class _Names(Mapping[str, str]):
    """The properties of an attempt by name, each made only if a sentence has it: an endpoint costs a client."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __getitem__(self, name: str) -> str:
        return str(getattr(self._attempt, name))

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0
