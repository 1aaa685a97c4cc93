"""The catalogue of mistakes: each a rewrite of a right equation into one that people write.

One table feeds the diagnosis of a wrong result, the planted negative controls, and the naming of
wrong claims. To add a mistake, add a function to ``REWRITES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from backproof.spec.deriving.derive import Derivation, Gradient
from backproof.spec.functions import FUNCTIONS, formula, replace_x, unfold
from backproof.spec.printers.index import position_form
from backproof.spec.program import Statement
from backproof.spec.terms import (
    ONE,
    Add,
    Apply,
    Entry,
    Hardmax,
    Index,
    Match,
    Mul,
    Number,
    Size,
    Sum,
    Term,
    add,
    apply,
    entry,
    match,
    mul,
    negative,
    number,
    power,
    rebuild,
    size,
    substitute,
    total,
    walk,
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake by name.

    Attributes:
        kind: one of the fixed names, such as ``transposed``.
        variant: which of that kind.
        sentence: what was done, in words.
        weight: how far-fetched it is; of two explanations the lighter one is preferred.
    """

    kind: str
    variant: str
    sentence: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class WrongForm:
    """A right equation with one mistake in it.

    Attributes:
        quantity: the tensor whose equation it is, such as dW.
        indices: those of the wrong result, which may have another shape than the right one.
        value: the wrong right side.
        needs: the axes that need one size for the wrong form to run at all.
    """

    mistake: Mistake
    quantity: str
    indices: tuple[Index, ...]
    value: Term
    needs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Equation:
    """What a rewrite works on."""

    derivation: Derivation
    quantity: str
    of: str
    target: Entry
    value: Term
    samples: str | None

    def wrong(
        self,
        mistake: Mistake,
        value: Term,
        indices: tuple[Index, ...] | None = None,
        needs: tuple[tuple[str, str], ...] = (),
    ) -> WrongForm:
        pairs = tuple((a, b) for a, b in needs if a != b)
        return WrongForm(
            mistake,
            self.quantity,
            self.target.indices if indices is None else indices,
            value,
            pairs,
        )


def wrong_forms(derivation: Derivation, quantity: str) -> list[WrongForm]:
    """All wrong forms of the equation that defines a tensor or a gradient; none for an input."""
    equation = _equation(derivation, quantity)
    if equation is None:
        return []
    found: dict[tuple[Term, tuple[Index, ...]], WrongForm] = {}
    for rewrite in REWRITES:
        for form in rewrite(equation):
            same = form.value is equation.value and form.indices == equation.target.indices
            if not same:
                key = (form.value, form.indices)
                if key not in found or form.mistake.weight < found[key].mistake.weight:
                    found[key] = form
    return list(found.values())


def planted(derivation: Derivation, form: WrongForm) -> Derivation:
    """The derivation with a wrong form in place of the right equation."""
    statement = derivation.program.statement(form.quantity)
    target = entry(form.quantity, form.indices)
    if statement is not None:
        changed = replace(statement, target=target, value=form.value)
        statements: tuple[Statement, ...] = tuple(
            changed if s is statement else s for s in derivation.program.statements
        )
        return replace(derivation, program=replace(derivation.program, statements=statements))
    gradients = {
        name: Gradient(g.of, target, form.value, ()) if g.name == form.quantity else g
        for name, g in derivation.gradients.items()
    }
    return replace(derivation, gradients=gradients)


def _equation(derivation: Derivation, quantity: str) -> _Equation | None:
    samples = derivation.program.samples
    statement = derivation.program.statement(quantity)
    if statement is not None:
        return _Equation(derivation, quantity, quantity, statement.target, statement.value, samples)
    for g in derivation.gradients.values():
        if g.name == quantity and not g.is_upstream:
            return _Equation(derivation, quantity, g.of, g.target, g.value, samples)
    return None


def _factors(term: Term) -> tuple[Term, ...]:
    return term.factors if isinstance(term, Mul) else (term,)


def _parts(term: Term) -> tuple[Term, ...]:
    return term.terms if isinstance(term, Add) else (term,)


def _is_gradient(derivation: Derivation, term: Term) -> bool:
    return isinstance(term, Entry) and any(
        g.name == term.tensor for g in derivation.gradients.values()
    )


# ---------------------------------------------------------------- products of two matrices


