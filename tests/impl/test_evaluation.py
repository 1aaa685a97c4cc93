import numpy as np
import pytest

from backproof.impl._evaluation import BLOCK_ENTRIES, by_blocks, elementwise, narrowed, widened


def doubled(Z):
    return 2 * Z


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (5,), (0, 3), (3, 0), (3, 5), (2, 3, 4), (BLOCK_ENTRIES + 3,), (3, BLOCK_ENTRIES)],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_cover_every_entry_once(shape, order):
    Z = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape, order=order)
    result = by_blocks(doubled, Z)

    assert result.shape == shape
    assert np.array_equal(result, 2 * Z)
    assert not np.shares_memory(result, Z)


def test_blocks_are_small():
    sizes = []

    def recorded(Z):
        sizes.append(Z.size)
        return Z

    by_blocks(recorded, np.zeros((1000, 100)))

    assert max(sizes) <= BLOCK_ENTRIES
    assert sum(sizes) == 100_000


def test_operands_of_another_memory_order_stay_aligned():
    first = np.arange(6.0).reshape(2, 3)
    second = np.asfortranarray(first)

    assert np.array_equal(by_blocks(np.subtract, first, second), np.zeros((2, 3)))
    assert np.array_equal(by_blocks(np.subtract, first[::-1], first), [[3] * 3, [-3] * 3])


def test_half_precision_is_computed_wider_and_rounded_once():
    seen = []

    def recorded(Z):
        seen.append(Z.dtype)
        return Z + 2.0**-12

    Z = np.ones(2, np.float16)

    assert by_blocks(recorded, Z).dtype == np.float16
    assert seen == [np.float32]
    assert widened(Z).dtype == np.float32
    assert widened(np.ones(2)).dtype == np.float64


def test_nothing_is_copied_without_need():
    Z = np.ones(2)

    assert widened(Z) is Z
    assert narrowed(Z, Z.dtype) is Z


def test_scalars_integers_and_lists_behave_as_for_ufuncs():
    function = elementwise(doubled)

    assert function(1.5) == 3
    assert isinstance(function(np.float16(1.5)), np.float16)
    assert function([1, 2]).dtype == np.float64
    assert function([True]).tolist() == [2.0]


@pytest.mark.parametrize("Z", [np.ones(2, complex), np.array(["a"]), np.array([None])])
def test_other_dtypes_are_refused(Z):
    with pytest.raises(TypeError, match=r"^Z: expected float16, float32, float64 or integers, "):
        elementwise(doubled)(Z)
