"""AssumeRole: the configuration by %config, ipython_kernel_config.py and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import Bool, Dict, Int, List, TraitError, Unicode, observe, validate
from traitlets.config import Configurable

from stsnb.config import settings
from stsnb.errors import AssumeRoleError
from stsnb.sts.arn import shorten

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_GENERAL = ("session_name", "duration_seconds", "region", "read_only", "live")


class AssumeRole(Configurable):
    """Defaults for all roles that are assumed in this kernel, and aliases of roles.

    The shell owns it from ``%load_ext stsnb`` to ``%unload_ext stsnb``. An invalid value changes nothing.

    Arguments of ``%assume_role`` or `stsnb.assume_role` override those of an alias, which override the other
    values of the configuration, which override the profile of the source credentials.
    """

    roles = Dict(
        key_trait=Unicode(),
        value_trait=Dict(),
        help="Aliases of roles: for each a dict with role_arn and any other parameter of stsnb.assume_role by its name "
        '(session_name, duration_seconds, profile, region, read_only, policy, …): {"s3": {"role_arn": '
        '"arn:aws:iam::123456789012:role/NAME", "read_only": True}}, then %assume_role s3.',
    ).tag(config=True)
    session_name = Unicode(
        None,
        allow_none=True,
        help="Session name, 2 to 64 letters, digits and _+=,.@- (default: from your user name).",
    ).tag(config=True)
    duration_seconds = Int(
        None,
        allow_none=True,
        help="Length of a session, 900 to 43200 seconds, at most the role's maximum (default: 3600).",
    ).tag(config=True)
    region = Unicode(
        None,
        allow_none=True,
        help="Region of STS and of the roles' clients (default: that of your credentials).",
    ).tag(config=True)
    read_only = Bool(
        False,
        help="Allow read operations only, except for roles with session policies of their own; --no-read-only overrides it.",
    ).tag(config=True)
    live = Bool(
        False,
        help="Let child processes get renewed credentials from this kernel while they run; --no-live overrides it.",
    ).tag(config=True)
    dangerous = List(
        trait=Unicode(),
        help="Patterns of names or ARNs of roles that are marked as dangerous, such as *prod* or *:role/admin/*; "
        "case is ignored.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._put()

    @validate("session_name", "duration_seconds", "region")
    def _check_general(self, proposal: Any) -> Any:
        if proposal.value is not None:
            _refuse(settings.general_fault(proposal.trait.name, proposal.value))
        return proposal.value

    @validate("roles")
    def _check_roles(self, proposal: Any) -> Any:
        for alias, held in proposal.value.items():
            _refuse(settings.alias_fault(alias, held))
        return proposal.value

    @validate("dangerous")
    def _check_dangerous(self, proposal: Any) -> Any:
        for pattern in proposal.value:
            if not pattern.strip():
                _refuse(f"{shorten(pattern)} is not a pattern of role names, such as *prod*.")
        return proposal.value

    @observe("roles", "dangerous", *_GENERAL)
    def _changed(self, _change: object) -> None:
        self._put()

    def _put(self) -> None:
        general = {name: getattr(self, name) for name in _GENERAL}
        settings.put(
            settings.Settings(
                roles={alias: dict(held) for alias, held in self.roles.items()},
                general={name: value for name, value in general.items() if value},
                dangerous=tuple(self.dangerous),
            )
        )


def configure(shell: InteractiveShell) -> None:
    """Apply a shell's configuration, and let ``%config AssumeRole`` change it.

    Parameters
    ----------
    shell : InteractiveShell
        The shell; a second call changes nothing.

    Raises
    ------
    stsnb.AssumeRoleError
        If a value of the configuration is invalid; nothing is changed then.
    """
    if _of(shell):
        return
    try:
        _configurables(shell).append(AssumeRole(parent=shell))
    except TraitError as error:
        raise AssumeRoleError(
            f"Invalid configuration of AssumeRole, so stsnb was not loaded. {error}",
            "Fix it in ipython_config.py, ipython_kernel_config.py or on the command line, then restart.",
        ) from None


def unconfigure(shell: InteractiveShell) -> None:
    """Remove the configuration from a shell, and reset the settings.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """
    for mine in _of(shell):
        _configurables(shell).remove(mine)
        # %config writes invalid values too into the shell's configuration; they must not prevent loading it again.
        shell.config["AssumeRole"] = mine.config["AssumeRole"]
    settings.put(settings.Settings())


def _of(shell: InteractiveShell) -> list[AssumeRole]:
    return [each for each in _configurables(shell) if isinstance(each, AssumeRole)]


def _configurables(shell: InteractiveShell) -> list[Any]:
    return shell.configurables


def _refuse(fault: str | None) -> None:
    if fault is not None:
        raise TraitError(fault)
