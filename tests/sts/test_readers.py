"""What is passed for a parameter is read, or refused with a fault and a remedy; tests/sts/test_request.py has all of them."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from stsnb.sts.fault import Fault
from stsnb.sts.readers import READERS, read_token_code
from tests.scripted_sts import IDENTITY_CENTER, SECRET_MARK


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


CONTEXT = {"ProviderArn": IDENTITY_CENTER, "ContextAssertion": SECRET_MARK}


@pytest.mark.parametrize(
    "given",
    [[CONTEXT], (CONTEXT,), CONTEXT, MappingProxyType(CONTEXT), iter([CONTEXT]), [MappingProxyType(CONTEXT)]],
)
def test_provided_contexts_may_be_any_iterable_of_mappings_or_one(given: object) -> None:
    assert READERS["provided_contexts"](given) == (CONTEXT,)


@pytest.mark.parametrize(
    "given",
    [
        SECRET_MARK,
        [SECRET_MARK],
        5,
        [CONTEXT, {"ProviderArn": SECRET_MARK}],
        [{**CONTEXT, "Other": SECRET_MARK}],
        [{**CONTEXT, "ContextAssertion": [SECRET_MARK]}],
        {"provider_arn": SECRET_MARK},
        {IDENTITY_CENTER: SECRET_MARK},
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_context_is_refused_without_showing_it(given: object) -> None:
    with pytest.raises(
        ValueError, match="is not a dict with the texts ProviderArn and ContextAssertion"
    ) as refused:
        READERS["provided_contexts"](given)
    assert SECRET_MARK not in f"{refused.value!r}"
