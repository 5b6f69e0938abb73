"""A fault is one text of two sentences, which can be had apart."""

from __future__ import annotations

import copy
import json
import pickle

from stsnb.sts.fault import Fault

FAULT = Fault("Invalid duration: 60 s.", "It must be 900 to 43200 s.")


def test_a_fault_is_both_sentences_and_each_of_them() -> None:
    assert FAULT == "Invalid duration: 60 s. It must be 900 to 43200 s."
    assert FAULT.happened == "Invalid duration: 60 s."
    assert FAULT.advice == "It must be 900 to 43200 s."
    assert json.dumps(FAULT) == f'"{FAULT}"'


def test_the_place_of_the_value_is_in_the_first_sentence() -> None:
    placed = FAULT.at("duration_seconds of profile work")
    assert placed.happened == "Invalid duration: 60 s (duration_seconds of profile work)."
    assert placed.advice == FAULT.advice


def test_a_copy_keeps_both_sentences() -> None:
    for other in (copy.deepcopy(FAULT), pickle.loads(pickle.dumps(FAULT))):
        assert (other, other.happened, other.advice) == (FAULT, FAULT.happened, FAULT.advice)
