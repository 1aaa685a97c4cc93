"""Hand-made reports that every rendering is shown."""

from __future__ import annotations

from backproof.reports.finding import (
    Check,
    Control,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Shapes,
    Verdict,
    Where,
)

ENVIRONMENT = {"python": "3.11.2", "numpy": "2.4.6", "jax": "0.10.2", "seed": 0}
ACTIVATIONS = [
    "identity",
    "relu",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "softmax",
]
LAYOUTS = ["ni,oi->no", "ni,io->no", "oi,in->on"]
WHOLE = [Check.MUTATION, Check.ALIASING, Check.DETERMINISM, Check.NONFINITE]


def _holding(subject: str, outputs: list[str], gradients: list[str], cases: int) -> list[Finding]:
    found = []
    for quantity in [*outputs, *gradients]:
        check = Check.FORWARD if quantity in outputs else Check.GRADIENT
        evidence = [
            Evidence(oracle="derived", agrees=True, error=2.2e-16, bound=7.1e-15, cases=cases),
            Evidence(oracle="autodiff", agrees=True, error=4.4e-16, bound=7.1e-15, cases=cases),
            Evidence(oracle="enclosure", agrees=True, cases=12),
        ]
        found.append(
            Finding(
                id=f"{subject}/{quantity}",
                check=check,
                verdict=Verdict.HOLDS,
                quantity=quantity,
                subject=subject,
                evidence=evidence,
            )
        )
        found += [
            Finding(
                id=f"{subject}/{quantity}/{check}",
                check=check,
                verdict=Verdict.HOLDS,
                quantity=quantity,
                subject=subject,
            )
            for check in (Check.SHAPE, Check.DTYPE)
        ]
    found += [
        Finding(id=f"{subject}/{check}", check=check, verdict=Verdict.HOLDS, subject=subject)
        for check in WHOLE
    ]
    return found


def bundled() -> Report:
    """Return a run in which everything holds: dense layers, activations, losses."""
    findings = []
    for layout in LAYOUTS:
        for activation in ACTIVATIONS:
            findings += _holding(
                f"Dense {layout} {activation}", ["Z", "A"], ["dZ", "dW", "db", "dX"], 200
            )
    for activation in ACTIVATIONS[:7]:
        findings += _holding(f"activation {activation}", ["A"], ["dZ"], 300)
    for loss in ("squared error", "cross-entropy", "softmax cross-entropy"):
        findings += _holding(f"loss {loss}", ["L"], ["dP"], 150)
    findings += [
        Finding(
            id=f"initialiser/{name}",
            check=Check.INITIALISER,
            verdict=Verdict.HOLDS,
            subject=f"initialiser {name}",
        )
        for name in ("glorot", "he")
    ]
    controls = {
        f"Dense {layout}": Control(
            planted=31,
            caught=29,
            equivalent=2,
            limit={"dW": 3.1e-15 * k, "db": 8.9e-16, "dX": 2.2e-15},
        )
        for k, layout in enumerate(LAYOUTS, start=1)
    }
    return Report(
        command="verify",
        version="0.1.0",
        findings=findings,
        environment=ENVIRONMENT,
        controls=controls,
        notes=["oracles at hand: derived, autodiff, enclosure, exact, differences"],
    )


SNIPPET = """import numpy as np
from layers import LayerDense

layer = LayerDense(2, 1)
layer.weights = np.array([[1.0], [2.0]])
layer.forward(np.array([[1.0, 2.0], [3.0, 4.0]]))
layer.backward(np.array([[1.0], [0.0]]))
print(layer.dW)  # expected [[1.], [2.]]
"""


