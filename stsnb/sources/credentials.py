"""Source credentials as botocore signs with them: fetched once for each call of STS, and never shown."""

from __future__ import annotations

import threading

import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials


class FrozenCredentials(ReadOnlyCredentials):
    """One set of keys, as botocore signs with. Its repr hides them, which botocore's own does not."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} …{(self.access_key or '')[-4:]}>"


class FetchedCredentials(Credentials):
    """Source credentials as this thread fetched them last, so that one call of STS fetches them once.

    botocore fetches credentials with less than 15 minutes left at each access, and signing is another access.

    Parameters
    ----------
    credentials : botocore.credentials.Credentials
        The source's credentials.
    """

    def __init__(self, credentials: Credentials) -> None:
        super().__init__("", "", method=credentials.method)
        self._credentials = credentials
        self._fetched = threading.local()

    def fetch(self) -> ReadOnlyCredentials:
        """Return the current keys, and sign with these on this thread until the next fetch."""
        found: ReadOnlyCredentials = self._credentials.get_frozen_credentials()
        self._fetched.now = found
        return found

    def replace(self, credentials: Credentials) -> None:
        """Sign with other credentials from now on.

        Parameters
        ----------
        credentials : botocore.credentials.Credentials
            The same source's, found anew.
        """
        self._credentials, self.method = credentials, credentials.method
        self._fetched = threading.local()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys to sign with."""
        now: ReadOnlyCredentials | None = getattr(self._fetched, "now", None)
        return now or self.fetch()


def set_credentials(session: botocore.session.Session, credentials: Credentials) -> None:
    """Make a session sign with given credentials instead of what its provider chain finds.

    Parameters
    ----------
    session : botocore.session.Session
        The session.
    credentials : botocore.credentials.Credentials
        The credentials that its clients sign with from now on.
    """
    session.register_component("credential_provider", CredentialResolver([_GivenProvider(credentials)]))
    vars(session)["_credentials"] = None  # those that the session may have found before


class _GivenProvider(CredentialProvider):
    """The one provider of a session whose credentials are known already."""

    METHOD = CANONICAL_NAME = "stsnb"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials
