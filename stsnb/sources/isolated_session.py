"""IsolatedSession: a botocore session that does not see what stsnb has put into the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.hooks import BaseEventHooks

# With these a session looks for the setting in its profile alone, and for its files where they usually are; what
# the user's environment says is added by the session itself (the order of a tuple:
# botocore.session.Session.SESSION_VARIABLES).
_FROM_THE_PROFILE = {
    "region": ("region", None, None, None),
    "ca_bundle": ("ca_bundle", None, None, None),
    "config_file": (None, None, "~/.aws/config", None),
    "credentials_file": (None, None, "~/.aws/credentials", None),
}
_OF_THE_USER = {
    "region": "AWS_DEFAULT_REGION",
    "ca_bundle": "AWS_CA_BUNDLE",
    "config_file": "AWS_CONFIG_FILE",
    "credentials_file": "AWS_SHARED_CREDENTIALS_FILE",
}


# botocore's own search for an address goes through os.environ. The types of botocore-stubs do not know it yet.
_HERE = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]


class IsolatedSession(botocore.session.Session):
    """A session for which the environment is the user's own.

    A role in force stands in os.environ, with the settings of its source beside it: the region, endpoints, the
    CA bundle. botocore looks there whenever it makes a client, so that another source, or another role's
    session, would be led to the first one's servers.

    Parameters
    ----------
    environ : callable
        Returns the environment without what stsnb put in.
    profile : str, optional
        The profile whose settings hold, whatever becomes of AWS_PROFILE.
    explicit : bool
        Whether the profile was asked for outright, which makes botocore's chain pass over the environment's
        keys; a profile that the environment names does not.
    handlers : BaseEventHooks, optional
        The handlers of another session, which may be shared out: to copy them takes 0.2 ms, to register them 5.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, str]],
        profile: str | None = None,
        *,
        explicit: bool = False,
        handlers: BaseEventHooks | None = None,
    ) -> None:
        self._environ = environ
        super().__init__(
            session_vars={**_FROM_THE_PROFILE, "profile": (None, None, profile, None)},
            event_hooks=handlers,
            include_builtin_handlers=handlers is None,
            profile=profile if explicit else None,
        )

    def get_config_variable(self, logical_name: str, methods: Any = None) -> Any:
        """Return a setting: that of this session, of the user's environment, or of the profile."""
        variable = _OF_THE_USER.get(logical_name)
        if variable is not None and logical_name not in self.instance_variables():
            found = self._environ().get(variable)
            if found:
                return found
        return super().get_config_variable(logical_name, methods)

    def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a client as botocore does, with the region, the address and the CA bundle found here."""
        names = ("region_name", "api_version", "use_ssl", "verify", "endpoint_url")
        kwargs.update(zip(names, args, strict=False))
        given: Any = kwargs.get("config") or self.get_default_client_config()
        if kwargs.get("region_name") is None and not (given and given.region_name):
            kwargs["region_name"] = self.get_config_variable("region")
        if kwargs.get("verify") is None:
            kwargs["verify"] = self.get_config_variable("ca_bundle")
        if kwargs.get("endpoint_url") is None and not (given and given.ignore_configured_endpoint_urls):
            kwargs["endpoint_url"] = self.endpoint(service_name)
        if kwargs.get("region_name") is None and service_name == "sts" and kwargs.get("endpoint_url"):
            # The address is known; a signature needs a region all the same, and STS is first at home there. This
            # goes for the roles too that botocore assumes on the way to a source.
            kwargs["region_name"] = "us-east-1"
        kwargs["config"] = (given or Config()).merge(_HERE)
        return super().create_client(service_name, **kwargs)

    def endpoint(self, service_name: str) -> str | None:
        """Return a service's configured address; None where it follows from the region.

        Parameters
        ----------
        service_name : str
            ``sts``, ``s3``, …

        Returns
        -------
        str or None
        """
        if self.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        configured = ConfiguredEndpointProvider(
            full_config=self.full_config,
            scoped_config=self.get_scoped_config(),
            client_name=service_name,
            environ=self._environ(),
        )
        found: str | None = configured.provide()
        return found

    def endpoint_setting(self) -> str:
        """Tell which setting STS's address comes from."""
        profile = self.get_config_variable("profile") or "default"
        if self.endpoint("sts") is not None:
            for variable in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"):
                if self._environ().get(variable):
                    return variable
            of = "services" if "sts" in self.services() else "endpoint_url"
            return f"{of} of profile {profile}"
        region = self.get_config_variable("region")
        return f"region {region}" if region else "the default, since no region is set"

    def services(self) -> dict[str, str]:
        """Return the addresses of single services that the profile configures."""
        section = self.full_config.get("services", {}).get(self.get_scoped_config().get("services"), {})
        return {
            name: settings["endpoint_url"]
            for name, settings in section.items()
            if isinstance(settings, dict) and settings.get("endpoint_url")
        }
