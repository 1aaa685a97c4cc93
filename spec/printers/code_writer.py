"""An arranged tree as an expression over arrays of NumPy or JAX."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from backproof.spec.errors import SpecError
from backproof.spec.printers import arrangement as tree
from backproof.spec.printers.code_names import derivative_argument
from backproof.spec.printers.dialect import Dialect, Rule
from backproof.spec.printers.einsum_form import einsum_letters
from backproof.spec.terms import (
    ONE,
    Add,
    Constant,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Term,
    mul,
    power,
)

# How tightly a text holds together. Python gives * / and @ one rank; a reader does not, so a
# matrix product inside a product by entries stands in brackets.
SUM, ENTRYWISE, CHAIN, POWER, ATOM = range(5)


@dataclass(frozen=True, slots=True)
class Piece:
    """A written expression; ``minus`` says that the text is to be negated."""

    text: str
    level: int
    minus: bool = False


@dataclass
class CodeWriter:
    """Writes the right sides of assignments.

    Attributes:
        dialect: the library.
        names: the identifier of each tensor.
        scope: arrays whose shapes may be asked for, with the axes of their dimensions.
        used: the helpers that the code so far calls.
        reserved: identifiers that no argument may have.
        functions: the abstract functions that it calls, as arguments; in order.
    """

    dialect: Dialect
    names: Mapping[str, str]
    scope: Sequence[tuple[str, tuple[str, ...]]]
    used: dict[str, None] = field(default_factory=dict)
    reserved: Collection[str] = ()
    functions: dict[str, None] = field(default_factory=dict)

    # ------------------------------------------------------------ right sides

    def right_side(self, node: tree.Node, wanted: tuple[Index, ...], like: str) -> str:
        """A new array over the wanted indices.

        Args:
            node: what it holds.
            wanted: its dimensions.
            like: the identifier of an array of the same shape, where there is one.

        Raises:
            SpecError: the size of an axis is in no shape.
        """
        if isinstance(node, tree.Value):
            return self._constant(node.term, wanted, like)
        order = tuple(i for i in wanted if i in node.indices)
        if len(order) < len(wanted):
            text = self.full(tree.Spread(node, wanted), wanted, like).text
            return f"{text}.copy()" if self.dialect.copies else text
        piece = self.full(node, wanted)
        view = isinstance(node, tree.Leaf) or (
            isinstance(node, tree.Contracted) and len(node.operands) == 1
        )
        if view and self.dialect.copies:
            return f"{self.held(piece, ATOM)}.copy()"
        return self.signed(piece)

    def _constant(self, term: Term, wanted: tuple[Index, ...], like: str) -> str:
        value = term.value if isinstance(term, Number) else None
        module = self.dialect.module
        if like:
            if value in (0, 1):
                return f"{module}.{'ones' if value else 'zeros'}_like({like})"
            return f"{module}.full_like({like}, {self.signed(self.scalar(term))})"
        shape = self._shape(wanted)
        if not self.scope:
            return f"{module}.full({shape}, {self.signed(self.scalar(term))})"
        dtype = f"{self.scope[0][0]}.dtype"
        if value in (0, 1):
            return f"{module}.{'ones' if value else 'zeros'}({shape}, {dtype})"
        return f"{module}.full({shape}, {self.signed(self.scalar(term))}, {dtype})"

    def _shape(self, wanted: Sequence[Index]) -> str:
        sizes = [self.size(i.axis) for i in wanted]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def size(self, axis: str) -> str:
        """The size of an axis, from the shape of an array in scope."""
        for name, axes in self.scope:
            if axis in axes:
                return f"{name}.shape[{axes.index(axis)}]"
        raise SpecError(
            f"no array that the code is given has the axis '{axis}', so its size is unknown",
            help="the equations are right, but they cannot be printed as code",
        )

    # ------------------------------------------------------------ levels

    def signed(self, piece: Piece) -> str:
        """The text with its sign."""
        if not piece.minus:
            return piece.text
        return f"-{piece.text if piece.level > SUM else f'({piece.text})'}"

    def held(self, piece: Piece, level: int) -> str:
        """The text, in brackets if it holds less tightly than the level asks."""
        text = self.signed(piece)
        return f"({text})" if piece.minus or piece.level < level else text

    # ------------------------------------------------------------ nodes

    def operand(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        """An operand of an operation by entries: broadcasting supplies the indices it lacks."""
        order = tuple(i for i in wanted if i in node.indices)
        if not order or order == wanted[len(wanted) - len(order) :]:
            return self.full(node, order)
        if isinstance(node, tree.Scaled):
            return self._scaled(node.coefficient, self.operand(node.body, wanted))
        if isinstance(node, tree.Reduced) and len(node.over) == 1 == len(wanted) - len(order):
            # The axis that is summed away keeps its place, for the one that is wanted there.
            places = tuple(i if i in order else node.over[0] for i in wanted)
            body = self.held(self.full(node.body, places), ATOM)
            return Piece(f"{body}.sum({self._axes(node.over, places)}, keepdims=True)", ATOM)
        first = wanted.index(order[0])
        view = ", ".join(":" if i in order else "None" for i in wanted[first:])
        return Piece(f"{self.held(self.full(node, order), ATOM)}[{view}]", ATOM)

    def full(self, node: tree.Node, wanted: tuple[Index, ...], like: str = "") -> Piece:
        """A node with its dimensions in the wanted order."""
        if isinstance(node, tree.Value):
            return self.scalar(node.term)
        if isinstance(node, (tree.Leaf, tree.Identity)):
            return self._turned(self._leaf(node), node.indices, wanted)
        if isinstance(node, tree.Chain):
            return self._chain(node, wanted)
        if isinstance(node, tree.Outer):
            pair = (node.left, node.right) if node.indices == wanted else (node.right, node.left)
            left, right = (self.signed(self.full(x, x.indices)) for x in pair)
            return Piece(f"{self.dialect.module}.outer({left}, {right})", ATOM)
        if isinstance(node, tree.Entrywise):
            return self._product(node, wanted)
        if isinstance(node, tree.Scaled):
            mean = self._mean(node, wanted)
            return mean or self._scaled(node.coefficient, self.full(node.body, wanted))
        if isinstance(node, tree.Reduced):
            order = self._order(node.body, wanted)
            body = self.held(self.full(node.body, order), ATOM)
            return Piece(f"{body}.sum({self._axes(node.over, order)})", ATOM)
        if isinstance(node, tree.Plus):
            return self._plus(node, wanted)
        if isinstance(node, tree.Contracted):
            return self._einsum(node, wanted)
        if isinstance(node, tree.Spread):
            shape = f"{like}.shape" if like else self._shape(wanted)
            text = self.signed(self.operand(node.body, wanted))
            return Piece(f"{self.dialect.module}.broadcast_to({text}, {shape})", ATOM)
        return self._function(node, wanted)

    def _function(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        if isinstance(node, tree.Called):
            return self._called(node, wanted)
        if isinstance(node, tree.Raised):
            return self._raised(self.full(node.argument, wanted), node.exponent)
        if isinstance(node, tree.SoftmaxAlong):
            argument = self.signed(self.full(node.argument, wanted))
            return self._apply(self.dialect.softmax, argument, wanted.index(node.along))
        if isinstance(node, tree.LogSumExpOver):
            order = self._order(node.argument, wanted)
            argument = self.signed(self.full(node.argument, order))
            return self._apply(self.dialect.logsumexp, argument, order.index(node.over))
        raise TypeError(f"{type(node).__name__} has no rule in code: a bug in backproof")

    def _leaf(self, node: tree.Leaf | tree.Identity) -> str:
        if isinstance(node, tree.Leaf):
            return self.names[node.name]
        dtype = f", dtype={self.scope[0][0]}.dtype" if self.scope else ""
        return f"{self.dialect.module}.eye({self.size(node.indices[0].axis)}{dtype})"

    def _turned(self, text: str, own: tuple[Index, ...], wanted: tuple[Index, ...]) -> Piece:
        if own == wanted:
            return Piece(text, ATOM)
        if len(own) == 2:
            return Piece(f"{text}.T", ATOM)
        order = ", ".join(str(own.index(i)) for i in wanted)
        return Piece(f"{text}.transpose({order})", ATOM)

    def _order(self, body: tree.Node, wanted: tuple[Index, ...]) -> tuple[Index, ...]:
        """An order of a body's dimensions that leaves the wanted ones in their order."""
        left = tuple(i for i in body.indices if i in wanted)
        if left == wanted:
            return body.indices
        return (*wanted, *(i for i in body.indices if i not in wanted))

    def _axes(self, over: Sequence[Index], order: tuple[Index, ...]) -> str:
        if len(over) == len(order):
            return ""
        places = sorted(order.index(i) for i in over)
        return f"axis={places[0] if len(places) == 1 else tuple(places)}"

    def _chain(self, node: tree.Chain, wanted: tuple[Index, ...]) -> Piece:
        turned = node.path[-1] is not None if len(wanted) == 1 else node.indices != wanted
        chain = node.reversed() if turned and wanted else node
        pieces = (self.full(f, chain.pair(k)) for k, f in enumerate(chain.factors))
        return Piece(" @ ".join(self.held(p, POWER) for p in pieces), CHAIN)

    def _einsum(self, node: tree.Contracted, wanted: tuple[Index, ...]) -> Piece:
        letters = einsum_letters(
            (*wanted, *(i for operand in node.operands for i in operand.indices))
        )
        subscripts = [
            "".join(letters[i] for i in indices)
            for indices in (*(o.indices for o in node.operands), wanted)
        ]
        pattern = f"{','.join(subscripts[:-1])}->{subscripts[-1]}"
        operands = ", ".join(self.signed(self.full(o, o.indices)) for o in node.operands)
        return Piece(f'{self.dialect.module}.einsum("{pattern}", {operands})', ATOM)

    def _plus(self, node: tree.Plus, wanted: tuple[Index, ...]) -> Piece:
        text = ""
        for part in node.parts:
            piece = self.operand(part, wanted)
            body = piece.text
            if piece.minus and piece.level == SUM:
                body = f"({body})"
            if not text:
                text = f"-{body}" if piece.minus else body
            else:
                text += f" {'-' if piece.minus else '+'} {body}"
        return Piece(text, SUM)

    def _product(self, node: tree.Entrywise, wanted: tuple[Index, ...]) -> Piece:
        above: list[Piece] = []
        below: list[Piece] = []
        masks: list[tree.Called] = []
        for factor in node.factors:
            if _is_mask(factor):
                assert isinstance(factor, tree.Called)
                masks.append(factor)
            elif isinstance(factor, tree.Raised) and factor.exponent < 0:
                raised = tree.Raised(-factor.exponent, factor.argument)
                below.append(self.operand(raised, wanted))
            else:
                above.append(self.operand(factor, wanted))
        # A comparison takes the dtype of an array that multiplies it, but not that of a number.
        plain = any(f.indices and not _is_mask(f) for f in node.factors)
        for mask in masks:
            piece = self.operand(mask, wanted)
            if plain and mask.indices == wanted:
                argument = self.full(mask.argument, wanted)
                piece = Piece(f"({self.signed(argument)} > 0)", ATOM)
            above.append(piece)
        minus = sum(p.minus for p in above) % 2 == 1
        above = [Piece(p.text, p.level) for p in above]
        text = " * ".join(self.held(p, POWER) for p in above) or "1"
        text = " / ".join((text, *(self.held(p, POWER) for p in below)))
        return Piece(text, ENTRYWISE, minus)

    def _called(self, node: tree.Called, wanted: tuple[Index, ...]) -> Piece:
        argument = self.signed(self.full(node.argument, wanted))
        rule = self.dialect.rules.get((node.function, node.order))
        if rule is None:
            name = derivative_argument(node.function, node.order, self.reserved)
            self.functions[name] = None
            return Piece(f"{name}({argument})", ATOM)
        piece = self._apply(rule, argument)
        if isinstance(node.argument, tree.Value) and self.dialect.copies:
            # A function of NumPy gives a float64 that widens other dtypes; a float does not.
            return Piece(f"float({piece.text})", ATOM)
        return piece

    def _apply(self, rule: Rule, argument: str, axis: int | None = None) -> Piece:
        if rule.helper:
            self.used[rule.helper] = None
        text = rule.template.format(z=argument, axis=axis)
        return Piece(text, ATOM if rule.atomic else SUM)

    def _raised(self, base: Piece, exponent: Fraction) -> Piece:
        if exponent < 0:
            return Piece(f"1 / {self.held(self._raised(base, -exponent), POWER)}", ENTRYWISE)
        if exponent == 1:
            return base
        if exponent == Fraction(1, 2):
            return Piece(f"{self.dialect.module}.sqrt({self.signed(base)})", ATOM)
        return self._power(base, exponent)

    def _power(self, base: Piece, exponent: Fraction) -> Piece:
        text = self.held(base, ATOM)
        # Formatters of Python set no spaces where both operands are names or numbers.
        operator = "**" if text.replace(".", "").isalnum() else " ** "
        return Piece(f"{text}{operator}{_exponent(exponent)}", POWER)

    # ------------------------------------------------------------ scalars

    def _mean(self, node: tree.Scaled, wanted: tuple[Index, ...]) -> Piece | None:
        """A sum over axes divided by all of their sizes."""
        if not isinstance(node.body, tree.Reduced):
            return None
        factors = node.coefficient.factors if isinstance(node.coefficient, Mul) else ()
        left = list(factors or (node.coefficient,))
        for index in node.body.over:
            found = next(
                (
                    f
                    for f in left
                    if isinstance(f, Power)
                    and f.exponent == -1
                    and isinstance(f.base, Size)
                    and f.base.axis == index.axis
                ),
                None,
            )
            if found is None:
                return None
            left.remove(found)
        order = self._order(node.body.body, wanted)
        body = self.held(self.full(node.body.body, order), ATOM)
        piece = Piece(f"{body}.mean({self._axes(node.body.over, order)})", ATOM)
        return self._scaled(mul(*left), piece)

    def _scaled(self, coefficient: Term, body: Piece) -> Piece:
        if coefficient is ONE:
            return body
        minus, above, below = self._parts(coefficient)
        if not above and not below:
            level = body.level
            return Piece(body.text, level, body.minus != minus)
        text = body.text if body.level > SUM else f"({body.text})"
        if above:
            text = " * ".join((*above, f"({text})" if body.level == CHAIN else text))
        return Piece(" / ".join((text, *below)), ENTRYWISE, body.minus != minus)

    def _parts(self, term: Term) -> tuple[bool, list[str], list[str]]:
        value = Fraction(1)
        above: list[str] = []
        below: list[str] = []
        for factor in term.factors if isinstance(term, Mul) else (term,):
            if isinstance(factor, Number):
                value *= factor.value
            elif isinstance(factor, Power) and factor.exponent < 0:
                below.append(self.held(self.scalar(power(factor.base, -factor.exponent)), POWER))
            else:
                above.append(self.held(self.scalar(factor), POWER))
        if abs(value.numerator) != 1:
            above.insert(0, _integer(abs(value.numerator)))
        if value.denominator != 1:
            below.insert(0, _integer(value.denominator))
        return value < 0, above, below

    def scalar(self, term: Term) -> Piece:
        """A number of Python: it takes part in no promotion of dtypes."""
        if isinstance(term, Constant):
            return Piece(f"{self.dialect.module}.{term.name}", ATOM)
        if isinstance(term, Size):
            return Piece(self.size(term.axis), ATOM)
        if isinstance(term, Add):
            return self._plus(tree.Plus(tuple(map(tree.Value, term.terms)), ()), ())
        if isinstance(term, Power) and term.exponent > 0:
            return self._power(self.scalar(term.base), term.exponent)
        minus, above, below = self._parts(term)
        if isinstance(term, Number) and term.value == 0:
            return Piece("0", ATOM)
        text = " / ".join((" * ".join(above) or "1", *below))
        return Piece(text, ENTRYWISE if below or len(above) > 1 else ATOM, minus)


def _is_mask(node: tree.Node) -> bool:
    return isinstance(node, tree.Called) and (node.function, node.order) in (
        ("relu", 1),
        ("step", 0),
    )


def _integer(value: int) -> str:
    # A library may hold whole numbers in 32 bits.
    return str(value) if value < 2**31 else repr(float(value))


def _exponent(exponent: Fraction) -> str:
    if exponent.denominator == 1:
        return str(exponent)
    exact = float(exponent)
    return repr(exact) if Fraction(exact) == exponent else f"({exponent})"
