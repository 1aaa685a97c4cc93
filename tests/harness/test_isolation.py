"""A layer in a process of its own: what passes between the processes, and what stays behind."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
import types
import warnings
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

import backproof as bp
from backproof.isolation import frames
from backproof.isolation.fingerprint import fingerprint
from backproof.isolation.messages import (
    Adapt,
    Opened,
    Reply,
    Unusable,
    array_from,
    array_of,
    spec_from,
    stated,
)
from backproof.isolation.remote import Remote
from backproof.isolation.supervisor import Child, Died, Limits
from backproof.spec import library
from backproof.subjects import Fault
from tests.faults import right

FAULTS = Path(__file__).parent.parent / "faults"
OWN = "it runs in backproof's own process"

numbers = st.one_of(
    numpy_strategies.floating_dtypes(endianness="?"),
    numpy_strategies.integer_dtypes(endianness="?"),
    numpy_strategies.complex_number_dtypes(endianness="?"),
    numpy_strategies.boolean_dtypes(),
)


# ---------------------------------------------------------------- messages


@given(numpy_strategies.arrays(numbers, numpy_strategies.array_shapes(min_dims=0, min_side=0)))
def test_an_array_arrives_as_it_was(array: np.ndarray[Any, Any]) -> None:
    found = array_from(array_of(array))

    assert found.shape == array.shape
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.tobytes() == array.astype(found.dtype).tobytes()
    assert found.flags.writeable


def test_views_and_brain_floats_arrive() -> None:
    bfloat16 = ml_dtypes.bfloat16
    array = np.arange(12).reshape(3, 4).T[::2].astype(bfloat16)

    found = array_from(array_of(array))

    assert found.dtype == array.dtype
    assert (found == array).all()


def test_what_is_no_array_of_numbers_is_refused() -> None:
    message = array_of(np.zeros(2))

    with pytest.raises(TypeError):
        array_from(type(message)("object", (2,), message.data))


@pytest.mark.parametrize("name", library.names())
def test_a_spec_arrives_as_it_was(name: str) -> None:
    spec = library.named(name)

    found = spec_from(stated(spec))

    assert (found.text, found.layout, found.scale) == (spec.text, spec.layout, spec.scale)
    assert {k: str(e) for k, e in found.gradients().items()} == {
        k: str(e) for k, e in spec.gradients().items()
    }


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<Q", 3) + b"abc",
        struct.pack("<Q", 2**62),
        struct.pack("<Q", 0),
    ],
    ids=["no message", "too long", "empty"],
)
def test_garbage_is_no_reply(sent: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, sent)
    os.close(writing)

    with pytest.raises(frames.Garbled):
        frames.read(reading, Reply)
    os.close(reading)


def test_a_closed_pipe_is_noticed() -> None:
    reading, writing = os.pipe()
    os.write(writing, struct.pack("<Q", 100) + b"half")
    os.close(writing)

    with pytest.raises(frames.Closed):
        frames.read(reading, Reply)
    os.close(reading)
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(frames.Closed):
        frames.write(writing, Opened(1))
    os.close(writing)


def test_patience_lasts_as_long_as_there_is_progress() -> None:
    seen = iter(range(1_000_000))
    patience = frames.Patience(10.0, lambda: next(seen))
    stuck = frames.Patience(-1.0, lambda: 0)

    assert patience.left > 9.9
    assert stuck.left < 0


# ---------------------------------------------------------------- children


def request(address: str) -> Adapt:
    return Adapt(
        addresses=(address,),
        path=[],
        label="",
        fingerprint="",
        spec=None,
        layout=None,
        activation=None,
        scale="sum",
        mapping={},
    )


def adapt(name: str) -> Adapt:
    import sys

    found = request(f"{FAULTS / name}.py:{'Dense' if name == 'right' else 'Layer'}")
    found.path.extend(sys.path)
    return found


def test_a_closed_child_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    child = Child(Limits())
    pid = child._process.pid

    reply = child.ask(request("nowhere.py:Layer"))
    child.close()
    child.close()

    assert isinstance(reply, Unusable)
    assert "nowhere.py" in reply.message
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_death_says_where() -> None:
    child = Child(Limits())

    with pytest.raises(Died) as died:
        child.ask(adapt("segfault_in_backward"))

    line = next(
        number
        for number, text in enumerate((FAULTS / "segfault_in_backward.py").read_text().split("\n"))
        if "string_at" in text
    )
    assert died.value.stage == "backward"
    assert (str(FAULTS / "segfault_in_backward.py"), line + 1) in died.value.frames


def test_a_hang_ends_at_its_time_and_says_where() -> None:
    child = Child(Limits(seconds=1.0))

    with pytest.raises(Died, match="took longer than 1 s") as died:
        child.ask(adapt("busy_in_c"))

    assert died.value.late
    assert any(file.endswith("busy_in_c.py") for file, _ in died.value.frames)


def test_a_layer_that_dies_at_times_is_run_again_in_a_new_process() -> None:
    inputs = {"X": np.ones((2, 3)), "W": np.ones((3, 4)), "b": np.ones(4), "dZ": np.ones((2, 4))}
    with Remote(adapt("right"), Limits()) as remote:
        session = remote.subject().open()
        first = session.run(inputs)
        assert remote._child is not None
        os.kill(remote._child._process.pid, signal.SIGKILL)

        with pytest.raises(bp.subjects.SubjectError, match="kill signal") as error:
            session.run(inputs)
        again = session.run(inputs)

    assert error.value.fault is Fault.ENDED
    assert first.keys() == again.keys()
    assert all((first[name] == again[name]).all() for name in first)


def test_results_are_those_of_this_process() -> None:
    here = bp.verify(f"{FAULTS / 'right.py'}:Dense", examples=8, in_process=True)
    there = bp.verify(f"{FAULTS / 'right.py'}:Dense", examples=8)

    assert there.findings == here.findings


# ---------------------------------------------------------------- what is meant


def test_a_layer_changed_since_its_import_is_judged_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def backward(self: Any, dZ: Any) -> Any:
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T * 2

    monkeypatch.setattr(right.Dense, "backward", backward)

    report = bp.verify(right.Dense, examples=8)

    assert {f.quantity for f in report.findings if f.verdict == "refuted"} == {"dX"}
    assert any(OWN in note for note in report.notes)


def test_a_class_inside_of_a_function_runs_here() -> None:
    class Local(right.Dense):
        pass

    report = bp.verify(Local, examples=8)

    assert report.ok
    assert any(OWN in note for note in report.notes)


def test_a_class_of_a_module_runs_in_a_process_of_its_own() -> None:
    report = bp.verify(right.Dense, examples=8)

    assert report.ok
    assert not any(OWN in note for note in report.notes)


def test_the_same_code_has_the_same_fingerprint() -> None:
    source = "class Layer:\n    def forward(self, X):\n        return X * 2\n"
    shifted = "\n\n" + source
    other = source.replace("* 2", "* 3")

    def made(text: str) -> Any:
        module = types.ModuleType("made")
        exec(text, vars(module))
        return module.Layer  # type: ignore[attr-defined]

    assert fingerprint(made(source)) == fingerprint(made(shifted))
    assert fingerprint(made(source)) != fingerprint(made(other))


# ---------------------------------------------------------------- the caller


class Meddler(right.Dense):
    """Changes all that it can reach, in this process."""

    def backward(self, dZ: Any) -> Any:
        np.seterr(all="raise")
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        os.chdir("/")
        os.environ["BACKPROOF_MEDDLED"] = "yes"
        os.environ.pop("HOME", None)
        warnings.simplefilter("error")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        np.set_printoptions(precision=1)
        return super().backward(dZ)


def surroundings() -> list[Any]:
    return [
        np.geterr(),
        repr(np.random.get_state()),  # noqa: NPY002
        random.getstate(),
        os.getcwd(),  # noqa: PTH109
        dict(os.environ),
        list(warnings.filters),
        signal.getsignal(signal.SIGTERM),
        np.get_printoptions(),
        time.tzname,
    ]


@pytest.mark.parametrize("in_process", [True, False])
def test_the_caller_finds_everything_as_before(
    in_process: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = surroundings()

    report = bp.verify(Meddler, examples=4, in_process=in_process)

    assert report.ok
    assert surroundings() == before


def test_one_layer_that_is_none_does_not_end_the_run(tmp_path: Path) -> None:
    report = bp.verify(
        [f"{tmp_path / 'absent.py'}:Layer", f"{FAULTS / 'right.py'}:Dense"], examples=4
    )

    bad = [f for f in report.findings if f.verdict != "holds"]
    assert [(f.subject, f.verdict) for f in bad] == [("absent.py:Layer", "error")]
    assert "does not exist" in bad[0].message
    assert sum(f.subject == "right.py:Dense" for f in report.findings) > 5
