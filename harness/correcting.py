"""The corrected line, in the layer's own names."""

from __future__ import annotations

import ast
import copy
import linecache
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backproof.adapters import roles
from backproof.spec.layer import Spec
from backproof.spec.printers.registry import equation_form, program_form
from backproof.spec.terms import tensors_in
from backproof.subjects import Subject

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w)")


def corrected(subject: Subject, quantity: str, statement: str | None = None) -> str | None:
    """The right statement for a quantity, as runnable code in the subject's own names.

    Args:
        subject: whose names to use.
        quantity: what the statement computes.
        statement: as its author wrote it: a value that is returned is returned again.

    Returns:
        the statement; None where the subject has no name of its own for the quantity. What has
        no name where the statement stands, and what is no function there, is written out.
    """
    equation = subject.spec.equation(quantity)
    if equation is None:
        return None
    code = equation_form(equation, "numpy")
    names = dict(subject.names)
    returned = (
        statement is not None and statement.startswith("return ") and not _is_tuple(statement)
    )
    if quantity not in names and not returned:
        step = None if statement is None else _Step.read(statement, subject)
        if step is None:
            return None
        right = (_in_scope(code, subject, quantity) or renamed(code, names)).partition(" = ")[2]
        return step.with_gradient(right)
    fixed = _in_scope(code, subject, quantity) or renamed(code, names)
    if returned:
        return f"return {fixed.partition(' = ')[2]}"
    return fixed


@dataclass(frozen=True)
class _Step:
    """A statement that takes a step with a parameter.

    Attributes:
        target: the parameter.
        in_place: whether it is written as ``-=``.
        rate: by what the gradient is multiplied; empty where it is taken as it is.
        columns: whether a bias has to stay a column.
    """

    target: str
    in_place: bool
    rate: str
    columns: bool

    @classmethod
    def read(cls, statement: str, subject: Subject) -> _Step | None:
        """The step that a statement takes; None if it takes none."""
        try:
            (node,) = ast.parse(textwrap.dedent(statement).strip()).body
        except (SyntaxError, ValueError):
            return None
        target: ast.expr
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
            target, taken, in_place = node.target, node.value, True
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            target, taken, in_place = node.targets[0], node.value.right, False
            if not isinstance(node.value.op, ast.Sub):
                return None
            if ast.unparse(node.value.left) != ast.unparse(target):
                return None
        else:
            return None
        rates = [
            ast.unparse(part)
            for part in ast.walk(taken)
            if (isinstance(part, ast.Name) and roles.word_role(part.id) == roles.RATE)
            or (isinstance(part, ast.Attribute) and roles.word_role(part.attr) == roles.RATE)
        ]
        columns = subject.spec.layout.endswith("->on")
        return cls(ast.unparse(target), in_place, rates[0] if rates else "", columns)

    def with_gradient(self, right: str) -> str:
        """The step with another gradient."""
        if self.columns and right.endswith(".sum(axis=1)"):
            right = f"{right.removesuffix(')')}, keepdims=True)"
        taken = f"{self.rate} * {_bracketed(right)}" if self.rate else right
        if self.in_place:
            return f"{self.target} -= {taken}"
        return f"{self.target} = {self.target} - {taken if self.rate else _bracketed(taken)}"


def _bracketed(code: str) -> str:
    node = ast.parse(code, mode="eval").body
    return f"({code})" if isinstance(node, ast.BinOp) else code


# Names that are written out within each other; more would be no line for a person.
_DEEPEST = 4
# A longer line says less than one in the equations' own names.
_LONGEST = 200
_SHORT = {"sigmoid": "1 / (1 + np.exp(-z))"}


def _in_scope(code: str, subject: Subject, quantity: str) -> str | None:
    """Code with all written out that has no name in its place; None where everything has one.

    Args:
        code: a statement in the spec's names.
        subject: whose names to use.
        quantity: what the statement computes.
    """
    scope = _names_around(subject, quantity)
    target, _, value = code.partition(" = ")
    writer = _Writer(subject, scope)
    tree = writer.visit(ast.parse(value, mode="eval"))
    if not writer.written_out:
        return None
    name = subject.names.get(target, target)
    found = f"{name} = {ast.unparse(ast.fix_missing_locations(tree))}"
    return found if len(found) <= _LONGEST and not writer.left else None


