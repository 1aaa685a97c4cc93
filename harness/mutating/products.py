"""Mistakes in products of matrices: transposes and the order of operands."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.mutating.calls import called, factors, is_of
from backproof.mutating.passage import Change, Passage

_TURNING = ("transpose", "swapaxes", "moveaxis", "matrix_transpose")


def transposes(p: Passage) -> Iterator[Change]:
    """A transpose left out, or one too many."""
    for node in p.expressions:
        inner = _turned(p, node)
        if inner is not None:
            words = f"the transpose of {p.source.segment(inner)} is left out"
            yield from p.change("transposed", words, node, p.source.operand(inner))
        for operand in factors(node, p.numpy) or ():
            if _turned(p, operand) is None:
                words = f"{p.source.segment(operand)} is transposed"
                text = f"{p.source.operand(operand)}.T"
                yield from p.change("transposed", words, operand, text)
    for value in p.values:
        if factors(value, p.numpy) is not None:
            text = f"{p.source.operand(value)}.T"
            yield from p.change("transposed", "the result is transposed", value, text)


def _turned(p: Passage, node: ast.expr) -> ast.expr | None:
    """What a transpose is taken of."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        return node.value
    if isinstance(node, ast.Call) and called(node) in _TURNING:
        if is_of(node, p.numpy):
            return node.args[0] if node.args else None
        if isinstance(node.func, ast.Attribute):
            return node.func.value
    return None


def orders(p: Passage) -> Iterator[Change]:
    """The operands of a product exchanged; those of a function of the module's own, too."""
    own = {n.name for n in ast.walk(p.source.tree) if isinstance(n, ast.FunctionDef)}
    for node in p.expressions:
        pair = factors(node, p.numpy)
        if pair is None and isinstance(node, ast.Call) and called(node) in own:
            pair = (node.args[0], node.args[1]) if len(node.args) == 2 else None
        if pair is None or any(isinstance(a, ast.Starred) for a in pair):
            continue
        left, right = pair
        words = f"{p.source.segment(left)} and {p.source.segment(right)} are exchanged"
        # The new left side of a method call or an operator has to bind tightly.
        edits = (
            p.source.replaced(left, p.source.operand(right)),
            p.source.replaced(right, p.source.operand(left)),
        )
        yield Change("operands-swapped", words, edits, node.lineno)


def subscripts(p: Passage) -> Iterator[Change]:
    """Wrong letters in the subscripts of an ``einsum``."""
    for node in p.expressions:
        if not isinstance(node, ast.Call) or called(node) != "einsum" or not node.args:
            continue
        first = node.args[0]
        if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            continue
        written = first.value.replace(" ", "")
        left, arrow, right = written.partition("->")
        if not arrow:
            continue
        for kind, words, text in _rewritten(left.split(","), right):
            sentence = f"'{text}' stands for '{written}': {words}"
            yield from p.change(kind, sentence, first, f'"{text}"')
        if len(node.args) == 3:
            one, two = node.args[1:]
            edits = (
                p.source.replaced(one, p.source.segment(two)),
                p.source.replaced(two, p.source.segment(one)),
            )
            words = "the operands of the einsum are exchanged"
            yield Change("operands-swapped", words, edits, node.lineno)


def _rewritten(operands: list[str], result: str) -> Iterator[tuple[str, str, str]]:
    whole = ",".join(operands)
    if len(result) == 2:
        yield "transposed", "the result is transposed", f"{whole}->{result[::-1]}"
    for k, operand in enumerate(operands):
        if len(operand) == 2:
            turned = ",".join([*operands[:k], operand[::-1], *operands[k + 1 :]])
            yield "transposed", f"operand {k + 1} is transposed", f"{turned}->{result}"
    summed = [letter for letter in dict.fromkeys(whole) if letter not in (*result, ",")]
    if len(operands) == 1 and summed:
        yield "missing-sum", "nothing is summed", f"{whole}->{whole}"
    if result:
        yield "extra-sum", f"{result[-1]} is summed, too", f"{whole}->{result[:-1]}"
    for letter in summed:
        for k, other in enumerate(result):
            wrong = result[:k] + letter + result[k + 1 :]
            yield "wrong-axis", f"{other} is summed and not {letter}", f"{whole}->{wrong}"
