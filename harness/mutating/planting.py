"""All mistakes that can be planted into the backward pass of a layer, as texts of its module."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backproof.mutating import factors, products, statements, sums
from backproof.mutating.edits import Source
from backproof.mutating.passage import Change, Function, Passage
from backproof.reaching import Reached
from backproof.spec.deriving.derive import gradient_name
from backproof.subjects import Subject

# A new mistake is a function here.
OPERATORS: tuple[Callable[[Passage], Iterator[Change]], ...] = (
    products.transposes,
    products.orders,
    products.subscripts,
    sums.sums,
    sums.parts_of_products,
    sums.loops,
    factors.products,
    factors.quotients,
    factors.terms,
    factors.signs,
    factors.scales,
    factors.masks,
    factors.functions,
    factors.operands,
    factors.upstream,
    factors.constants,
    factors.precision,
    statements.caches,
    statements.accumulating,
    statements.resets,
    statements.left_out,
    statements.updates,
    statements.in_place,
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one mistake planted.

    Attributes:
        kind: the mistake's name.
        sentence: what was done, in words.
        line: of the first changed line, counted from 1.
        before: the lines that were changed, as they are.
        after: the same lines with the mistake.
        text: the whole module.
    """

    kind: str
    sentence: str
    line: int
    before: str
    after: str
    text: str


def mutants(text: str, subject: Subject, reached: Sequence[Reached]) -> list[Mutant]:
    """Every mistake that can be planted.

    Args:
        text: of the layer's file.
        subject: the layer, which says how its code calls what.
        reached: what ran of the file.

    Returns:
        One mutant for each different text; what leaves the syntax tree as it is, is none.
    """
    source = Source(text)
    right = ast.dump(source.tree)
    found: dict[str, Mutant] = {}
    for passage in _passages(source, subject, reached):
        for operator in OPERATORS:
            if operator is factors.precision and subject.accumulate is not None:
                # It rounds on purpose: once more is no mistake.
                continue
            for change in operator(passage):
                wrong = source.apply(change.edits)
                if wrong in found:
                    continue
                try:
                    tree = ast.parse(wrong)
                except SyntaxError:
                    continue
                if ast.dump(tree) != right:
                    found[wrong] = _mutant(source, change, wrong)
    return sorted(found.values(), key=lambda m: m.line)


def _mutant(source: Source, change: Change, wrong: str) -> Mutant:
    old, new = source.text.split("\n"), wrong.split("\n")
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return Mutant(
        change.kind,
        change.sentence,
        first + 1,
        "\n".join(old[first : len(old) - last]),
        "\n".join(new[first : len(new) - last]),
        wrong,
    )


def _passages(source: Source, subject: Subject, reached: Sequence[Reached]) -> Iterator[Passage]:
    backward = [r for r in reached if r.stage == "backward"] or list(reached)
    functions = {
        (_first_line(n), _name(n)): n
        for n in ast.walk(source.tree)
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    }

    def of(found: Sequence[Reached]) -> list[Function]:
        keys = dict.fromkeys((r.first, r.name) for r in found)
        return [functions[key] for key in keys if key in functions]

    forward_lines = [r for r in reached if r.stage == "forward"]
    forward = of(forward_lines)
    kept = {r.line for r in forward_lines}
    samples = _samples_axis(subject)
    upstream = gradient_name(subject.upstream)
    arriving = subject.names.get(upstream, "")
    for function in of(backward):
        names = dict(subject.names)
        given = function.args
        local = {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
        if arriving and "." not in arriving and arriving.split("[")[0] not in local:
            # A helper: what it is given is not known by name.
            names.pop(upstream)
        key = (_first_line(function), _name(function))
        ran = {r.line for r in backward if (r.first, r.name) == key}
        yield Passage(
            source,
            function,
            names,
            upstream=upstream,
            samples=samples,
            lines=frozenset(ran | kept),
            forward=tuple(f for f in forward if f is not function),
        )


def _first_line(node: Function) -> int:
    if isinstance(node, ast.Lambda):
        return node.lineno
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _name(node: Function) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _samples_axis(subject: Subject) -> int | None:
    program = subject.spec.program
    tensor = program.tensors.get(subject.upstream)
    if tensor is None or program.samples not in tensor.axes:
        return None
    return list(tensor.axes).index(program.samples)
