"""The programs of Ceph that the tests start; run as ``python -m tests.ceph.packages``, installs what is missing."""

from __future__ import annotations

import shutil
import sys

from tests import debian

#: Each program, with the package of Debian and Ubuntu that has it (or depends on the one that has).
PROGRAMS = {
    "ceph-mon": "ceph-mon",
    "monmaptool": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "radosgw-admin": "ceph-common",
    "ceph": "ceph-common",
}


def missing() -> list[str]:
    """The programs that are not on PATH."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def main() -> str | None:
    """Install what is missing; return a sentence if that fails."""
    if not missing():
        return None
    packages = sorted({PROGRAMS[program] for program in missing()})
    lack = f"These tests need {', '.join(missing())}"
    if not debian.can_install():
        return f"{lack}: install {', '.join(packages)} (the packages' names on Debian and Ubuntu), and try again."
    fault = debian.install(*packages)
    if fault:
        return f"{lack}, and could not install them: {fault}."
    return f"{lack}, which {', '.join(packages)} did not bring." if missing() else None


if __name__ == "__main__":
    sys.exit(main())
