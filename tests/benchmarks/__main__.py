"""``hatch run bench``: each figure as a ratio to a reference measured in the same run, best of several."""

from __future__ import annotations

import os
import sys

from stsnb.demo import EmbeddedAWS
from stsnb.demo.embedded import without_aws
from tests.benchmarks.measures import MEASURES


def main() -> int:
    """Print a table; exit with 1 if a ratio is over its limit."""
    # Bytecode is what users have after the first run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    wanted = sys.argv[1:]
    failed = 0
    print(f"{'measure':<52} {'ours':>10} {'reference':>10} {'ratio':>7} {'limit':>7}")
    with EmbeddedAWS() as aws:
        for name in without_aws(dict(os.environ)).keys() ^ os.environ.keys():
            del os.environ[name]
        os.environ.update(aws.environment)
        for measure in MEASURES:
            if wanted and not any(word in measure.name for word in wanted):
                continue
            ours, reference = measure.run()
            ratio = ours / reference
            over = measure.limit is not None and ratio > measure.limit
            failed += over
            limit = f"{measure.limit:7.2f}" if measure.limit is not None else "      -"
            print(
                f"{measure.name:<52} {ours * 1e3:>7.4g} ms {reference * 1e3:>7.4g} ms {ratio:>7.3f} {limit}"
                f"{'  OVER' if over else ''}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
