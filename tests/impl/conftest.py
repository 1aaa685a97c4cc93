import flint
import pytest


@pytest.fixture(scope="module")
def high_precision():
    """Makes ball arithmetic carry 200 bits: radii are far below any unit roundoff tested."""
    before = flint.ctx.prec
    flint.ctx.prec = 200
    yield
    flint.ctx.prec = before
