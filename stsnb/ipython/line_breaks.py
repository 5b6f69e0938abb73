"""Joins the rows of a %assume_role line as cmd (^) and PowerShell (`) break it, and of %%assume_role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stsnb.ipython.cursor import CONTINUED, magic_at

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def join_rows_in(shell: InteractiveShell) -> None:
    """Join the rows of the magic's lines in a shell; a second call changes nothing.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of a kernel or of a terminal.
    """
    do_not_join_rows_in(shell)
    shell.input_transformers_cleanup.append(joined)


def do_not_join_rows_in(shell: InteractiveShell) -> None:
    """Stop joining rows in a shell.

    Parameters
    ----------
    shell : InteractiveShell
        The shell, whether rows are joined in it or not.
    """
    transformers = shell.input_transformers_cleanup
    transformers[:] = [each for each in transformers if getattr(each, "__module__", None) != __name__]


def joined(rows: list[str]) -> list[str]:
    r"""Rewrite a cell so that IPython takes each of the magic's lines as one.

    Parameters
    ----------
    rows : list of str
        The cell's rows, each with its line end.

    Returns
    -------
    list of str
        With a ``\`` at the end of continued rows, which IPython joins; the first line of a ``%%assume_role`` cell
        in one row, since IPython does not join that.
    """
    rows = list(rows)
    # The body of a cell magic is another cell, which is rewritten when it runs.
    for number in range(1 if rows and rows[0].startswith("%%") else len(rows)):
        if "assume_role" in rows[number] and _continued(rows[number]) and magic_at(rows[number]):
            last = number
            while last + 1 < len(rows) and _continued(rows[last]):
                last += 1
            if rows[0].startswith("%%"):
                return [" ".join(map(_bare, rows[: last + 1])) + "\n", *rows[last + 1 :]]
            if _is_code(rows, number):
                rows[number:last] = [f"{_bare(each)}\\\n" for each in rows[number:last]]
    return rows


def _continued(row: str) -> bool:
    return CONTINUED.search(row.rstrip("\n")) is not None


def _bare(row: str) -> str:
    return CONTINUED.sub("", row.rstrip("\n"))


def _is_code(rows: list[str], number: int) -> bool:
    """Whether a row begins a line of code; it may be inside a text of several rows."""
    from IPython.core.inputtransformer2 import make_tokens_by_line

    return any(found[0].start[0] == number + 1 for found in make_tokens_by_line(rows) if found)
