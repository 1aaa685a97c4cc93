"""Surface tree to program: names, scopes, ranks, axes by unification, order of statements.

One index letter stands for one axis throughout a program. Two letters share an axis when an
``axes`` line says so, or when one statement uses both at the same position of one tensor, as
``x[i]*M[i,j]*x[j]`` does. When only uses in different statements would merge two letters, that
is taken for a mistake and is an error that shows both uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from backproof.spec.errors import SpecError, near, suggestion
from backproof.spec.functions import CONSTANTS, FUNCTIONS, arithmetic
from backproof.spec.notation.macros import without_macros
from backproof.spec.notation.parser import AT_INDEX, REDUCTIONS, RESERVED, parse_program
from backproof.spec.notation.positions import without_positions
from backproof.spec.notation.syntax import (
    AssumptionSyntax,
    BinarySyntax,
    CallSyntax,
    DeltaSyntax,
    IndexName,
    MacroCallSyntax,
    NegativeSyntax,
    NumberSyntax,
    PositionSyntax,
    ProgramSyntax,
    ReductionSyntax,
    ReferenceSyntax,
    SizeSyntax,
    StatementSyntax,
    Syntax,
    WhereSyntax,
    children,
    nodes,
    plain,
)
from backproof.spec.printers.index import position_form
from backproof.spec.program import Assumption, Axis, Program, Statement, Tensor, last_place
from backproof.spec.source import Source, Span
from backproof.spec.terms import (
    Apply,
    Entry,
    Index,
    Match,
    Number,
    Term,
    add,
    apply,
    constant,
    delta,
    entry,
    fresh,
    hardmax,
    indices_in,
    logsumexp,
    match,
    max_over,
    mul,
    negative,
    number,
    power,
    product_over,
    size,
    softmax,
    substitute,
    tensors_in,
    total,
    walk,
    where,
)


def elaborate(source: Source) -> Program:
    """Read and resolve a program.

    Raises:
        SpecError: the text cannot be read, or does not make sense; with its place.
    """
    syntax = without_positions(source, without_macros(source, parse_program(source)))
    for statement in syntax.statements:
        if statement.target.name in CONSTANTS and statement.target.indices is None:
            raise SpecError(
                f"'{statement.target.name}' is a constant and cannot name a tensor",
                source,
                statement.target.span,
            )
    losses, syntax = _added_losses(source, syntax)
    axes = _Axes(source, syntax)
    lowering = Lowering(source, axes.axis_of, axes.functions)
    statements = []
    for statement in syntax.statements:
        target = statement.target
        letters = plain(target)
        _distinct(source, letters, "on the left")
        scope = {i.name for i in letters}
        value = lowering.term(statement.value, scope, scope)
        left = entry(target.name, (axes.index(i) for i in letters))
        text = source.text[statement.span.start : statement.span.end]
        statements.append(Statement(left, value, statement.span, text))
    _defined_once(source, statements)
    ordered = _ordered(source, statements)
    assumptions = tuple(
        Assumption(
            lowering.term(a.left, None, set()),
            lowering.term(a.right, None, set()),
            source.text[a.span.start : a.span.end].removeprefix("assume").strip(),
            a.relation,
        )
        for a in syntax.assumptions
    )
    _check_assumed(source, axes, ordered, assumptions)
    defined = [s.target.tensor for s in ordered]
    names = [n for n in axes.tensors if n not in defined] + defined
    program = Program(
        source=source,
        axes=axes.described(),
        tensors={n: axes.tensors[n] for n in names},
        statements=tuple(ordered),
        assumptions=assumptions,
        functions=tuple(axes.functions),
        notes=tuple(axes.notes),
        added_losses=losses,
    )
    _check_positions(source, program)
    return program


def _check_assumed(
    source: Source,
    axes: _Axes,
    statements: Iterable[Statement],
    assumptions: Iterable[Assumption],
) -> None:
    """What is assumed has to be of something that is used: else a name was mistyped.

    Raises:
        SpecError: a name stands in a single assumption, or only beside others of that kind.
    """
    stated = {name for s in statements for name in (s.target.tensor, *tensors_in(s.value))}
    if not stated:
        return
    used = stated | {f"d{name}" for name in stated}
    open_ = [(tensors_in(a.left) | tensors_in(a.right)) - _for_all(a, axes) for a in assumptions]
    count = Counter(name for names in open_ for name in names)
    while True:
        # Two assumptions may share a name that no statement has: x < c, c < 1.
        joined = {n for names in open_ if names & used for n in names if count[n] > 1} - used
        if not joined:
            break
        used |= joined
    unused = [axes.first[name] for name in count if name not in used]
    if unused:
        first = min(unused, key=lambda reference: reference.span.start)
        raise SpecError(
            f"no statement uses '{first.name}', of which this is assumed",
            source,
            first.span,
            label=suggestion(first.name, stated),
            help="an assumption speaks of tensors that a statement uses",
        )


def _for_all(assumption: Assumption, axes: _Axes) -> set[str]:
    """The argument z of ``assume g(z) = ...``, which stands for every number."""
    call = assumption.left
    if isinstance(call, Apply) and call.function in axes.functions:
        return {n.tensor for n in [call.argument] if isinstance(n, Entry) and not n.indices}
    return set()


def _check_positions(source: Source, program: Program) -> None:
    """Every affine position has to lie on its axis at some sizes above one.

    Raises:
        SpecError: an axis would have to be longer than itself, or than its declared size.
    """
    sizes = program.consistent(dict.fromkeys(program.axes, 2))
    for statement in program.statements:
        for node in walk(statement.value):
            if isinstance(node, Match) and last_place(node, sizes) >= sizes[node.left.axis]:
                axis = program.axes[node.left.axis]
                length = f"has {axis.size} entries" if axis.size else "runs along the same axis"
                raise SpecError(
                    f"an affine position is out of range: {position_form(node)} goes past the "
                    f"end, since {axis.letters[0]} {length}",
                    source,
                    statement.span,
                    help="give the tensor that is read there an axis of its own, which is longer",
                )


def _added_losses(source: Source, syntax: ProgramSyntax) -> tuple[tuple[str, ...], ProgramSyntax]:
    """The terms of the loss that ``assume dR = 1`` names, and the text without these lines."""
    named = {a: _added_loss(source, a, syntax.statements) for a in syntax.assumptions}
    rest = tuple(a for a, loss in named.items() if loss is None)
    losses = tuple(loss for loss in named.values() if loss is not None)
    return losses, replace(syntax, assumptions=rest)


def _added_loss(
    source: Source, assumption: AssumptionSyntax, statements: Iterable[StatementSyntax]
) -> str | None:
    """The scalar R of ``assume dR = 1``: a part of the loss that does not come from above."""
    left, right = assumption.left, assumption.right
    if not isinstance(left, ReferenceSyntax) or left.indices:
        return None
    name = left.name.removeprefix("d")
    defined = {s.target.name: s.target for s in statements}
    if name == left.name or name not in defined or left.name in defined:
        return None
    if not isinstance(right, NumberSyntax) or right.value != 1 or defined[name].indices:
        raise SpecError(
            f"{left.name} is the gradient of {name}: assumed to be 1 of a scalar, else derived",
            source,
            assumption.span,
            help=f"for a term of the loss, write: assume {left.name} = 1",
        )
    return name


def _distinct(source: Source, letters: Iterable[IndexName], where: str) -> None:
    seen: dict[str, IndexName] = {}
    for letter in letters:
        if letter.name in seen:
            raise SpecError(
                f"index '{letter.name}' is bound twice {where}",
                source,
                letter.span,
                also=(seen[letter.name].span, "first here"),
                help="give each position an index of its own",
            )
        seen[letter.name] = letter


def _defined_once(source: Source, statements: list[Statement]) -> None:
    first: dict[str, Statement] = {}
    for s in statements:
        name = s.target.tensor
        if name in first:
            raise SpecError(
                f"{name} is defined twice",
                source,
                _target_span(source, s),
                also=(_target_span(source, first[name]), "first here"),
                help="a statement names a new tensor: give the second one another name",
            )
        first[name] = s


def _target_span(source: Source, statement: Statement) -> Span:
    end = source.text.index("=", statement.span.start)
    return Span(
        statement.span.start,
        statement.span.start + len(source.text[statement.span.start : end].rstrip()),
    )


def _ordered(source: Source, statements: list[Statement]) -> list[Statement]:
    by_name = {s.target.tensor: s for s in statements}
    done: dict[str, bool] = {}
    ordered: list[Statement] = []
    for root in by_name:
        stack: list[tuple[str, bool]] = [(root, False)]
        path: list[str] = []
        while stack:
            name, finished = stack.pop()
            if finished:
                path.pop()
                done[name] = True
                ordered.append(by_name[name])
                continue
            if name in done:
                if not done[name]:
                    circle = [*path[path.index(name) :], name]
                    raise SpecError(
                        f"a cycle: {' uses '.join(circle)}",
                        source,
                        _target_span(source, by_name[name]),
                        help="each tensor follows from inputs and from tensors that do not use it",
                    )
                continue
            done[name] = False
            path.append(name)
            stack.append((name, True))
            stack += [
                (used, False)
                for used in sorted(tensors_in(by_name[name].value))
                if used in by_name and not done.get(used, False)
            ]
    return ordered


@dataclass(frozen=True, slots=True)
class _Use:
    tensor: str
    position: int
    letter: IndexName
    statement: int


@dataclass
class _Axes:
    """Finds the axes of all letters, and checks that every tensor has one rank."""

    source: Source
    syntax: ProgramSyntax
    tensors: dict[str, Tensor] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.declared: dict[str, tuple[str, IndexName]] = {}
        self.order: list[str] = []
        self.uses: list[_Use] = []
        self.first: dict[str, ReferenceSyntax] = {}
        self.calls: dict[str, CallSyntax] = {}
        self.longer: list[str] = []
        for number_, declaration in enumerate(self.syntax.axes):
            self._declare(declaration.indices, f"{number_}:{declaration.role}")
        for number_, statement in enumerate(self.syntax.statements):
            self._collect(statement.target, number_)
            self._collect(statement.value, number_)
        count = len(self.syntax.statements)
        for number_, assumption in enumerate(self.syntax.assumptions, start=count):
            self._collect(assumption.left, number_)
            self._collect(assumption.right, number_)
        self._unify()
        for name, reference in self.first.items():
            if name in self.calls:
                call = self.calls[name]
                raise SpecError(
                    f"{name} is a tensor and a function",
                    self.source,
                    call.name_span,
                    also=(reference.span, "a tensor here"),
                    help=f"an entry is written with brackets: {name}[...]",
                )
            self.tensors[name] = Tensor(name, tuple(map(self.index, plain(reference))))
        self._check_sized()

    # -- letters

    def _declare(self, letters: tuple[IndexName, ...], key: str) -> None:
        for letter in letters:
            self._letter(letter.name)
            if letter.name in self.declared:
                raise SpecError(
                    f"index '{letter.name}' is declared twice",
                    self.source,
                    letter.span,
                    also=(self.declared[letter.name][1].span, "first here"),
                )
            self.declared[letter.name] = (key, letter)
            self.parent[self.root(letter.name)] = self.root(letters[0].name)

    def _letter(self, name: str) -> None:
        if name not in self.parent:
            self.parent[name] = name
            self.order.append(name)

    def root(self, name: str) -> str:
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def axis_of(self, letter: IndexName) -> str:
        """The axis of a letter."""
        return self.root(letter.name)

    def index(self, letter: IndexName) -> Index:
        """The index of a letter."""
        return Index(letter.name, self.axis_of(letter))

    # -- collection

    def _collect(self, root: Syntax, statement: int) -> None:
        stack = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ReferenceSyntax):
                self._reference(node, statement)
            elif isinstance(node, ReductionSyntax):
                for letter in node.indices:
                    self._letter(letter.name)
                stack.append(node.body)
            elif isinstance(node, CallSyntax):
                self._function(node)
                stack.append(node.argument)
            elif isinstance(node, SizeSyntax):
                self._letter(node.index.name)
            elif isinstance(node, DeltaSyntax):
                self._delta(node, statement)
            else:
                stack += reversed(children(node))

    def _delta(self, node: DeltaSyntax, statement: int) -> None:
        if isinstance(node.right, PositionSyntax):
            for letter in (node.left, *(i for i, _ in node.right.parts)):
                self._letter(letter.name)
            self.longer.append(node.left.name)
            return
        # Both indices of a delta run along one axis, as two uses of one position do.
        for letter in (node.left, node.right):
            self._letter(letter.name)
            self.uses.append(_Use(f"delta at {node.span.start}", 0, letter, statement))

    def _reference(self, node: ReferenceSyntax, statement: int) -> None:
        if node.indices is None and node.name in CONSTANTS:
            return
        if node.indices is None and (node.name in FUNCTIONS or node.name in REDUCTIONS):
            raise SpecError(
                f"{node.name} is a function and needs an argument",
                self.source,
                node.span,
                help=f"write {node.name}{'[o]' if node.name in REDUCTIONS else ''}(...)",
            )
        rank = len(node.indices or ())
        first = self.first.setdefault(node.name, node)
        if len(first.indices or ()) != rank:
            raise SpecError(
                f"{node.name} is used with {rank} {'index' if rank == 1 else 'indices'} "
                f"and with {len(first.indices or ())}",
                self.source,
                node.span,
                label=f"{rank} here",
                also=(first.span, f"{len(first.indices or ())} here"),
                help="a tensor has one rank; an axis along which it is constant is left out",
            )
        for position, letter in enumerate(plain(node)):
            self._letter(letter.name)
            self.uses.append(_Use(node.name, position, letter, statement))

    def _function(self, node: CallSyntax) -> None:
        name = node.function
        self.calls.setdefault(name, node)
        if name in FUNCTIONS or name in self.functions:
            return
        if name in RESERVED:
            raise SpecError(
                f"'{name}' is a word of the notation and cannot name a function",
                self.source,
                node.name_span,
            )
        close = near(name, [*FUNCTIONS, *REDUCTIONS])
        if len(name) > 2 and close:
            raise SpecError(
                f"unknown function '{name}'",
                self.source,
                node.name_span,
                label=suggestion(name, [*FUNCTIONS, *REDUCTIONS]),
                help="a function of which nothing is known has a name of one or two letters, "
                "such as g, or one that is near no known name",
            )
        self.functions.append(name)

    # -- unification

    def _unify(self) -> None:
        for first_letter, second_letter in self.syntax.one_axis:
            self._letter(first_letter.name)
            self._letter(second_letter.name)
            self.parent[self.root(second_letter.name)] = self.root(first_letter.name)
        seen: dict[tuple[int, str, int], _Use] = {}
        for use in self.uses:
            first = seen.setdefault((use.statement, use.tensor, use.position), use)
            self._merge(first, use)
        everywhere: dict[tuple[str, int], _Use] = {}
        for use in self.uses:
            first = everywhere.setdefault((use.tensor, use.position), use)
            if self.root(first.letter.name) != self.root(use.letter.name):
                raise self._clash(
                    first,
                    use,
                    "one letter stands for one axis throughout: write the same letter at both "
                    "places, or say that the two are one axis: "
                    f"axes {first.letter.name}, {use.letter.name}: NAME",
                )

    def _merge(self, first: _Use, second: _Use) -> None:
        left, right = self.root(first.letter.name), self.root(second.letter.name)
        if left == right:
            return
        classes = [
            {key for name, (key, _) in self.declared.items() if self.root(name) == root}
            for root in (left, right)
        ]
        if classes[0] and classes[1] and classes[0] != classes[1]:
            raise self._clash(
                first, second, "the axes line declares the two as different axes: change one use"
            )
        keep, drop = (left, right)
        if classes[1] or (not classes[0] and self.order.index(right) < self.order.index(left)):
            keep, drop = right, left
        self.parent[drop] = keep

    def _clash(self, first: _Use, second: _Use, help: str) -> SpecError:
        what = (
            "delta"
            if first.tensor.startswith("delta at ")
            else f"position {first.position + 1} of {first.tensor}"
        )
        return SpecError(
            f"axis clash: {what} is indexed by '{first.letter.name}' and by '{second.letter.name}'",
            self.source,
            second.letter.span,
            label=f"'{second.letter.name}' here",
            also=(first.letter.span, f"'{first.letter.name}' here"),
            help=help,
        )

    def _check_sized(self) -> None:
        """Every axis that a sum runs along has a tensor, or a declared size, to say how long it is.

        Raises:
            SpecError: an axis has neither, and a position is made with it.
        """
        sized = {self.root(use.letter.name) for use in self.uses}
        sized |= {self.root(a.indices[0].name) for a in self.syntax.axes if a.size is not None}
        for statement in self.syntax.statements:
            for node in nodes(statement.value):
                if isinstance(node, DeltaSyntax) and isinstance(node.right, PositionSyntax):
                    for letter, _ in node.right.parts:
                        if self.root(letter.name) not in sized:
                            raise SpecError(
                                f"no tensor has the index '{letter.name}': how far it runs is "
                                "not known",
                                self.source,
                                letter.span,
                                help=f"declare how many entries its axis has: "
                                f"axes {letter.name} = 2",
                            )

    def described(self) -> dict[str, Axis]:
        """All axes with their letters and roles, in the order of appearance."""
        roles = {key: key.split(":", 1)[1] for key, _ in self.declared.values()}
        axes: dict[str, Axis] = {}
        for name in dict.fromkeys(self.root(letter) for letter in self.order):
            letters = tuple(letter for letter in self.order if self.root(letter) == name)
            role = next((roles[self.declared[x][0]] for x in letters if x in self.declared), "")
            sizes = {
                a.size
                for a in self.syntax.axes
                if a.size is not None and self.root(a.indices[0].name) == name
            }
            axes[name] = Axis(name, letters, role, next(iter(sizes), None))
            undeclared = [x for x in letters if x not in self.declared]
            if len(letters) > 1 and undeclared and not role:
                self.notes.append(f"the indices {', '.join(letters)} run along one axis")
        return axes


@dataclass(frozen=True)
class Lowering:
    """Turns surface expressions into terms, once the axes are known."""

    source: Source
    axis_of: Callable[[IndexName], str]
    functions: Iterable[str] = ()

    def index(self, letter: IndexName) -> Index:
        """The index of a letter."""
        return Index(letter.name, self.axis_of(letter))

    def term(self, node: Syntax, scope: set[str] | None, bound: set[str]) -> Term:
        """The term of an expression.

        Args:
            node: the expression.
            scope: the letters that may be used; None where every letter may.
            bound: the letters that the left side or an enclosing operator binds.
        """
        if isinstance(node, NumberSyntax):
            return number(node.value)
        if isinstance(node, ReferenceSyntax):
            if node.indices is None and node.name in CONSTANTS:
                return constant(node.name)
            for letter in plain(node):
                self._check(letter, scope)
            return entry(node.name, map(self.index, plain(node)))
        if isinstance(node, SizeSyntax):
            return size(self.axis_of(node.index))
        if isinstance(node, DeltaSyntax):
            return self._delta(node, scope)
        if isinstance(node, WhereSyntax):
            left, right, above, below = (
                self.term(side, scope, bound)
                for side in (node.left, node.right, node.above, node.below)
            )
            if node.operator == ">":
                return where(add(left, negative(right)), above, below)
            # left >= right is not right > left.
            return where(add(right, negative(left)), below, above)
        if isinstance(node, CallSyntax):
            return apply(node.function, self.term(node.argument, scope, bound), node.order)
        if isinstance(node, NegativeSyntax):
            return negative(self.term(node.operand, scope, bound))
        if isinstance(node, ReductionSyntax):
            return self._reduction(node, scope, bound)
        if isinstance(node, MacroCallSyntax):
            raise SpecError(
                f"{node.name} is called with {len(node.arguments)} arguments: a function has one",
                self.source,
                node.name_span,
            )
        return self._binary(node, scope, bound)

    def _delta(self, node: DeltaSyntax, scope: set[str] | None) -> Term:
        self._check(node.left, scope)
        left = self.index(node.left)
        if isinstance(node.right, IndexName):
            self._check(node.right, scope)
            return delta(left, self.index(node.right))
        for letter, _ in node.right.parts:
            self._check(letter, scope)
        parts = ((self.index(letter), factor) for letter, factor in node.right.parts)
        return match(left, parts, node.right.offset)

    def _binary(self, node: BinarySyntax, scope: set[str] | None, bound: set[str]) -> Term:
        if node.operator == "^":
            base, exponent = self.term(node.left, scope, bound), self._exponent(node.right)
            if exponent < 0 and isinstance(base, Number) and base.value == 0:
                raise SpecError("division by zero", self.source, node.span)
            return power(base, exponent)
        # A chain of operators leans to the left: followed by a loop, however long it is.
        group = ("+", "-") if node.operator in ("+", "-") else ("*", "/")
        parts: list[tuple[str, Syntax]] = []
        left: Syntax = node
        while isinstance(left, BinarySyntax) and left.operator in group:
            parts.append((left.operator, left.right))
            left = left.left
        found = [self.term(left, scope, bound)]
        for operator, operand in reversed(parts):
            value = self.term(operand, scope, bound)
            if operator == "-":
                value = negative(value)
            elif operator == "/":
                if isinstance(value, Number) and value.value == 0:
                    raise SpecError("division by zero", self.source, operand.span)
                value = power(value, -1)
            found.append(value)
        return add(*found) if group == ("+", "-") else mul(*found)

    def _reduction(self, node: ReductionSyntax, scope: set[str] | None, bound: set[str]) -> Term:
        _distinct(self.source, node.indices, f"by one {node.operator}")
        if node.operator in AT_INDEX:
            letter = node.indices[0]
            self._check(letter, scope)
            index, body = self.index(letter), self.term(node.body, scope, bound)
            return softmax(index, body) if node.operator == "softmax" else _hardmax(index, body)
        for letter in node.indices:
            if letter.name in bound:
                raise SpecError(
                    f"index '{letter.name}' is bound twice",
                    self.source,
                    letter.span,
                    label="already bound by the left side or by an operator around this one",
                    help=f"use another letter in this {node.operator}",
                )
        names = {letter.name for letter in node.indices}
        inner = None if scope is None else scope | names
        body = self.term(node.body, inner, bound | names)
        indices = tuple(map(self.index, node.indices))
        if node.operator == "logsumexp":
            return logsumexp(indices[0], body)
        if node.operator in ("prod", "max", "min"):
            return _nested(node.operator, indices, body)
        summed = total(indices, body)
        if node.operator == "sum":
            return summed
        return mul(*(power(size(i.axis), -1) for i in indices), summed)

    def _exponent(self, node: Syntax) -> Fraction:
        value = self._rational(node)
        if value is None:
            raise SpecError(
                "an exponent is a rational number, such as 2 or 1/2", self.source, node.span
            )
        return value

    def _rational(self, node: Syntax) -> Fraction | None:
        if isinstance(node, NumberSyntax):
            return node.value
        if isinstance(node, NegativeSyntax):
            inner = self._rational(node.operand)
            return None if inner is None else -inner
        # A chain of operators leans to the left: followed by a loop, however long it is.
        chain: list[BinarySyntax] = []
        while isinstance(node, BinarySyntax):
            chain.append(node)
            node = node.left
        left = self._rational(node) if chain else None
        for link in reversed(chain):
            right = self._rational(link.right)
            if left is None or right is None or link.operator == "^":
                return None
            if link.operator == "/" and right == 0:
                return None
            result = arithmetic(link.operator, number(left), number(right))
            left = result.value if isinstance(result, Number) else None
        return left

    def _check(self, letter: IndexName, scope: set[str] | None) -> None:
        if scope is None or letter.name in scope:
            return
        close = suggestion(letter.name, scope)
        raise SpecError(
            f"index '{letter.name}' is unbound: it is not on the left, and no operator binds it",
            self.source,
            letter.span,
            help=f"add it to the left side, or bind it: sum[{letter.name}](...)"
            + (f"; {close}" if close else ""),
        )


def _nested(operator: str, indices: tuple[Index, ...], body: Term) -> Term:
    """prod, max and min over several indices, one inside the other."""
    for index in reversed(indices):
        if operator == "prod":
            body = product_over(index, body)
        elif operator == "max":
            body = max_over(index, body)
        else:
            body = negative(max_over(index, negative(body)))
    return body


def _hardmax(at: Index, body: Term) -> Term:
    """Hardmax as it is written, with one letter for the position and for what runs."""
    over = fresh(at, indices_in(body) | {at})
    return hardmax(at, over, substitute(body, {at: over}))