def _matrix_products(e: _Equation) -> Iterator[WrongForm]:
    """Each way of transposing and ordering the two matrices of a product."""
    if len(e.target.indices) != 2:
        return
    parts = _parts(e.value)
    for k, part in enumerate(parts):
        factors = _factors(part)
        sums = [f for f in factors if isinstance(f, Sum)]
        if len(sums) != 1 or len(sums[0].indices) != 1:
            continue
        (inner,) = sums
        body = _factors(inner.body)
        matrices = [f for f in body if isinstance(f, Entry) and len(f.indices) == 2]
        if len(matrices) != 2 or len(body) != 2:
            continue
        coefficient = mul(*(f for f in factors if f is not inner))
        if coefficient.free:
            continue
        others = (*parts[:k], *parts[k + 1 :])
        yield from _orders(e, matrices[0], matrices[1], inner.indices[0], coefficient, others)


def _orders(
    e: _Equation,
    first: Entry,
    second: Entry,
    bound: Index,
    coefficient: Term,
    others: tuple[Term, ...],
) -> Iterator[WrongForm]:
    row, column = e.target.indices
    left, right = (first, second) if row in first.free else (second, first)
    if row not in left.free or column not in right.free:
        return
    turned = {left: left.indices[0] != row, right: right.indices[0] != bound}
    straight = {m: _shown(m, turned[m]) for m in (left, right)}
    truth = f"{straight[left]} {straight[right]}"
    for swap, flip_left, flip_right in product((False, True), repeat=3):
        if not (swap or flip_left or flip_right):
            continue
        operands = (right, left) if swap else (left, right)
        flips = {left: turned[left] != flip_left, right: turned[right] != flip_right}
        written = " ".join(_shown(m, flips[m]) for m in operands)
        # Each matrix over indices of its own, then the inner two made one.
        own = [_own_indices(m, mark) for m, mark in zip(operands, "lr", strict=True)]
        a, b = (
            indices[::-1] if flips[m] else indices for m, indices in zip(operands, own, strict=True)
        )
        base = entry(operands[0].tensor, own[0])
        other = entry(operands[1].tensor, (a[1] if i == b[0] else i for i in own[1]))
        result = (a[0], b[1])
        value = total((a[1],), mul(base, other))
        if swap and flip_left and flip_right:
            kind, words = "transposed", "the result is transposed"
        elif swap:
            kind, words = "operands-swapped", "the operands of the matrix product are swapped"
        else:
            kind, words = "transposed", "a matrix is transposed that should not be, or the reverse"
        weight = 1 + flip_left + flip_right + swap
        mistake = Mistake(kind, written, f"{words}: {written} for {truth}", weight)
        needs = ((a[1].axis, b[0].axis),)
        whole = mul(coefficient, value)
        if others:
            if [i.axis for i in result] != [row.axis, column.axis]:
                continue
            whole = add(substitute(whole, {result[0]: row, result[1]: column}), *others)
            result = (row, column)
        yield e.wrong(mistake, whole, result, needs)


def _shown(matrix: Entry, turned: bool) -> str:
    return matrix.tensor + ("^T" if turned else "")


def _own_indices(matrix: Entry, mark: str) -> tuple[Index, Index]:
    first, second = (Index(f"{i.name}_{mark}{k}", i.axis) for k, i in enumerate(matrix.indices))
    return first, second


# ---------------------------------------------------------------- shape of the result


def _transposed(e: _Equation) -> Iterator[WrongForm]:
    if len(e.target.indices) == 2:
        row, column = e.target.indices
        mistake = Mistake("transposed", "result", "the result is transposed")
        yield e.wrong(mistake, e.value, (column, row))


# ---------------------------------------------------------------- the activation's derivative


