"""IssuedValues: knows every credential that stsnb has put into the environment, by a digest instead of the secret."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

#: The variables whose values tell a set of credentials from every other. A region or an endpoint does not.
IDENTIFYING = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
# One of these is in every set, and in no other one.
_NAMES_OF_A_SET = ("AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


class IssuedValues:
    """Every set of variables that stsnb has put into the environment of this process.

    Code that restores an earlier copy of os.environ (``mock.patch.dict``, pytest's monkeypatch, dotenv) brings back
    keys that were replaced since. They are known here, so that they are never taken for the user's own.

    It belongs to an Environment, which changes it; any thread may read it.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._digests: set[bytes] = set()
        # By the digest that identifies a set: the other variables that went with it.
        self._settings: dict[bytes, Mapping[str, str | None]] = {}

    def add(self, variables: Mapping[str, str | None]) -> None:
        """Remember a set of variables.

        Parameters
        ----------
        variables : mapping
            The values; None for a variable that is unset.
        """
        settings = {name: value for name, value in variables.items() if name not in IDENTIFYING}
        for name in IDENTIFYING:
            if (value := variables.get(name)) is not None:
                digest = self._digest(name, value)
                self._digests.add(digest)
                if name in _NAMES_OF_A_SET:
                    self._settings[digest] = settings

    def knows(self, name: str, value: str | None) -> bool:
        """Say whether stsnb has ever set a variable to a value that identifies credentials.

        Parameters
        ----------
        name : str
            The variable.
        value : str or None
            Its value; None if it is unset.

        Returns
        -------
        bool
        """
        return value is not None and name in IDENTIFYING and self._digest(name, value) in self._digests

    def settings_in(self, environ: Mapping[str, str]) -> Mapping[str, str | None] | None:
        """Return the other variables of the set whose credentials an environment holds.

        Parameters
        ----------
        environ : mapping
            The environment.

        Returns
        -------
        mapping or None
            None if it holds no credentials that stsnb has put there.
        """
        for name in _NAMES_OF_A_SET:
            value = environ.get(name)
            if value and (found := self._settings.get(self._digest(name, value))) is not None:
                return found
        return None

    def _digest(self, name: str, value: str) -> bytes:
        text = f"{name}\0{value}".encode(errors="surrogateescape")
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()
