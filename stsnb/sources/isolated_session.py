"""IsolatedSession: a botocore session, with its STS clients, that reads the environment without what stsnb put in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import (  # type: ignore[attr-defined] # typeshed lacks the second
    getproxies,
    proxy_bypass_environment,
)

import botocore.session
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider, EnvironmentProvider
from botocore.hooks import BaseEventHooks

from stsnb.sts.arn import RoleArn

#: The user's two files: the variables that name them, and where they are by default.
_FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
# botocore's own search for an endpoint reads os.environ. The types of botocore-stubs don't know the option yet.
_ENDPOINT_IS_GIVEN = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]


class UserEnviron(Mapping[str, str]):
    """The user's environment, read anew at each lookup; botocore's readers take it in place of os.environ.

    It may be read from any thread. Its repr shows no value.

    Parameters
    ----------
    read : callable
        Returns the environment without what stsnb has put into it.
    """

    def __init__(self, read: Callable[[], Mapping[str, str]]) -> None:
        self._read = read
        self._held = threading.local()

    def now(self) -> Mapping[str, str]:
        """Return all variables as they are now."""
        held: Mapping[str, str] | None = getattr(self._held, "environ", None)
        return self._read() if held is None else held

    @contextmanager
    def held(self) -> Iterator[Mapping[str, str]]:
        """Read the environment once for all lookups of this thread in a ``with``: each is a copy of it all."""
        before: Mapping[str, str] | None = getattr(self._held, "environ", None)
        try:
            self._held.environ = environ = self.now()
            yield environ
        finally:
            self._held.environ = before

    def __getitem__(self, name: str) -> str:
        return self.now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.now())

    def __len__(self) -> int:
        return len(self.now())

    def __deepcopy__(self, _memo: object) -> UserEnviron:
        return self  # botocore copies the providers of its settings for a client with a defaults mode

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class IsolatedSession(botocore.session.Session):
    """A session for which the environment is the user's own.

    An active role is in os.environ, with the settings of its source. botocore reads these whenever it makes a
    client, so that another source, or another role's session, would go to the first one's servers.

    Parameters
    ----------
    environ : callable
        Returns the environment without what stsnb has put into it.
    profile : str, optional
        The profile whose settings apply, whatever becomes of AWS_PROFILE.
    explicit : bool
        Whether the user named the profile outright, so that botocore ignores the environment's keys and web
        identity; a profile that AWS_PROFILE names does not do that.
    handlers : BaseEventHooks, optional
        The handlers of another session, which may be shared: copying them takes 0.2 ms, registering them 5.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, str]],
        profile: str | None = None,
        *,
        explicit: bool = False,
        handlers: BaseEventHooks | None = None,
    ) -> None:
        self.user_environ = UserEnviron(environ)
        super().__init__(
            session_vars={"profile": (None, None, profile, None)},
            event_hooks=handlers,
            include_builtin_handlers=handlers is None,
            profile=profile if explicit else None,
        )
        # botocore has no way to give a session another environment; its readers of single variables have one.
        for provider in vars(self.get_component("config_store"))["_mapping"].values():
            _read_from(self.user_environ, provider)

    def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a client as botocore does, with the endpoint and the proxies of the user's environment."""
        names = ("region_name", "api_version", "use_ssl", "verify", "endpoint_url")
        kwargs.update(zip(names, args, strict=False))
        with self.user_environ.held():
            given: Any = kwargs.get("config") or self.get_default_client_config() or Config()
            if kwargs.get("endpoint_url") is None:
                kwargs["endpoint_url"] = self.endpoint(service_name, given.ignore_configured_endpoint_urls)
            endpoint = kwargs["endpoint_url"]
            if service_name == "sts" and endpoint and not self._region(kwargs, given):
                # A signature needs a region even where the endpoint is known, and STS's first one is us-east-1.
                # Roles that botocore assumes on the way to a source need it too.
                kwargs["region_name"] = "us-east-1"
            config = given.merge(_ENDPOINT_IS_GIVEN)
            if endpoint and config.proxies is None and (proxies := self._proxies(endpoint)) is not None:
                config = config.merge(Config(proxies=proxies))
            return super().create_client(service_name, **{**kwargs, "config": config})

    def _region(self, arguments: Mapping[str, Any], config: Any) -> str | None:
        region: str | None = (
            arguments.get("region_name") or config.region_name or self.get_config_variable("region")
        )
        return region

    def _proxies(self, url: str) -> dict[str, str] | None:
        """Return the proxies for an endpoint by the user's no_proxy; None where that is as in os.environ."""
        name = next((name for name in ("no_proxy", "NO_PROXY") if self.user_environ.get(name)), "no_proxy")
        mine = self.user_environ.get(name)
        if mine == os.environ.get(name):
            return None
        proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme != "no"}
        if mine:
            proxies["no"] = mine
        return {} if proxy_bypass_environment(urlsplit(url).netloc, proxies) else proxies

    def endpoint(self, service_name: str, ignored: bool | None = None) -> str | None:
        """Return a service's configured endpoint; None where it follows from the region.

        Parameters
        ----------
        service_name : str
            ``sts``, ``s3``, …
        ignored : bool, optional
            Whether configured endpoints are ignored; None for what is configured about that.

        Returns
        -------
        str or None
        """
        if self.get_config_variable("ignore_configured_endpoint_urls") if ignored is None else ignored:
            return None
        configured = ConfiguredEndpointProvider(
            full_config=self.full_config,
            scoped_config=self.get_scoped_config(),
            client_name=service_name,
            environ=self.user_environ,
        )
        found: str | None = configured.provide()
        return found

    def endpoint_setting(self) -> str:
        """Return the name of the setting that STS's endpoint comes from."""
        profile = self.get_config_variable("profile") or "default"
        if self.endpoint("sts") is not None:
            for variable in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"):
                if self.user_environ.get(variable):
                    return variable
            of = "services" if "sts" in self.services() else "endpoint_url"
            return f"{of} of profile {profile}"
        region = self.get_config_variable("region")
        return f"region {region}" if region else "the default, since no region is set"

    def services(self) -> dict[str, str]:
        """Return the endpoints of single services that the profile configures."""
        section = self.full_config.get("services", {}).get(self.get_scoped_config().get("services"), {})
        return {
            name: settings["endpoint_url"]
            for name, settings in section.items()
            if isinstance(settings, dict) and settings.get("endpoint_url")
        }


