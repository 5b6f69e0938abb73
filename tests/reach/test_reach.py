"""Every library and child process acts as the role and keeps on, as seen on a server that checks every session."""

from __future__ import annotations

import pytest

from tests.reach import table
from tests.reach.conftest import TOOLS
from tests.reach.observe import ANEW, COLUMNS, YES, Seen
from tests.reach.readers import READERS

#: After its first session has ended, these go on with what is made then: they keep keys until something asks anew.
MADE_ANEW = {"deltalake", "obstore", *TOOLS}


@pytest.mark.parametrize("name", [*READERS, *TOOLS])
@pytest.mark.parametrize("column", COLUMNS)
def test_it_acts_as_the_active_role(seen: Seen, name: str, column: str) -> None:
    expected = ANEW if column == "after expiry" and name in MADE_ANEW else YES
    assert seen[name][column] == expected


def test_the_table_in_the_docs_is_what_was_seen(seen: Seen) -> None:
    assert table.written() == table.made(seen), "hatch run reach --write-table writes it"
