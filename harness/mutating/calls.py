"""What a call in a layer's code is, whether it is written as a function or as a method."""

from __future__ import annotations

import ast
from dataclasses import dataclass

_PRODUCTS = ("dot", "matmul", "outer", "inner", "tensordot")
_SUMS = ("sum", "mean")


def called(node: ast.AST) -> str:
    """The last name of what is called; empty for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def is_of(node: ast.Call, module: str) -> bool:
    """Whether a function of a module, such as ``np``, is called."""
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == module
    )


def factors(node: ast.AST, numpy: str) -> tuple[ast.expr, ast.expr] | None:
    """The two operands of a product of matrices; None for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return node.left, node.right
    if isinstance(node, ast.Call) and called(node) in _PRODUCTS and not _starred(node):
        if is_of(node, numpy):
            return (node.args[0], node.args[1]) if len(node.args) >= 2 else None
        if isinstance(node.func, ast.Attribute) and node.func.attr == "dot" and node.args:
            return node.func.value, node.args[0]
    return None


def _starred(node: ast.Call) -> bool:
    return any(isinstance(a, ast.Starred) for a in node.args)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum or a mean over axes.

    Attributes:
        node: the call.
        name: ``sum`` or ``mean``.
        operand: what is summed.
        axis: over which axis; None for all.
        keepdims: the argument of that name.
        others: arguments beside these, such as ``out``.
        method: whether it is written as a method.
    """

    node: ast.Call
    name: str
    operand: ast.expr
    axis: ast.expr | None
    keepdims: ast.expr | None
    others: tuple[ast.keyword, ...]
    method: bool


def total(node: ast.AST, numpy: str) -> Total | None:
    """The sum or mean that a call is; None for anything else."""
    if not isinstance(node, ast.Call) or called(node) not in _SUMS or _starred(node):
        return None
    if not isinstance(node.func, ast.Attribute):
        return None
    given = {k.arg: k for k in node.keywords}
    method = not is_of(node, numpy)
    arguments = list(node.args)
    operand = node.func.value if method else (arguments.pop(0) if arguments else None)
    if operand is None or None in given:
        return None
    axis = arguments[0] if arguments else None
    if "axis" in given:
        axis = given["axis"].value
    keepdims = given["keepdims"].value if "keepdims" in given else None
    others = tuple(k for name, k in given.items() if name not in ("axis", "keepdims"))
    return Total(node, node.func.attr, operand, axis, keepdims, others, method)