def refuted() -> Report:
    """Return a run on one wrong class."""
    subject = "layers.py:LayerDense"
    wrong = Finding(
        id="LayerDense/dW/gradient",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity="dW",
        subject=subject,
        where=Where(file="layers.py", line=12, column=9),
        statement="        self.dW = np.dot(dZ.T, self.inputs)",
        correction="self.dW = np.dot(self.inputs.T, dZ)",
        message="The two factors stand in the wrong order: the result is the transpose of what "
        "follows, and has its shape only when the layer has as many inputs as outputs.",
        mistake=Mistake(kind=MistakeKind.OPERANDS_SWAPPED),
        convention="layout ni,io->no",
        derived=Derived(
            index="dW[i,o] = sum[n](X[n,i] * dZ[n,o])",
            matrix="dW = Xᵀ dZ",
            latex=r"\frac{\partial L}{\partial W_{io}} = \sum_n X_{ni}\, \delta_{no}",
        ),
        counterexample=Counterexample(
            sizes={"n": 2, "i": 2, "o": 3},
            inputs={
                "X": [[1, 2], [3, 4]],
                "W": [[1, 0, -1], [0.5, 2, 1]],
                "b": [0, 0, 1],
                "dZ": [[1, 0, 2], [0, 1, 0]],
            },
            expected=[[1, 3, 2], [2, 4, 4]],
            got=[[1, 2], [3, 4], [2, 4]],
            sentence="dW[0,1] is X[0,0]·dZ[0,1] + X[1,0]·dZ[1,1] = 1·0 + 3·1 = 3, not 2.",
            snippet=SNIPPET,
        ),
        shapes=Shapes(
            expected="(i, o)",
            got="(o, i)",
            table=[
                {"sizes": {"n": 2, "i": 2, "o": 3}, "expected": [2, 3], "got": [3, 2]},
                {"sizes": {"n": 2, "i": 3, "o": 3}, "expected": [3, 3], "got": [3, 3]},
            ],
            note="with i = o the shapes agree, and only the numbers show the mistake",
        ),
        evidence=[
            Evidence(oracle="derived", agrees=False, error=1.0, bound=6.7e-16, cases=200),
            Evidence(oracle="autodiff", agrees=False, error=1.0, bound=6.7e-16, cases=200),
            Evidence(oracle="exact", agrees=False, error=1.0, bound=0.0, cases=20),
            Evidence(
                oracle="differences",
                agrees=None,
                note="the forward pass is not smooth at this input",
            ),
        ],
        notes=["the same expression is right in layout oi,in->on, with samples as columns"],
    )
    mean = Finding(
        id="LayerDense/db/gradient",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity="db",
        subject=subject,
        where=Where(file="layers.py", line=13, column=9),
        statement="self.db = np.mean(dZ, axis=0)",
        correction="self.db = np.sum(dZ, axis=0)",
        message="The sum over the samples is divided by their number, which the loss's own "
        "gradient has done already.",
        mistake=Mistake(kind=MistakeKind.WRONG_SCALE, variant="mean for sum"),
        derived=Derived(index="db[o] = sum[n](dZ[n,o])"),
        counterexample=Counterexample(
            sizes={"n": 2, "o": 3},
            inputs={"dZ": [[1, 0, 0], [0, 1, 0]]},
            expected=[1, 1, 0],
            got=[0.5, 0.5, 0.0],
            sentence="db[0] is 1 + 0 = 1, not 1/2.",
        ),
        evidence=[Evidence(oracle="derived", agrees=False, error=0.5, bound=2.2e-16, cases=200)],
    )
    findings = [
        f
        for f in _holding(subject, ["Z", "A"], ["dZ", "dW", "db", "dX"], 200)
        if f.id not in (f"{subject}/dW", f"{subject}/db", f"{subject}/dW/shape")
    ]
    findings.append(
        Finding(
            id=f"{subject}/dW/shape",
            check=Check.SHAPE,
            verdict=Verdict.REFUTED,
            quantity="dW",
            subject=subject,
            message="dW has the shape of Wᵀ.",
            shapes=Shapes(expected="(i, o)", got="(o, i)"),
        )
    )
    return Report(
        command="verify",
        version="0.1.0",
        findings=[wrong, mean, *findings],
        environment=ENVIRONMENT,
        controls={
            subject: Control(
                planted=31,
                caught=30,
                missed=["dX: extra-sum"],
                limit={"dW": 3.1e-15, "db": 8.9e-16},
            )
        },
        notes=["layout ni,io->no was inferred from the shapes of weights and biases"],
    )


