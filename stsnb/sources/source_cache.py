"""SourceCache: the sources that were found, for as long as the user's environment, files and default session stay the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from stsnb.sources.isolated_session import fingerprint
from stsnb.sources.source import Source
from stsnb.sources.web_identity import WebIdentitySource

if TYPE_CHECKING:
    import boto3


class SourceKey(NamedTuple):
    """What a user names to say whose credentials call STS."""

    #: The profile whose credentials call STS; None for what the environment has.
    profile: str | None = None
    #: The profile that names the role. Its settings apply, and its source's credentials without `profile`.
    role_profile: str | None = None
    #: The file of a web identity's token, in place of credentials.
    token_file: str | None = None
    #: The region of STS; None for the source's.
    region: str | None = None


class SourceCache:
    """Finds sources, and keeps what it found: running a cell again finds nothing anew.

    It belongs to the kernel. Any thread may use it: two that find the same source at once find it twice.

    Parameters
    ----------
    environ : callable
        Returns the environment without what stsnb has put into it.
    default_session : callable
        Returns the default session that the user has; None if there is none.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, str]],
        default_session: Callable[[], boto3.Session | None],
    ) -> None:
        self._environ = environ
        self._default_session = default_session
        self._found: dict[SourceKey, tuple[tuple[object, ...], Source]] = {}

    def find(self, key: SourceKey) -> Source:
        """Return the source for a key, found anew if anything has changed that it depends on.

        Parameters
        ----------
        key : SourceKey
            What the user named.

        Returns
        -------
        Source

        Raises
        ------
        Exception
            As `Source.resolve` and `WebIdentitySource.of` raise it.
        """
        default_session = self._default_session()
        state = (*fingerprint(self._environ()), default_session)
        found = self._found.get(key)
        if found is not None and found[0] == state:
            return found[1]
        if key.token_file is None:
            source = Source.resolve(self._environ, key.profile, default_session, key.role_profile, key.region)
        else:
            profile = key.role_profile or key.profile
            source = WebIdentitySource.of(key.token_file, self._environ, profile, default_session)
        self._found[key] = state, source
        return source

    def profile_of(self, key: SourceKey) -> str | None:
        """Return the profile that a key names, or the environment; None if neither does."""
        environ = self._environ()
        named = environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))
        return key.profile or key.role_profile or named

    def forget(self, key: SourceKey) -> None:
        """Find the source for a key anew the next time."""
        self._found.pop(key, None)

    def clear(self) -> None:
        """Find all sources anew the next time."""
        self._found.clear()
