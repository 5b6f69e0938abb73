"""AssumeRole: the configuration, the same in %config, ipython_kernel_config.py and on the command line."""

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
    """What holds for all roles that are assumed in this kernel, and short names for some.

    The shell owns it from ``%load_ext stsnb`` to ``%unload_ext stsnb``. A value that is refused changes nothing.

    What is given to ``%assume_role`` or `stsnb.assume_role` goes before what an alias holds, and that before the
    rest of the configuration, which goes before the profile that asks.
    """

    roles = Dict(
        key_trait=Unicode(),
        value_trait=Dict(),
        help="Aliases: for each a dict with the role_arn, and any parameter of stsnb.assume_role by its name "
        '(session_name, duration_seconds, profile, region, read_only, policy, …): {"s3": {"role_arn": '
        '"arn:aws:iam::123456789012:role/NAME", "read_only": True}}, then %assume_role s3.',
    ).tag(config=True)
    session_name = Unicode(
        None,
        allow_none=True,
        help="The session's name, 2 to 64 letters, digits and _+=,.@-; if not set it is made from your user name.",
    ).tag(config=True)
    duration_seconds = Int(
        None,
        allow_none=True,
        help="How long a session lasts, 900 to 43200 seconds and at most the role's maximum; 3600 if not set.",
    ).tag(config=True)
    region = Unicode(
        None,
        allow_none=True,
        help="The region of STS and of the roles' clients; if not set, that of your credentials.",
    ).tag(config=True)
    read_only = Bool(
        False,
        help="Whether sessions only read, unless policies of their own narrow them; --no-read-only lifts it.",
    ).tag(config=True)
    live = Bool(
        False,
        help="Whether child processes ask this kernel for credentials while they run, and so outlive a session; "
        "--no-live lifts it.",
    ).tag(config=True)
    dangerous = List(
        trait=Unicode(),
        help="Patterns of roles' names or ARNs that are shown as ones to take care with, such as *prod* or "
        "*:role/admin/*; capitals and small letters are the same.",
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
                _refuse(f"{shorten(pattern)} is no pattern of a role's name, such as *prod*.")
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
    """Let a shell's configuration hold, and ``%config AssumeRole`` change it.

    Parameters
    ----------
    shell : InteractiveShell
        The shell; one that has it already keeps it as it is.

    Raises
    ------
    stsnb.AssumeRoleError
        If a value of the configuration cannot be used; nothing is changed then.
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
    """Take the configuration out of a shell: nothing of it holds any more.

    Parameters
    ----------
    shell : InteractiveShell
        The shell.
    """
    for mine in _of(shell):
        _configurables(shell).remove(mine)
        # %config writes also what was refused into the shell's own; loading again shall not fail for it.
        shell.config["AssumeRole"] = mine.config["AssumeRole"]
    settings.put(settings.Settings())


def _of(shell: InteractiveShell) -> list[AssumeRole]:
    return [each for each in _configurables(shell) if isinstance(each, AssumeRole)]


def _configurables(shell: InteractiveShell) -> list[Any]:
    return shell.configurables


def _refuse(fault: str | None) -> None:
    if fault is not None:
        raise TraitError(fault)
