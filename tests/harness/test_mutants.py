"""Mistakes planted into layers' own source: each is caught, or shown to change nothing."""

from __future__ import annotations

import json
import linecache
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backproof as bp
from backproof.checking import Checker
from backproof.isolation.supervisor import Limits
from backproof.mutating.edits import Source
from backproof.mutating.matrix import Apart, Matrix, bench_of, kill_matrix, result_of
from backproof.mutating.planting import Mutant
from backproof.mutating.showing import render
from backproof.mutating.trying import Fate
from backproof.preparing import Asked, Preparation
from backproof.reports.finding import MistakeKind
from tests.harness.conftest import Cli
from tests.layer_headers import LayerCase, read_layer

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent.parent

# One of each style; the mutants of all right layers take minutes.
LAYERS = (
    "affine_pair",
    "cache_dict",
    "column_layer",
    "einsum_linear",
    "forward_backward_sigmoid",
    "four_loops",
    "linear_fwd_bwd",
    "no_bias",
    "out_buffers",
    "static_methods",
    "subject_tanh",
    "tuple_return",
)

SMALL = '''
import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.Z = X @ self.W + self.b
        return np.maximum(self.Z, 0)

    def backward(self, dA):
        """Größen: n × o."""
        dZ = dA * (self.Z > 0)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
'''


