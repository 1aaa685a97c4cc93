"""The kill matrix: for each kind of mistake, how many were planted, caught, and by what."""

from __future__ import annotations

import tokenize
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import msgspec

from backproof.adapters.registry import adapt
from backproof.conventions import narrower_format
from backproof.errors import UsageError
from backproof.guarding import guarded
from backproof.isolation.messages import Adapt, spec_from
from backproof.isolation.remote import BrokenError, Remote
from backproof.isolation.supervisor import Limits
from backproof.loading import Loaded, load, with_text, without_text
from backproof.mutating.planting import Mutant, mutants
from backproof.mutating.trying import Bench, Fate, Result
from backproof.preparing import Asked, Preparation, loaded
from backproof.reaching import Reached, reached
from backproof.spec.errors import SpecError
from backproof.subjects import Arrays, Fault, Subject, SubjectError

# Seconds that one run of a mutant may take: the right layer takes far less.
PATIENCE = 5.0
# Told how many mutants were tried, and of how many.
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and what became of it."""

    mutant: Mutant
    result: Result


@dataclass(frozen=True)
class Matrix:
    """All mutants of one layer.

    Attributes:
        label: what reports call the layer.
        file: its file.
        tried: the mutants, in the order of the text.
    """

    label: str
    file: str
    tried: tuple[Tried, ...]

    def __str__(self) -> str:
        from backproof.mutating.showing import render

        return render(self, width=100)

    def of(self, fate: Fate) -> list[Tried]:
        """The mutants with a fate."""
        return [t for t in self.tried if t.result.fate is fate]

    @property
    def survivors(self) -> list[Tried]:
        """The mutants that the gate does not catch, though they compute something else."""
        return self.of(Fate.SURVIVED)

    @property
    def kinds(self) -> dict[str, list[Tried]]:
        """The mutants by the kind of mistake: those with survivors first, then the most planted."""
        found: dict[str, list[Tried]] = {}
        for one in self.tried:
            found.setdefault(one.mutant.kind, []).append(one)

        def order(kind: str) -> tuple[int, int, str]:
            survived = sum(t.result.fate is Fate.SURVIVED for t in found[kind])
            return (-survived, -len(found[kind]), kind)

        return {kind: found[kind] for kind in sorted(found, key=order)}

    def data(self) -> dict[str, Any]:
        """Plain data for JSON: the counts by kind, then the mutants, survivors first."""
        return {
            "planted": len(self.tried),
            "caught": len(self.of(Fate.CAUGHT)),
            "assumed": len(self.of(Fate.ASSUMED)),
            "survived": len(self.survivors),
            "not_judged": len(self.of(Fate.UNJUDGED)),
            "without_effect": len(self.of(Fate.NO_EFFECT)),
            "kinds": {kind: _counts(found) for kind, found in self.kinds.items()},
            "survivors": [_shown(t, self.file) for t in self.survivors],
            "equivalent_candidates": [_shown(t, self.file) for t in self.of(Fate.NO_EFFECT)],
            "not_judged_mutants": [_shown(t, self.file) for t in self.of(Fate.UNJUDGED)],
            "said_as_assumptions": [_shown(t, self.file) for t in self.of(Fate.ASSUMED)],
            "killed": [_shown(t, self.file) for t in self.of(Fate.CAUGHT)],
        }


def _counts(found: Sequence[Tried]) -> dict[str, Any]:
    fates = Counter(t.result.fate for t in found)
    by = Counter(name for t in found for name in t.result.by)
    return {
        "planted": len(found),
        "caught": fates[Fate.CAUGHT],
        "assumed": fates[Fate.ASSUMED],
        "survived": fates[Fate.SURVIVED],
        "not_judged": fates[Fate.UNJUDGED],
        "without_effect": fates[Fate.NO_EFFECT],
        "by": dict(sorted(by.items())),
    }


def _shown(one: Tried, file: str) -> dict[str, Any]:
    mutant = {k: v for k, v in asdict(one.mutant).items() if k != "text"}
    return {"file": file, **mutant, "by": list(one.result.by), "remark": one.result.remark}


class Layer(Protocol):
    """A layer that can be loaded with another text of its module."""

    def load(self, text: str | None) -> Subject:
        """The subject that the layer is, with its own text or another one."""

    def reached(self, given: Arrays, file: str) -> list[Reached]:
        """The lines of a file that run at one case."""

    def close(self) -> None:
        """End what was started for it."""


class Apart:
    """A layer in a process of its own, which all of its mutants share."""

    def __init__(self, request: Adapt, limits: Limits) -> None:
        self._remote = Remote(request, limits)

    def load(self, text: str | None) -> Subject:
        return self._remote.subject() if text is None else self._remote.with_source(text)

    def reached(self, given: Arrays, file: str) -> list[Reached]:
        return self._remote.reached(given, file)

    def close(self) -> None:
        self._remote.close()


class Here:
    """A layer in this process."""

    def __init__(self, given: Any, request: Adapt) -> None:
        self._given = given
        self._request = request
        self._subject: Subject | None = None
        self._loaded: Loaded | None = None

    def load(self, text: str | None) -> Subject:
        asked = self._request
        with guarded():
            found = load(self._given) if isinstance(self._given, str) else loaded(self._given)
            self._loaded = found
            if text is not None:
                found = with_text(found, text)
            self._subject = adapt(
                found,
                spec=None if asked.spec is None else spec_from(asked.spec),
                layout=asked.layout,
                activation=asked.activation,
                scale=asked.scale,
                mapping=asked.mapping,
            )
        return self._subject

    def reached(self, given: Arrays, file: str) -> list[Reached]:
        assert self._subject is not None
        return reached(self._subject.open(), given, file)

    def close(self) -> None:
        if self._loaded is not None:
            without_text(self._loaded)


def kill_matrix(
    given: Any,
    asked: Asked,
    limits: Limits | None,
    *,
    seed: int = 0,
    infer: bool = True,
    watch: Watch | None = None,
) -> Matrix:
    """Plant mistakes into the source of a layer, one at a time, and see which are caught.

    Each mutant is adapted and judged as the gate does it with the layer, at a fixed set of cases.
    The file on disk is not changed.

    Args:
        given: an address, a class or a function.
        asked: what is said of the layer.
        limits: of the process in which its mutants run; None to run them in this one.
        seed: of the cases.
        infer: whether gradients of parameters may be means where nobody said so.
        watch: told of each mutant.

    Raises:
        UsageError: the layer cannot be used, is wrong already, or has no source.
        SpecError: what was asked for makes no sense.
    """
    with Preparation(asked, limits) as preparation:
        prepared = preparation.prepare(given)
        if prepared.request is None:
            raise UsageError(
                f"mistakes cannot be planted into {prepared.label}: no file defines it",
                "put the layer into a file and name it there: layers.py:Dense",
            )
        if prepared.subject is None:
            raise _wrong_already(prepared.label, ("crash",))
    request = prepared.request
    shorter = None if limits is None else replace(limits, seconds=min(limits.seconds, PATIENCE))
    found: tuple[str, ...] = ()
    for scale in dict.fromkeys((request.scale, "mean" if infer else request.scale)):
        wanted = msgspec.structs.replace(request, scale=scale)
        layer: Layer = Here(given, wanted) if shorter is None else Apart(wanted, shorter)
        try:
            bench = bench_of(layer, prepared.subject, seed)
            wrong = bench.wrong()
            if not wrong:
                return _tried(layer, bench, watch)
            found = found or wrong
        except SubjectError:
            found = found or ("crash",)
        finally:
            layer.close()
    raise _wrong_already(prepared.label, found)


def _wrong_already(label: str, by: Sequence[str]) -> UsageError:
    return UsageError(
        f"mistakes are planted into right layers only; {label} is refuted already: {', '.join(by)}",
        f"'backproof verify {label}' says what is wrong: mend it first",
    )


def bench_of(layer: Layer, prepared: Subject, seed: int) -> Bench:
    """The cases for a right layer.

    Args:
        layer: loaded afresh.
        prepared: the same layer, with what was said of it.
        seed: of the cases.
    """
    found = layer.load(None)
    found = replace(found, accumulate=prepared.accumulate, elementary=prepared.elementary)
    narrower = narrower_format(found)
    return Bench(found if narrower is None else narrower.subject, seed)


def _tried(layer: Layer, bench: Bench, watch: Watch | None) -> Matrix:
    subject = bench.subject
    file = subject.file
    if file is None:
        raise UsageError(f"mistakes cannot be planted into {subject.label}: it has no file")
    text = _text(file)
    try:
        ran = layer.reached(bench.first.arrays(), file)
    except SubjectError as error:
        raise UsageError(f"{subject.label} does not run when it is watched: {error}") from None
    planted = mutants(text, subject, ran)
    if not planted:
        raise UsageError(
            f"no mistake can be planted into {subject.label}",
            f"its backward pass runs no line of {file}",
        )
    tried = []
    for number, mutant in enumerate(planted):
        if watch is not None:
            watch(number, len(planted))
        tried.append(Tried(mutant, result_of(layer, bench, mutant)))
    return Matrix(subject.label, file, tuple(tried))


def _text(file: str) -> str:
    try:
        with tokenize.open(file) as stream:
            return stream.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None


def result_of(layer: Layer, bench: Bench, mutant: Mutant) -> Result:
    """What the gate says of one mutant."""
    try:
        return bench.tried(layer.load(mutant.text))
    except BrokenError as broken:
        late = broken.error.fault is Fault.TIMEOUT
        return Result(Fate.CAUGHT, ("timeout" if late else "crash",))
    except (UsageError, SpecError):
        return Result(Fate.CAUGHT, ("refused",))
    except Exception:
        # A fault of our own that a mutant provokes: the gate fails, and so does not pass it.
        return Result(Fate.CAUGHT, ("error",))