def _derivative(e: _Equation) -> Iterator[WrongForm]:
    """Forms of dZ = dA * g'(Z): without the derivative, at the output, twice, and so on."""
    factors = _factors(e.value)
    upstream = [f for f in factors if _is_gradient(e.derivation, f)]
    local = [f for f in factors if not _is_gradient(e.derivation, f) and f.free]
    if len(upstream) != 1 or not local or any(isinstance(f, Sum) for f in factors):
        return
    (arriving,) = upstream
    slope = mul(*local)
    constant = mul(*(f for f in factors if f is not arriving and not f.free))
    yield e.wrong(
        Mistake(
            "missing-activation-derivative",
            "missing",
            "the derivative of the activation is missing",
        ),
        mul(constant, arriving),
    )
    yield e.wrong(
        Mistake(
            "extra-factor", "derivative twice", "the derivative of the activation stands twice"
        ),
        mul(constant, arriving, slope, slope),
    )
    yield e.wrong(
        Mistake("missing-term", "upstream ignored", "the upstream gradient is ignored", 2),
        mul(constant, slope),
    )
    output = _output_of(e)
    if output is None:
        return
    at_output = _replaced(slope, entry(e.of, e.target.indices), output)
    if at_output is not slope:
        yield e.wrong(
            Mistake(
                "derivative-at-output",
                "at the output",
                f"the derivative is taken at the output {output.tensor} and not at {e.of}",
            ),
            mul(constant, arriving, at_output),
        )
    yield from _specific(e, arriving, constant, output)


def _output_of(e: _Equation) -> Entry | None:
    """The entry of the tensor that a function makes of this one."""
    for s in e.derivation.program.statements:
        made = s.value
        if not isinstance(made, Apply) or made.order or not isinstance(made.argument, Entry):
            continue
        if made.argument.tensor == e.of:
            return entry(s.target.tensor, e.target.indices)
    return None


def _replaced(term: Term, old: Term, new: Term) -> Term:
    if term is old:
        return new
    return rebuild(term, lambda child: _replaced(child, old, new))


def _specific(e: _Equation, arriving: Term, constant: Term, output: Entry) -> Iterator[WrongForm]:
    """Wrong derivatives of particular functions, in terms of the output a."""
    statement = e.derivation.program.statement(output.tensor)
    assert statement is not None
    assert isinstance(statement.value, Apply)
    a: Term = output
    z: Term = entry(e.of, e.target.indices)
    squared = power(a, 2)

    def less(left: Term, right: Term) -> Term:
        return add(left, negative(right))

    table: dict[str, list[tuple[str, str, Term]]] = {
        "sigmoid": [
            ("missing-term", "1 - a", less(ONE, a)),
            ("missing-term", "a", a),
            ("wrong-sign", "a(1 + a)", mul(a, add(ONE, a))),
            ("wrong-sign", "a(a - 1)", mul(a, less(a, ONE))),
            ("other", "1 - a^2, as for tanh,", less(ONE, squared)),
            ("wrong-operand", "z(1 - z)", mul(z, less(ONE, z))),
        ],
        "tanh": [
            ("other", "1 - a", less(ONE, a)),
            ("wrong-sign", "1 + a^2", add(ONE, squared)),
            ("other", "a(1 - a), as for sigmoid,", mul(a, less(ONE, a))),
            ("wrong-operand", "1 - z^2", less(ONE, power(z, 2))),
            ("missing-term", "a^2", squared),
        ],
    }
    right = {"sigmoid": "a(1 - a)", "tanh": "1 - a^2"}
    name = statement.value.function
    for kind, variant, written in table.get(name, []):
        sentence = f"{variant} stands for {right[name]}"
        yield e.wrong(Mistake(kind, variant, sentence), mul(constant, arriving, written))
    slope = formula(name, 1)
    if isinstance(slope, Add):
        for k, part in enumerate(slope.terms):
            shortened = add(*slope.terms[:k], *slope.terms[k + 1 :])
            shown = f"{part!r}".strip("<>")
            yield e.wrong(
                Mistake("missing-term", f"term {k + 1}", f"the derivative lacks {shown} (x for z)"),
                mul(constant, arriving, replace_x(shortened, z)),
            )
    if name in FUNCTIONS and FUNCTIONS[name].kinks:
        above = apply("step", z)
        for variant, mask in (
            ("inverted", add(ONE, negative(above))),
            ("taken from the upstream gradient", apply("step", arriving)),
        ):
            masked = _slope_with_mask(name, z, mask)
            if masked is not None:
                yield e.wrong(
                    Mistake("wrong-mask", variant, f"the mask is {variant}"),
                    mul(constant, arriving, masked),
                )
    if name not in ("linear", "exp"):
        yield e.wrong(
            Mistake(
                "missing-activation-derivative",
                "the activation for its derivative",
                "the activation itself stands for its derivative",
                2,
            ),
            mul(constant, arriving, a),
        )


