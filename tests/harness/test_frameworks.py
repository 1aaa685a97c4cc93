"""Layers of torch, JAX, Keras and scikit-learn: right ones hold, wrong ones are named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import backproof as bp
from backproof import judging
from backproof.adapters.flushing import may_flush
from backproof.adapters.foreign import speaks_of
from backproof.adapters.registry import adapt
from backproof.checking import BAD
from backproof.errors import NotInferredError, UsageError
from backproof.guarding import guarded
from backproof.loading import load
from backproof.subjects import Subject
from backproof.verifying import Observations, Settings, observe

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent.parent / "frameworks"
# Each new shape is compiled anew by XLA: few cases, and no search for the smallest one.
FEW = {"jax": 3, "keras": 2, "torch": 10, "sklearn": 10}
# The others are there wherever the tests are.
EXTRAS = ("keras", "torch")

# Some of Keras' functions compute in float32 whatever they are given.
FORMATS = {"keras": ("float32",)}

RIGHT = {
    "torch": "Gated TanhDense Affine ThroughFunction ByHand linear_forward linear_backward made",
    "jax": "tanh_dense linear rectified ByHand",
    "keras": "Plain OutByIn Inner",
    "sklearn": "regressor classifier poisson OwnSums",
}


@dataclass(frozen=True)
class Wrong:
    """A wrong layer: its wrong quantities with the mistake, and the line that computes each."""

    framework: str
    name: str
    mistakes: dict[str, str]
    line: str = ""


WRONG = (
    Wrong(
        "torch", "LinearSlope", {"dW": "other", "db": "other", "dX": "other"}, "dZ = dA * (1 - A)"
    ),
    Wrong(
        "torch", "ForgottenSlope", {"dW": "missing-activation-derivative"}, "dweight = grad.T @ x"
    ),
    Wrong(
        "torch", "ThroughFunction", {"dW": "missing-activation-derivative"}, "dweight = grad.T @ x"
    ),
    Wrong("torch", "Detached", {"dW": "other"}),
    Wrong("torch", "AveragedBias", {"db": "wrong-scale"}, "self.db = dz.mean(dim=0)"),
    Wrong("jax", "forgotten_slope", {"dW": "missing-activation-derivative"}, "dw = x.T @ da"),
    Wrong("jax", "averaged_bias", {"db": "wrong-scale"}, "db = dz.mean(axis=0)"),
    Wrong("jax", "another_forward", {"Z": "other"}, "return jnp.tanh(x @ w + b), (x, w)"),
    Wrong("jax", "wrong_sign", {"dX": "wrong-sign"}, "dx = -dz @ w.T"),
    Wrong("keras", "LinearSlope", {"dW": "other", "db": "other", "dX": "other"}),
    Wrong("keras", "NoSlope", dict.fromkeys(("dW", "db", "dX"), "missing-activation-derivative")),
    Wrong("keras", "Stopped", {"dW": "other"}),
    Wrong(
        "sklearn",
        "SummedBias",
        {"db1": "wrong-scale", "db2": "wrong-scale"},
        "intercept_grads[layer] = np.sum(deltas[layer], axis=0)",
    ),
    Wrong("sklearn", "NoSlope", dict.fromkeys(("dW1", "db1"), "missing-activation-derivative")),
    Wrong(
        "sklearn",
        "Penalised",
        {"dW1": "other", "dW2": "other"},
        "coef_grads[layer] /= sw_sum",
    ),
)


@pytest.fixture(autouse=True)
def _backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras is imported with the backend that a layer's own process has by default."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return


def ensure(framework: str) -> None:
    """Skip the test where a framework is an extra that is not installed."""
    if framework in EXTRAS:
        pytest.importorskip(framework)


def address(framework: str, kind: str, name: str) -> str:
    return f"{HERE / f'{framework}_{kind}.py'}:{name}"


def subject_of(framework: str, kind: str, name: str) -> Subject:
    ensure(framework)
    with guarded():
        return adapt(load(address(framework, kind, name)))


def seen_of(subject: Subject, framework: str, *formats: str) -> Observations:
    return observe(subject, Settings(examples=FEW[framework], formats=formats, controls=False))


def wrong_of(seen: Observations) -> set[str]:
    return {q for q, js in seen.judgements.items() if any(j.state in BAD for j in js)}


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("framework", "name"), [(f, n) for f, names in RIGHT.items() for n in names.split()]
)
def test_a_right_layer_is_not_refuted(framework: str, name: str) -> None:
    subject = subject_of(framework, "right", name)

    seen = seen_of(subject, framework, *FORMATS.get(framework, ("float64", "float32")))

    assert not seen.crashes
    assert wrong_of(seen) == set()
    assert {q for q, js in seen.judgements.items() if any(j.got is not None for j in js)} == set(
        subject.provides
    )
    assert [n for n in subject.provides if n.startswith("dW")]


@pytest.mark.no_cover
@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case.framework}-{case.name}")
def test_a_wrong_layer_is_refuted_by_name(case: Wrong) -> None:
    subject = subject_of(case.framework, "wrong", case.name)

    formats = FORMATS.get(case.framework, ("float64",))
    _, wrong, diagnoses = judging._diagnosed(
        subject, Settings(examples=FEW[case.framework], formats=formats, controls=False)
    )

    assert {q: diagnoses[q].mistake.kind for q in wrong} == case.mistakes
    if case.line:
        cause = diagnoses[next(iter(case.mistakes))].cause
        assert subject.lines[cause][2] == case.line


@pytest.mark.parametrize("framework", ["torch", "sklearn"])
def test_in_a_process_of_its_own(framework: str) -> None:
    ensure(framework)
    name = RIGHT[framework].split()[0]

    report = bp.verify(address(framework, "right", name), examples=6)

    assert report.ok, report
    assert not any(n for n in report.notes if "own process" in n)


def test_keras_has_a_backend_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure("keras")
    monkeypatch.delenv("KERAS_BACKEND")

    report = bp.verify(address("keras", "right", "Inner"), examples=1, dtypes=("float32",))

    assert report.ok, report


@pytest.mark.parametrize("name", ["Gated", "TanhDense", "ByHand"])
def test_torch_is_judged_in_bfloat16(name: str) -> None:
    subject = subject_of("torch", "right", name)

    seen = seen_of(subject, "torch", "bfloat16")

    assert wrong_of(seen) == set()
    assert seen.dtypes["dW"] == {"bfloat16": {"bfloat16"}}


def test_gradients_have_the_dtype_that_was_given() -> None:
    subject = subject_of("torch", "right", "TanhDense")

    seen = seen_of(subject, "torch", "float64", "float32", "float16")

    for found in seen.dtypes.values():
        assert found == {f: {f} for f in ("float64", "float32", "float16")}


def test_jax_keeps_the_callers_setting() -> None:
    import jax

    before = jax.config.jax_enable_x64
    subject = subject_of("jax", "right", "tanh_dense")

    seen = observe(subject, Settings(examples=1, formats=("float64",), controls=False))

    assert seen.dtypes["dW"] == {"float64": {"float64"}}
    assert jax.config.jax_enable_x64 is before
    assert jax.numpy.ones(1).dtype == ("float64" if before else "float32")


def test_facts_say_what_was_taken_for_what() -> None:
    found = subject_of("torch", "right", "ThroughFunction")

    assert "W is kernel" not in " ".join(found.facts)
    assert found.facts[0].endswith("its gradients are autograd's, through TanhDense")
    assert "dW is result 2 of what backward of TanhDense returns, dW" in found.facts
    assert "backward takes dA as dA" in found.facts


def test_a_parameter_can_be_mapped_by_its_own_name() -> None:
    ensure("torch")
    with guarded():
        found = adapt(load(address("torch", "right", "Gated")), mapping={"W": "self.fc.weight"})

    assert found.names["W"] == "self.fc.weight"


def test_a_function_without_its_rule_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "unruled.py"
    path.write_text("import jax\nf = jax.custom_vjp(lambda x, w: x @ w)\ng = jax.jit(abs)\n")

    with pytest.raises(UsageError, match="has no backward pass yet"):
        adapt(load(f"{path}:f"))
    with pytest.raises(UsageError, match="without a backward pass of its own"):
        adapt(load(f"{path}:g"))


def test_several_outputs_are_said(tmp_path: Path) -> None:
    ensure("torch")
    path = tmp_path / "several.py"
    path.write_text(
        "import torch\n"
        "class Two(torch.nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x), x\n"
    )

    with guarded(), pytest.raises(NotInferredError) as raised:
        adapt(load(f"{path}:Two"))

    assert "the forward pass returns a tuple, not one tensor" in str(raised.value)


def test_a_network_of_several_hidden_layers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.py"
    path.write_text(
        "from sklearn.neural_network import MLPRegressor\n"
        "deep = MLPRegressor(hidden_layer_sizes=(3, 4))\n"
    )

    with pytest.raises(UsageError, match="has 2 hidden layers"):
        adapt(load(f"{path}:deep"))


def test_a_missing_framework_is_one_message_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    for module, extra in (("torch", "torch"), ("keras", "keras"), ("sklearn", "sklearn")):
        path.write_text(f"raise ModuleNotFoundError('No module named {module}', name='{module}')\n")

        with pytest.raises(UsageError) as raised:
            load(f"{path}:Dense")

        assert raised.value.help == f"pip install 'backproof[{extra}]'"


# ---------------------------------------------------------------- what is imported when

FRAMEWORKS = ("torch", "keras", "sklearn")


def imported(code: str) -> list[str]:
    program = f"{code}\nimport sys\nprint([m for m in {FRAMEWORKS!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return list(eval(done.stdout.strip().splitlines()[-1]))


def test_a_layer_of_numpy_imports_no_framework(tmp_path: Path) -> None:
    path = tmp_path / "layer.py"
    path.write_text(
        "def forward(x, w):\n    return x @ w\n"
        "def backward(dz, x, w):\n    return dz @ w.T, x.T @ dz\n"
    )
    code = "from backproof.adapters.registry import adapt\nfrom backproof.loading import load\n"

    # What a layer's own process does, which is where frameworks would be imported.
    code += f"adapt(load({str(path) + ':forward'!r}))\n"
    found = imported(code + "import sys\nassert 'jax' not in sys.modules")

    assert found == []


def test_the_check_of_imports_can_fail() -> None:
    assert imported("import sklearn") == ["sklearn"]


def test_numpy_beside_torch_stays_numpy(tmp_path: Path) -> None:
    ensure("torch")
    path = tmp_path / "both.py"
    path.write_text(
        "import numpy as np\nimport torch\n"
        "def forward(x, w):\n    return np.dot(x, w)\n"
        "def backward(dz, x, w):\n    return dz @ w.T, x.T @ dz\n"
        "def compared():\n    return torch.ones(1)\n"
    )

    assert not speaks_of(load(f"{path}:forward"), ("torch",))


@pytest.mark.parametrize(
    ("least", "flushed"), [(0.0, False), (1e-140, False), (1e-146, True), (1e-150, True)]
)
def test_what_may_be_flushed(least: float, flushed: bool) -> None:
    inputs = {"X": np.array([[1.0, least]]), "W": np.ones((2, 1))}

    assert may_flush(inputs, ("float64",)) is flushed


def test_sums_of_products_above_the_limit_are_not_subnormal() -> None:
    """The products are multiples of tiny, and so are the differences of any two."""
    rng = np.random.default_rng(0)
    info = np.finfo(np.float32)
    scale = np.sqrt(4 * float(info.tiny) / (float(info.eps) / 2))
    values = (rng.uniform(1, 2, (2, 4000)) * scale).astype(np.float32)
    assert not may_flush({"X": values}, ("float32",))

    products = values[0] * values[1]
    gaps = np.abs(products[:, np.newaxis] - products[np.newaxis, :500])

    assert np.min(gaps[gaps > 0]) >= info.tiny
