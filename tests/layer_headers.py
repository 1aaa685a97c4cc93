"""The headers of the hand-written dense layers in tests/right_layers and tests/wrong_layers.

Each of those files opens with comment lines `# key: value`, the ground truth about the layer
below them. A key marked with + may be repeated.

    subject      class or function to pass as FILE:NAME
    spec         name of the specification the layer implements (default: dense)
    layout       ni,io->no | ni,oi->no | oi,in->on
    activation   linear | sigmoid | tanh | relu | leaky_relu | elu | softplus | silu | gelu
    scale        sum | mean; mean: dW and db, and only they, are divided by the batch size, by
                 declaration
    accumulate   a dtype that the layer computes in on purpose (default: that of its input)
    bias         yes | no (default: yes)
    verdict      holds | refuted
    quantity     what differs from the gradients of the specification, propagation included,
                 among what the layer shows: Z, A, dZ, dW, db, dX. The output of a linear layer
                 is Z; the output of a layer with an activation is A
    root         what still differs when each quantity is judged from the layer's own visible Z
                 and dZ (default: the same as quantity)
    mistake    + one of `KINDS`
    also         other kinds that describe the same wrong values equally well
    correction + the whole corrected statement, in the author's names
    line       + the number of the line on which the wrong statement starts
    needs        equal sizes without which the layer raises ValueError: i=o | n=i
    repeat       yes | no (default: no); yes: the mistake only shows when one instance is used
                 a second time, with other values
    options      command line options that verify needs besides FILE:NAME
    make       + Python statements that construct the layer from n, i, o (sizes), W and b
    how        + Python statements that call it, from the above and X, dA (the upstream gradient
                 of the output), all in the shapes of the layout, b being a vector, and bind
                 what the layer shows to the names Z, A, dZ, dW, db, dX
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

LAYOUTS = ("ni,io->no", "ni,oi->no", "oi,in->on")
ACTIVATIONS = (
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "silu",
    "gelu",
)
QUANTITIES = ("Z", "A", "dZ", "dW", "db", "dX")
KINDS = (
    "transposed",
    "operands-swapped",
    "wrong-operand",
    "missing-activation-derivative",
    "derivative-at-output",
    "missing-sum",
    "wrong-axis",
    "extra-sum",
    "wrong-scale",
    "wrong-sign",
    "wrong-mask",
    "extra-factor",
    "missing-term",
    "stale-value",
    "updated-weights",
    "float-precision",
    "shape",
    "other",
)
NEEDS = ("i=o", "n=i")

_LINE = re.compile(r"# (?P<key>[a-z]+): (?P<value>\S.*)")
_REPEATABLE = ("mistake", "correction", "line", "make", "how")
_REQUIRED = ("subject", "layout", "activation", "scale", "verdict", "how")
_OF_REFUTED = ("quantity", "mistake", "correction", "line")
_OPTIONAL = ("spec", "accumulate", "bias", "root", "also", "needs", "repeat", "options", "make")
_KEYS = frozenset((*_REQUIRED, *_OF_REFUTED, *_OPTIONAL))


class HeaderError(ValueError):
    """A header that cannot be read; the message names the file and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCase:
    """One hand-written layer and what is true of it.

    Attributes:
        path: The file.
        subject: The class or function in it.
        spec: The name of the specification.
        layout: The einsum of the forward pass.
        activation: The name of the activation.
        scale: `sum` or `mean`.
        dtype_policy: The dtype computed in on purpose, or None for that of the input.
        bias: Whether the layer has a bias.
        verdict: `holds` or `refuted`.
        quantities: What is wrong, propagation included.
        root: What is wrong when judged from the layer's own visible intermediates.
        mistakes: The kinds, one a mistake.
        also: Kinds that describe the same wrong values.
        correction: The corrected statements, in the order of `mistakes`.
        lines: The lines of the wrong statements, in the order of `mistakes`.
        needs: Sizes that must be equal for the layer to run, or None.
        repeat: Whether the mistake needs a second use of one instance.
        options: Command line options for verify.
        make: Statements that construct the layer.
        how: Statements that call it.
    """

    path: Path
    subject: str
    spec: str
    layout: str
    activation: str
    scale: str
    dtype_policy: str | None
    bias: bool
    verdict: str
    quantities: tuple[str, ...]
    root: tuple[str, ...]
    mistakes: tuple[str, ...]
    also: tuple[str, ...]
    correction: tuple[str, ...]
    lines: tuple[int, ...]
    needs: str | None
    repeat: bool
    options: tuple[str, ...]
    make: str
    how: str

    @property
    def address(self) -> str:
        """The subject as `backproof verify` takes it."""
        return f"{self.path}:{self.subject}"


