"""What a backward pass would show, read from its text: for one that never runs."""

from __future__ import annotations

from collections.abc import Sequence

from backproof.adapters import roles
from backproof.adapters.assigning import wanted
from backproof.adapters.machine import LAYER, Machine, Where, backward_root
from backproof.adapters.observing import Shown, name_role
from backproof.adapters.places import Place, read_place
from backproof.adapters.source import Definition


def unread_gradients(machine: Machine, texts: Sequence[Definition | None]) -> dict[str, Where]:
    """The places that a backward pass would set or return, by the gradients that they name."""
    found: dict[str, Where] = {}
    known = wanted(machine.model)
    for part, text in enumerate(texts):
        if text is None:
            continue
        for assignment in text.assignments:
            if assignment.target.startswith("self."):
                place = read_place(assignment.target)
                if place is not None:
                    where = Where(LAYER, place)
                    role = name_role(Shown(where, place.name, None))
                    if role in known and not roles.is_weak(str(role)):
                        found.setdefault(str(role), where)
        gradient = f"d{machine.model.data}"
        if text.returned is not None and gradient not in found and part == 0:
            found[gradient] = Where(backward_root(part), Place())
    return found
