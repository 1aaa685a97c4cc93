"""An equation with every product and transpose as an einsum: ``dW = einsum('no,ni->oi', dZ, X)``.

Around the einsums stand the operations that NumPy does entry by entry, its broadcasting included:
``Z = einsum('ni,oi->no', X, W) + b``, and ``b[:, None]`` where b is constant along the last axis.
``Z[...] = b`` fills an array with what lacks one of its axes. What has affine positions has no
einsum: it stays in index notation.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from backproof.spec import plan
from backproof.spec.errors import SpecError
from backproof.spec.printers.index import ATOM, POWER, PRODUCT, SUM, index_equation, index_form
from backproof.spec.terms import (
    ONE,
    Index,
    Match,
    Mul,
    Number,
    Power,
    Term,
    indices_in,
    mul,
    power,
    walk,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation


def einsum_equation(equation: Equation) -> str:
    """An equation as an assignment of einsums; in index notation where there is none."""
    if any(isinstance(node, Match) for node in walk(equation.value)):
        return index_equation(equation.target, equation.value)
    wanted = equation.target.indices
    letters = einsum_letters((*wanted, *sorted(indices_in(equation.value))))
    text, _ = _Writer(letters).write(plan.array_form(equation.value, wanted), wanted)
    filled = "[...]" if equation.value.free < frozenset(wanted) else ""
    return f"{equation.name}{filled} = {text}"


def einsum_letters(indices: Iterable[Index]) -> dict[Index, str]:
    """A letter of its own for each index: its name, where all names are single letters.

    Raises:
        SpecError: there are more indices than letters.
    """
    every = tuple(dict.fromkeys(indices))
    names = [i.name for i in every]
    if len(set(names)) == len(names) and all(n in string.ascii_letters for n in names):
        return dict(zip(every, names, strict=True))
    letters: dict[Index, str] = {}
    # Single letters keep theirs, whichever index comes first.
    for index in sorted(every, key=lambda i: len(i.name) > 1):
        wanted = (index.name[0], *string.ascii_letters)
        taken = set(letters.values())
        free = (x for x in wanted if x in string.ascii_letters and x not in taken)
        letter = next(free, None)
        if letter is None:
            raise SpecError(f"an einsum has letters for {len(string.ascii_letters)} indices only")
        letters[index] = letter
    return letters


_NAMES: Mapping[type[plan.ArrayForm], str] = {
    plan.SoftmaxAlong: "softmax",
    plan.HardmaxAlong: "hardmax",
    plan.LogSumExpOver: "logsumexp",
    plan.MaxOver: "max",
    plan.ProductOver: "prod",
}
# What keeps the order of its dimensions, whichever is wanted.
_FIXED = (plan.Named, plan.Identity, plan.LogSumExpOver, plan.MaxOver, plan.ProductOver)


class _Writer:
    def __init__(self, letters: Mapping[Index, str]) -> None:
        self.letters = letters

    def subscripts(self, indices: Iterable[Index]) -> str:
        return "".join(self.letters[i] for i in indices)

    def held(self, form: plan.ArrayForm, wanted: tuple[Index, ...], level: int) -> str:
        text, holds = self.write(form, wanted)
        return text if holds >= level else f"({text})"

    def write(self, form: plan.ArrayForm, wanted: tuple[Index, ...]) -> tuple[str, int]:
        """A form over the wanted indices; where it lacks some, broadcasting makes up for them."""
        if isinstance(form, plan.Scalar):
            return index_form(form.term), _level(form.term)
        if isinstance(form, plan.Einsum) and not form.operands:
            return index_form(form.coefficient), _level(form.coefficient)
        own = form.indices
        kept = tuple(i for i in wanted if i in own)
        if isinstance(form, plan.Einsum):
            # An index that no operand has is left to broadcasting.
            present = {i for o in form.operands for i in o.indices}
            kept = tuple(i for i in wanted if i in present)
            text, level = self._broadcast(*self._einsum(form, kept), kept, wanted)
            return self._scaled(form.coefficient, text, level)
        if kept != own and isinstance(form, _FIXED):
            inner, _ = self.write(form, own)
            text, level = self._call(self.subscripts(own), kept, inner), ATOM
        else:
            text, level = self._plain(form, kept)
        return self._broadcast(text, level, kept, wanted)

    def _broadcast(
        self, text: str, level: int, kept: tuple[Index, ...], wanted: tuple[Index, ...]
    ) -> tuple[str, int]:
        if not kept or kept == wanted[len(wanted) - len(kept) :]:
            return text, level
        first = wanted.index(kept[0])
        view = ", ".join(":" if i in kept else "None" for i in wanted[first:])
        return f"{text if level >= ATOM else f'({text})'}[{view}]", ATOM

    def _plain(self, form: plan.ArrayForm, kept: tuple[Index, ...]) -> tuple[str, int]:
        if isinstance(form, plan.Named):
            return form.name, ATOM
        if isinstance(form, plan.Identity):
            return f"eye(size({form.indices[0].axis}))", ATOM
        if isinstance(form, plan.Total):
            text = ""
            for part in form.parts:
                piece, _ = self.write(part, kept)
                if not text:
                    text = piece
                elif piece.startswith("-"):
                    text += f" - {piece[1:]}"
                else:
                    text += f" + {piece}"
            return text, SUM
        if isinstance(form, plan.Elementwise):
            inner, _ = self.write(form.argument, kept)
            return f"{form.function}{chr(39) * form.order}({inner})", ATOM
        if isinstance(form, plan.Raised):
            exponent = form.power.exponent
            if exponent < 0:
                below = self._raised(form.argument, kept, power(form.power, -1))
                return f"1/{below}", PRODUCT
            return self._raised(form.argument, kept, form.power), POWER
        if isinstance(form, plan.Chosen):
            return self._chosen(form, kept)
        if isinstance(form, (plan.SoftmaxAlong, plan.HardmaxAlong)):
            inner, _ = self.write(form.argument, kept)
            return f"{_NAMES[type(form)]}({inner}, axis={kept.index(form.along)})", ATOM
        if isinstance(form, (plan.LogSumExpOver, plan.MaxOver, plan.ProductOver)):
            order = form.argument.indices
            inner, _ = self.write(form.argument, order)
            return f"{_NAMES[type(form)]}({inner}, axis={order.index(form.over)})", ATOM
        raise TypeError(f"{type(form).__name__} has no rule as an einsum: a bug in backproof")

    def _chosen(self, form: plan.Chosen, kept: tuple[Index, ...]) -> tuple[str, int]:
        test, above, below = (
            self.write(part, kept)[0] for part in (form.test, form.above, form.below)
        )
        return f"where({test} > 0, {above}, {below})", ATOM

    def _raised(self, base: plan.ArrayForm, kept: tuple[Index, ...], raised: Term) -> str:
        if not isinstance(raised, Power):
            return self.held(base, kept, POWER)
        exponent = raised.exponent
        shown = str(exponent) if exponent.denominator == 1 else f"({exponent})"
        return f"{self.held(base, kept, ATOM)}**{shown}"

    def _einsum(self, form: plan.Einsum, kept: tuple[Index, ...]) -> tuple[str, int]:
        alone = form.operands[0]
        if len(form.operands) == 1 and not form.summed and alone.indices == kept:
            text, level = self.write(alone, kept)
        else:
            subscripts = ",".join(self.subscripts(o.indices) for o in form.operands)
            operands = (self.write(o, o.indices)[0] for o in form.operands)
            text, level = self._call(subscripts, kept, ", ".join(operands)), ATOM
        return text, level

    def _call(self, subscripts: str, kept: tuple[Index, ...], operands: str) -> str:
        return f"einsum('{subscripts}->{self.subscripts(kept)}', {operands})"

    def _scaled(self, coefficient: Term, text: str, level: int) -> tuple[str, int]:
        if coefficient is ONE:
            return text, level
        factors = coefficient.factors if isinstance(coefficient, Mul) else (coefficient,)
        above = mul(*(f for f in factors if not _is_divisor(f)))
        below = mul(*(f for f in factors if _is_divisor(f)))
        held = text if level >= POWER else f"({text})"
        front = index_form(above)
        if isinstance(above, Number) and abs(above.value) == 1:
            written = held if above.value == 1 else f"-{held}"
        elif isinstance(above, Number) and above.value.denominator != 1:
            front = {1: "", -1: "-"}.get(above.value.numerator, f"{above.value.numerator}*")
            written = f"{front}{held}/{above.value.denominator}"
        else:
            written = f"{front}*{held}"
        if below is not ONE:
            written += index_form(below).removeprefix("1")
        return written, SUM if written.startswith("-") else PRODUCT


def _is_divisor(term: Term) -> bool:
    return isinstance(term, Power) and term.exponent < 0


def _level(term: Term) -> int:
    text = index_form(term)
    if text.startswith("-") or " " in text:
        return SUM
    return PRODUCT if "*" in text or "/" in text or "^" in text else ATOM