def _slope_with_mask(name: str, z: Term, mask: Term) -> Term | None:
    slope = unfold(apply(name, z, 1))
    step = apply("step", z)

    def on(term: Term) -> Term:
        if isinstance(term, Apply) and term.function == "relu" and term.order == 1:
            return mask
        return mask if term is step else rebuild(term, on)

    changed = on(slope)
    return changed if changed is not slope else None


# ---------------------------------------------------------------- sums and scales


def _sums(e: _Equation) -> Iterator[WrongForm]:
    """A sum of one tensor left out, over another axis, or over all."""
    factors = _factors(e.value)
    sums = [f for f in factors if isinstance(f, Sum)]
    if len(sums) != 1:
        return
    (inner,) = sums
    rest = mul(*(f for f in factors if f is not inner))
    if isinstance(inner.body, Entry) and len(inner.indices) == 1:
        indices = inner.body.indices
        (bound,) = inner.indices
        yield e.wrong(
            Mistake("missing-sum", "missing", f"the sum over {bound.name} is missing"),
            mul(rest, inner.body),
            indices,
        )
        others = tuple(i for i in indices if i != bound)
        if len(others) == 1 and not rest.free:
            yield e.wrong(
                Mistake(
                    "wrong-axis",
                    others[0].name,
                    f"the sum runs over {others[0].name} and not over {bound.name}",
                ),
                mul(rest, total(others, inner.body)),
                (bound,),
            )
            yield e.wrong(
                Mistake("extra-sum", "over all", "the sum runs over all axes"),
                mul(rest, total(indices, inner.body)),
                (),
            )


def _extra_factors(e: _Equation) -> Iterator[WrongForm]:
    """Entrywise times a tensor that has the result's axes."""
    if e.derivation.program.statement(e.quantity) is not None or not e.target.indices:
        return
    axes = [i.axis for i in e.target.indices]
    for name, tensor in e.derivation.program.tensors.items():
        if list(tensor.axes) == axes:
            words = f"the result is multiplied by {name}, entry by entry"
            yield e.wrong(
                Mistake("extra-factor", name, words, 2),
                mul(e.value, entry(name, e.target.indices)),
            )


def _sums_of_result(e: _Equation) -> Iterator[WrongForm]:
    """A sum over an axis that the result should keep."""
    if e.derivation.program.statement(e.quantity) is not None or not e.target.indices:
        return
    for index in e.target.indices:
        rest = tuple(i for i in e.target.indices if i != index)
        words = f"the result is summed over {index.name}, too"
        yield e.wrong(
            Mistake("extra-sum", f"over {index.name}", words, 2), total((index,), e.value), rest
        )


def _scales(e: _Equation) -> Iterator[WrongForm]:
    is_gradient = e.derivation.program.statement(e.quantity) is None
    if e.samples is not None and is_gradient:
        n = size(e.samples)
        means = sum(
            isinstance(f, Size) or (not f.free and f is not n and _has_size(f, e.samples))
            for f in _factors(e.value)
        )
        if means:
            words = "the sum over the samples stands where their mean belongs"
            yield e.wrong(Mistake("wrong-scale", "sum for mean", words), mul(n, e.value))
            words = "the mean over the samples is taken twice"
        else:
            words = "the result is divided by the number of samples"
        yield e.wrong(
            Mistake("wrong-scale", "divided by the samples", words), mul(e.value, power(n, -1))
        )
        words = "the result is multiplied by the number of samples"
        yield e.wrong(Mistake("wrong-scale", "times the samples", words, 2), mul(n, e.value))
    if is_gradient:
        for axis in sorted({i.axis for i in e.target.indices} - {e.samples}):
            words = f"the result is divided by the size of {axis}"
            yield e.wrong(
                Mistake("wrong-scale", f"divided by {axis}", words, 2),
                mul(e.value, power(size(axis), -1)),
            )
    for value in (Fraction(2), Fraction(1, 2)):
        words = f"the result is {value} times the right one"
        yield e.wrong(Mistake("wrong-scale", f"times {value}", words), mul(number(value), e.value))


def _has_size(term: Term, axis: str) -> bool:
    return any(isinstance(node, Size) and node.axis == axis for node in walk(term))


