"""The package's layout: imports run one way, folders and files stay small, and each module has a test file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "stsnb"

#: The folders and files of stsnb/. Each imports only what is above it, so that a reader can start at the top and needs
#: nothing of what is below, and a change can break only what is below it.
ORDER = [
    "_threads",
    "_redaction",
    "sts",
    "sources",
    "errors",
    "config",
    "roles",
    "injection",
    "clusters",
    "kernel",
    "resolve",
    "aws_cli",
    "line",
    "api",
    "widgets",
    "ipython",
    "labextension",
    "demo",
    "__init__",
]

#: A longer file says why in its first ten lines, with these words: "More than 350 lines, because …".
MOST_LINES, REASON = 350, "350 lines"


def name_of(path: Path) -> str:
    """``stsnb.roles.fetcher`` for its file, ``stsnb.errors`` for ``errors/__init__.py``."""
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def place(module: str) -> str:
    """The folder or file of stsnb/ that a module belongs to: an entry of ORDER."""
    return [*module.split("."), "__init__"][1]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of each module of stsnb that a file imports.

    Imports inside functions and under TYPE_CHECKING count, and so does a module's name in a string
    (``import_module``, ``sys.modules``): an arrow is an arrow wherever it is written.
    """
    folder = path.relative_to(REPOSITORY).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            members = [f"{base}.{alias.name}" for alias in node.names]
            names = [member if member in MODULES else base for member in members]
            yield from ((node.lineno, name) for name in names if name in MODULES)
        elif isinstance(node, ast.Constant) and node.value in MODULES.keys() - {"stsnb"}:
            yield node.lineno, str(node.value)


def listed(faults: list[str]) -> str:
    """All of them: pytest cuts a long list short."""
    return "\n".join(["", *faults])


def test_each_module_imports_only_what_is_above_it() -> None:
    assert {place(module) for module in MODULES} <= set(ORDER), (
        "Give the new folder or file a place in ORDER."
    )
    backward = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for module, path in MODULES.items()
        for line, name in sorted(imports(path))
        if place(name) != place(module) and ORDER.index(place(name)) > ORDER.index(place(module))
    ]
    assert not backward, listed(backward)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {name for _, name in imports(path)} for module, path in MODULES.items() if module != "stsnb"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_folder_holds_more_than_a_reader_takes_in_at_a_glance() -> None:
    most = {PACKAGE: 8}
    for folder in {path.parent for path in MODULES.values()}:
        modules = sorted(path.stem for path in folder.glob("*.py") if path.name != "__init__.py")
        assert len(modules) <= most.get(folder, 10), f"{folder}: {modules}"


def test_no_file_is_long_without_a_reason_in_its_first_lines() -> None:
    long = []
    for path in (path for suffix in ("py", "js", "css") for path in PACKAGE.rglob(f"*.{suffix}")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MOST_LINES and REASON not in "\n".join(lines[:10]):
            long.append(f"{path.relative_to(REPOSITORY)}: {len(lines)} lines")
    assert not long, listed(long)


def test_each_module_has_a_test_file_of_its_name() -> None:
    missing = []
    for path in MODULES.values():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        if path.name == "__init__.py" and not any(isinstance(node, DEFINITIONS) for node in body):
            continue  # a docstring, or names imported from the folder's modules
        # _threads.py: test_threads.py; __init__.py: test_init.py; __main__.py: test_main.py
        test = Path("tests", path.relative_to(PACKAGE)).with_name(f"test_{path.stem.strip('_')}.py")
        if not (REPOSITORY / test).is_file():
            missing.append(test.as_posix())
    assert not missing, listed(missing)
