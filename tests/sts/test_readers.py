"""What is passed for a parameter is read, or refused with a fault and a remedy; tests/sts/test_request.py has all of them."""

from __future__ import annotations

import pytest

from stsnb.sts.fault import Fault
from stsnb.sts.readers import READERS, read_token_code


@pytest.mark.parametrize("name", READERS)
def test_a_value_of_a_wrong_type_is_a_fault_with_a_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=r"\.") as refused:
        READERS[name](object())
    fault = refused.value.args[0]
    assert isinstance(fault, Fault)
    assert fault.happened.endswith(".")
    assert fault.advice.endswith(".")


def test_a_code_is_read_without_the_spaces_around_it() -> None:
    assert read_token_code(" 012345\n") == "012345"