def _signs(e: _Equation) -> Iterator[WrongForm]:
    yield e.wrong(Mistake("wrong-sign", "negated", "the sign is wrong"), negative(e.value))
    parts = _parts(e.value)
    for k, part in enumerate(parts):
        if len(parts) > 1:
            words = f"the sign of {part!r} is wrong".replace("<", "").replace(">", "")
            yield e.wrong(
                Mistake("wrong-sign", f"term {k + 1}", words),
                add(*parts[:k], negative(part), *parts[k + 1 :]),
            )


def _terms(e: _Equation) -> Iterator[WrongForm]:
    parts = _parts(e.value)
    for k, part in enumerate(parts):
        if len(parts) > 1 and not isinstance(part, Number):
            words = f"the term {part!r} is missing".replace("<", "").replace(">", "")
            yield e.wrong(
                Mistake("missing-term", f"term {k + 1}", words), add(*parts[:k], *parts[k + 1 :])
            )


# ---------------------------------------------------------------- operands


def _operands(e: _Equation) -> Iterator[WrongForm]:
    """Another tensor of the same rank in the place of an operand."""
    pool = {name: t.indices for name, t in e.derivation.program.tensors.items()}
    if e.derivation.program.statement(e.quantity) is None:
        pool |= {g.name: g.target.indices for g in e.derivation.gradients.values()}
    mine = {node for node in walk(e.value) if isinstance(node, Entry)}
    for operand in sorted(mine, key=lambda n: n.tensor):
        for name, indices in pool.items():
            if name in (operand.tensor, e.quantity) or len(indices) != len(operand.indices):
                continue
            if not _earlier(e, name):
                continue
            kind, weight = "wrong-operand", 2
            words = f"{name} stands for {operand.tensor}"
            if _same_but_derivative(e, operand.tensor, name):
                kind, weight = "missing-activation-derivative", 1
                words += ": the activation's derivative is missing"
            mistake = Mistake(kind, f"{name} for {operand.tensor}", words, weight)
            yield _with_operand(e, mistake, operand, name, indices)


def _with_operand(
    e: _Equation, mistake: Mistake, operand: Entry, name: str, indices: tuple[Index, ...]
) -> WrongForm:
    """Another tensor for an operand.

    Where only the operand has an index of the result, the result gets the other tensor's axis
    there; elsewhere the two sizes have to be equal.
    """
    written: list[Index] = []
    renamed: dict[Index, Index] = {}
    needs: list[tuple[str, str]] = []
    for mine, theirs in zip(operand.indices, indices, strict=True):
        own = mine in e.target.indices and _uses(e.value, mine) == 1
        if mine.axis != theirs.axis and own:
            renamed[mine] = Index(f"{theirs.name}_", theirs.axis)
            written.append(renamed[mine])
            continue
        written.append(mine)
        needs.append((mine.axis, theirs.axis))
    # An operator along the index, such as softmax, goes with it.
    moved = substitute(e.value, renamed)
    value = _replaced(moved, substitute(operand, renamed), entry(name, written))
    target = tuple(renamed.get(i, i) for i in e.target.indices)
    return e.wrong(mistake, value, target, tuple(needs))


def _uses(term: Term, index: Index) -> int:
    """How many entries have an index."""
    return sum(isinstance(n, Entry) and index in n.indices for n in walk(term))


def _derivative_again(e: _Equation) -> Iterator[WrongForm]:
    """The activation's derivative once more, beside a gradient that has it already."""
    mine = {n for n in walk(e.value) if isinstance(n, Entry) and _is_gradient(e.derivation, n)}
    for operand in sorted(mine, key=lambda n: n.tensor):
        definition = e.derivation.definition(operand.tensor)
        if definition is None or any(isinstance(n, Sum) for n in walk(definition[1])):
            continue
        target, value = definition
        local = [f for f in _factors(value) if f.free and not _is_gradient(e.derivation, f)]
        if not local:
            continue
        change = dict(zip(target.indices, operand.indices, strict=True))
        slope = substitute(mul(*local), change)
        words = f"{operand.tensor} has the activation's derivative already"
        yield e.wrong(
            Mistake("extra-factor", "derivative once more", words, 2),
            _replaced(e.value, operand, mul(operand, slope)),
        )