def undecided() -> Report:
    """Return a run with a finding of every verdict, the same one about two subjects."""
    loss = Finding(
        id="softmax/dZ",
        check=Check.GRADIENT,
        verdict=Verdict.ASSUMES,
        quantity="dZ",
        subject="losses.py:SoftmaxCrossEntropy",
        where=Where(file="losses.py", line=41, column=16),
        statement="dZ = (P - Y) / n",
        message="P - Y follows from the cross-entropy only when each row of Y sums to one.",
        assumption="sum[o](Y[n,o]) = 1",
        derived=Derived(index="dZ[n,o] = (P[n,o] * sum[k](Y[n,k]) - Y[n,o]) / size(n)"),
        evidence=[
            Evidence(
                oracle="autodiff",
                agrees=True,
                error=1.2e-17,
                bound=4.1e-16,
                cases=120,
                note="with rows of Y that sum to one",
            )
        ],
    )
    unknown = [
        Finding(
            id=f"{name}/dX",
            check=Check.GRADIENT,
            verdict=Verdict.UNKNOWN,
            quantity="dX",
            subject=name,
            message="The layer calls a function that the specification doesn't "
            "know, so that no reference can be derived.",
            evidence=[
                Evidence(oracle="derived", note="special_gelu is abstract"),
                Evidence(oracle="differences", agrees=True, error=3.1e-9, bound=2.0e-7, cases=40),
            ],
            notes=["give its derivative with --activation to have it decided"],
        )
        for name in ("blocks.py:First", "blocks.py:Second")
    ]
    crash = Finding(
        id="Broken/crash",
        check=Check.CRASH,
        verdict=Verdict.ERROR,
        subject="blocks.py:Broken",
        where=Where(file="blocks.py", line=88),
        message="The backward pass raised\n"
        "    IndexError: index 3 is out of bounds for axis 0 with size 3\n"
        "in a case of one sample.",
        counterexample=Counterexample(sizes={"n": 1, "i": 2, "o": 3}),
    )
    unread = Finding(
        id="notes/12",
        check=Check.STATEMENT,
        verdict=Verdict.UNREAD,
        subject="blocks.py:First",
        where=Where(file="blocks.py", line=7),
        statement="dW = contract(X, dZ, how='as usual')",
        message="a call of a function that isn't known here",
    )
    holds = _holding("blocks.py:First", ["Z"], ["dW"], 40)
    precise = Finding(
        id="Second/dW",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity="dW",
        subject="blocks.py:Second",
        message="The product is computed in single precision and returned in double.",
        mistake=Mistake(kind=MistakeKind.FLOAT_PRECISION),
        counterexample=Counterexample(
            sizes={"n": 1, "i": 2, "o": 1},
            inputs={"X": [["1/3", "2"]], "dZ": [[0.1]]},
            expected=[["1/30"], ["1/5"]],
            got=[[0.03333333507180214], [0.2]],
        ),
    )
    return Report(
        command="verify",
        version="0.1.0",
        findings=[loss, *unknown, crash, unread, precise, *holds],
        environment=ENVIRONMENT,
    )


def claims() -> Report:
    """Return three claims that were compared, one of each kind."""
    return Report(
        command="compare",
        version="0.1.0",
        findings=[
            Finding(
                id="1",
                check=Check.CLAIM,
                verdict=Verdict.HOLDS,
                statement="dW = dZ^T X",
                message="Both sides have the normal form sum[n](dZ[n,o] * X[n,i]).",
            ),
            Finding(
                id="2",
                check=Check.CLAIM,
                verdict=Verdict.REFUTED,
                statement="dX = W dZ",
                correction="dX = dZ W",
                mistake=Mistake(kind=MistakeKind.OPERANDS_SWAPPED),
                message="The left side is (n, i), the right side is no product of these shapes "
                "unless n = o.",
                counterexample=Counterexample(
                    sizes={"n": 2, "i": 1, "o": 2},
                    inputs={"dZ": [[1, 0], [0, 0]], "W": [[0], [1]]},
                    expected=[[0], [0]],
                    got=[[0], [1]],
                ),
            ),
            Finding(
                id="3",
                check=Check.CLAIM,
                verdict=Verdict.ASSUMES,
                statement="dZ = dA",
                assumption="g is the identity",
                message="g'(Z) is 1 for the identity only.",
            ),
        ],
    )


def document() -> Report:
    """Return an audit of a notebook and of a note."""
    note, book = "notes/backprop.md", "course/week 3.ipynb"
    return Report(
        command="audit",
        version="0.1.0",
        findings=[
            Finding(
                id="a1",
                check=Check.STATEMENT,
                verdict=Verdict.HOLDS,
                statement="$Z = X W^T + b$",
                where=Where(file=note, line=12, column=1),
                message="defines Z",
            ),
            Finding(
                id="a2",
                check=Check.STATEMENT,
                verdict=Verdict.REFUTED,
                quantity="dZ",
                statement=r"$$\frac{\partial L}{\partial Z} = \frac{\partial L}{\partial A}$$",
                correction=r"$$\frac{\partial L}{\partial Z} = "
                r"\frac{\partial L}{\partial A} \odot g'(Z)$$",
                where=Where(file=note, line=31, column=1),
                mistake=Mistake(kind=MistakeKind.MISSING_ACTIVATION_DERIVATIVE),
                message="The chain rule through A = g(Z) gives a factor g'(Z), which is missing.",
                convention="mathematics: ni,oi->no",
                derived=Derived(index="dZ[n,o] = dA[n,o] * g'(Z[n,o])", matrix="dZ = dA ∘ g'(Z)"),
            ),
            Finding(
                id="a3",
                check=Check.STATEMENT,
                verdict=Verdict.UNREAD,
                statement=r"\nabla_W L \leadsto \text{small}",
                where=Where(file=note, line=40),
                message="the sign \\leadsto has no meaning here",
            ),
            Finding(
                id="b1",
                check=Check.CODE,
                verdict=Verdict.HOLDS,
                statement="dW = X.T @ dZ",
                where=Where(file=book, cell=3, line=2, column=5),
            ),
            Finding(
                id="b2",
                check=Check.OUTPUT,
                verdict=Verdict.UNKNOWN,
                statement="db.shape  # (3,)",
                where=Where(file=book, cell=4, line=1, column=1),
                message="The cell's output was cleared.",
            ),
        ],
    )


