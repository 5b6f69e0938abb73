"""What a release holds: wheel and sdist are built, and the wheel is installed alone and used outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import stsnb

REPOSITORY = Path(__file__).resolve().parents[1]

#: Prints what a user of the installed package would meet first: its version, the form, the badge's files.
USE = """
import importlib.metadata
import stsnb
from stsnb.widgets.badge import Badge
from stsnb.widgets.form import Fields

stsnb.AssumeRoleForm()
for widget in (Badge, Fields):
    assert "export default" in widget._esm, widget
    assert "var(--jp-" in widget._css, widget
for name in stsnb.__all__:
    assert getattr(stsnb, name)
print(stsnb.__file__, stsnb.__version__, importlib.metadata.version("stsnb"), sep="\\n")
"""


@dataclass(frozen=True)
class Release:
    """A wheel and the sdist that it was built from; the files in both by their paths in the repository."""

    wheel: Path
    wheel_files: Mapping[str, bytes]
    sdist_files: Mapping[str, bytes]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program as if there were no repository; return what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(*folders: str) -> dict[str, bytes]:
    """Each file of these folders of the repository, but for what Python and Jupyter write there."""
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Built as a release is: the sdist from the repository, the wheel from the sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=REPOSITORY)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        sdist_files = {
            member.name.partition("/")[2]: content.read()
            for member in archive
            if (content := archive.extractfile(member)) is not None
        }
        archive.extractall(folder, filter="data")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=folder / sdist.name[:-7])
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        wheel_files = {name: archive.read(name) for name in archive.namelist()}
    return Release(wheel, wheel_files, sdist_files)


@pytest.fixture(scope="module")
def installed(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel in it; what the wheel depends on is found in this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, release.wheel, cwd=folder)
    # A folder in a .pth file comes after the wheel's own, and no .pth in it is read: not that of an editable stsnb.
    purelib = run(
        python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    ).strip()
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(purelib, "dependencies.pth").write_text("\n".join(sorted(dependencies)), encoding="utf-8")
    return python


def test_the_wheel_holds_each_file_of_the_package_and_no_other(release: Release) -> None:
    metadata = f"stsnb-{stsnb.__version__}.dist-info/", f"stsnb-{stsnb.__version__}.data/"
    packaged = {
        name: content for name, content in release.wheel_files.items() if not name.startswith(metadata)
    }
    expected = files("stsnb")
    assert set(expected) - set(packaged) == set()
    assert packaged == expected


def test_the_sdist_holds_what_the_tests_and_the_readme_need(release: Release) -> None:
    expected = files("stsnb", "tests", "notebooks", ".ci", ".github")
    assert set(expected) - set(release.sdist_files) == set()
    assert {"LICENSE", "README.md", "pyproject.toml"} <= set(release.sdist_files)


def test_the_installed_wheel_works_outside_the_repository(installed: Path, tmp_path: Path) -> None:
    location, version, metadata_version = run(installed, "-I", "-c", USE, cwd=tmp_path).splitlines()
    assert Path(location).resolve().is_relative_to(installed.parents[1].resolve())
    assert version == metadata_version == stsnb.__version__
