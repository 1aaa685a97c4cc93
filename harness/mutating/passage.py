"""A piece of a layer's code in which mistakes are planted, and what its names stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from backproof.mutating.edits import Edit, Source

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Change:
    """One mistake that can be made in a passage.

    Attributes:
        kind: the mistake's name, as in ``backproof.spec.mistakes``.
        sentence: what was done, in words.
        edits: of the source.
        at: the line that reports show.
    """

    kind: str
    sentence: str
    edits: tuple[Edit, ...]
    at: int


class Passage:
    """A function that runs in a layer's backward pass.

    Args:
        source: the whole module.
        function: the function.
        names: how the layer's code calls each tensor and gradient.
        samples: the position of the samples' axis in the upstream gradient; None for none.
        upstream: the name of that gradient, such as ``dA``.
        lines: the lines that ran.
        forward: the functions that run in the forward pass.
    """

    def __init__(
        self,
        source: Source,
        function: Function,
        names: Mapping[str, str],
        *,
        upstream: str,
        samples: int | None,
        lines: frozenset[int],
        forward: tuple[Function, ...],
    ) -> None:
        self.source = source
        self.function = function
        self.names = names
        self.samples = samples
        self.lines = lines
        self.forward = forward
        self.arriving = names.get(upstream, "")

    def change(
        self, kind: str, sentence: str, node: ast.expr | ast.stmt, text: str
    ) -> Iterator[Change]:
        """The change that puts a text in the place of a node."""
        if isinstance(node, ast.expr) and self.source.stands_alone(node):
            text = _without_brackets(text)
        yield Change(kind, sentence, (self.source.replaced(node, text),), node.lineno)

    # ------------------------------------------------------------ what there is

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The statements that ran, outer ones before inner ones."""
        body = self.function.body
        found = list(_statements(body)) if isinstance(body, list) else []
        return tuple(s for s in found if self.ran(s))

    def ran(self, node: ast.expr | ast.stmt) -> bool:
        """Whether a line of a node was reached."""
        last = node.end_lineno or node.lineno
        return any(line in self.lines for line in range(node.lineno, last + 1))

    @cached_property
    def expressions(self) -> tuple[ast.expr, ...]:
        """All expressions of the statements that ran; those of targets and annotations not."""
        found: list[ast.expr] = []
        if isinstance(self.function, ast.Lambda):
            return tuple(_inside(self.function.body))
        for statement in self.statements:
            for part in _own_expressions(statement):
                found += _inside(part)
        return tuple(found)

    @cached_property
    def values(self) -> tuple[ast.expr, ...]:
        """What is assigned or returned: whole right sides, the parts of tuples and dicts."""
        if isinstance(self.function, ast.Lambda):
            return (self.function.body,)
        found: list[ast.expr] = []
        for s in self.statements:
            if isinstance(s, (ast.Assign, ast.AugAssign, ast.Return, ast.AnnAssign)) and s.value:
                found += _parts(s.value)
        return tuple(found)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that a node is a part of."""
        return self.source.parents.get(node)

    def statement_of(self, node: ast.AST) -> ast.AST:
        """The statement, or the lambda, that a node belongs to."""
        while not isinstance(node, (ast.stmt, ast.Lambda)):
            node = self.source.parents[node]
        return node

    # ------------------------------------------------------------ what it stands for

    @cached_property
    def gradients(self) -> frozenset[str]:
        """The local names and attributes that are made from the upstream gradient."""
        if not self.arriving:
            return frozenset()
        found = {self.arriving}
        for s in self.statements:
            if isinstance(s, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and s.value is not None:
                if not mentioned(s.value) & found:
                    continue
                targets = s.targets if isinstance(s, ast.Assign) else [s.target]
                found |= {name for t in targets for name in _assigned(t)}
            if isinstance(s, (ast.For, ast.AsyncFor)) and mentioned(s.iter) & found:
                found |= _loop_names(s, found)
        return frozenset(found)

    def is_gradient(self, node: ast.AST) -> bool:
        """Whether an expression depends on the upstream gradient."""
        return bool(mentioned(node) & self.gradients)

    def role(self, text: str) -> str:
        """The tensor that a name stands for; empty where that is not known."""
        return next((role for role, name in self.names.items() if name == text), "")

    @cached_property
    def numpy(self) -> str:
        """What the module calls NumPy; empty where it does not import it."""
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == "numpy":
                        return alias.asname or alias.name
        return ""


def _without_brackets(text: str) -> str:
    """An expression on one line without the brackets around it, where it has any."""
    inner = text[1:-1]
    if not text.startswith("(") or "\n" in text:
        return text
    try:
        same = ast.dump(ast.parse(inner, mode="eval")) == ast.dump(ast.parse(text, mode="eval"))
    except SyntaxError:
        return text
    return inner if same else text


def mentioned(node: ast.AST) -> set[str]:
    """The names, attributes and items that an expression reads, as they are written."""
    return {
        ast.unparse(n)
        for n in ast.walk(node)
        if isinstance(n, (ast.Name, ast.Attribute, ast.Subscript))
    }


def _assigned(target: ast.expr) -> Iterator[str]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _assigned(part)
    elif isinstance(target, (ast.Subscript, ast.Starred)):
        yield from _assigned(target.value)
    else:
        yield ast.unparse(target)


def _loop_names(loop: ast.For | ast.AsyncFor, gradients: set[str]) -> set[str]:
    """The names that run over a gradient; of zipped ones, those at its place alone."""
    target, over = loop.target, loop.iter
    if isinstance(over, ast.Call) and isinstance(target, ast.Tuple):
        name = ast.unparse(over.func)
        if name == "enumerate" and len(target.elts) == 2 and over.args:
            inner, over = target.elts[1], over.args[0]
            if isinstance(inner, ast.Tuple) and isinstance(over, ast.Call):
                return _zipped(inner, over, gradients)
            return set(_assigned(inner))
        if name == "zip":
            return _zipped(target, over, gradients)
    return set(_assigned(target)) if not isinstance(over, ast.Call) else set()


def _zipped(target: ast.Tuple, over: ast.Call, gradients: set[str]) -> set[str]:
    return {
        name
        for part, argument in zip(target.elts, over.args, strict=False)
        if mentioned(argument) & gradients
        for name in _assigned(part)
    }


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements and those in their bodies; nested functions are passages of their own."""
    for s in body:
        if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield s
        for name in ("body", "orelse", "finalbody"):
            part = getattr(s, name, None)
            if isinstance(part, list):
                yield from _statements(part)
        for handler in getattr(s, "handlers", ()):
            yield from _statements(handler.body)
        for case in getattr(s, "cases", ()):
            yield from _statements(case.body)


def _own_expressions(s: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that a statement reads, without those of the statements in it."""
    targets: list[ast.expr] = []
    if isinstance(s, ast.Assign):
        targets = s.targets
    elif isinstance(s, (ast.AugAssign, ast.AnnAssign, ast.For, ast.AsyncFor)):
        targets = [s.target]
    if isinstance(s, ast.AnnAssign):
        targets = [*targets, s.annotation]
    for child in ast.iter_child_nodes(s):
        if isinstance(child, ast.expr) and child not in targets:
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def _inside(node: ast.AST) -> list[ast.expr]:
    """An expression and all in it; the parts of f-strings have no place that can be relied on."""
    found = [node] if isinstance(node, ast.expr) else []
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            found += _inside(child)
    return found


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, (ast.Tuple, ast.List)):
        for part in value.elts:
            yield from _parts(part)
    elif isinstance(value, ast.Dict):
        for part in value.values:
            yield from _parts(part)
    elif isinstance(value, ast.Call) and ast.unparse(value.func) == "dict":
        for keyword in value.keywords:
            yield from _parts(keyword.value)
    else:
        yield value