def _names_around(subject: Subject, quantity: str) -> frozenset[str] | None:
    """The names that a quantity's statement can use; None where its text is not at hand."""
    if quantity not in subject.lines:
        return None
    file, line, _ = subject.lines[quantity]
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or line)
    ]
    found = {name for node in tree.body for name in _bound_in(node)}
    for function in around:
        arguments = function.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        found |= {a.arg for a in every}
        found |= {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and node.lineno <= line
        }
    return frozenset(found)


def _bound_in(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((a.asname or a.name).split(".")[0] for a in node.names)
    elif isinstance(node, ast.Assign):
        yield from (t.id for t in node.targets if isinstance(t, ast.Name))


class _Writer(ast.NodeTransformer):
    """Puts the author's names for the spec's, and definitions for what has no name."""

    def __init__(self, subject: Subject, scope: frozenset[str] | None, depth: int = 0) -> None:
        self.subject = subject
        self.scope = scope
        self.depth = depth
        self.written_out = self.left = False
        self.helpers = _helpers(subject.spec)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A tensor under its author's name, or its definition."""
        spec = self.subject.spec
        known = {*spec.program.tensors, *(g.name for g in spec.derivation.gradients.values())}
        if node.id not in known:
            return node
        name = self.subject.names.get(node.id)
        if name is not None and self._is_there(name):
            return ast.parse(name, mode="eval").body
        equation = spec.equation(node.id)
        if equation is None or self.depth >= _DEEPEST:
            self.left = True
            return node
        self.written_out = True
        value = equation_form(equation, "numpy").partition(" = ")[2]
        inner = _Writer(self.subject, self.scope, self.depth + 1)
        found: ast.expr = inner.visit(ast.parse(value, mode="eval")).body
        self.left = self.left or inner.left
        return found

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A function that the author has, or its formula."""
        self.generic_visit(node)
        function = node.func
        if not isinstance(function, ast.Name) or function.id not in self.helpers:
            return node
        if self.scope is None or function.id in self.scope or len(node.args) != 1:
            return node
        written = self.helpers[function.id]
        needs_math = "math." in written or "erfc(" in written
        if needs_math and "math" not in self.scope:
            # Of other modules than NumPy, a file may import none.
            return node
        formula = ast.parse(written, mode="eval").body
        self.written_out = True
        put: ast.expr = _Put({"z": node.args[0]}).visit(formula)
        if self.depth < _DEEPEST:
            put = self.visit(put)
        return put

    def _is_there(self, name: str) -> bool:
        root = re.match(r"\w+", name)
        if self.scope is None or root is None:
            return True
        return root.group() in self.scope


class _Put(ast.NodeTransformer):
    """Expressions in the place of names."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What stands for a name."""
        found = self.values.get(node.id, node)
        return copy.deepcopy(found)


def _helpers(spec: Spec) -> dict[str, str]:
    """The functions that printed code of a spec calls, each as one expression in z."""
    found = dict(_SHORT)
    text = program_form(spec, "numpy").split("def forward(")[0]
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or node.name in found:
            continue
        values: dict[str, ast.expr] = {}
        for statement in node.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                values[statement.targets[0].id] = _Put(values).visit(statement.value)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                formula = ast.unparse(_Put(values).visit(statement.value))
                found[node.name] = formula
    return found


def _is_tuple(statement: str) -> bool:
    try:
        (node,) = ast.parse(statement.strip().replace("return", "_ =", 1)).body
    except (SyntaxError, ValueError):
        return True
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)


def same_code(left: str, right: str) -> bool:
    """Whether two statements are the same but for their layout."""
    try:
        return ast.dump(ast.parse(_plain(left))) == ast.dump(ast.parse(_plain(right)))
    except SyntaxError:
        return left.split() == right.split()


def _plain(statement: str) -> str:
    text = textwrap.dedent(statement).strip()
    return text.replace("return ", "_ = ", 1) if text.startswith("return ") else text


def used_by(spec: Spec, quantity: str) -> list[str]:
    """The derived gradients that a quantity's right statement uses."""
    equation = spec.equation(quantity)
    if equation is None:
        return []
    return [
        g.name for g in spec.derivation.gradients.values() if g.name in tensors_in(equation.value)
    ]


def renamed(code: str, names: Mapping[str, str]) -> str:
    """Code with other names, all at once; attributes and methods are left alone."""
    return _NAME.sub(lambda match: names.get(match.group(), match.group()), code)


def right_code(spec: Spec, quantity: str) -> str:
    """The right statement for a quantity, in the spec's names."""
    equation = spec.equation(quantity)
    assert equation is not None
    return equation_form(equation, "numpy")
