import numpy as np
import pytest

from backproof.impl._arguments import complaint, float_array, known, same_dtype, shaped, size


def message_of(error_type, function, *args):
    with pytest.raises(error_type) as caught:
        function(*args)
    return str(caught.value)


def test_one_form():
    assert complaint("b", "shape (3,)", "shape (1, 3)", "pass b[0]") == (
        "b: expected shape (3,), found shape (1, 3); pass b[0]"
    )


def test_float_arrays():
    X = np.zeros((2, 3), np.float32)

    assert float_array("X", X).base is X
    assert message_of(TypeError, float_array, "X", [[1.0]]) == (
        "X: expected an array of float16, float32 or float64, found list; "
        "pass np.asarray(X, dtype=np.float64)"
    )
    assert message_of(TypeError, float_array, "X", np.zeros(2, int)) == (
        "X: expected an array of float16, float32 or float64, found dtype int64; "
        "pass X.astype(np.float64)"
    )
    assert "found dtype complex128" in message_of(TypeError, float_array, "X", np.zeros(2, complex))


def test_a_subclass_of_array_is_seen_as_its_base():
    """A matrix multiplies by * as by @."""

    class Peculiar(np.ndarray):
        pass

    assert type(float_array("X", np.zeros(2).view(Peculiar))) is np.ndarray


def test_dtypes():
    X, W = np.zeros(1), np.zeros(1, np.float32)
    same_dtype("W", X, "X", X)

    assert message_of(TypeError, same_dtype, "W", W, "X", X) == (
        "W: expected float64, the dtype of X, found float32; pass W.astype(X.dtype)"
    )


def test_shapes():
    X = np.zeros((2, 3))
    shaped("X", X, ("samples", 3), "")
    shaped("X", X, (2, 3), "")

    assert message_of(ValueError, shaped, "X", X, ("samples", 4), "pass X.T") == (
        "X: expected shape (samples, 4), found shape (2, 3); pass X.T"
    )
    assert message_of(ValueError, shaped, "b", X, (3,), "pass b[0]") == (
        "b: expected shape (3,), found shape (2, 3); pass b[0]"
    )


def test_names():
    known("layout", "b", ["a", "b"])

    assert message_of(ValueError, known, "layout", "c", ["a", "b"]) == (
        "layout: expected one of 'a', 'b', found 'c'; choose one of these"
    )


def test_sizes():
    size("n_inputs", 0)

    assert message_of(ValueError, size, "n_inputs", -1) == (
        "n_inputs: expected a size of at least 0, found -1; pass a larger n_inputs"
    )
