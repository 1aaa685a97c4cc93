"""Reading a claim, ``LEFT = RIGHT``, in index or in matrix notation, against what is given."""

from __future__ import annotations

from backproof.spec.claims.claimed import Claim, known_axes
from backproof.spec.claims.index import read_index
from backproof.spec.claims.matrix import read_matrix
from backproof.spec.claims.matrix_notation import is_matrix_notation
from backproof.spec.deriving.derive import Derivation
from backproof.spec.source import Source

__all__ = ["Claim", "known_axes", "read_claim"]


def read_claim(text: str, derivation: Derivation | None = None) -> Claim:
    """Read a claim.

    Args:
        text: ``dW[o,i] = sum[n](dZ[n,o]*X[n,i])`` or ``dW = dZ^T X``.
        derivation: what is given; without it every name is a tensor of which nothing is known
            (in matrix notation: capitals are matrices, small letters are vectors).

    Raises:
        SpecError: it cannot be read, or uses a name that is not given.
    """
    source = Source(text, "<claim>")
    reader = read_matrix if is_matrix_notation(text) else read_index
    return reader(source, derivation)
