"""What the subject's own text says: which statement computes what, and what is returned.

Only the syntax tree is read; nothing of it is run.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Assignment:
    """One statement that gives something a value.

    Attributes:
        target: what is assigned, as its author wrote it, such as ``self.dw``.
        value: the right side that belongs to it; None where there is no single one.
        statement: the whole statement.
        partial: it changes the target and does not replace it: ``+=``, an item, ``out=``.
    """

    target: str
    value: ast.expr | None
    statement: ast.stmt
    partial: bool = False


class Definition:
    """A function with its syntax tree and its place in a file.

    Attributes:
        file: the source file.
        node: the tree of the function; its line numbers are those of the file.
    """

    def __init__(self, file: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        self.file = file
        self.node = node

    @classmethod
    def of(cls, function: Any) -> Definition | None:
        """The definition of a Python function or method; None where its source is not at hand."""
        function = inspect.unwrap(function)
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        if code is None:
            return None
        lines = linecache.getlines(code.co_filename)
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError):
            return None
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                # A decorated function's code starts at its first decorator.
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if node.name == code.co_name and first == code.co_firstlineno:
                    return cls(code.co_filename, node)
        return None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, in order."""
        a = self.node.args
        return tuple(p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs))

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """Its simple statements in the order of the text, those of nested functions left out."""
        return tuple(_simple(self.node.body)) if isinstance(self.node.body, list) else ()

    @cached_property
    def assignments(self) -> tuple[Assignment, ...]:
        """All assignments, in the order of the text."""
        return tuple(a for s in self.statements for a in _assignments(s))

    @cached_property
    def returned(self) -> ast.expr | None:
        """What its last ``return`` with a value gives."""
        values = [s.value for s in self.statements if isinstance(s, ast.Return) and s.value]
        return values[-1] if values else None

    @property
    def return_statement(self) -> ast.Return | None:
        """Its last ``return`` with a value."""
        found = [s for s in self.statements if isinstance(s, ast.Return) and s.value is not None]
        return found[-1] if found else None

    def of_target(self, target: str) -> Assignment | None:
        """The statement that computes a target, following plain copies of local names.

        Of several the last one counts: sums are started at zero before they are computed.
        """
        seen: set[str] = set()
        found: Assignment | None = None
        while target not in seen:
            seen.add(target)
            own = [a for a in self.assignments if a.target == target]
            if not own:
                break
            found = own[-1]
            if found.partial or not isinstance(found.value, ast.Name):
                break
            target = found.value.id
        return found

    def final_line(self, target: str) -> int | None:
        """The line after which a target does not change any more; None where nothing sets it.

        What is set within a loop is final where the outermost one ends.
        """
        own = [a.statement for a in self.assignments if a.target == target]
        if not own:
            return None
        last = own[-1]
        around = [
            node
            for node in ast.walk(self.node)
            if isinstance(node, (ast.For, ast.While))
            and node.lineno <= last.lineno <= (node.end_lineno or node.lineno)
        ]
        return max(node.end_lineno or node.lineno for node in (*around, last))

    def returned_at(self, path: tuple[int | str, ...]) -> ast.expr | None:
        """The expression of what is returned at a path: () for all, (0,) for the first, a key."""
        value = self.returned
        for step in path:
            value = self._followed(value)
            if isinstance(step, int) and isinstance(value, (ast.Tuple, ast.List)):
                value = value.elts[step] if step < len(value.elts) else None
            elif isinstance(step, str):
                value = _keyed(value, step)
            else:
                return None
        return value

    def _followed(self, value: ast.expr | None) -> ast.expr | None:
        """What a returned local name was last set to as a whole."""
        if isinstance(value, ast.Name):
            own = [a for a in self.assignments if a.target == value.id and not a.partial]
            if own and isinstance(own[-1].value, (ast.Tuple, ast.List, ast.Dict, ast.Call)):
                return own[-1].value
        return value

    def name_returned_at(self, path: tuple[int | str, ...]) -> str | None:
        """The name under which something is returned: a variable or an attribute, or None."""
        value = self.returned_at(path)
        if value is not None and (isinstance(value, ast.Name) or is_attribute_of_self(value)):
            return ast.unparse(value)
        if isinstance(self.returned, ast.Name) and len(path) == 1 and isinstance(path[0], str):
            target = f"{self.returned.id}[{path[0]!r}]"
            return target if self.of_target(target) else None
        return None

    def place_of_return(self, path: tuple[int | str, ...]) -> tuple[ast.stmt, ast.expr | None]:
        """The statement that computes what is returned at a path, and its right side.

        Raises:
            LookupError: nothing is returned.
        """
        name = self.name_returned_at(path)
        found = self.of_target(name) if name else None
        if found is not None:
            return found.statement, found.value
        statement = self.return_statement
        if statement is None:
            raise LookupError("nothing is returned")
        return statement, self.returned_at(path)

    def line_of(self, statement: ast.stmt) -> tuple[str, int, str]:
        """A statement's place and text: file, line, and the text as its author wrote it."""
        lines = linecache.getlines(self.file)
        last = statement.end_lineno or statement.lineno
        text = "".join(lines[statement.lineno - 1 : last])
        if len(lines) < last:
            return self.file, statement.lineno, ast.unparse(statement)
        if statement.lineno == last:
            # Statements that share a line are told apart by their columns, which count bytes.
            raw = lines[last - 1].encode()[statement.col_offset : statement.end_col_offset]
            return self.file, statement.lineno, raw.decode().strip()
        return self.file, statement.lineno, textwrap.dedent(text).strip()


