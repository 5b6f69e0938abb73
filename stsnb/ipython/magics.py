"""The magics %assume_role, %%assume_role, %current_role and %drop_role: they parse, call, and show."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from stsnb.errors import AssumeRoleError
from stsnb.line import HOW, arguments_of
from stsnb.sts.arn import shorten

if TYPE_CHECKING:
    from stsnb.roles.assumed_role import AssumedRole
    from stsnb.widgets.form import AssumeRoleForm


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds") from None


def _policy_file(text: str) -> Path:
    if text.lstrip().startswith("{"):
        raise argparse.ArgumentTypeError(
            "JSON does not survive a magic line: put it into a file and name that, or use stsnb.assume_role(policy={…})"
        )
    try:
        return Path(text.removeprefix("file://")).expanduser()
    except RuntimeError:  # ~name, of somebody who is not known here
        raise argparse.ArgumentTypeError(f"{shorten(text)} names a home folder that is not there") from None


def _policy_arn(text: str) -> str:
    return text.removeprefix("arn=")


def _tag(text: str) -> tuple[str, str]:
    """Read ``team=data``, or ``Key=team,Value=data`` as the AWS CLI writes it."""
    if text.startswith("Key=") and ",Value=" in text:
        key, _, value = text.removeprefix("Key=").partition(",Value=")
        return key, value
    if text.startswith("Value=") and ",Key=" in text:
        value, _, key = text.removeprefix("Value=").rpartition(",Key=")
        return key, value
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


class _ShownOnce:
    """Shows the exceptions of a cell as its shell would, but for one that an inner cell has shown; until the cell ends."""

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
        if self._shell.CustomTB is self:  # or the cell has put a handler of its own
            self._shell.custom_exceptions, self._shell.CustomTB = self._before


@magics_class
class RoleMagics(Magics):
    """The faces of the kernel in a notebook; they keep nothing of their own about the role."""

    @magic_arguments()
    @argument(
        "role",
        nargs="?",
        metavar="ROLE",
        help="the role's ARN, arn:aws:iam::123456789012:role/NAME, a profile with role_arn, or a configured alias",
    )
    @argument(
        "session_name",
        nargs="?",
        metavar="SESSION_NAME",
        help="2 to 64 letters, digits and _+=,.@-, shown in CloudTrail (default: from your user name)",
    )
    @argument("--role-arn", metavar="ARN", help="ROLE, as the AWS CLI calls it")
    @argument("--role-session-name", metavar="NAME", help="SESSION_NAME, as the AWS CLI calls it")
    @argument(
        "--duration-seconds",
        type=_whole_number,
        metavar="N",
        help="900 to 43200, at most the role's maximum (default: 3600)",
    )
    @argument(
        "--external-id", metavar="ID", help="what the role's trust policy asks for, 2 to 1224 characters"
    )
    @argument(
        "--policy", type=_policy_file, metavar="FILE", help="a JSON file with a policy that narrows the role"
    )
    @argument(
        "--policy-arns",
        type=_policy_arn,
        nargs="+",
        action="extend",  # given twice, all of them count
        metavar="ARN",
        help="at most 10 managed policies that narrow the role",
    )
    @argument(
        "--read-only",
        action=argparse.BooleanOptionalAction,
        help="narrow the role to reading, by AWS's policy ReadOnlyAccess (default: as configured)",
    )
    @argument(
        "--tags",
        type=_tag,
        nargs="+",
        action="extend",
        metavar="KEY=VALUE",
        help="at most 50 session tags",
    )
    @argument(
        "--transitive-tag-keys",
        nargs="+",
        action="extend",
        metavar="KEY",
        help="tags that chained roles inherit",
    )
    @argument("--source-identity", metavar="NAME", help="who is behind the session, 2 to 64 characters")
    @argument(
        "--serial-number", metavar="ARN", help="the MFA device, whose code you are asked for if need be"
    )
    @argument("--token-code", metavar="CODE", help="the 6 digits that the MFA device shows")
    @argument(
        "--web-identity-token-file",
        metavar="FILE",
        help="a file with a web identity's token, in place of AWS credentials",
    )
    @argument(
        "--profile", metavar="NAME", help="the profile that asks (default: your credentials before any role)"
    )
    @argument(
        "--chain",
        action="store_true",
        default=None,
        help="ask with the role in force (AWS: for 3600 seconds at most)",
    )
    @argument("--region", metavar="REGION", help="the region of STS and of the role's clients")
    @argument(
        "--refresh",
        action=argparse.BooleanOptionalAction,
        help="renew the credentials as long as they are in use, or let the session end (default: renew)",
    )
    @argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        help="let child processes ask for credentials while they run, and so outlive a session (default: as configured)",
    )
    @line_cell_magic
    def assume_role(self, line: str, cell: str | None = None) -> AssumedRole | AssumeRoleForm | None:
        """Act as an AWS role: every AWS client made from now on has its rights.

        Alone it shows a form. As %%assume_role for one cell only: what was in force before is back when the cell ends.

        The role is asked for with the credentials that the kernel had before any role, so that running the
        cell again is the same as running it once. The AWS CLI's own line works too:

            %assume_role --role-arn arn:aws:iam::123456789012:role/NAME --role-session-name RoleSession1
        """
        asked = arguments_of(RoleMagics.assume_role.parser, line)
        if asked is None:
            if cell is not None:
                raise AssumeRoleError(
                    "%%assume_role was given no role.",
                    "Name one: %%assume_role arn:aws:iam::123456789012:role/NAME",
                )
            return self._form()
        if cell is None:
            return _assume(asked)
        self._run(cell, lambda: _assume(asked))
        return None

    def _form(self) -> AssumeRoleForm | None:
        """Return the form, where there is a browser for it; else say what to write."""
        if getattr(self.shell, "kernel", None) is None:
            print(HOW)  # noqa: T201 # a magic's words to the user
            return None
        from stsnb.widgets.form import AssumeRoleForm  # ipywidgets is behind it, and boto3

        return AssumeRoleForm()

    def _run(self, cell: str, assume: Callable[[], AssumedRole]) -> None:
        """Run a cell under a role, and put back what was in force before, however the cell ends."""
        from stsnb.injection.scopes import Scope
        from stsnb.kernel import kernel

        shell: Any = self.shell
        if shell.should_run_async(cell, transformed_cell=shell.transform_cell(cell)):
            raise AssumeRoleError(
                "A cell with await at its top cannot run under %%assume_role.",
                "Write `with stsnb.assume_role(…):` around it.",
            )
        scope = Scope()
        try:
            kernel.open(scope)  # may be interrupted after it has begun the scope
            assume()
            result = shell.run_cell(cell, store_history=False)
        finally:
            kernel.close(scope)
        if not result.success:
            self._fail(result)

    def _fail(self, result: Any) -> NoReturn:
        """End the outer cell as the inner one did, so that a run of all cells stops; it has been shown already."""
        error: BaseException = result.error_before_exec or result.error_in_exec
        shell: Any = self.shell
        # An earlier one is not in force any more: the inner cell's end was the end of a cell for it too.
        shell.custom_exceptions, shell.CustomTB = (BaseException,), _ShownOnce(shell, error)
        raise error

    @line_magic
    def current_role(self, line: str) -> AssumedRole | None:
        """Show the role in force."""
        _no_arguments("current_role", line)
        from stsnb.api import current_role

        role = current_role()
        if role is None:
            print("No role is in force: AWS clients act with your own credentials.")  # noqa: T201
        return role

    @line_magic
    def drop_role(self, line: str) -> None:
        """Put the environment and boto3's default session back exactly as they were before the first role."""
        _no_arguments("drop_role", line)
        from stsnb.api import drop_role

        role = drop_role()
        if role is None:
            print("No role is in force; there is nothing to drop.")  # noqa: T201
        else:
            print(f"Dropped {role.role_name}: AWS clients act with your own credentials again.")  # noqa: T201


def _assume(asked: dict[str, Any]) -> AssumedRole:
    """Assume what was asked for, of which nothing is kept: a traceback may show the caller's variables."""
    from stsnb.api import assume_role  # boto3 is behind it: not before it is needed

    try:
        return assume_role(**asked)
    finally:
        asked.clear()


def _no_arguments(magic: str, line: str) -> None:
    if line.strip():
        raise AssumeRoleError(f"%{magic} takes no arguments.", f"Write %{magic} alone.")
