"""``backproof verify`` as a user calls it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backproof as bp
from backproof.impl.dense import dense_backward, dense_forward
from backproof.reports.finding import Check, Verdict

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NOTE, MENDED = "layer_dense.py", "layer_dense_mended.py"


@pytest.fixture
def note(tmp_path: Path) -> Path:
    for name in (NOTE, MENDED):
        shutil.copy(EXAMPLES / name, tmp_path / name)
    return tmp_path


def findings(out: str) -> dict[tuple[str, str], dict]:
    return {(f["check"], f.get("quantity", "")): f for f in json.loads(out)["findings"]}


def test_the_notes_layer_is_refuted_in_its_two_gradients(cli, note: Path) -> None:
    ran = cli("verify", f"{NOTE}:LayerDense", "--json", "-", "--quiet")

    assert ran.code == 1
    found = findings(ran.out)
    assert found["forward", "Z"]["verdict"] == "holds"
    assert found["gradient", "db"]["verdict"] == "holds"
    assert (
        "seen only where i = o: elsewhere the layer raised first"
        in (found["gradient", "db"]["notes"])
    )
    dW, dX = found["gradient", "dW"], found["gradient", "dX"]
    assert dW["verdict"] == dX["verdict"] == "refuted"
    assert dW["mistake"]["kind"] == "operands-swapped"
    assert dX["mistake"]["kind"] == "transposed"
    assert dW["statement"] == "self.dw = dz @ self.a.T"
    assert dW["correction"] == "self.dw = self.a.T @ dz"
    assert dX["statement"] == "self.dz = dz @ self.w"
    assert dX["correction"] == "self.dz = dz @ self.w.T"
    assert dW["where"] == {"file": NOTE, "line": 17}
    assert dX["where"] == {"file": NOTE, "line": 20}
    assert {e["oracle"] for e in dW["evidence"]} == {
        "derived",
        "autodiff",
        "enclosure",
        "exact",
        "differences",
    }
    assert not any(e["agrees"] for e in dW["evidence"])


def test_the_counterexample_can_be_redone_on_paper(cli, note: Path) -> None:
    found = findings(cli("verify", f"{NOTE}:LayerDense", "--json", "-").out)

    example = found["gradient", "dX"]["counterexample"]
    W, dZ = np.array(example["inputs"]["W"]), np.array(example["inputs"]["dZ"])
    assert W.size + dZ.size <= 12
    assert np.all(np.round(W) == W)
    assert np.array_equal(dZ @ W.T, example["expected"])
    assert np.array_equal(dZ @ W, example["got"])
    assert not np.array_equal(example["expected"], example["got"])


def test_the_snippet_of_a_counterexample_runs(cli, note: Path) -> None:
    found = findings(cli("verify", f"{NOTE}:LayerDense", "--json", "-").out)

    example = found["gradient", "dW"]["counterexample"]
    done = subprocess.run(
        [sys.executable, "-c", example["snippet"]], capture_output=True, text=True, check=True
    )

    right, layer = done.stdout.splitlines()
    assert right == f"right: {example['expected']}"
    assert layer == f"layer: {example['got']}"


def test_the_shapes_that_a_wrong_formula_shares_are_pointed_out(cli, note: Path) -> None:
    found = findings(cli("verify", f"{NOTE}:LayerDense", "--json", "-").out)

    shapes = found["shape", "dW"]["shapes"]
    assert shapes["expected"] == "(i, o)"
    assert shapes["got"] == "(n, n)"
    assert "only where" in shapes["note"]
    assert any(row["got"] != row["expected"] for row in shapes["table"])
    assert any(row["got"] == row["expected"] for row in shapes["table"])


def test_the_mended_layer_holds(cli, note: Path) -> None:
    ran = cli("verify", f"{MENDED}:LayerDense")

    assert ran.code == 0
    assert "0 refuted, 0 assumes, 0 unknown, 0 unread, 0 error" in ran.out
    planted, caught = re.search(r"(\d+) mistakes planted, (\d+) caught", ran.out).groups()
    assert planted == caught
    assert int(planted) > 50


def test_the_corrected_lines_mend_the_layer(cli, note: Path) -> None:
    found = findings(cli("verify", f"{NOTE}:LayerDense", "--json", "-").out)
    text = (note / NOTE).read_text(encoding="utf-8")
    for quantity in ("dW", "dX"):
        finding = found["gradient", quantity]
        text = text.replace(finding["statement"], finding["correction"])
    (note / "again.py").write_text(text, encoding="utf-8")

    assert cli("verify", "again.py:LayerDense").code == 0


def test_output_is_the_same_for_the_same_seed(cli, note: Path) -> None:
    first = cli("verify", f"{NOTE}:LayerDense", "--seed", "3").out
    again = cli("verify", f"{NOTE}:LayerDense", "--seed", "3").out

    assert first == again


def test_markdown_and_json_are_written_whole(cli, note: Path) -> None:
    ran = cli(
        "verify",
        f"{MENDED}:LayerDense",
        "--markdown",
        "r.md",
        "--json",
        "r.json",
        "--examples",
        "9",
    )

    assert ran.code == 0
    assert (note / "r.md").read_text(encoding="utf-8").startswith("#")
    again = cli("report", "r.json")
    assert again.code == 0
    assert again.out == ran.out
    assert sorted(p.name for p in note.iterdir() if p.is_file()) == sorted(
        [NOTE, MENDED, "r.md", "r.json"]
    )


BAD = {
    "broken.py": "import numpy as np\n\ndef f(:\n",
    "raises.py": "import numpy as np\n\nvalue = np.zeros(3)[7]\n\nclass Dense: ...\n",
    "empty_class.py": "class Dense:\n    pass\n",
    "crashes.py": (
        "import numpy as np\n\nclass Dense:\n    def __init__(self, n_in, n_out):\n"
        "        self.W = np.zeros((n_in, n_out))\n        self.b = np.zeros(n_out)\n"
        "    def forward(self, X):\n        self.X = X\n        return X @ self.W + self.b\n"
        "    def backward(self, dout):\n        raise RuntimeError('not today')\n"
    ),
}


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    for name, text in BAD.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["verify", "missing.py:Dense"], ["missing.py"]),
        (["verify", "broken.py:Dense"], ["broken.py", "3", "SyntaxError"]),
        (["verify", "raises.py:Dense"], ["raises.py:3", "IndexError"]),
        (["verify", "empty_class.py:Dens"], ["Dens", "Dense"]),
        (["verify", "empty_class.py:Dense"], ["forward", "backward"]),
        (["verify", "empty_class.py"], ["file.py:Name"]),
        (["verify", "no.such.module:Dense"], ["no"]),
        (["verify", "crashes.py:Dense", "--layout", "ab"], ["layout 'ab'", "ni,oi->no"]),
        (["verify", "empty_class.py:Dense", "--map", "W"], ["--map"]),
        (["verify", "empty_class.py:Dense", "--spec", "nosuch"], ["nosuch"]),
        (["verify", "--json", "no/folder/r.json"], ["no/folder"]),
        (["verify", "--examples", "0"], ["--examples"]),
        (["verify", "--json", "-", "--markdown", "-"], ["standard output"]),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(cli, bad, arguments, messages) -> None:
    ran = cli(*arguments)

    assert ran.code == 2
    for message in messages:
        assert message in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not list(bad.glob("*.json"))


def test_a_layer_that_raises_is_a_finding(cli, bad: Path) -> None:
    ran = cli("verify", "crashes.py:Dense", "--json", "-")

    assert ran.code == 1
    crash = next(f for f in json.loads(ran.out)["findings"] if f["check"] == "crash")
    assert crash["verdict"] == "error"
    assert "not today" in crash["message"]
    assert crash["where"] == {"file": "crashes.py", "line": 11}


# ---------------------------------------------------------------- the Python API


class Right:
    def __init__(self, n_in, n_out):
        self.W = np.zeros((n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.A = np.tanh(X @ self.W + self.b)
        return self.A

    def backward(self, dA):
        dZ = dA * (1 - self.A**2)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T


class Wrong(Right):
    def backward(self, dA):
        self.dW = self.X.T @ dA
        self.db = dA.sum(axis=0)
        return dA @ self.W.T


def test_verify_takes_a_class_and_returns_a_report_that_is_true() -> None:
    report = bp.verify(Right, examples=30)

    assert report
    assert report.ok
    assert {f.quantity for f in report.findings if f.check is Check.GRADIENT} == {"dW", "db", "dX"}


def test_check_raises_with_the_diagnosis() -> None:
    with pytest.raises(bp.Refuted) as caught:
        bp.check(Wrong, examples=30)

    assert isinstance(caught.value, AssertionError)
    assert "missing activation derivative" in str(caught.value)
    assert not caught.value.report


def test_a_marked_function_is_judged_by_its_own_equations() -> None:
    @bp.subject(spec="Z[n,o] = sum[i](X[n,i]*W[o,i])\nA[n,o] = softmax[o](Z[n,o])")
    def layer(X, W, dA):
        Z = X @ W.T
        e = np.exp(Z - Z.max(axis=1, keepdims=True, initial=-np.inf))
        A = e / e.sum(axis=1, keepdims=True)
        dZ = A * (dA - (dA * A).sum(axis=1, keepdims=True))
        return {"Z": Z, "A": A, "dZ": dZ, "dW": dZ.T @ X, "dX": dZ @ W}

    report = bp.verify(layer, examples=40)

    assert report.ok
    assert {f.quantity for f in report.findings if f.check is Check.GRADIENT} == {"dZ", "dW", "dX"}


def faulty(X, W, b, dA, *, fault):
    A, cache = dense_forward(X, W, b, layout="ni,oi->no", activation="tanh")
    found = dense_backward(dA, cache)
    results = {"A": A, "dW": found.dW, "db": found.db, "dX": found.dX}
    return fault(results, X, dA)


def mutating(results, X, dA):
    dA *= 2
    return results


def random_bits(results, X, dA):
    noise = np.random.default_rng().integers(0, 2, results["db"].shape)
    return {**results, "db": results["db"] + noise * np.spacing(results["db"])}


def not_finite(results, X, dA):
    dX = results["dX"].copy()
    dX[...] = np.nan
    return {**results, "dX": dX}


def a_list(results, X, dA):
    return {**results, "db": "none"}


def one_entry(results, X, dA):
    dW = results["dW"].copy()
    if dW.size:
        dW.flat[0] *= 1 + (1e-12 if dW.dtype == np.float64 else 1e-2)
    return {**results, "dW": dW}


@pytest.mark.parametrize(
    ("fault", "check", "quantity", "verdict"),
    [
        (mutating, Check.MUTATION, None, Verdict.REFUTED),
        (random_bits, Check.DETERMINISM, None, Verdict.REFUTED),
        (not_finite, Check.NONFINITE, "dX", Verdict.REFUTED),
        (a_list, Check.GRADIENT, "db", Verdict.ERROR),
        (one_entry, Check.GRADIENT, "dW", Verdict.REFUTED),
    ],
)
def test_each_check_sees_its_fault(fault, check, quantity, verdict) -> None:
    spec = bp.dense(activation="tanh")

    @bp.subject(spec=spec)
    def layer(X, W, b, dA):
        return faulty(X, W, b, dA, fault=fault)

    report = bp.verify(layer, examples=40)

    found = next(f for f in report.findings if f.check is check and quantity in (None, f.quantity))
    assert found.verdict is verdict
    assert not report.ok


def test_a_result_that_shares_memory_with_an_input_is_an_assumption() -> None:
    @bp.subject(spec=bp.dense(activation="linear"))
    def layer(X, W, b, dA):
        Z = X @ W.T + b
        return {"Z": Z, "dZ": dA, "dW": dA.T @ X, "db": dA.sum(axis=0), "dX": dA @ W}

    report = bp.verify(layer, examples=40)

    found = next(f for f in report.findings if f.check is Check.ALIASING)
    assert found.verdict is Verdict.ASSUMES
    assert "dZ with dA" in found.message
    assert report.ok


def test_no_verdict_is_given_from_a_quantity_in_dispute(monkeypatch) -> None:
    """A fault of an oracle is named as such and never blamed on the layer."""
    from backproof.oracles import autodiff

    answer = autodiff.AutodiffOracle.answer

    def off(self, question):
        found = answer(self, question)
        values = {n: v + (n == "dW") for n, v in found.values.items()}
        return type(found)(found.oracle, values, found.radii)

    monkeypatch.setattr(autodiff.AutodiffOracle, "answer", off)
    report = bp.verify(Right, examples=20)

    verdicts = {f.quantity: f.verdict for f in report.findings if f.check is Check.GRADIENT}
    assert verdicts == {"dW": Verdict.UNKNOWN, "db": Verdict.HOLDS, "dX": Verdict.HOLDS}
    oracle = next(f for f in report.findings if f.check is Check.ORACLE)
    assert oracle.verdict is Verdict.ERROR
    assert "autodiff" in oracle.message


def test_a_gate_that_verified_nothing_never_passes(cli, bad: Path) -> None:
    (bad / "silent.py").write_text(
        "import backproof as bp\n\n"
        "@bp.subject(spec=bp.dense())\n"
        "def layer(X, W, b, dA):\n    return {}\n",
        encoding="utf-8",
    )

    assert cli("verify", "silent.py:layer").code != 0
