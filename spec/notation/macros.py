"""Replacing macros by what they stand for, before anything is known of names or axes.

``def dense(X[n,i], W[o,i], b[o]) = sum[i](X[n,i]*W[o,i]) + b[o]`` makes
``dense(H[n,h], V[k,h], c[k])`` stand for ``sum[h](H[n,h]*V[k,h]) + c[k]``: a tensor among the
parameters gives its name and its letters to those of the argument. A parameter without indices,
as in ``def swish(x) = x*sigmoid(x)``, stands for any expression.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import FUNCTIONS
from backproof.spec.notation.syntax import (
    CallSyntax,
    IndexName,
    MacroCallSyntax,
    MacroSyntax,
    ProgramSyntax,
    ReductionSyntax,
    ReferenceSyntax,
    Syntax,
    letters,
    nodes,
    rebuilt,
    relettered,
)
from backproof.spec.source import Source

# Macros may use those above them; a text that grows past this is a mistake.
MAX_CALLS = 10_000


def without_macros(source: Source, syntax: ProgramSyntax) -> ProgramSyntax:
    """The program with every call of a macro replaced.

    Raises:
        SpecError: a macro is defined twice or uses itself, has a name of the notation, is called
            with other arguments than its parameters, or a function has several arguments.
    """
    expansion = _Expansion(source)
    for macro in syntax.macros:
        expansion.define(macro)
    return replace(
        syntax,
        statements=tuple(replace(s, value=expansion.on(s.value)) for s in syntax.statements),
        assumptions=tuple(
            replace(a, left=expansion.on(a.left), right=expansion.on(a.right))
            for a in syntax.assumptions
        ),
        macros=(),
    )


class _Expansion:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.known: dict[str, MacroSyntax] = {}
        self.calls = 0

    def define(self, macro: MacroSyntax) -> None:
        if macro.name in self.known:
            raise SpecError(
                f"the macro {macro.name} is defined twice",
                self.source,
                macro.name_span,
                also=(self.known[macro.name].name_span, "first here"),
            )
        if macro.name in FUNCTIONS:
            raise SpecError(
                f"'{macro.name}' is a function of the notation and cannot name a macro",
                self.source,
                macro.name_span,
            )
        for node in nodes(macro.body):
            if isinstance(node, (CallSyntax, MacroCallSyntax)) and _name(node) == macro.name:
                raise SpecError(
                    f"the macro {macro.name} uses itself",
                    self.source,
                    node.name_span,
                    help="a macro stands for an expression: it may use macros above it",
                )
        self.known[macro.name] = replace(macro, body=self.on(macro.body))

    def on(self, node: Syntax) -> Syntax:
        node = rebuilt(node, self.on)
        if isinstance(node, CallSyntax) and node.function in self.known:
            if node.order:
                raise SpecError(
                    f"{node.function} is a macro: it has no derivative by a prime",
                    self.source,
                    node.name_span,
                )
            node = MacroCallSyntax(node.function, (node.argument,), node.span, node.name_span)
        if not isinstance(node, MacroCallSyntax):
            return node
        macro = self.known.get(node.name)
        if macro is None:
            close = suggestion(node.name, self.known)
            raise SpecError(
                f"{node.name} is called with {len(node.arguments)} arguments: a function has one",
                self.source,
                node.name_span,
                help=close or f"define it above: def {node.name}(x, y) = ...",
            )
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise SpecError(
                f"macros are called more than {MAX_CALLS} times", self.source, node.span
            )
        return _Call(self.source, macro, node).result()


def _name(node: CallSyntax | MacroCallSyntax) -> str:
    return node.function if isinstance(node, CallSyntax) else node.name


@dataclass
class _Call:
    """One call: which name and which letters of the macro stand for which of the caller."""

    source: Source
    macro: MacroSyntax
    call: MacroCallSyntax

    def result(self) -> Syntax:
        """What the call stands for."""
        macro, call = self.macro, self.call
        if len(macro.parameters) != len(call.arguments):
            count = len(macro.parameters)
            raise SpecError(
                f"{macro.name} has {count} parameter{'' if count == 1 else 's'}, "
                f"found {len(call.arguments)} arguments",
                self.source,
                call.span,
                also=(macro.name_span, "defined here"),
            )
        self.values: dict[str, Syntax] = {}
        self.names: dict[str, str] = {}
        self.letters: dict[str, IndexName] = {}
        for parameter, argument in zip(macro.parameters, call.arguments, strict=True):
            if parameter.indices is None:
                self.values[parameter.name] = argument
            else:
                self._bind(parameter, argument)
        self._check_capture()
        return self._on(macro.body)

    def _bind(self, parameter: ReferenceSyntax, argument: Syntax) -> None:
        wanted = parameter.indices or ()
        if not isinstance(argument, ReferenceSyntax) or len(argument.indices or ()) != len(wanted):
            letters = ",".join(i.name for i in wanted if isinstance(i, IndexName))
            raise SpecError(
                f"{self.macro.name} takes a tensor here, with its indices, such as "
                f"{parameter.name}[{letters}]",
                self.source,
                argument.span,
                also=(parameter.span, "the parameter"),
                help="give the expression a name of its own, in a statement above",
            )
        self.names[parameter.name] = argument.name
        for letter, given in zip(wanted, argument.indices or (), strict=True):
            assert isinstance(letter, IndexName)
            if not isinstance(given, IndexName):
                raise SpecError("an argument's indices are plain letters", self.source, given.span)
            known = self.letters.setdefault(letter.name, given)
            if known.name != given.name:
                raise SpecError(
                    f"the index {letter.name} of {self.macro.name} is '{known.name}' and "
                    f"'{given.name}'",
                    self.source,
                    given.span,
                    also=(known.span, f"'{known.name}' here"),
                )

    def _check_capture(self) -> None:
        """An argument's letter must not be bound by the macro's own operators."""
        own = {
            letter.name
            for node in nodes(self.macro.body)
            if isinstance(node, ReductionSyntax)
            for letter in node.indices
            if letter.name not in self.letters
        }
        for value in self.values.values():
            for node in nodes(value):
                for letter in letters(node):
                    if letter.name in own:
                        raise SpecError(
                            f"{self.macro.name} binds '{letter.name}' itself",
                            self.source,
                            letter.span,
                            also=(self.macro.name_span, "the macro"),
                            help="use another letter in the macro",
                        )

    def _on(self, node: Syntax) -> Syntax:
        if isinstance(node, ReferenceSyntax):
            if node.indices is None and node.name in self.values:
                return self.values[node.name]
            node = replace(node, name=self.names.get(node.name, node.name))
        return rebuilt(relettered(node, self._letter), self._on)

    def _letter(self, letter: IndexName) -> IndexName:
        found = self.letters
        return replace(letter, name=found[letter.name].name) if letter.name in found else letter
