"""The layers that ship as data: reading them, and composing networks and losses from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from backproof.spec.deriving.compose import program_text, reordered, statement_terms
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec, bind_functions
from backproof.spec.program import Axis
from backproof.spec.terms import Term

DEFAULT_LAYOUT = "ni,oi->no"
ENDING = ".spec"


@dataclass(frozen=True, slots=True)
class Stated:
    """A file of the library: what it states and, for a layer, in which layout.

    Attributes:
        kind: "layer", or "loss" for what ``network`` may take of its last output A.
        name: from the header line ``# layer: NAME`` or ``# loss: NAME``, else the file's own.
        layout: the einsum of the forward product, for a layer that has several files.
        about: one sentence.
        source: author, title and place of the equations; empty where they are common knowledge.
        text: the whole file.
        file: its name.
    """

    kind: str
    name: str
    layout: str
    about: str
    source: str
    text: str
    file: str


@lru_cache(maxsize=1)
def entries() -> tuple[Stated, ...]:
    """All files of the library."""
    paths = sorted(files("backproof.spec.layers").iterdir(), key=lambda p: p.name)
    return tuple(
        _stated(path.name, path.read_text(encoding="utf-8"))
        for path in paths
        if path.name.endswith(ENDING)
    )


def _stated(file: str, text: str) -> Stated:
    header = {}
    for line in text.splitlines():
        if line.startswith("#") and ":" in line:
            key, value = line[1:].split(":", 1)
            header[key.strip()] = value.strip()
    kind = "loss" if "loss" in header else "layer"
    return Stated(
        kind,
        header.get(kind, file.removesuffix(ENDING)),
        header.get("layout", ""),
        header.get("about", ""),
        header.get("source", ""),
        text,
        file,
    )


def layouts(layer: str = "dense") -> tuple[str, ...]:
    """The layouts in which a layer is stated."""
    return tuple(e.layout for e in entries() if e.name == layer and e.layout)


def losses() -> tuple[str, ...]:
    """The losses that are stated."""
    return tuple(e.name for e in entries() if e.kind == "loss")


def names() -> tuple[str, ...]:
    """Every name that ``named`` knows."""
    return (*dict.fromkeys(e.name for e in entries()), "network", "dense-l")


def named(
    name: str,
    *,
    layout: str | None = None,
    activation: str | None = None,
    depth: int | None = None,
    scale: str = "sum",
) -> Spec:
    """A layer or loss of the library by its name.

    Raises:
        SpecError: there is none of that name, or it has no such layout or activation.
    """
    if name == "dense":
        return dense(layout=layout, activation=activation, scale=scale)
    if name == "dense-l":
        return dense_l(layout=layout, activation=activation, scale=scale)
    if name == "network":
        layers = 3 if depth is None else depth
        return network(layers, layout=layout, activation=activation or "g", scale=scale)
    for found in entries():
        if found.name == name:
            stated = Spec(found.text, name=name, source_name=found.file, scale=scale)
            return _activated(stated, activation)
    raise SpecError(
        f"no layer or loss is named '{name}'",
        help=suggestion(name, names()) or f"known are {', '.join(names())}",
    )


def _activated(stated: Spec, activation: str | None) -> Spec:
    """A layer with a known function for the abstract ``g`` that it may have."""
    if activation in (None, "g") or not stated.activation:
        return stated
    return Spec(
        stated.text,
        name=stated.name,
        functions={"g": str(activation)},
        scale=stated.scale,
        source_name=stated.program.source.name,
    )


def _dense_entry(layout: str | None) -> Stated:
    layout = (layout or DEFAULT_LAYOUT).replace(" ", "")
    for found in entries():
        if found.name == "dense" and found.layout == layout:
            return found
    raise SpecError(
        f"the dense layer has no layout '{layout}'",
        help=f"known are {'; '.join(layouts())}",
    )


def dense(*, layout: str | None = None, activation: str | None = None, scale: str = "sum") -> Spec:
    """The dense layer.

    Args:
        layout: the einsum of the forward product: ``ni,oi->no``, ``ni,io->no`` or ``oi,in->on``.
        activation: a known function, or None for an abstract ``g``.
        scale: see ``Spec``.

    Raises:
        SpecError: no such layout or activation.
    """
    found = _dense_entry(layout)
    functions = {} if activation in (None, "g") else {"g": str(activation)}
    return Spec(
        found.text,
        name="dense",
        layout=found.layout,
        functions=functions,
        scale=scale,
        source_name=found.file,
    )


def affine(*, layout: str | None = None, scale: str = "sum") -> Spec:
    """The dense layer up to its pre-activation Z, whose upstream gradient is dZ."""
    found = _dense_entry(layout)
    program = Spec(found.text, source_name=found.file).program
    statements = [(s.target, s.value) for s in program.statements if s.target.tensor == "Z"]
    text = program_text(_roles(program.axes), statements)
    return Spec(text, name="dense", layout=found.layout, scale=scale, source_name=found.file)


def dense_l(
    *, layout: str | None = None, activation: str | None = None, scale: str = "sum"
) -> Spec:
    """The dense layer number l of a network, l a symbol: A{l-1} in, A{l} out."""
    found = _dense_entry(layout)
    program = Spec(found.text, source_name=found.file).program
    tensors = {"X": "A{l-1}"} | {name: f"{name}{{l}}" for name in ("Z", "W", "b", "A")}
    text = program_text(_roles(program.axes), statement_terms(program, tensors, {}))
    functions = {} if activation in (None, "g") else {"g": str(activation)}
    return Spec(text, name="dense layer l", layout=found.layout, functions=functions, scale=scale)


def _roles(axes: Mapping[str, Axis]) -> dict[str, tuple[str, ...]]:
    return {a.role: a.letters for a in axes.values() if a.role}


def network(
    depth: int,
    *,
    layout: str | None = None,
    activation: str | Sequence[str] = "g",
    loss: str | None = None,
    scale: str = "sum",
) -> Spec:
    """Dense layers composed: X in, A1, A2, ... out, and a loss L against targets Y if asked for.

    Args:
        depth: the number of layers, at least 1.
        layout: of all layers.
        activation: of all layers, or one a layer; ``g`` leaves them abstract, as g1, g2, ...
        loss: a loss of the library, taken of the last output.
        scale: see ``Spec``.

    Raises:
        SpecError: a depth under 1, or an unknown layout, activation or loss.
    """
    if depth < 1:
        raise SpecError(f"a network has at least one layer, found depth {depth}")
    chosen = [activation] * depth if isinstance(activation, str) else list(activation)
    if len(chosen) != depth:
        raise SpecError(f"{depth} layers need {depth} activations, found {len(chosen)}")
    found = _dense_entry(layout)
    axes: dict[str, tuple[str, ...]] = {"samples": ("n",), "inputs": ("i",)}
    statements: list[tuple[Term, Term]] = []
    for k, function in enumerate(chosen, start=1):
        if function not in ACTIVATIONS and function != "g":
            raise SpecError(
                f"unknown activation '{function}'",
                help=suggestion(function, ACTIVATIONS) or f"known are {', '.join(ACTIVATIONS)}",
            )
        last = k == depth
        text = found.text.replace("g(", f"g{k}(" if function == "g" else "g(")
        program = bind_functions(
            Spec(text, source_name=found.file).program,
            {} if function == "g" else {"g": function},
        )
        letters = {"o": "o" if last else f"h{k}"} | ({"i": f"h{k - 1}"} if k > 1 else {})
        tensors = {name: f"{name}{k}" for name in ("Z", "W", "b", "A")}
        tensors["X"] = "X" if k == 1 else f"A{k - 1}"
        if not last:
            axes[f"hidden{k}"] = (f"h{k}",)
        statements += statement_terms(program, tensors, letters)
    axes["outputs"] = ("o",)
    if loss is not None:
        if loss not in losses():
            raise SpecError(
                f"no loss is named '{loss}'",
                help=suggestion(loss, losses()) or f"known are {', '.join(losses())}",
            )
        stated = named(loss).program
        columns = found.layout.endswith("on")
        for left, right in statement_terms(stated, {"A": f"A{depth}"}, {}):
            if columns:
                right = reordered(reordered(right, f"A{depth}", (1, 0)), "Y", (1, 0))
            statements.append((left, right))
        axes["outputs"] = stated.axes["o"].letters
    text = program_text(axes, statements)
    return Spec(text, name=f"network of {depth}", layout=found.layout, scale=scale)
