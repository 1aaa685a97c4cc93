from importlib import import_module

import numpy as np
import pytest

from backproof.oracles.outcome import Answer
from backproof.oracles.registry import FORMULA, REGISTERED, cheapest_first, make
from tests.oracles.layer_questions import LIBRARY


@pytest.mark.parametrize("name", REGISTERED)
def test_an_entry_says_what_its_class_says(name: str) -> None:
    entry = REGISTERED[name]
    made = entry.make(**dict.fromkeys(entry.needs, lambda inputs: inputs))
    assert made.name == entry.name == name
    assert made.independent_of == entry.independent_of
    assert type(made) is getattr(import_module(entry.module), entry.factory)
    assert entry.alone


def test_a_registered_oracle_answers() -> None:
    asked = LIBRARY["ni,io->no relu"]
    for name in ("autodiff", "enclosure", "exact"):
        assert isinstance(make(name).answer(asked), Answer)
    layer = make("differences", forward=lambda i: {"A": np.maximum(i["X"] @ i["W"] + i["b"], 0)})
    assert isinstance(layer.answer(asked), Answer)


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(TypeError, match="the oracle differences needs forward"):
        make("differences")
    with pytest.raises(KeyError, match="no oracle is named 'tarot'; known are derived, autodiff"):
        make("tarot")


def test_the_cheapest_comes_first() -> None:
    costs = [entry.cost for entry in cheapest_first()]
    assert costs == sorted(set(costs))
    assert [e.name for e in cheapest_first(["exact", "derived"])] == ["derived", "exact"]


def test_those_that_evaluate_the_formula_say_so() -> None:
    sharing = {name for name, entry in REGISTERED.items() if entry.rests_on == FORMULA}
    assert sharing == {"derived", "enclosure", "exact"}