def is_attribute_of_self(value: ast.AST) -> bool:
    """Whether an expression is ``self.name``."""
    return (
        isinstance(value, ast.Attribute)
        and isinstance(value.value, ast.Name)
        and value.value.id == "self"
    )


def names_in(value: ast.AST | None) -> set[str]:
    """Every name and attribute that an expression reads, as written: ``x``, ``self.w``."""
    if value is None:
        return set()
    return {
        ast.unparse(node)
        for node in ast.walk(value)
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
    }


def _simple(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner = [
            part
            for field in ("body", "orelse", "finalbody")
            if isinstance(part := getattr(statement, field, None), list)
        ]
        inner += [handler.body for handler in getattr(statement, "handlers", ())]
        inner += [case.body for case in getattr(statement, "cases", ())]
        if not inner:
            yield statement
        for part in inner:
            yield from _simple(part)


def _assignments(statement: ast.stmt) -> Iterator[Assignment]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _paired(target, statement.value, statement)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _paired(statement.target, statement.value, statement)
    elif isinstance(statement, ast.AugAssign):
        yield from _to(statement.target, statement.value, statement, partial=True)
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "out":
                    yield from _to(keyword.value, node, statement, partial=True)
        elif isinstance(node, ast.NamedExpr):
            yield Assignment(node.target.id, node.value, statement)


def _paired(target: ast.expr, value: ast.expr, statement: ast.stmt) -> Iterator[Assignment]:
    if isinstance(target, (ast.Tuple, ast.List)):
        parts: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            parts = list(value.elts)
        for one, part in zip(target.elts, parts, strict=True):
            if part is None:
                yield from _to(one, None, statement)
            else:
                yield from _paired(one, part, statement)
    else:
        yield from _to(target, value, statement)


def _to(
    target: ast.expr, value: ast.expr | None, statement: ast.stmt, partial: bool = False
) -> Iterator[Assignment]:
    yield Assignment(ast.unparse(target), value, statement, partial)
    # `dx[n] = ...` computes dx; `grads["W"] = ...` computes an entry of its own as well.
    while isinstance(target, ast.Subscript):
        target = target.value
        yield Assignment(ast.unparse(target), value, statement, partial=True)


def _keyed(value: ast.expr | None, key: str) -> ast.expr | None:
    if isinstance(value, ast.Dict):
        for k, v in zip(value.keys, value.values, strict=True):
            if isinstance(k, ast.Constant) and k.value == key:
                return v
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg == key:
                return keyword.value
    return None


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """A function's signature; None where Python cannot tell it."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
