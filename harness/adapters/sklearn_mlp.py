"""Networks of scikit-learn with one hidden layer.

Recognised is a class or an instance of ``MLPClassifier`` or ``MLPRegressor``. Its own
``_backprop`` is run on weights, data and targets of ours, with ``alpha`` 0, and its gradients are
judged against a network of two layers with the loss that goes with its last activation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.adapters.differentiated import is_of
from backproof.adapters.refusals import innermost
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.spec.layer import Spec
from backproof.subjects import Arrays, Subject, SubjectError

_GRADIENTS = ("dW2", "db2", "dW1", "db1")
_ACTIVATIONS = {"identity": "", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_NETWORK = """axes n: samples, i: inputs, h: hidden, o, k: outputs
Z1[n,h] = sum[i](X[n,i]*W1[i,h]) + b1[h]
A1[n,h] = {hidden}
Z2[n,o] = sum[h](A1[n,h]*W2[h,o]) + b2[o]
{loss}
"""
# By the last activation. Targets of a choice of one class add up to one: they are made from T.
_LOSSES = {
    "identity": "L = mean[n](sum[o]((Z2[n,o] - Y[n,o])^2))/2",
    "exp": "L = mean[n](sum[o](exp(Z2[n,o]) - Y[n,o]*Z2[n,o]))",
    "logistic": "L = mean[n](sum[o](softplus(Z2[n,o]) - Y[n,o]*Z2[n,o]))",
    "softmax": "Y[n,o] = softmax[o](T[n,o])\n"
    "L = mean[n](sum[o](Y[n,o]*(logsumexp[k](Z2[n,k]) - Z2[n,o])))",
}


def recognises(loaded: Loaded) -> bool:
    """Whether an object is a network of scikit-learn; that is not imported to find out."""
    return _is_network(loaded.object) or _is_network(type(loaded.object))


def _is_network(kind: Any) -> bool:
    return is_of(kind, "sklearn", "MLPClassifier") or is_of(kind, "sklearn", "MLPRegressor")


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a network is: its last activation says its loss, which is a mean.

    Raises:
        UsageError: it cannot be made without arguments, has more than one hidden layer or an
            unknown activation, or something was asked of it that it states itself.
    """
    given = loaded.object
    kind = given if inspect.isclass(given) else type(given)
    asked = (wishes.spec, wishes.layout, wishes.mapping)
    if any(asked) or wishes.scale != "sum":
        raise UsageError(
            f"{loaded.label} is a network of scikit-learn, which says itself what it computes",
            "leave out the spec, the layout, the scale and the mapping",
        )
    make = _maker(loaded, kind, wishes)
    made = make()
    last = _last_activation(made, kind)
    hidden = _ACTIVATIONS.get(made.activation)
    if hidden is None or last not in _LOSSES:
        named = made.activation if hidden is None else last
        raise UsageError(f"{loaded.label}: the activation {named} is not known here", "")
    text = _NETWORK.format(hidden=f"{hidden}(Z1[n,h])" if hidden else "Z1[n,h]", loss=_LOSSES[last])
    spec = Spec(text, name=f"network with {last}")
    provides = ("A1", *(("Z2",) if last == "identity" else ()), *_GRADIENTS)
    lines = _lines(kind)
    targets = "softmax of T, so that they add up to one" if last == "softmax" else "given"
    return Subject(
        label=loaded.label,
        spec=spec,
        upstream="L",
        provides=provides,
        open=lambda: _Session(make, last, loaded.file),
        names={
            **{"X": "activations[0]", "A1": "activations[1]", "Z2": "activations[2]"},
            **{f"W{k}": f"self.coefs_[{k - 1}]" for k in (1, 2)},
            **{f"b{k}": f"self.intercepts_[{k - 1}]" for k in (1, 2)},
            **{f"dW{k}": f"coef_grads[{k - 1}]" for k in (1, 2)},
            **{f"db{k}": f"intercept_grads[{k - 1}]" for k in (1, 2)},
        },
        lines=lines,
        facts=(
            f"a network of scikit-learn: _backprop of {made!r} with alpha 0 is run",
            "W1, W2 are coefs_, b1, b2 intercepts_; dW1, dW2 are coef_grads, db1, db2 "
            "intercept_grads",
            f"the hidden activation is {made.activation}, the last one {last}; its loss is a mean "
            "over the samples and a sum over the outputs",
            f"the targets are {targets}",
            "an empty batch, which it refuses, is not judged, nor are formats that it converts: "
            "all but float64 and float32",
            "the value of the loss is not judged: it clips probabilities, or is a mean over the "
            "outputs where its gradient is that of their sum",
        ),
        file=loaded.file,
    )