def read_layer(path: Path) -> LayerCase:
    """Reads the header of one file.

    Args:
        path: A Python file that opens with a header.

    Returns:
        The case.

    Raises:
        HeaderError: If a line of the header is no `# key: value`, a key is unknown, missing,
            out of place or repeated, or a value is none of those allowed.
    """
    fields = _fields(path)

    def one(key: str, default: str = "") -> str:
        return fields[key][0] if key in fields else default

    def several(key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        words = tuple(word.strip() for word in one(key).split(",")) if key in fields else ()
        for word in words:
            _among(path, key, word, allowed)
        return words

    for key in _REQUIRED:
        if key not in fields:
            raise HeaderError(f"{path}: the header has no {key!r}")
    verdict = one("verdict")
    _among(path, "verdict", verdict, ("holds", "refuted"))
    for key in _OF_REFUTED:
        if (verdict == "refuted") != (key in fields):
            raise HeaderError(f"{path}: {key!r} goes with verdict 'refuted', not with {verdict!r}")
    _among(path, "layout", one("layout"), LAYOUTS)
    _among(path, "activation", one("activation"), ACTIVATIONS)
    _among(path, "scale", one("scale"), ("sum", "mean"))
    _among(path, "bias", one("bias", "yes"), ("yes", "no"))
    _among(path, "repeat", one("repeat", "no"), ("yes", "no"))
    if "needs" in fields:
        _among(path, "needs", one("needs"), NEEDS)
    mistakes = tuple(fields.get("mistake", ()))
    for kind in mistakes:
        _among(path, "mistake", kind, KINDS)
    lines = tuple(fields.get("line", ()))
    for number in lines:
        if not number.isdecimal():
            raise HeaderError(f"{path}: line={number!r} is no line number")
    correction = tuple(fields.get("correction", ()))
    if not len(mistakes) == len(correction) == len(lines):
        raise HeaderError(f"{path}: each mistake takes one correction and one line")
    quantities = several("quantity", QUANTITIES)

    return LayerCase(
        path=path,
        subject=one("subject"),
        spec=one("spec", "dense"),
        layout=one("layout"),
        activation=one("activation"),
        scale=one("scale"),
        dtype_policy=one("accumulate") or None,
        bias=one("bias", "yes") == "yes",
        verdict=verdict,
        quantities=quantities,
        root=several("root", QUANTITIES) or quantities,
        mistakes=mistakes,
        also=several("also", KINDS),
        correction=correction,
        lines=tuple(int(number) for number in lines),
        needs=one("needs") or None,
        repeat=one("repeat", "no") == "yes",
        options=tuple(shlex.split(one("options"))),
        make="\n".join(fields.get("make", ())),
        how="\n".join(fields["how"]),
    )


def all_layers(folder: Path) -> list[LayerCase]:
    """Reads the headers of all Python files of a folder, in the order of their names.

    Args:
        folder: The folder; its sub-folders are not looked into.

    Returns:
        The cases.

    Raises:
        HeaderError: If a header cannot be read, or the folder holds no Python file.
    """
    paths = sorted(folder.glob("*.py"))
    if not paths:
        raise HeaderError(f"{folder}: no Python file")
    return [read_layer(path) for path in paths]


def _fields(path: Path) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("#"):
            break
        found = _LINE.fullmatch(line)
        if found is None:
            raise HeaderError(f"{path}:{number}: {line!r} is no '# key: value'")
        key = found["key"]
        if key not in _KEYS:
            raise HeaderError(f"{path}:{number}: the key {key!r} is unknown")
        if key in fields and key not in _REPEATABLE:
            raise HeaderError(f"{path}:{number}: the key {key!r} is repeated")
        fields.setdefault(key, []).append(found["value"].rstrip())
    return fields


def _among(path: Path, key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise HeaderError(f"{path}: {key}={value!r} is none of {', '.join(allowed)}")
