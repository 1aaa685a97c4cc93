"""Mistakes in sums: left out, over another axis, over too much, over a part of the samples."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.mutating.calls import Total, called, factors, total
from backproof.mutating.passage import Change, Passage

# Another axis of the same array, where arrays are matrices.
_OTHER_AXIS = {0: 1, 1: 0, -1: -2, -2: -1, 2: 0}


def sums(p: Passage) -> Iterator[Change]:
    """A sum or a mean that is not the right one."""
    for node in p.expressions:
        found = total(node, p.numpy)
        if found is None:
            continue
        what = p.source.segment(found.operand)
        operand = p.source.operand(found.operand)
        if not found.others:
            yield from p.change("missing-sum", f"the sum of {what} is left out", node, operand)
        axis = _number(found.axis)
        if axis is not None:
            other = _OTHER_AXIS.get(axis, 0)
            words = f"the {found.name} runs over axis {other} and not over axis {axis}"
            yield from p.change("wrong-axis", words, node, _written(p, found, axis=str(other)))
            if not found.others:
                yield from _of_one_sample(p, found, operand, axis)
        if found.axis is not None:
            words = f"the {found.name} runs over all axes"
            yield from p.change("extra-sum", words, node, _written(p, found, axis=None))
            kept = found.keepdims is not None and p.source.segment(found.keepdims) == "True"
            words = f"the summed axis is {'dropped' if kept else 'kept'}"
            text = _written(p, found, keepdims=None if kept else "True")
            yield from p.change("shape", words, node, text)
        other_name = "mean" if found.name == "sum" else "sum"
        words = f"a {other_name} stands for a {found.name}"
        yield from p.change("wrong-scale", words, node, _written(p, found, name=other_name))


def _of_one_sample(p: Passage, found: Total, operand: str, axis: int) -> Iterator[Change]:
    for which, index in (("first", "0"), ("last", "-1")):
        at = index if axis == 0 else f":, {index}" if axis == 1 else f"..., {index}"
        words = f"only the {which} entry of {p.source.segment(found.operand)} counts"
        if axis in (0, 1, -1):
            yield from p.change("missing-sum", words, found.node, f"{operand}[{at}]")


def _number(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


_SAME = "as it is"


def _written(
    p: Passage,
    found: Total,
    *,
    name: str = "",
    axis: str | None = _SAME,
    keepdims: str | None = _SAME,
) -> str:
    """The call with another name, axis or ``keepdims``; without an axis it keeps none."""
    arguments = [] if found.method else [p.source.segment(found.operand)]
    if axis == _SAME:
        axis = None if found.axis is None else p.source.segment(found.axis)
    if keepdims == _SAME:
        keepdims = None if found.keepdims is None else p.source.segment(found.keepdims)
    if axis is not None:
        arguments.append(f"axis={axis}")
    if keepdims is not None:
        arguments.append(f"keepdims={keepdims}")
    arguments += [f"{k.arg}={p.source.segment(k.value)}" for k in found.others]
    head = p.source.operand(found.operand) if found.method else p.numpy
    return f"{head}.{name or found.name}({', '.join(arguments)})"


def parts_of_products(p: Passage) -> Iterator[Change]:
    """A product of matrices that sums over a part: its first term alone, all but its last."""
    for node in p.expressions:
        pair = factors(node, p.numpy)
        if pair is None or called(node) in ("outer", "tensordot", "inner"):
            continue
        left, right = (p.source.operand(operand) for operand in pair)
        for words, part in (("only the first term", ":1"), ("all terms but the last", ":-1")):
            text = f"({left}[..., {part}] @ {right}[{part}])"
            sentence = f"{words} of {p.source.segment(node)} is summed"
            yield from p.change("missing-sum", sentence, node, text)


def loops(p: Passage) -> Iterator[Change]:
    """A loop that leaves the first or the last one out."""
    for s in p.statements:
        if not isinstance(s, ast.For):
            continue
        over = s.iter
        shown = p.source.segment(over)
        if called(over) == "range" and isinstance(over, ast.Call) and len(over.args) == 1:
            stop = p.source.segment(over.args[0])
            words = f"the loop over {shown} leaves the first one out"
            yield from p.change("missing-sum", words, over, f"range(1, {stop})")
            words = f"the loop over {shown} leaves the last one out"
            text = f"range({p.source.operand(over.args[0])} - 1)"
            yield from p.change("missing-sum", words, over, text)
        else:
            words = f"the loop over {shown} leaves the first one out"
            yield from p.change("missing-sum", words, over, f"list({shown})[1:]")
            words = f"the loop over {shown} leaves the last one out"
            yield from p.change("missing-sum", words, over, f"list({shown})[:-1]")
