"""An arranged tree as an expression over arrays of NumPy or JAX."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from backproof.spec.printers import arrangement as tree
from backproof.spec.printers.code_names import derivative_argument
from backproof.spec.printers.code_sizes import AxisSizes
from backproof.spec.printers.dialect import Dialect, Rule
from backproof.spec.printers.einsum_form import einsum_letters
from backproof.spec.terms import (
    ONE,
    ZERO,
    Add,
    Constant,
    Index,
    Match,
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

_EXTREMES = {"max": "maximum", "min": "minimum"}


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
        sizes: of the axes.
        used: the helpers that the code so far calls.
        reserved: identifiers that no argument may have.
        functions: the abstract functions that it calls, as arguments; in order.
    """

    dialect: Dialect
    names: Mapping[str, str]
    scope: Sequence[tuple[str, tuple[str, ...]]]
    sizes: AxisSizes
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
        """The size of an axis, from the shapes of the arrays in scope."""
        return self.sizes.size(axis, self.scope)

    def dtype(self) -> str:
        """The dtype of an array in scope."""
        return f"{self.scope[0][0]}.dtype" if self.scope else "float"

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
        reduction = _reduction(node)
        if reduction and len(reduction.over) == 1 == len(wanted) - len(order):
            # The axis that is reduced keeps its place, for the one that is wanted there.
            (over,) = reduction.over
            places = tuple(i if i in order else over for i in wanted)
            body = self.held(self.full(reduction.body, places), ATOM)
            arguments = f"axis={places.index(over)}, keepdims=True"
            return Piece(f"{body}.{reduction.method}({arguments})", ATOM)
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
        reduction = _reduction(node)
        if reduction:
            order = self._order(reduction.body, wanted)
            body = self.held(self.full(reduction.body, order), ATOM)
            return Piece(f"{body}.{reduction.method}({self._axes(reduction.over, order)})", ATOM)
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
        if isinstance(node, tree.Along):
            argument = self.signed(self.full(node.argument, wanted))
            return self._apply(self.dialect.along[node.operator], argument, wanted, node.index)
        if isinstance(node, tree.Over):
            order = self._order(node.argument, wanted)
            argument = self.signed(self.full(node.argument, order))
            return self._apply(self.dialect.along[node.operator], argument, order, node.index)
        if isinstance(node, tree.Chosen):
            return self._chosen(node, wanted)
        if isinstance(node, tree.Extreme):
            both = (self.signed(self.operand(x, wanted)) for x in (node.first, node.second))
            name = _EXTREMES[node.operator]
            return Piece(f"{self.dialect.module}.{name}({', '.join(both)})", ATOM)
        if isinstance(node, tree.Taken):
            return self._taken(node, wanted)
        if isinstance(node, tree.OneHot):
            return self._one_hot(node, wanted)
        if isinstance(node, tree.Scattered):
            return self._scattered(node, wanted)
        raise TypeError(f"{type(node).__name__} has no rule in code: a bug in backproof")

    def _leaf(self, node: tree.Leaf | tree.Identity) -> str:
        if isinstance(node, tree.Leaf):
            return self.names[node.name]
        dtype = f", dtype={self.dtype()}" if self.scope else ""
        return f"{self.dialect.module}.eye({self.size(node.indices[0].axis)}{dtype})"

    # ------------------------------------------------------------ conditions

    def _chosen(self, node: tree.Chosen, wanted: tuple[Index, ...]) -> Piece:
        above, below = (self.signed(self.operand(x, wanted)) for x in (node.above, node.below))
        test = self._comparison(node, wanted)
        text = f"{self.dialect.module}.where({test}, {above}, {below})"
        if not node.above.indices and not node.below.indices:
            # Two numbers make an array of a dtype of their own.
            text += f".astype({self.dtype()})"
        return Piece(text, ATOM)

    def _comparison(self, node: tree.Chosen, wanted: tuple[Index, ...]) -> str:
        left, right = (self.signed(self.operand(x, wanted)) for x in (node.left, node.right))
        return f"{left} > {right}"

    # ------------------------------------------------------------ affine positions

    def _taken(self, node: tree.Taken, wanted: tuple[Index, ...]) -> Piece:
        ordered = tree.Taken(node.position, tuple(sorted(node.parts, key=wanted.index)), node.body)
        own = node.body.indices
        before = ":, " * own.index(node.position.left)
        array = self.held(self.full(node.body, own), ATOM)
        text = f"{array}[{before}{self._places(node.position, ordered.parts)}]"
        return self._turned(text, ordered.indices, wanted)

    def _one_hot(self, node: tree.OneHot, wanted: tuple[Index, ...]) -> Piece:
        left = self._counted(node.position.left, 1, wanted)
        places = self._places(node.position, wanted)
        return Piece(f"({left} == {places}).astype({self.dtype()})", ATOM)

    def _places(self, position: Match, indices: tuple[Index, ...]) -> str:
        """An affine position as an array of whole numbers over the indices."""
        factors = dict(position.parts)
        texts = [self._counted(i, factors[i], indices) for i in indices if i in factors]
        if position.offset or not texts:
            texts.append(str(position.offset))
        return " + ".join(texts)

    def _counted(self, index: Index, factor: int, indices: tuple[Index, ...]) -> str:
        """0, a factor, twice the factor, ... along one of the indices."""
        size = self.sizes.variable(index.axis, self.scope)
        text = f"{self.dialect.module}.arange({size})"
        later = len(indices) - 1 - indices.index(index)
        if later:
            text += f"[:{', None' * later}]"
        return text if factor == 1 else f"{factor} * {text}"

    def _scattered(self, node: tree.Scattered, wanted: tuple[Index, ...]) -> Piece:
        self.used["scattered"] = None
        left = node.position.left
        axis = wanted.index(left)
        inside = (*wanted[:axis], *node.parts, *wanted[axis + 1 :])
        order = tuple(i for i in inside if i in node.body.indices)
        body = self.full(node.body, order)
        values = self.signed(body)
        if order != inside:
            view = ", ".join(":" if i in order else "None" for i in inside)
            values = f"{self.held(body, ATOM)}[{view}]"
        places = self._places(node.position, node.parts)
        return Piece(f"scattered({values}, {places}, {self.size(left.axis)}, axis={axis})", ATOM)

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
        masks: list[tree.Called | tree.Chosen] = []
        for factor in node.factors:
            if _is_mask(factor):
                assert isinstance(factor, (tree.Called, tree.Chosen))
                masks.append(factor)
            elif isinstance(factor, tree.Raised) and factor.exponent < 0:
                raised = tree.Raised(-factor.exponent, factor.argument)
                below.append(self.operand(raised, wanted))
            else:
                above.append(self.operand(factor, wanted))
        # A comparison takes the dtype of an array that multiplies it, but not that of a number.
        plain = any(f.indices and not _is_mask(f) for f in node.factors)
        for mask in masks:
            turned = isinstance(mask, tree.Called) and mask.indices != wanted
            compared = plain and set(mask.indices) == set(wanted) and not turned
            above.append(self._mask(mask, wanted) if compared else self.operand(mask, wanted))
        minus = sum(p.minus for p in above) % 2 == 1
        above = [Piece(p.text, p.level) for p in above]
        text = " * ".join(self.held(p, POWER) for p in above) or "1"
        text = " / ".join((text, *(self.held(p, POWER) for p in below)))
        return Piece(text, ENTRYWISE, minus)

    def _mask(self, mask: tree.Called | tree.Chosen, wanted: tuple[Index, ...]) -> Piece:
        if isinstance(mask, tree.Called):
            return Piece(f"({self.signed(self.full(mask.argument, wanted))} > 0)", ATOM)
        # For a single value, Python's own inverse of a truth value is no truth value.
        if not wanted and mask.above == tree.Value(ZERO):
            return self._chosen(mask, wanted)
        inverse = "~" if mask.above == tree.Value(ZERO) else ""
        return Piece(f"{inverse}({self._comparison(mask, wanted)})", ATOM)

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

    def _apply(
        self, rule: Rule, argument: str, order: Sequence[Index] = (), along: Index | None = None
    ) -> Piece:
        if rule.helper:
            self.used[rule.helper] = None
        axis = order.index(along) if along else None
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
            text = self.size(term.axis)
            return Piece(text, SUM if " " in text else ATOM)
        if isinstance(term, Add):
            return self._plus(tree.Plus(tuple(map(tree.Value, term.terms)), ()), ())
        if isinstance(term, Power) and term.exponent > 0:
            return self._power(self.scalar(term.base), term.exponent)
        minus, above, below = self._parts(term)
        if isinstance(term, Number) and term.value == 0:
            return Piece("0", ATOM)
        text = " / ".join((" * ".join(above) or "1", *below))
        return Piece(text, ENTRYWISE if below or len(above) > 1 else ATOM, minus)


@dataclass(frozen=True, slots=True)
class _Reduction:
    """An array from which a method of arrays takes away some axes."""

    method: str
    over: tuple[Index, ...]
    body: tree.Node


def _reduction(node: tree.Node) -> _Reduction | None:
    if isinstance(node, tree.Reduced):
        return _Reduction("sum", node.over, node.body)
    if isinstance(node, tree.Over) and node.operator in ("max", "prod"):
        return _Reduction(node.operator, (node.index,), node.argument)
    return None


def _is_mask(node: tree.Node) -> bool:
    if isinstance(node, tree.Chosen):
        return {node.above, node.below} == {tree.Value(ZERO), tree.Value(ONE)}
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