@pytest.fixture(scope="module")
def of_small(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    path = tmp_path_factory.mktemp("layers") / "small.py"
    path.write_text(SMALL, encoding="utf-8")
    return bp.mutants(f"{path}:Dense", in_process=True)


def asked(case: LayerCase) -> Asked:
    return Asked(None, None, None, case.scale, {}, case.dtype_policy)


def of_layer(name: str) -> Matrix:
    case = read_layer(HERE / "right_layers" / f"{name}.py")
    return kill_matrix(case.address, asked(case), None)


PAIR = """
import numpy as np


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dz, cache):
    x, w = cache
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
"""
# Rounding noise is added: what is done to it is no mistake.
NOISE = PAIR.replace("dz.sum(axis=0)", "dz.sum(axis=0) + 0.001 * (dz - (dz / 3) * 3).sum(0)")


@pytest.fixture
def pair(tmp_path: Path) -> str:
    (tmp_path / "pair.py").write_text(PAIR, encoding="utf-8")
    return f"{tmp_path / 'pair.py'}:affine_backward"


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.py").write_text(SMALL, encoding="utf-8")
    return f"{tmp_path / 'small.py'}:Dense"


def shown(tried: list[Any]) -> list[tuple[str, str, str]]:
    return [(t.mutant.sentence, t.mutant.after, t.result.remark) for t in tried]


# ---------------------------------------------------------------- right layers


@pytest.mark.no_cover
@pytest.mark.parametrize("name", LAYERS)
def test_every_mistake_in_a_right_layer_is_caught_or_changes_nothing(name: str) -> None:
    matrix = of_layer(name)

    assert shown(matrix.survivors) == []
    assert shown(matrix.of(Fate.UNJUDGED)) == []
    # A layer that returns a narrower dtype may mean to: the gate says so.
    assert {t.mutant.kind for t in matrix.of(Fate.ASSUMED)} <= {"float-precision"}
    assert len(matrix.of(Fate.CAUGHT)) >= 30
    assert len(matrix.of(Fate.NO_EFFECT)) <= 0.1 * len(matrix.tried)


def test_a_gate_that_judges_nothing_catches_nothing(
    pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checker, "judge", lambda *_, **__: [])

    matrix = bp.mutants(pair, in_process=True)

    by = {name for t in matrix.of(Fate.CAUGHT) for name in t.result.by}
    assert len(matrix.survivors) >= 15
    assert by <= {"crash", "error", "mutation", "missing", "refused"}


# ---------------------------------------------------------------- what is planted

PLANTED = [
    ("transposed", "self.dW = self.X @ dZ"),
    ("transposed", "return dZ @ self.W"),
    ("operands-swapped", "self.dW = dZ @ self.X.T"),
    ("missing-sum", "self.db = dZ"),
    ("missing-sum", "self.db = dZ[-1]"),
    ("wrong-axis", "self.db = dZ.sum(axis=1)"),
    ("extra-sum", "self.db = dZ.sum()"),
    ("shape", "self.db = dZ.sum(axis=0, keepdims=True)"),
    ("wrong-scale", "self.db = dZ.mean(axis=0)"),
    ("wrong-scale", "self.dW = (self.X.T @ dZ) / dA.shape[0]"),
    ("wrong-sign", "self.dW = -(self.X.T @ dZ)"),
    ("missing-activation-derivative", "dZ = dA"),
    ("missing-activation-derivative", "self.dW = self.X.T @ dA"),
    ("extra-factor", "dZ = dA * (self.Z > 0) * (self.Z > 0)"),
    ("missing-term", "dZ = self.Z > 0"),
    ("missing-term", "dZ = np.ones_like(dA) * (self.Z > 0)"),
    ("wrong-mask", "dZ = dA * (self.Z <= 0)"),
    ("wrong-mask", "dZ = dA * (dA > 0)"),
    ("wrong-operand", "self.dW = self.Z.T @ dZ"),
    ("stale-value", "self.X = X if getattr(self, 'X', None) is None else self.X"),
    ("float-precision", "self.db = np.asarray(dZ.sum(axis=0)).astype(np.float32)"),
    ("other", "dA *= self.Z > 0; dZ = dA"),
]


def test_mistakes_are_planted_by_their_names_in_the_authors_own_words(of_small: Matrix) -> None:
    matrix = of_small

    found = {(t.mutant.kind, t.mutant.after.strip()) for t in matrix.tried}
    assert [wanted for wanted in PLANTED if wanted not in found] == []
    assert {kind for kind, _ in found} <= {kind.value for kind in MistakeKind}
    assert matrix.survivors == []
    for tried in matrix.tried:
        changed = SMALL.split("\n")
        assert changed[tried.mutant.line - 1] == tried.mutant.before.split("\n")[0]


STEP = """
class Linear:
    def __init__(self, n_in, n_out, W):
        self.W = W

    def forward(self, X):
        self.X = X
        return X @ self.W

    def backward(self, dZ):
        self.dW = self.X.T @ dZ
        dX = dZ @ self.W.T
        self.W -= 0.1 * self.dW
        return dX
"""


def test_a_step_before_what_goes_by_the_old_weights(tmp_path: Path) -> None:
    path = tmp_path / "step.py"
    path.write_text(STEP, encoding="utf-8")

    matrix = bp.mutants(f"{path}:Linear", in_process=True)

    (late,) = [t for t in matrix.tried if t.mutant.kind == "updated-weights"]
    assert "self.W -= 0.1 * self.dW; dX = dZ @ self.W.T" in late.mutant.after
    assert late.result.by == ("dX",)


SUMMED = """        dZ = dA * (self.Z > 0)
        self.db = np.zeros_like(self.b)
        for n in range(len(dZ)):
            self.db += dZ[n]
        self.dW = np.zeros_like(self.W)
        for n in range(len(dZ)):
            self.dW += np.outer(self.X[n], dZ[n])
        return np.einsum("no,io->ni", dZ, self.W)
"""
IN_LOOPS = [
    ("missing-sum", "self.db = dZ[n]"),
    ("missing-sum", "for n in range(1, len(dZ)):"),
    ("missing-sum", "for n in range(len(dZ) - 1):"),
    ("wrong-sign", "self.db -= dZ[n]"),
    ("missing-term", "pass"),
    ("operands-swapped", "self.dW += np.outer(dZ[n], self.X[n])"),
    ("transposed", 'return np.einsum("no,io->in", dZ, self.W)'),
    ("transposed", 'return np.einsum("no,oi->ni", dZ, self.W)'),
    ("wrong-axis", 'return np.einsum("no,io->oi", dZ, self.W)'),
]


def test_loops_sums_and_subscripts(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    head, _, _ = SMALL.partition("        dZ = ")
    path.write_text(head + SUMMED, encoding="utf-8")

    matrix = bp.mutants(f"{path}:Dense", in_process=True)

    found = {(t.mutant.kind, t.mutant.after.strip()) for t in matrix.tried}
    assert [wanted for wanted in IN_LOOPS if wanted not in found] == []
    assert shown(matrix.survivors) == []


def test_an_edit_keeps_what_stands_around_it() -> None:
    source = Source('x = "größer"; y = a @ b  # ≤\nz = y\n')
    value = source.tree.body[1].value  # type: ignore[attr-defined]

    edits = [source.replaced(value.left, "b"), source.replaced(value.right, "a")]

    assert source.apply(edits) == 'x = "größer"; y = b @ a  # ≤\nz = y\n'
    assert source.segment(value) == "a @ b"


# ---------------------------------------------------------------- how they run


def test_the_file_and_what_is_shown_of_it_stay(pair: str) -> None:
    path = Path(pair.rpartition(":")[0])
    modules = set(sys.modules)

    bp.mutants(pair, in_process=True)

    assert path.read_text(encoding="utf-8") == PAIR
    assert "".join(linecache.getlines(str(path.resolve()))) == PAIR
    assert {n for n in set(sys.modules) - modules if "another_text" in n} == set()


def test_a_process_of_their_own_gives_the_same_fates() -> None:
    case = read_layer(HERE / "right_layers" / "linear_fwd_bwd.py")

    here = kill_matrix(case.address, asked(case), None)
    apart = kill_matrix(case.address, asked(case), Limits())

    assert [(t.mutant, t.result) for t in apart.tried] == [(t.mutant, t.result) for t in here.tried]


def test_what_hangs_or_ends_its_process_is_caught_and_the_next_one_runs(small: str) -> None:
    with Preparation(Asked(None, None, None, "sum", {}, None), Limits()) as preparation:
        prepared = preparation.prepare(small)
    assert prepared.request is not None
    assert prepared.subject is not None
    layer = Apart(prepared.request, Limits(seconds=4.0))

    def planted(before: str, after: str) -> tuple[Fate, tuple[str, ...]]:
        assert SMALL.count(before) == 1
        text = SMALL.replace(before, after)
        found = result_of(layer, bench, Mutant("other", "", 1, before, after, text))
        return found.fate, found.by

    try:
        bench = bench_of(layer, prepared.subject, 0)
        assert bench.wrong() == ()
        ends = "import os; dZ = os._exit(3) if len(dA) == 0 else dA * (self.Z > 0)"
        ended = planted("dZ = dA * (self.Z > 0)", ends)
        hung = planted(
            "dZ = dA * (self.Z > 0)", "import time; dZ = dA\n        while 1: time.sleep(0.1)"
        )
        wrong = planted("self.db = dZ.sum", "self.db = dZ.mean")
        same = planted("self.db = dZ.sum(axis=0)", "self.db = (dZ).sum(axis=0)")
    finally:
        layer.close()
    assert ended == (Fate.CAUGHT, ("crash",))
    assert hung == (Fate.CAUGHT, ("timeout",))
    assert wrong == (Fate.CAUGHT, ("db",))
    assert same == (Fate.NO_EFFECT, ())


# ---------------------------------------------------------------- who is refused


def test_a_wrong_layer_is_refused() -> None:
    case = read_layer(HERE / "wrong_layers" / "note_layer_dense.py")

    with pytest.raises(bp.UsageError, match=r"refuted already: .*dW") as caught:
        bp.mutants(case.address, in_process=True)

    assert "mend it first" in caught.value.help


def test_a_layer_without_a_file_is_refused() -> None:
    class Dense:
        def __init__(self, n_in: int, n_out: int) -> None:
            self.W: Any = None

        def forward(self, X: Any) -> Any:
            return X @ self.W

        def backward(self, dZ: Any) -> Any:
            return dZ @ self.W.T

    with pytest.raises(bp.UsageError):
        bp.mutants(Dense, in_process=True)


# ---------------------------------------------------------------- the command line


def test_the_command_shows_the_matrix_below_the_report(pair: str, cli: Cli) -> None:
    ran = cli("verify", pair, "--mutants", "--examples", "10", "--in-process", "--strict")

    report, _, matrix = ran.out.partition("mutants of pair.py:affine_backward")
    assert ran.code == 0, ran.err
    assert "ok:" in report
    assert "without effect" in matrix
    assert "planted:  return dz @ w.T, x.T @ dz, dz.sum(axis=0, keepdims=True)" in matrix
    rows = {line.split()[0]: line.split()[1:] for line in matrix.splitlines() if line[:1].isalpha()}
    assert rows["operands-swapped"][:3] == ["2", "2", "-"]
    assert " 0 survived" in matrix.splitlines()[-1]


def test_survivors_come_first_and_fail_a_strict_run_alone(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "noise.py"
    path.write_text(NOISE, encoding="utf-8")
    matrix = bp.mutants(f"{path}:affine_backward", in_process=True)
    monkeypatch.setattr("backproof.api.mutants", lambda *_, **__: matrix)
    command = ["verify", f"{path}:affine_backward", "--mutants", "--in-process", "--examples", "5"]

    plain = cli(*command)
    strict = cli(*command, "--strict", "--json", "out.json")
    only = cli(*command, "--json", "-")

    _, _, shown = plain.out.partition("mutants of noise.py:affine_backward")
    assert shown.splitlines()[2] == "survived: the gate takes them for right"
    assert (plain.code, strict.code, only.code) == (0, 1, 0)
    found = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert found["environment"]["mutants"] == json.loads(only.out)["environment"]["mutants"]
    (data,) = found["environment"]["mutants"].values()
    assert data["survived"] == len(data["survivors"]) > 0
    for survivor in data["survivors"]:
        assert "dz @ w.T, x.T @ dz" in survivor["after"]
        assert "dz.sum(axis=0)" in survivor["after"]
    assert data["planted"] == sum(k["planted"] for k in data["kinds"].values())
    assert data["kinds"]["wrong-sign"]["by"].keys() >= {"dW", "db", "dX"}


def test_the_command_refuses_what_is_wrong_already_and_no_layer_at_all(cli: Cli) -> None:
    case = read_layer(HERE / "wrong_layers" / "note_layer_dense.py")

    wrong = cli("verify", case.address, "--mutants", "--in-process", "--examples", "10")
    nothing = cli("verify", "--mutants")

    assert (wrong.code, nothing.code) == (1, 2)
    assert "mend it first" in wrong.err
    assert "--mutants plants mistakes into your own layers" in nothing.err


def test_what_a_layer_says_is_made_safe_to_show(of_small: Matrix) -> None:
    first = of_small.tried[0]
    hidden = replace(first, mutant=replace(first.mutant, before="x = 1  # \u202e"))
    hidden = replace(hidden, result=replace(hidden.result, fate=Fate.SURVIVED))

    text = render(replace(of_small, tried=(hidden,)), width=100)

    assert "\u202e" not in text
    assert "\\u202e" in text
