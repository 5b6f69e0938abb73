"""The limits themselves: the last value that is within each, and the first that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stsnb.sts import limits

ARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def context(provider: int, assertion: int) -> dict[str, str]:
    return {"ProviderArn": "p" * provider, "ContextAssertion": "a" * assertion}


@pytest.mark.parametrize(
    ("check", "within", "beyond"),
    [
        (limits.TEXTS["session_name"].faults, ["ab", "a" * 64, "a_+=,.@-1"], ["a", "a" * 65, "a b", "ä1", 1]),
        (limits.TEXTS["source_identity"].faults, ["ab", "a" * 64], ["a", "a" * 65, "a/b"]),
        (limits.TEXTS["external_id"].faults, ["ab", "a" * 1224, "a:/b"], ["a", "a" * 1225, "a b"]),
        (limits.TEXTS["serial_number"].faults, ["a" * 9, "a" * 256, "arn:aws:/x"], ["a" * 8, "a" * 257]),
        (limits.duration_faults, [900, 43200], [899, 43201, 0, -1]),
        (limits.policy_faults, ["{}", "\t\n\r ÿ"], ["Ā", "\x00"]),
        (limits.policy_arn_faults, [[], [ARN], [ARN] * 10], [[ARN] * 11, ["x"], [ARN + "x" * 2048]]),
        (
            limits.tag_faults,
            [{}, {"k": ""}, {"k" * 128: "v" * 256}],
            [{"": "v"}, {"k" * 129: ""}, {"k": "v" * 257}],
        ),
        (
            limits.tag_faults,
            [{f"k{n}": "v" for n in range(50)}, {"ключ": "значение 1"}],
            [{f"k{n}": "v" for n in range(51)}, {"k": "1", "K": "2"}, {"a,b": "v"}],
        ),
        (
            limits.transitive_tag_key_faults,
            [[], ["k" * 128], [f"k{n}" for n in range(50)]],
            [[""], ["k" * 129], [f"k{n}" for n in range(51)]],
        ),
        (
            limits.provided_context_faults,
            [[], [context(20, 4)], [context(2048, 2048)] * 5],
            [
                [context(19, 4)],
                [context(2049, 4)],
                [context(20, 3)],
                [context(20, 2049)],
                [context(20, 4)] * 6,
            ],
        ),
        (limits.session_token_size_faults, [0, 4096], [-1, 4097]),
        (limits.token_code_faults, ["123456", "000000"], ["12345", "1234567", "12345a", "١٢٣٤٥٦"]),
    ],
)
def test_values_within_the_limits_have_no_fault_and_others_have_one(
    check: Callable[[Any], list[object]], within: list[Any], beyond: list[Any]
) -> None:
    for value in within:
        assert not check(value), value
    for value in beyond:
        assert check(value), value


def test_session_policies_count_together() -> None:
    policy = "x" * (limits.MAX_POLICY_LENGTH - len(ARN))
    assert not limits.policy_length_faults(policy, [ARN])
    assert limits.policy_length_faults(f"{policy}x", [ARN])


def test_a_code_is_not_in_its_fault() -> None:
    assert "98765" not in str(limits.token_code_faults("98765"))


def test_a_fault_of_a_provided_context_names_its_place_and_no_value() -> None:
    faults = limits.provided_context_faults([context(20, 4), context(19, 3)])
    assert [str(fault) for fault in faults] == [
        "Invalid ProviderArn of provided context 2: 19 characters. It must have 20 to 2048.",
        "Invalid ContextAssertion of provided context 2: 3 characters. It must have 4 to 2048.",
    ]
