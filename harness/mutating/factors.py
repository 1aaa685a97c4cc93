"""Mistakes entry by entry: factors, terms, signs, scales, masks, operands, precision."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.mutating.calls import called, factors, is_of
from backproof.mutating.passage import Change, Passage, mentioned

_INVERTED: dict[type[ast.cmpop], str] = {
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
}
_ENTRYWISE = (
    "abs",
    "absolute",
    "cosh",
    "erf",
    "exp",
    "expm1",
    "heaviside",
    "log",
    "log1p",
    "logaddexp",
    "reciprocal",
    "sign",
    "sinh",
    "sqrt",
    "square",
    "tanh",
)
# Calls whose numbers are sizes and axes.
_SHAPING = (
    "arange",
    "empty",
    "expand_dims",
    "eye",
    "full",
    "mean",
    "moveaxis",
    "ones",
    "range",
    "reshape",
    "slice",
    "split",
    "squeeze",
    "sum",
    "swapaxes",
    "tensordot",
    "transpose",
    "zeros",
)


def _entrywise(p: Passage, node: ast.expr, operator: type[ast.operator], function: str) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, operator)
    return (
        isinstance(node, ast.Call)
        and called(node) == function
        and is_of(node, p.numpy)
        and len(node.args) >= 2
    )


def _two(node: ast.expr) -> tuple[ast.expr, ast.expr]:
    if isinstance(node, ast.BinOp):
        return node.left, node.right
    assert isinstance(node, ast.Call)
    return node.args[0], node.args[1]


def products(p: Passage) -> Iterator[Change]:
    """A factor left out or written twice; a quotient for a product."""
    for node in p.expressions:
        if not _entrywise(p, node, ast.Mult, "multiply"):
            continue
        left, right = _two(node)
        for lost, kept in ((left, right), (right, left)):
            words = f"the factor {p.source.segment(lost)} is left out"
            kind = _kind_of_lost(p, lost, kept)
            yield from p.change(kind, words, node, p.source.operand(kept))
        for again, beside in ((left, right), (right, left)):
            if p.is_gradient(beside) and not p.is_gradient(again) and _varies(again):
                words = f"the factor {p.source.segment(again)} stands twice"
                text = f"({p.source.segment(node)} * {p.source.operand(again)})"
                yield from p.change("extra-factor", words, node, text)
        text = f"({p.source.operand(left)} / {p.source.operand(right)})"
        yield from p.change("other", "/ stands for *", node, text)


def _kind_of_lost(p: Passage, lost: ast.expr, kept: ast.expr) -> str:
    if p.is_gradient(lost):
        return "missing-term"
    if not _varies(lost):
        return "wrong-scale"
    return "missing-activation-derivative" if p.is_gradient(kept) else "missing-term"


def _varies(node: ast.expr) -> bool:
    """Whether an expression is no plain number."""
    return bool(mentioned(node)) or isinstance(node, ast.Call)


def quotients(p: Passage) -> Iterator[Change]:
    """A division left out, upside down, or of whole numbers."""
    for node in p.expressions:
        if not _entrywise(p, node, ast.Div, "divide"):
            continue
        left, right = (p.source.operand(part) for part in _two(node))
        yield from p.change("wrong-scale", f"the division by {right} is left out", node, left)
        yield from p.change("wrong-scale", "* stands for /", node, f"({left} * {right})")
        words = "// stands for /: what stands after the point is cut off"
        yield from p.change("float-precision", words, node, f"({left} // {right})")


def terms(p: Passage) -> Iterator[Change]:
    """A term left out or with the wrong sign."""
    for node in p.expressions:
        adds = _entrywise(p, node, ast.Add, "add")
        if not adds and not _entrywise(p, node, ast.Sub, "subtract"):
            continue
        if isinstance(p.parent(node), (ast.Subscript, ast.Slice)) or _is_text(node):
            continue
        left, right = _two(node)
        first, second = p.source.operand(left), p.source.operand(right)
        words = f"the term {first} is left out"
        yield from p.change("missing-term", words, node, second if adds else f"(-{second})")
        yield from p.change("missing-term", f"the term {second} is left out", node, first)
        wrong, right_sign = ("-", "+") if adds else ("+", "-")
        words = f"{wrong} stands for {right_sign}"
        yield from p.change("wrong-sign", words, node, f"({first} {wrong} {second})")


def _is_text(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def signs(p: Passage) -> Iterator[Change]:
    """A minus left out or one too many."""
    for node in p.expressions:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant) and _is_axis(p, node):
                continue
            words = f"the minus before {p.source.segment(node.operand)} is left out"
            yield from p.change("wrong-sign", words, node, p.source.operand(node.operand))
    for value in _results(p):
        words = f"the sign of {p.source.segment(value)} is wrong"
        yield from p.change("wrong-sign", words, value, f"-{p.source.operand(value)}")


def _results(p: Passage) -> Iterator[ast.expr]:
    """The computed gradients of a backward pass, or all that a helper function computes."""
    for value in p.values:
        if isinstance(value, (ast.Name, ast.Constant, ast.Attribute, ast.Lambda, ast.Subscript)):
            continue
        if p.is_gradient(value) or not p.arriving:
            yield value


def scales(p: Passage) -> Iterator[Change]:
    """A gradient divided by the number of samples, or times a number."""
    for value in _results(p):
        if not p.arriving:
            continue
        whole, operand = p.source.segment(value), p.source.operand(value)
        if p.samples is not None:
            words = f"{whole} is divided by the number of samples"
            text = f"{operand} / {p.arriving}.shape[{p.samples}]"
            yield from p.change("wrong-scale", words, value, text)
        for factor in ("2", "0.5"):
            words = f"{whole} is multiplied by {factor}"
            yield from p.change("wrong-scale", words, value, f"{factor} * {operand}")


def precision(p: Passage) -> Iterator[Change]:
    """A gradient rounded to single precision, or to whole numbers."""
    if not p.numpy:
        return
    for value in _results(p):
        if not p.arriving or (factors(value, p.numpy) is None and not _varies(value)):
            continue
        whole = p.source.segment(value)
        array = f"{p.numpy}.asarray({whole})"
        for name, back, words in (
            ("float32", f".astype({p.numpy}.float64)", "is rounded to single precision on the way"),
            ("float32", "", "is in single precision"),
            ("int64", "", "is cut off to whole numbers"),
        ):
            text = f"{array}.astype({p.numpy}.{name}){back}"
            yield from p.change("float-precision", f"{whole} {words}", value, text)


def masks(p: Passage) -> Iterator[Change]:
    """A mask that keeps what it should drop, or that is taken from the gradient."""
    for node in p.expressions:
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            other = _INVERTED.get(type(node.ops[0]))
            left, right = node.left, node.comparators[0]
            if other is None:
                continue
            written = p.source.segment(node)
            text = f"({p.source.operand(left)} {other} {p.source.operand(right)})"
            yield from p.change("wrong-mask", f"{other} stands in {written}", node, text)
            if p.arriving and not p.is_gradient(node) and mentioned(left):
                words = f"the mask {written} is taken from the upstream gradient"
                yield from p.change("wrong-mask", words, left, p.arriving)
        if called(node) == "where" and isinstance(node, ast.Call) and len(node.args) == 3:
            _, one, two = node.args
            edits = (
                p.source.replaced(one, p.source.segment(two)),
                p.source.replaced(two, p.source.segment(one)),
            )
            words = f"{p.source.segment(one)} and {p.source.segment(two)} are exchanged"
            yield Change("wrong-mask", words, edits, node.lineno)


def functions(p: Passage) -> Iterator[Change]:
    """A function of the entries left out."""
    own = {n.name for n in ast.walk(p.source.tree) if isinstance(n, ast.FunctionDef)}
    for node in p.expressions:
        if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
            continue
        if called(node) in _ENTRYWISE or called(node) in own:
            shown = p.source.segment(node.args[0])
            words = f"{shown} stands for {p.source.segment(node)}"
            yield from p.change("other", words, node, p.source.operand(node.args[0]))


def operands(p: Passage) -> Iterator[Change]:
    """Another tensor of the layer in the place of one."""
    pool = {
        text: role
        for role, text in reversed(list(p.names.items()))
        if role in _ROLES or role[:1] == "d"
    }
    for node in p.expressions:
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            continue
        text = p.source.segment(node)
        if text not in pool or _is_only_a_size(p, node):
            continue
        for other, role in pool.items():
            if other == text or not _at_hand(p, other, node):
                continue
            kind = _kind_of_other(pool[text], role)
            yield from p.change(kind, f"{other} stands for {text}", node, other)


_ROLES = ("X", "W", "Z", "A")


def _kind_of_other(right: str, wrong: str) -> str:
    if (right, wrong) == ("Z", "A"):
        return "derivative-at-output"
    if (right, wrong) == ("dZ", "dA"):
        return "missing-activation-derivative"
    return "wrong-operand"


def _is_only_a_size(p: Passage, node: ast.expr) -> bool:
    """Whether but the shape of something is read: several arrays have the same."""
    parent = p.parent(node)
    if isinstance(parent, ast.Attribute) and parent.attr in ("shape", "size", "dtype", "ndim"):
        return True
    name = called(parent) if parent is not None else ""
    return name == "len" or name.endswith("_like")


def _at_hand(p: Passage, text: str, node: ast.expr) -> bool:
    """Whether a name has a value before a node runs."""
    root = text.split(".")[0].split("[")[0]
    arguments = p.function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if root in {a.arg for a in given}:
        # An attribute that only a later statement sets is none yet.
        return root != "self" or not _set_in(p, text) or _set_in(p, text, node.lineno)
    return _set_in(p, text, node.lineno)


def _set_in(p: Passage, text: str, before: int | None = None) -> bool:
    for s in p.statements:
        if before is not None and (s.end_lineno or s.lineno) >= before:
            continue
        targets: list[ast.expr] = []
        if isinstance(s, ast.Assign):
            targets = s.targets
        elif isinstance(s, (ast.AugAssign, ast.AnnAssign, ast.For)):
            targets = [s.target]
        for target in targets:
            if any(ast.unparse(n) == text for n in ast.walk(target)):
                return True
    return False


def upstream(p: Passage) -> Iterator[Change]:
    """The upstream gradient taken for ones."""
    if not p.arriving or not p.numpy:
        return
    for node in p.expressions:
        if p.source.segment(node) == p.arriving and not _is_only_a_size(p, node):
            words = f"the upstream gradient {p.arriving} is ignored"
            text = f"{p.numpy}.ones_like({p.arriving})"
            yield from p.change("missing-term", words, node, text)


def constants(p: Passage) -> Iterator[Change]:
    """Another number."""
    for node in p.expressions:
        if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
            continue
        value = node.value
        where = p.parent(node)
        if isinstance(where, ast.UnaryOp):
            where = p.parent(where)
        shown = p.source.segment(node)
        if isinstance(where, ast.Subscript):
            if where.slice is node and value in (0, 1):
                other = str(1 - value)
                kind = "wrong-axis" if _is_shape(where.value) else "wrong-operand"
                words = f"{other} stands for {shown} in {p.source.segment(where)}"
                yield from p.change(kind, words, node, other)
            continue
        if _is_axis(p, node):
            continue
        if value == 0:
            others: tuple[str, ...] = ("1",)
        else:
            others = ("2", "0") if value == 1 else (f"(2 * {shown})", "1")
        for other in others:
            kind = "wrong-scale" if _is_factor(where) else "other"
            words = f"{other.strip('()')} stands for {shown}"
            yield from p.change(kind, words, node, other)


def _is_shape(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "shape"


def _is_factor(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div))


def _is_axis(p: Passage, node: ast.AST) -> bool:
    """Whether a number is an axis or a size, and no number to compute with."""
    inner, outer = node, p.parent(node)
    while outer is not None and isinstance(
        outer, (ast.keyword, ast.Tuple, ast.List, ast.UnaryOp, ast.Slice, ast.BinOp)
    ):
        if isinstance(outer, ast.keyword) and outer.arg in ("axis", "keepdims", "ddof", "shape"):
            return True
        inner, outer = outer, p.parent(outer)
    if isinstance(outer, ast.Subscript):
        return outer.slice is inner
    name = called(outer) if outer is not None else ""
    return isinstance(outer, ast.Call) and inner is not outer.func and name in _SHAPING
