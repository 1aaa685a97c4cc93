"""Mistakes of order and of memory: what is kept, reset, updated or written in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.mutating.calls import called
from backproof.mutating.passage import Change, Passage, mentioned


def caches(p: Passage) -> Iterator[Change]:
    """What the backward pass goes by is that of another call."""
    read = {name for node in p.expressions for name in mentioned(node)}
    for function in p.forward:
        if not isinstance(function.body, list):
            continue
        for s in _all_statements(function):
            target = _attribute_set(s)
            if target is None or p.source.segment(target) not in read or not p.ran(s):
                continue
            assert isinstance(s, ast.Assign)
            name, value = p.source.segment(target), p.source.segment(s.value)
            owner = p.source.segment(target.value)
            kept = f"getattr({owner}, '{target.attr}', None)"
            words = f"{name} is that of the first call"
            text = f"{name} = {value} if {kept} is None else {name}"
            yield from p.change("stale-value", words, s, text)
            late = f"{owner}.__dict__"
            words = f"{name} is that of the call before"
            text = (
                f"{name} = {late}.get('_now', {value}); {late}['_now'] = {value}"
                if name not in mentioned(s.value)
                else f"{name} = {value}"
            )
            yield from p.change("stale-value", words, s, text)


def _attribute_set(s: ast.stmt) -> ast.Attribute | None:
    if isinstance(s, ast.Assign) and len(s.targets) == 1:
        (target,) = s.targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            return target
    return None


def _all_statements(function: ast.AST) -> list[ast.stmt]:
    return [n for n in ast.walk(function) if isinstance(n, ast.stmt)]


def accumulating(p: Passage) -> Iterator[Change]:
    """A gradient added to that of the call before."""
    for s in p.statements:
        if not isinstance(s, ast.Assign) or len(s.targets) != 1 or not p.is_gradient(s.value):
            continue
        (target,) = s.targets
        name, value = p.source.segment(target), p.source.operand(s.value)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            before = f"getattr({target.value.id}, '{target.attr}', None)"
        elif (
            isinstance(target, ast.Subscript)
            and isinstance(target.slice, ast.Constant)
            and isinstance(target.slice.value, str)
        ):
            holder = p.source.segment(target.value)
            before = f"{holder}.get({p.source.segment(target.slice)})"
        else:
            continue
        words = f"{name} is added to that of the call before"
        text = f"{name} = {value} if {before} is None else {name} + {value}"
        yield from p.change("stale-value", words, s, text)


def resets(p: Passage) -> Iterator[Change]:
    """What is summed up does not start at zero again."""
    summed = {
        name
        for s in p.statements
        if isinstance(s, ast.AugAssign)
        for name in {p.source.segment(s.target)} | _holders(s.target)
    }
    every = [*p.statements, *(s for f in p.forward for s in _all_statements(f) if p.ran(s))]
    for s in every:
        target = _attribute_set(s)
        if target is not None and p.source.segment(target) in summed:
            assert isinstance(s, ast.Assign)
            name, value = p.source.segment(target), p.source.segment(s.value)
            before = f"getattr({p.source.segment(target.value)}, '{target.attr}', None)"
            words = f"{name} is not set to zero again"
            text = f"{name} = {value} if {before} is None else {name}"
            yield from p.change("stale-value", words, s, text)
        elif isinstance(s, ast.Expr) and called(s.value) == "fill":
            words = f"{p.source.segment(s)} is left out"
            yield from p.change("stale-value", words, s, "pass")


def _holders(target: ast.expr) -> set[str]:
    found = set()
    while isinstance(target, ast.Subscript):
        target = target.value
        found.add(ast.unparse(target))
    return found


def left_out(p: Passage) -> Iterator[Change]:
    """A statement that changes something left out, or made to replace it."""
    for s in p.statements:
        shown = p.source.segment(s)
        if isinstance(s, ast.AugAssign):
            name, value = p.source.segment(s.target), p.source.segment(s.value)
            factor = isinstance(s.op, (ast.Mult, ast.Div))
            yield from p.change(_kind_of_left_out(p, s), f"{shown} is left out", s, "pass")
            if isinstance(s.op, (ast.Add, ast.Sub)):
                words = f"{name} is replaced and not added to: the last term alone counts"
                sign = "" if isinstance(s.op, ast.Add) else "-"
                whole = value if not sign else p.source.operand(s.value)
                yield from p.change("missing-sum", words, s, f"{name} = {sign}{whole}")
                other = "-=" if isinstance(s.op, ast.Add) else "+="
                yield from p.change(
                    "wrong-sign", f"{other} in {shown}", s, f"{name} {other} {value}"
                )
            elif factor:
                words = f"{name} is replaced and not multiplied"
                yield from p.change("missing-term", words, s, f"{name} = {value}")
        elif (
            isinstance(s, ast.Assign)
            and isinstance(s.targets[0], ast.Subscript)
            and not isinstance(getattr(s.targets[0].slice, "value", None), str)
        ):
            yield from p.change(_kind_of_left_out(p, s), f"{shown} is left out", s, "pass")
        elif isinstance(s, ast.Expr) and _writes_into_something(s.value):
            yield from p.change("missing-term", f"{shown} is left out", s, "pass")


def _writes_into_something(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and any(k.arg == "out" for k in node.keywords)


def _kind_of_left_out(p: Passage, s: ast.AugAssign | ast.Assign) -> str:
    masked = isinstance(s, ast.Assign) and not p.is_gradient(s.value)
    scaled = isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Mult)
    target = s.targets[0] if isinstance(s, ast.Assign) else s.target
    if (masked or scaled) and p.is_gradient(target):
        return "missing-activation-derivative"
    return "missing-term"


def updates(p: Passage) -> Iterator[Change]:
    """A step of the weights before what goes by the old ones."""
    for s in p.statements:
        name = _updated(p, s)
        body = _body_of(p, s)
        if not name or body is None:
            continue
        at = body.index(s)
        for reader in body[:at]:
            if name not in mentioned(_read_by(reader)) or not p.ran(reader):
                continue
            moved = p.source.segment(s)
            first = p.source.segment(reader)
            between = body[body.index(reader) : at]
            if any(_makes_what_is_read(other, s) for other in between):
                # The step needs what these compute: they go before it, the reader after it.
                if _makes_what_is_read(reader, s):
                    continue
                edits = (
                    p.source.replaced(reader, "pass"),
                    p.source.replaced(s, f"{moved}; {first}"),
                )
            else:
                edits = (
                    p.source.replaced(reader, f"{moved}; {first}"),
                    p.source.replaced(s, "pass"),
                )
            if "\n" in moved or "\n" in first:
                continue
            words = f"{first} goes by the updated {name}"
            yield Change("updated-weights", words, edits, reader.lineno)
        for later in body[at + 1 :]:
            if isinstance(later, ast.Return) and later.value is not None:
                for node in ast.walk(later.value):
                    copies = _copied_name(p, node, name)
                    if copies and isinstance(node, ast.expr):
                        words = f"the updated {name} stands for {copies}"
                        yield from p.change("updated-weights", words, node, name)


def _updated(p: Passage, s: ast.stmt) -> str:
    """The weights that a statement takes a step with; empty for any other statement."""
    weights = {text for role, text in p.names.items() if role in ("W", "b")}
    if isinstance(s, ast.AugAssign) and p.source.segment(s.target) in weights:
        return p.source.segment(s.target)
    if isinstance(s, ast.Assign) and len(s.targets) == 1:
        name = p.source.segment(s.targets[0])
        if name in weights and name in mentioned(s.value):
            return name
    return ""


def _body_of(p: Passage, s: ast.stmt) -> list[ast.stmt] | None:
    parent = p.parent(s)
    for field in ("body", "orelse", "finalbody"):
        body = getattr(parent, field, None)
        if isinstance(body, list) and s in body:
            return body
    return None


def _read_by(s: ast.stmt) -> ast.AST:
    value = getattr(s, "value", None)
    return value if isinstance(value, ast.expr) else ast.Pass()


def _makes_what_is_read(s: ast.stmt, reader: ast.stmt) -> bool:
    targets = s.targets if isinstance(s, ast.Assign) else [getattr(s, "target", ast.Pass())]
    made = {ast.unparse(t) for t in targets if isinstance(t, ast.expr)}
    return bool(made & mentioned(_read_by(reader)))


def _copied_name(p: Passage, node: ast.AST, weights: str) -> str:
    """A local name that is a copy of the weights."""
    if not isinstance(node, ast.Name):
        return ""
    for s in p.statements:
        if not isinstance(s, ast.Assign) or p.source.segment(s.targets[0]) != node.id:
            continue
        if weights in mentioned(s.value) and called(s.value) == "copy":
            return node.id
    return ""


def in_place(p: Passage) -> Iterator[Change]:
    """The upstream gradient overwritten."""
    for s in p.statements:
        if not isinstance(s, ast.Assign) or len(s.targets) != 1:
            continue
        value = s.value
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult):
            continue
        if p.arriving not in (p.source.segment(value.left), p.source.segment(value.right)):
            continue
        other = value.right if p.source.segment(value.left) == p.arriving else value.left
        if p.arriving in mentioned(other):
            continue
        target = p.source.segment(s.targets[0])
        text = f"{p.arriving} *= {p.source.segment(other)}"
        if target != p.arriving:
            text += f"; {target} = {p.arriving}"
        yield from p.change("other", f"{p.arriving} is overwritten", s, text)
