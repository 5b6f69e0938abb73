"""The magics %assume_role, %%assume_role, %current_role and %drop_role."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from stsnb.errors import AssumeRoleError
from stsnb.line import HOW, arguments_of

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole
    from stsnb.widgets.form import AssumeRoleForm


def _whole_number_of(unit: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {unit}") from None

    return read


def environ_of_user() -> Mapping[str, str]:
    """Return the environment without what an active role has set in it.

    Returns
    -------
    mapping
    """
    # Without kernel.py no role can be active, and importing it would cost botocore's time.
    module = sys.modules.get("stsnb.kernel")
    environ: Mapping[str, str] = os.environ if module is None else module.kernel.environ_of_user()
    return environ


class _ShownOnce:
    """Shows the exceptions of a cell as its shell does, except one that an inner cell has shown; until the cell ends."""

    def __init__(self, shell: Any, shown: BaseException) -> None:
        self._shown = shown
        self._shell = shell
        self._before = shell.custom_exceptions, shell.CustomTB
        shell.events.register("post_run_cell", self._restore)

    def __call__(self, kind: type[BaseException], error: BaseException, trace: Any, **how: Any) -> None:
        exceptions, show = self._before
        if error is self._shown:
            return
        if isinstance(error, exceptions):
            show(kind, error, trace, **how)
        else:
            self._shell.showtraceback((kind, error, trace), running_compiled_code=True, **how)

    def _restore(self, *_: object) -> None:
        self._shell.events.unregister("post_run_cell", self._restore)
        if self._shell.CustomTB is self:  # otherwise the cell has set a handler of its own
            self._shell.custom_exceptions, self._shell.CustomTB = self._before


@magics_class
class RoleMagics(Magics):
    """The magics of a shell; the state of the role is in the kernel alone."""

    @magic_arguments()
    @argument(
        "role",
        nargs="?",
        metavar="ROLE",
        help="role ARN (arn:aws:iam::123456789012:role/NAME), profile with role_arn, or configured alias",
    )
    @argument(
        "session_name",
        nargs="?",
        metavar="SESSION_NAME",
        help="session name shown in CloudTrail, 2 to 64 letters, digits and _+=,.@- (default: from your user name)",
    )
    @argument("--role-arn", metavar="ARN", help="ROLE, by its name in the AWS CLI")
    @argument("--role-session-name", metavar="NAME", help="SESSION_NAME, by its name in the AWS CLI")
    @argument(
        "--duration-seconds",
        type=_whole_number_of("seconds"),
        metavar="N",
        help="length of the session in seconds, 900 to 43200, at most the role's maximum (default: 3600)",
    )
    @argument(
        "--external-id",
        metavar="ID",
        help="external ID that the role's trust policy requires, 2 to 1224 characters",
    )
    @argument(
        "--policy",
        metavar="FILE",
        help="session policy that limits the session, a JSON file or JSON in single quotes",
    )
    @argument(
        "--policy-arns",
        nargs="+",
        action="extend",  # values of a repeated option add up
        metavar="ARN",
        help="managed policies that limit the session, at most 10",
    )
    @argument(
        "--read-only",
        action=argparse.BooleanOptionalAction,
        help="allow read operations only, by AWS's policy ReadOnlyAccess (default: as configured)",
    )
    @argument(
        "--tags",
        nargs="+",
        action="extend",
        metavar="KEY=VALUE",
        help="session tags, at most 50",
    )
    @argument(
        "--transitive-tag-keys",
        nargs="+",
        action="extend",
        metavar="KEY",
        help="keys of the tags that chained roles inherit",
    )
    @argument(
        "--source-identity", metavar="NAME", help="source identity shown in CloudTrail, 2 to 64 characters"
    )
    @argument(
        "--provided-contexts",
        nargs="+",
        action="extend",
        metavar="ProviderArn=ARN,ContextAssertion=TEXT",
        help="assertions of trusted context providers, at most 5",
    )
    @argument(
        "--minimum-session-token-size",
        type=_whole_number_of("bytes"),
        metavar="N",
        help="size that the session token has at least, 0 to 4096 bytes",
    )
    @argument(
        "--serial-number", metavar="ARN", help="MFA device; you are asked for its code if one is needed"
    )
    @argument("--token-code", metavar="CODE", help="the 6-digit code of the MFA device")
    @argument(
        "--web-identity-token-file",
        metavar="FILE",
        help="file with a web identity token to use instead of AWS credentials",
    )
    @argument("--profile", metavar="NAME", help="profile whose credentials call STS (default: your own)")
    @argument(
        "--chain",
        action="store_true",
        default=None,
        help="call STS with the active role's credentials (role chaining; AWS allows 3600 seconds at most)",
    )
    @argument("--region", metavar="REGION", help="region of STS and of the role's clients")
    @argument(
        "--refresh",
        action=argparse.BooleanOptionalAction,
        help="renew the credentials automatically, or let the session expire (default: renew)",
    )
    @argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        help="let child processes get renewed credentials from this kernel while they run (default: as configured)",
    )
    @line_cell_magic
    def assume_role(self, line: str, cell: str | None = None) -> AssumedRole | AssumeRoleForm | None:
        """Assume an AWS role: all AWS clients that are created from now on use it.

        Without arguments it shows a form. %%assume_role assumes the role for one cell; afterwards the role that was
        active before is active again.

        STS is called with the credentials that the kernel had before any role, so that running the cell twice
        is the same as running it once. A command line of the AWS CLI works too:

            %assume_role --role-arn arn:aws:iam::123456789012:role/NAME --role-session-name RoleSession1
        """
        asked = arguments_of(RoleMagics.assume_role.parser, line, self._namespace(), environ_of_user())
        if asked is None:
            if cell is not None:
                raise AssumeRoleError(
                    "No role given.", "Run %%assume_role arn:aws:iam::123456789012:role/NAME."
                )
            return self._form()
        if cell is None:
            return _assume(asked)
        self._run(cell, lambda: _assume(asked))
        return None

    def _namespace(self) -> Mapping[str, Any]:
        shell: Any = self.shell
        namespace: Mapping[str, Any] = shell.user_ns
        return namespace

    def _form(self) -> AssumeRoleForm | None:
        """Return the form; print how to use the magic where there is no kernel, and so no browser."""
        if getattr(self.shell, "kernel", None) is None:
            print(HOW)  # noqa: T201 # the magic's output
            return None
        from stsnb.widgets.form import AssumeRoleForm  # imports ipywidgets and boto3

        return AssumeRoleForm()

    def _run(self, cell: str, assume: Callable[[], AssumedRole]) -> None:
        """Run a cell under a role, and restore what was active before, however the cell ends."""
        from stsnb.injection.scopes import Scope
        from stsnb.kernel import kernel

        shell: Any = self.shell
        if shell.should_run_async(cell, transformed_cell=shell.transform_cell(cell)):
            raise AssumeRoleError(
                "A cell with top-level await can't run under %%assume_role.",
                "Use `with stsnb.assume_role(…):` in the cell instead.",
            )
        scope = Scope()
        try:
            try:
                kernel.open(scope)  # an interrupt may come after the scope has begun
                assume()
                result = shell.run_cell(cell, store_history=False)
            finally:
                kernel.close(scope)
        finally:
            kernel.close(scope)  # an interrupt may come before the first of these has begun
        if not result.success:
            self._fail(result)

    def _fail(self, result: Any) -> NoReturn:
        """Raise the error of the inner cell, which has shown it, so that a run of all cells stops."""
        error: BaseException = result.error_before_exec or result.error_in_exec
        shell: Any = self.shell
        # A handler set here for an earlier inner cell is gone: the end of this inner cell unregistered it.
        shell.custom_exceptions, shell.CustomTB = (BaseException,), _ShownOnce(shell, error)
        raise error

    @line_magic
    def current_role(self, line: str) -> AssumedRole | None:
        """Show the active role."""
        _no_arguments("current_role", line)
        from stsnb.api import current_role

        role = current_role()
        if role is None:
            print("No role is active: AWS clients use your own credentials.")  # noqa: T201
        return role

    @line_magic
    def drop_role(self, line: str) -> None:
        """Drop the active role: restore the environment and boto3's default session exactly as before the first role."""
        _no_arguments("drop_role", line)
        from stsnb.api import drop_role

        role = drop_role()
        if role is None:
            print("No role is active: nothing to drop.")  # noqa: T201
        else:
            print(f"Dropped {role.role_name}: AWS clients use your own credentials again.")  # noqa: T201


def _assume(asked: dict[str, Any]) -> AssumedRole:
    """Assume a role and empty the arguments: a traceback may show the caller's variables."""
    from stsnb.api import assume_role  # imports boto3

    try:
        return assume_role(**asked)
    finally:
        asked.clear()


def _no_arguments(magic: str, line: str) -> None:
    if line.strip():
        raise AssumeRoleError(f"%{magic} takes no arguments.", f"Run %{magic} alone.")