def _lines(kind: Any) -> dict[str, tuple[str, int, str]]:
    """The statements that set the gradients: a subclass may have them in ``_backprop`` itself."""
    found = {}
    for text in map(Definition.of, (kind._compute_loss_grad, kind._backprop)):
        for name in _GRADIENTS:
            target = ("coef" if "W" in name else "intercept") + "_grads[layer]"
            own = None if text is None else text.of_target(target)
            if text is not None and own is not None:
                found[name] = text.line_of(own.statement)
    return found


def _maker(loaded: Loaded, kind: Any, wishes: Wishes) -> Callable[[], Any]:
    """What makes a network with one hidden layer and no penalty, of the class or as an instance.

    Raises:
        UsageError: it needs arguments, or has several hidden layers.
    """
    try:
        own = kind() if inspect.isclass(loaded.object) else loaded.object
    except TypeError as error:
        raise UsageError(
            f"{loaded.label} cannot be made without arguments: {error}",
            "name an instance of it",
        ) from None
    layers = np.ravel(own.hidden_layer_sizes)
    if len(layers) != 1:
        raise UsageError(
            f"{loaded.label} has {len(layers)} hidden layers", "name one with one hidden layer"
        )
    asked = {known: name for name, known in _ACTIVATIONS.items()} | {"linear": "identity"}

    def make() -> Any:
        from sklearn.base import clone

        found = clone(own)
        found.alpha = 0.0
        if wishes.activation is not None:
            found.activation = asked.get(wishes.activation, wishes.activation)
        return found

    return make


def _last_activation(made: Any, kind: Any) -> str:
    """The last activation as ``_initialize`` sets it: of a classifier of three classes softmax."""
    if is_of(kind, "sklearn", "MLPClassifier"):
        return "softmax"
    return "exp" if getattr(made, "loss", "squared_error") == "poisson" else "identity"


class _Session:
    """One network, which is given new weights at each run.

    Args:
        make: a fresh network.
        last: its last activation.
        file: the user's own source file.
    """

    def __init__(self, make: Callable[[], Any], last: str, file: str | None) -> None:
        self._network = make()
        self._last = last
        self._file = file

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything the network shows; see ``backproof.subjects.Session``."""
        if not len(inputs["X"]) or inputs["X"].dtype not in (np.float64, np.float32):
            return {}
        network = self._network
        network.coefs_ = [inputs["W1"].copy(), inputs["W2"].copy()]
        network.intercepts_ = [inputs["b1"].copy(), inputs["b2"].copy()]
        network.n_layers_, network.n_outputs_ = 3, inputs["b2"].size
        network.out_activation_ = self._last
        targets = _softmax(inputs["T"]) if "T" in inputs else inputs["Y"]
        activations: list[Any] = [inputs["X"]]
        for size in (inputs["b1"].size, inputs["b2"].size):
            activations.append(np.empty((len(inputs["X"]), size), inputs["X"].dtype))
        deltas: list[Any] = [None, None]
        coefficients: list[Any] = [np.empty_like(inputs[name]) for name in ("W1", "W2")]
        intercepts: list[Any] = [np.empty_like(inputs[name]) for name in ("b1", "b2")]
        found: dict[str, Any] = {}
        try:
            # Versions differ in whether the samples have weights.
            weights = [None] if "sample_weight" in _arguments(network._backprop) else []
            _, coefficients, intercepts = network._backprop(
                inputs["X"], targets, *weights, activations, deltas, coefficients, intercepts
            )
        except Exception as error:
            place = innermost(error, self._file)
            raise SubjectError(error, "backward", *place, partial=found) from error
        found = {"A1": activations[1], "Z2": activations[2]}
        for k in (1, 2):
            found |= {f"dW{k}": coefficients[k - 1], f"db{k}": intercepts[k - 1]}
        return found


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _softmax(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
    found: np.ndarray[Any, Any] = powers / powers.sum(axis=1, keepdims=True)
    return found