def derivation() -> Report:
    """Return the gradients of a dense layer."""
    program = "def backward(*, X, dZ):\n    dW = dZ.T @ X\n    db = dZ.sum(axis=0)\n    return {}\n"
    return Report(
        command="derive",
        version="0.1.0",
        gradients=[
            {
                "quantity": "dW",
                "index": "dW[o,i] = sum[n](dZ[n,o] * X[n,i])",
                "matrix": "dW = dZᵀ X",
                "einsum": "no,ni->oi",
                "latex": r"\partial_{W} L = \delta^\top X",
                "numpy": program,
                "jax": None,
                "sympy": "Sum(dZ[n, o]*X[n, i], (n, 0, N - 1))",
                "steps": [
                    "chain rule: dW[o,i] = sum[n,p](dZ[n,p] * d(Z[n,p])/dW[o,i])",
                    {"rule": "delta contraction", "result": "dW[o,i] = sum[n](dZ[n,o] * X[n,i])"},
                ],
            },
            {
                "quantity": "db",
                "index": "db[o] = sum[n](dZ[n,o])",
                "matrix": None,
                "einsum": "no->o",
                "numpy": program,
                "steps": [],
            },
        ],
    )


HOSTILE = (
    "\x1b[2J\x1b[31mgone\x1b[0m \x07| `code` ``two`` <script>alert(1)</script> &amp; "
    "\u202eevil\u2066 \u200bzero\r\n# heading\n- item\rover @team [x](y) $m$ ~~s~~ **b** \x9b1m"
    " \ud800 \\| end\\"
)


def hostile() -> Report:
    """Return a run whose every text tries to break out of its rendering."""
    return Report(
        command="verify",
        version=HOSTILE,
        findings=[
            Finding(
                id=HOSTILE,
                check=Check.GRADIENT,
                verdict=verdict,
                quantity=HOSTILE,
                subject=HOSTILE,
                where=Where(file=HOSTILE, line=1, column=2),
                statement=HOSTILE,
                message=HOSTILE,
                correction="```\n" + HOSTILE,
                mistake=Mistake(kind=MistakeKind.OTHER, variant=HOSTILE, sentence=HOSTILE),
                assumption=HOSTILE,
                convention=HOSTILE,
                derived=Derived(index=HOSTILE, matrix=HOSTILE, latex=HOSTILE),
                counterexample=Counterexample(
                    sizes={HOSTILE: 2},
                    inputs={HOSTILE: [[HOSTILE, 1], [2, 3]], "r": [[1], 2]},
                    expected=HOSTILE,
                    got=[[[1, 2]]],
                    sentence=HOSTILE,
                    snippet=HOSTILE,
                ),
                shapes=Shapes(
                    expected=HOSTILE,
                    got=HOSTILE,
                    note=HOSTILE,
                    table=[{"sizes": {HOSTILE: 1}, "expected": HOSTILE, "got": [HOSTILE]}],
                ),
                evidence=[
                    Evidence(
                        oracle=HOSTILE,
                        agrees=False,
                        error=float("nan"),
                        bound=float("inf"),
                        cases=1,
                        note=HOSTILE,
                    )
                ],
                notes=[HOSTILE],
            )
            for verdict in Verdict
        ],
        environment={HOSTILE: HOSTILE, "nested": {"a": [1, float("-inf")]}},
        controls={HOSTILE: Control(planted=1, missed=[HOSTILE], limit={HOSTILE: 1e-3})},
        notes=[HOSTILE],
    )


SAMPLES = {
    f.__name__: f for f in (bundled, refuted, undecided, claims, document, derivation, hostile)
}
