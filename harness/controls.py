"""Negative controls: mistakes planted into the right results, to say what a run would catch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from backproof.cases import Case
from backproof.checking import Checker
from backproof.oracles.decide import detection_limit
from backproof.oracles.formats import FORMATS
from backproof.oracles.reference import Bounded, reference
from backproof.reports.finding import Control
from backproof.spec.claims.reading import Claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.mistakes import WrongForm, planted, wrong_forms
from backproof.spec.terms import entry


class Controls:
    """Counts, over the cases of a run, which planted mistakes it tells from the right result."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        self.pending = [
            form for name in checker.wanted for form in wrong_forms(checker.derivation, name)
        ]
        self.planted = len(self.pending)
        self.caught = 0
        self.limit: dict[str, float] = {}

    def see(self, case: Case, right: Mapping[str, Bounded]) -> None:
        """Try the mistakes that no case has caught yet at one more case."""
        for name in self.checker.wanted:
            found = detection_limit(right[name])
            if np.isfinite(found):
                # An entry cannot be off by less than the spacing of the format's numbers.
                found = max(found, 2.0 * FORMATS[case.format].u)
                self.limit[name] = min(found, self.limit.get(name, np.inf))
        left = []
        for form in self.pending:
            if self._caught(form, case, right):
                self.caught += 1
            else:
                left.append(form)
        self.pending = left

    def _caught(self, form: WrongForm, case: Case, right: Mapping[str, Bounded]) -> bool:
        bounded = right[form.quantity]
        shape = tuple(case.sizes[i.axis] for i in form.indices)
        if any(case.sizes.get(a) != case.sizes.get(b) for a, b in form.needs):
            # Such a line does not run at these sizes: the layer raises.
            return True
        if shape != np.shape(bounded.value):
            return True
        try:
            derivation = planted(self.checker.derivation, form)
            wrong = reference(
                derivation, case.inputs, FORMATS[case.format], wanted=(form.quantity,)
            )[form.quantity]
        except (ValueError, ArithmeticError):
            return False
        with np.errstate(all="ignore"):
            off = np.abs(np.asarray(wrong.value) - np.asarray(bounded.value))
            # The planted value may itself be off by its own radius.
            reach = np.asarray(bounded.radius) + np.asarray(bounded.own) + np.asarray(wrong.own)
            return bool(np.any(off > reach))

    def result(self) -> Control:
        """The counts; planted mistakes that are no mistakes (the same for all values) apart."""
        missed, equivalent = [], 0
        for form in self.pending:
            if self._equivalent(form):
                equivalent += 1
            else:
                missed.append(f"{form.quantity}: {form.mistake.sentence}")
        return Control(
            planted=self.planted,
            caught=self.caught,
            missed=missed,
            equivalent=equivalent,
            limit=dict(sorted(self.limit.items())),
        )

    def _equivalent(self, form: WrongForm) -> bool:
        if form.needs:
            return False
        left = entry(form.quantity, form.indices)
        claim = Claim("", left, form.value, form.indices, self.checker.derivation)
        return decide(claim, seconds=0.0).kind is Kind.EQUAL


def limits(controls: Iterable[Control]) -> dict[str, float]:
    """The coarsest detection limit of each quantity over several subjects."""
    found: dict[str, float] = {}
    for control in controls:
        for name, value in control.limit.items():
            found[name] = max(value, found.get(name, 0.0))
    return found