def _earlier(e: _Equation, name: str) -> bool:
    """Whether a tensor can be had without the quantity itself."""
    pending, seen = [name], set()
    while pending:
        current = pending.pop()
        if current == e.quantity:
            return False
        if current in seen:
            continue
        seen.add(current)
        definition = e.derivation.definition(current)
        if definition is not None:
            pending += [n.tensor for n in walk(definition[1]) if isinstance(n, Entry)]
    return True


def _same_but_derivative(e: _Equation, right: str, wrong: str) -> bool:
    definition = e.derivation.definition(right)
    if definition is None:
        return False
    factors = _factors(definition[1])
    return len(factors) > 1 and any(isinstance(f, Entry) and f.tensor == wrong for f in factors)


# ---------------------------------------------------------------- affine positions


def _positions(e: _Equation) -> Iterator[WrongForm]:
    """At a position such as s = 2*t + k: an offset, no stride, a part left out, a part for s.

    With s and t exchanged, t = s + k, a kernel runs the other way: the flip of a convolution is
    missing, or t - k stands for t + k.
    """
    found = sorted(set(_matches(e.value)), key=lambda n: (n.left, n.parts, n.offset))
    for node in found:
        for mistake, wrong in _wrong_positions(node):
            yield e.wrong(mistake, _replaced(e.value, node, wrong))
    turned = [list(_turned(node)) for node in found]
    for wrongs in product(*turned) if 1 < len(found) <= MOST_TURNED else ():
        value = e.value
        for node, wrong in zip(found, wrongs, strict=True):
            value = _replaced(value, node, wrong)
        shown = " and ".join(map(_stands_for, wrongs, found))
        words = f"the kernel runs the wrong way in every direction: {shown}"
        variant = " and ".join(
            f"{w.left.name} for {n.left.name}" for w, n in zip(wrongs, found, strict=True)
        )
        yield e.wrong(Mistake("wrong-axis", variant, words), value)


def _matches(term: Term) -> Iterator[Match]:
    """The positions in a term, but for those whose values a share compares: these may all tie."""
    if isinstance(term, Match):
        yield term
    for child in () if isinstance(term, Hardmax) else term.children:
        yield from _matches(child)


# At more positions than so many, they are turned one at a time.
MOST_TURNED = 3


def _turned(node: Match) -> Iterator[Match]:
    """Each part that counts once exchanged for the left index."""
    for k, (index, factor) in enumerate(node.parts):
        others = (*node.parts[:k], *node.parts[k + 1 :])
        if factor == 1 and others:
            yield _matching(index, (*others, (node.left, 1)), node.offset)


def _stands_for(wrong: Match, right: Match) -> str:
    wrong_, right_ = (f"{node.left.name} = {position_form(node)}" for node in (wrong, right))
    return f"{wrong_} stands for {right_}"


def _wrong_positions(node: Match) -> Iterator[tuple[Mistake, Match]]:
    def shown(wrong: Match) -> str:
        return _stands_for(wrong, node)

    for turned in _turned(node):
        words = f"the kernel runs the wrong way: {shown(turned)}"
        yield Mistake("wrong-axis", f"{turned.left.name} for {node.left.name}", words), turned
    for step in (1, -1):
        if node.offset + step >= 0:
            moved = _matching(node.left, node.parts, node.offset + step)
            words = f"the position is off by one: {shown(moved)}"
            yield Mistake("wrong-operand", f"offset {step:+d}", words), moved
    for k, (index, factor) in enumerate(node.parts):
        others = (*node.parts[:k], *node.parts[k + 1 :])
        if factor > 1:
            plain = _matching(node.left, (*others, (index, 1)), node.offset)
            words = f"the stride {factor} is missing: {shown(plain)}"
            yield Mistake("wrong-axis", f"no stride at {index.name}", words), plain
        if others:
            shorter = _matching(node.left, others, node.offset)
            words = f"{index.name} is missing in a position: {shown(shorter)}"
            yield Mistake("wrong-axis", f"without {index.name}", words), shorter


def _matching(left: Index, parts: Iterable[tuple[Index, int]], offset: int) -> Match:
    found = match(left, parts, offset)
    assert isinstance(found, Match)
    return found


REWRITES: tuple[Callable[[_Equation], Iterator[WrongForm]], ...] = (
    _matrix_products,
    _transposed,
    _derivative,
    _sums,
    _sums_of_result,
    _extra_factors,
    _scales,
    _signs,
    _terms,
    _operands,
    _derivative_again,
    _positions,
)
