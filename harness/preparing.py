"""From what a user gives for a layer to a subject: in a process of its own, or in this one."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from backproof.adapters.registry import adapt
from backproof.errors import UsageError
from backproof.guarding import guarded
from backproof.isolation.fingerprint import fingerprint
from backproof.isolation.messages import Adapt, stated
from backproof.isolation.remote import BrokenError, ElsewhereError, Remote
from backproof.isolation.supervisor import Limits
from backproof.loading import Loaded, load
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.subjects import Subject, SubjectError


@dataclass(frozen=True)
class Asked:
    """What a user says of a layer; what is None is found out.

    Attributes:
        spec: what it should compute.
        layout: the einsum of its forward product.
        activation: the name of its activation.
        scale: ``sum`` or ``mean``.
        mapping: how it calls a tensor.
        accumulate: the narrower format in which it computes on purpose.
        elementary: how many times the usual bounds its library's elementary functions may err.
    """

    spec: Spec | None
    layout: str | None
    activation: str | None
    scale: str
    mapping: Mapping[str, str]
    accumulate: str | None
    elementary: float = 1.0


@dataclass(frozen=True)
class Prepared:
    """A layer that is ready to be judged, or why it is not.

    Attributes:
        label: what reports call it.
        subject: the layer; None where there is none.
        broken: what it did while it was being found out how it is called.
        unusable: why it is no layer, or not understood.
        request: how another process loads it; None where none could.
    """

    label: str
    subject: Subject | None = None
    broken: SubjectError | None = None
    unusable: UsageError | SpecError | None = None
    request: Adapt | None = None


class Preparation:
    """Makes subjects, and ends the processes that they run in.

    Args:
        asked: what holds for all of them.
        limits: of a layer's own process; None to run every layer in this one.
    """

    def __init__(self, asked: Asked, limits: Limits | None) -> None:
        self._asked = asked
        self._limits = limits if os.name == "posix" else None
        self._remotes: list[Remote] = []

    def __enter__(self) -> Preparation:
        return self

    def __exit__(self, *exception: object) -> None:
        for remote in self._remotes:
            remote.close()

    def prepare(self, given: Any, *, alone: bool = True) -> Prepared:
        """Find out about an address, a class, a function or a ``Subject``.

        Args:
            given: the layer.
            alone: whether there is no other one, for whose sake to go on.

        Raises:
            UsageError: it is alone, and cannot be found or used.
            NotInferredError: it is alone, and what it computes could not be found out.
            SpecError: it is alone, and what was asked for makes no sense.
        """
        if isinstance(given, Subject):
            return Prepared(given.label, given)
        try:
            return self._prepared(given)
        except (UsageError, SpecError) as error:
            if alone:
                raise
            return Prepared(_label(given), unusable=error)

    def _prepared(self, given: Any) -> Prepared:
        request = self._request(given)
        if self._limits is None or request is None:
            why = "" if self._limits is None else "no other could import it"
            return self._here(given, request, why)
        for earlier in self._remotes:
            # Many layers do not keep as many processes waiting: a run starts one again.
            earlier.close()
        remote = Remote(request, self._limits)
        self._remotes.append(remote)
        try:
            subject = self._declared(remote.subject())
        except ElsewhereError:
            return self._here(given, None, "another one would not import the same code")
        except BrokenError as broken:
            label = request.label or _label(given)
            return Prepared(label, broken=broken.error, request=request)
        return Prepared(subject.label, subject, request=request)

    def _here(self, given: Any, request: Adapt | None, why: str) -> Prepared:
        asked = self._asked
        with guarded():
            found = load(given) if isinstance(given, str) else loaded(given)
            adapted = adapt(
                found,
                spec=asked.spec,
                layout=asked.layout,
                activation=asked.activation,
                scale=asked.scale,
                mapping=asked.mapping,
            )
        facts = [f"it runs in backproof's own process: {why}"] if why else []
        subject = self._declared(replace(adapted, facts=(*adapted.facts, *facts)))
        return Prepared(subject.label, subject, request=request)

    def _declared(self, subject: Subject) -> Subject:
        asked = self._asked
        if asked.accumulate is not None:
            subject = replace(subject, accumulate=asked.accumulate)
        if asked.elementary != 1.0:
            fact = f"elementary functions may err {asked.elementary:g} times the usual bounds"
            facts = (*subject.facts, f"{fact}, as declared")
            subject = replace(subject, elementary=asked.elementary, facts=facts)
        return subject

    def _request(self, given: Any) -> Adapt | None:
        """How another process would load it; None where none could."""
        asked = self._asked
        addresses: tuple[str, ...] = (str(given),)
        label = code = ""
        if not isinstance(given, str):
            at_hand = loaded(given)
            addresses, label, code = _addresses(at_hand), at_hand.label, fingerprint(given)
            if not addresses:
                return None
        return Adapt(
            addresses=addresses,
            path=list(sys.path),
            label=label,
            fingerprint=code,
            spec=None if asked.spec is None else stated(asked.spec),
            layout=asked.layout,
            activation=asked.activation,
            scale=asked.scale,
            mapping=dict(asked.mapping),
        )


def loaded(given: Any) -> Loaded:
    """A class or a function that is at hand already.

    Raises:
        UsageError: it is neither.
    """
    module = inspect.getmodule(given)
    name = getattr(given, "__qualname__", None)
    if module is None or name is None:
        kind = type(given).__name__
        raise UsageError(
            f"a subject is an address, a class or a function, found a {kind}",
            f"give the class: bp.verify({kind})",
        )
    file = getattr(module, "__file__", None)
    return Loaded(given, module, file, name, f"{module.__name__}:{name}")


def _addresses(at_hand: Loaded) -> tuple[str, ...]:
    """The addresses under which another process may find an object: by module, and by file."""
    module, name = at_hand.module, at_hand.name
    if module.__name__ == "__main__" or "<locals>" in name or at_hand.file is None:
        return ()
    if not _is_there(module, name, at_hand.object):
        return ()
    return (f"{module.__name__}:{name}", f"{Path(at_hand.file)}:{name}")


def _is_there(module: ModuleType, name: str, wanted: Any) -> bool:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is wanted


def _label(given: Any) -> str:
    """What reports call a layer that could not be loaded."""
    if not isinstance(given, str):
        return getattr(given, "__qualname__", type(given).__name__)
    where, _, name = given.rpartition(":")
    return f"{Path(where).name}:{name}"