class STSClients:
    """The STS clients of a session, made once for each region and environment; any thread may use them.

    Parameters
    ----------
    session : IsolatedSession
        The session.
    config : botocore.config.Config
        How they differ from what is configured.
    """

    def __init__(self, session: IsolatedSession, config: Config) -> None:
        self._session = session
        self._config = config
        self._made: tuple[tuple[int, int], dict[str | None, Any]] = (0, 0), {}

    def of(self, role_arn: RoleArn, region: str | None) -> Any:
        """Return the client that assumes a role.

        Parameters
        ----------
        role_arn : RoleArn
            The role; without any region its partition decides which STS is called.
        region : str or None
            The region of STS; None for the session's.

        Returns
        -------
        botocore.client.BaseClient
        """
        with self._session.user_environ.held() as environ:
            # A client keeps its proxies, its endpoint and its CA: what the user changes needs another. A forked
            # process must not send on the connection of its parent's, whose answers it would get.
            if self._made[0] != (state := (os.getpid(), state_of(environ))):
                self._made = state, {}
            made = self._made[1]
            region = region or self._session.get_config_variable("region") or self._default_region(role_arn)
            if region not in made:
                made[region] = self._session.create_client("sts", region_name=region, config=self._config)
            return made[region]

    def _default_region(self, role_arn: RoleArn) -> str | None:
        if role_arn.partition == "aws" or self._session.endpoint("sts") is not None:
            return None  # botocore calls the global STS, and an endpoint needs no region
        return next(iter(self._session.get_available_regions("sts", role_arn.partition)), None)


@contextmanager
def at_sending(client: Any, call: Callable[[], object] | None) -> Iterator[None]:
    """Call a function when an STS client sends a request in a ``with``.

    Parameters
    ----------
    client : botocore.client.BaseClient
        The client.
    call : callable, optional
        The function; None for none.
    """
    if call is None:
        yield
        return

    def handle(**_: object) -> None:
        call()

    client.meta.events.register("before-send.sts", handle)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send.sts", handle)


def _read_from(environ: UserEnviron, provider: Any) -> None:
    """Make a provider of a setting, and those inside it, read `environ` in place of os.environ."""
    if isinstance(provider, EnvironmentProvider):
        vars(provider)["_env"] = environ
    held = vars(provider)
    for inner in (*held.get("_providers", ()), *held.get("_override_providers", {}).values()):
        _read_from(environ, inner)


def fingerprint(environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return what a source depends on: all variables, and the state of the user's files.

    All of them: which ones a credential_process or botocore's next version reads is not known.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb has put into it.

    Returns
    -------
    tuple
        To compare with an earlier one of this process; no value can be read from it.
    """
    return (state_of(environ), *files(environ))


def state_of(environ: Mapping[str, str]) -> int:
    """Return a hash of all variables, to compare with an earlier one of this process."""
    return hash(frozenset(environ.items()))


def files(environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return the state of the user's configuration files, found as botocore finds them.

    Parameters
    ----------
    environ : mapping
        The environment without what stsnb has put into it.

    Returns
    -------
    tuple
        To compare with an earlier one.
    """
    return tuple(_state(environ.get(variable, default)) for variable, default in _FILES)


def _state(name: str) -> tuple[object, ...]:
    # As in botocore.configloader.raw_config_parse; a relative path is another file after a change of folder.
    path = os.path.expanduser(os.path.expandvars(name))  # noqa: PTH111 # as botocore does
    try:
        found = os.stat(path)  # noqa: PTH116 # Path("") is the current folder
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
