"""Functions of named arrays, marked with ``@bp.subject``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from backproof.adapters.arguments import Argument, Call
from backproof.adapters.assigning import wanted
from backproof.adapters.model import PROBES, Model, probe_data
from backproof.adapters.refusals import innermost
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import NotInferredError, UsageError
from backproof.loading import Loaded
from backproof.spec.errors import near
from backproof.spec.layer import Spec
from backproof.subjects import MARK, Arrays, Subject, SubjectError


def recognises(loaded: Loaded) -> bool:
    """Whether the object carries the mark."""
    return callable(loaded.object) and hasattr(loaded.object, MARK)


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a marked function is: its spec is the one it was marked with.

    Raises:
        UsageError: the function does not take the spec's inputs, or returns no dict.
        NotInferredError: it raises at all sizes.
    """
    function = loaded.object
    mark = getattr(function, MARK)
    spec: Spec = wishes.bound_spec or mark.spec
    model = Model(spec)
    upstream = _upstream(loaded, model)
    given = f"d{upstream}" if upstream != spec.program.loss else ""
    names = (*spec.program.inputs, *([given] if given else []))
    _check_signature(loaded, names)
    provides = _provided(loaded, model, names, given)
    text = Definition.of(function)
    return Subject(
        label=loaded.label,
        spec=spec,
        upstream=upstream,
        provides=provides,
        open=lambda: MarkedSession(function, names, loaded.file),
        names={name: name for name in (*names, *provides)},
        lines=_lines(text, provides),
        facts=(f"marked as a subject of its own spec; it takes {', '.join(names)}",),
        file=loaded.file,
        accumulate=mark.accumulate,
        missing={
            name: "not among the keys that it returns"
            for name in (f"d{tensor}" for tensor in model.differentiated)
            if name not in (*provides, given)
        },
    )


class MarkedSession:
    """Calls a marked function.

    Args:
        function: the function.
        names: the arrays that it takes, by keyword.
        file: its source file.
    """

    def __init__(self, function: Any, names: tuple[str, ...], file: str | None) -> None:
        self._call = Call(function, tuple(Argument(name, True, name) for name in names))
        self._file = file

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything the function shows; see ``backproof.subjects.Session``."""
        try:
            found = self._call.run(inputs)
        except (Exception, SystemExit) as error:
            place = innermost(error, self._file)
            raise SubjectError(error, "backward", *place) from error
        if not isinstance(found, Mapping):
            kind = type(found).__name__
            wrong = TypeError(f"a subject returns a dict of arrays, not a {kind}")
            raise SubjectError(wrong, "backward", self._file)
        return dict(found)


def _upstream(loaded: Loaded, model: Model) -> str:
    """The tensor whose gradient the function takes: an output's, or that of an intermediate."""
    program = model.spec.program
    if program.loss is not None:
        return program.loss
    taken = _parameters(loaded.object)
    for tensor in (*program.outputs, *reversed(program.defined)):
        if tensor in program.added_losses:
            continue
        if taken is None or f"d{tensor}" in taken:
            return tensor
    gradients = " or ".join(f"d{t}" for t in program.defined)
    raise UsageError(
        f"{loaded.label} takes no upstream gradient",
        f"give it an argument named {gradients}",
    )


def _parameters(function: Any) -> set[str] | None:
    """The names that a function takes; None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}


def _check_signature(loaded: Loaded, names: tuple[str, ...]) -> None:
    parameters = inspect.signature(loaded.object).parameters.values()
    taken = _parameters(loaded.object)
    missing = [] if taken is None else [n for n in names if n not in taken]
    extra = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if p.name not in names
    ]
    if missing or extra:
        said = [f"does not take {', '.join(missing)}"] if missing else []
        said += [f"also asks for {', '.join(extra)}"] if extra else []
        raise UsageError(
            f"{loaded.label} {' and '.join(said)}",
            f"a subject of this spec takes {', '.join(names)} as keyword arguments",
        )


def _provided(loaded: Loaded, model: Model, names: tuple[str, ...], given: str) -> tuple[str, ...]:
    """What the function returns, found out by running it."""
    session = MarkedSession(loaded.object, names, loaded.file)
    raised: list[str] = []
    for sizes in PROBES:
        data = probe_data(model, sizes)
        try:
            found = session.run({name: data[name] for name in names})
        except SubjectError as error:
            raised.append(str(error))
            continue
        every = (*model.spec.program.defined, *wanted(model), *_upstreams(model))
        _check_keys(loaded, found, every, names)
        known = tuple(n for n in every if n in found and n not in names)
        if not any(n.startswith("d") and n != given for n in known):
            keys = ", ".join(map(str, found)) or "nothing"
            raise UsageError(
                f"{loaded.label} returns no gradient; its keys are {keys}",
                f"known are {', '.join(n for n in every if n not in names)}",
            )
        return known
    raise NotInferredError(f"{loaded.label} raises at all sizes", tuple(dict.fromkeys(raised)))


def _check_keys(
    loaded: Loaded, found: Mapping[str, Any], every: Sequence[str], names: Sequence[str]
) -> None:
    """Refuse a key that is no name of the spec: its array would be judged by nobody."""
    known = dict.fromkeys((*every, *names))
    for key in found:
        if key not in known:
            close = near(str(key), known)
            said = f"a near name is {close[0]}; " if close else ""
            raise UsageError(
                f"{loaded.label} returns '{key}', which is no name of its spec",
                f"{said}known are {', '.join(known)}",
            )


def _upstreams(model: Model) -> tuple[str, ...]:
    program = model.spec.program
    return tuple(f"d{t}" for t in program.outputs if t not in program.added_losses)


def _lines(text: Definition | None, provides: tuple[str, ...]) -> dict[str, tuple[str, int, str]]:
    if text is None:
        return {}
    found = {}
    for name in provides:
        try:
            found[name] = text.line_of(text.place_of_return((name,))[0])
        except LookupError:
            continue
    return found
