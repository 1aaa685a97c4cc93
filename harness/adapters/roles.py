"""What names in common use stand for: parameters, data, gradients, sizes and settings.

A role is a tensor of the dense layer (``W``, ``b``, ``X``, ``Z``, ``A``), a gradient of one
(``dW``, ...), or one of the words below. Names only propose; running the layer disposes.
"""

from __future__ import annotations

import re
from functools import lru_cache

UPSTREAM = "upstream"
CACHE = "cache"
RATE = "rate"
ACTIVATION = "activation"
SLOPE = "slope"
GENERATOR = "generator"
SEED = "seed"
TRAINING = "training"
GRADIENTS = "gradients"
LAYOUT = "layout"
OPTIMIZER = "optimizer"

INPUTS, OUTPUTS, SAMPLES = "i", "o", "n"

# Names as they are once case, underscores and a private prefix are taken off. The order within a
# row says which of several attributes of one role is taken.
TENSORS: dict[str, tuple[str, ...]] = {
    "W": (
        *("w", "weights", "weight", "kernel", "weigths", "theta", "wcurr", "weightmatrix"),
        *("wmatrix", "wt", "wts", "matrix", "pesos", "ws"),
    ),
    "b": ("b", "bias", "biases", "w0", "bcurr", "biasvector", "bvector", "bs", "intercept", "beta"),
    "X": (
        *("x", "input", "inputs", "aprev", "inputdata", "lastinput", "lastinputs", "xs"),
        *("inputarray", "prevx", "features", "batch", "aold", "previnput", "xin", "datax"),
        *("layerinput", "prevactivation", "activationprev", "cachedinput", "cachedx", "prevh"),
        *("inputx", "data", "bottom", "inp", "hprev", "aprevious", "inputactivation", "preva"),
    ),
    "Z": (
        *("z", "preactivation", "preactivations", "pre", "zcurr", "linear", "net", "netinput"),
        *("logits", "weightedsum", "lastz", "affine", "scores", "zs", "linearoutput", "preact"),
    ),
    # Of normalisations; a spec names them.
    "G": ("gamma",),
    "eps": ("eps",),
    "A": (
        *("a", "output", "outputs", "out", "y", "activations", "h", "yhat", "acurr", "lasta"),
        *("lastoutput", "activated", "hidden", "ypred", "result", "top", "activation"),
    ),
}

_EXACT: dict[str, str] = {name: role for role, names in TENSORS.items() for name in names}

_WORDS: dict[str, tuple[str, ...]] = {
    UPSTREAM: (
        *("upstream", "delta", "deltas", "error", "errors", "grad", "gradient", "g", "upgrad"),
        *("upstreamgrad", "upstreamgradient", "dvalues", "loss", "chain", "sensitivity"),
        *("dprev", "prevgrad", "prevgradient", "incominggradient", "incoming", "nextgrad"),
        *("lossgradient", "lossgrad", "outputerror", "err", "gradientoutput", "dnext", "dl"),
        *("prevg", "backwardsgradient", "backwardgradient", "nextgradient", "mulgrad", "d"),
        *("accumgrad", "deltanext", "nextdelta", "outgrad", "topgrad", "topdiff", "residual"),
    ),
    CACHE: ("cache", "ctx", "context", "saved", "memory", "state", "stored", "residuals", "caches"),
    RATE: (
        *("lr", "learningrate", "eta", "alpha", "rate", "step", "stepsize", "learnrate", "lrate"),
        *("learningr", "tasa", "tasaaprendizaje", "epsilon"),
    ),
    ACTIVATION: (
        *("activation", "act", "actfn", "activationfunction", "activationfn", "actfunc", "func"),
        *("activationfunc", "nonlinearity", "activationname", "transfer", "fn", "actfunction"),
    ),
    SLOPE: (
        *("activationderivative", "activationprime", "dactivation", "actderivative", "dact"),
        *("actprime", "activationgrad", "dactfn", "activationfunctionderivative", "df"),
        *("dactivationfn", "activationderiv", "gprime", "fprime", "derivative", "dactivate"),
        *("activationgradient", "activationbackward", "daf", "dfunc", "dphi"),
    ),
    GENERATOR: ("rng", "generator", "randomgenerator", "prng"),
    SEED: ("seed", "randomstate", "randomseed", "semilla", "key"),
    TRAINING: ("training", "train", "istraining", "trainmode", "retainderived", "retaingrads"),
    GRADIENTS: ("gradients", "grads", "gradientsout", "gradientdict", "gradsout"),
    LAYOUT: ("layout",),
    OPTIMIZER: (
        *("optimizer", "optimiser", "optim", "opt", "optimizerfn", "optimizador", "solver"),
        *("updater", "optimizerfunction", "optimiserfn"),
    ),
    SAMPLES: ("m", "batchsize", "nsamples", "numsamples", "samples", "nbatch", "nexamples", "bs"),
}

_WORD: dict[str, str] = {name: role for role, names in _WORDS.items() for name in names}

# What is put before or after a tensor's name to say that it is the gradient.
_BEFORE = (
    *("d", "grad", "gradient", "gradients", "grads", "delta", "nabla", "g", "dl", "dld", "dloss"),
    *("dlossd", "dcostd", "dcd", "djd", "ded", "deltaloss", "derivative", "gradof", "gradwrt"),
    *("accgrad", "dlwrt", "dcost", "losswrt", "totalgrad", "sumgrad", "pd", "diff", "lastd"),
)
_AFTER = (
    *("grad", "grads", "gradient", "gradients", "delta", "deltas", "derivative", "diff"),
    *("gradcurr", "nabla"),
)
# The input of a layer is the output of the one before; its gradient is passed to that one.
_OF_THE_INPUT = (
    *("prev", "previous", "inputs", "input", "x", "in", "prevlayer", "dprevious"),
    *("bottom", "down", "downstream", "inputgradient", "passed", "dprev"),
)
# d_a and d_y may be the gradient of this layer's output, or of the output of the one before.
_WEAK = ("A", "Z")

_LABELS = ("y", "ytrue", "label", "labels", "target", "targets", "t", "onehot")

_IN_TOKENS = (
    *("in", "input", "inputs", "fanin", "prev", "previous", "entrada", "entradas", "nin"),
    *("from", "source", "feature", "ninputs", "ninput", "insize", "indim", "infeatures", "dimin"),
    *("innodes", "inlen", "inputdim", "inputsize", "nprev", "nfeatures", "previouslayer"),
)
_OUT_TOKENS = (
    *("out", "output", "outputs", "fanout", "neurons", "neuron", "units", "unit", "nodes"),
    *("hidden", "salida", "salidas", "nout", "to", "target", "noutputs", "noutput", "outsize"),
    *("outdim", "outfeatures", "dimout", "outnodes", "outlen", "outputdim", "outputsize"),
    *("nneurons", "nunits", "nhidden", "nodesout", "classes", "nclasses"),
)


def plain(name: str) -> str:
    """A name without case, underscores, and the prefix of a private or mangled name."""
    return re.sub(r"_", "", unmangled(name)).lower()


def unmangled(name: str) -> str:
    """``__w`` for ``_Layer__w``; any other name as it is."""
    found = re.fullmatch(r"_[A-Za-z]\w*?(__\w+)", name)
    return found[1] if found and not name.startswith("__") else name


def tokens(name: str) -> list[str]:
    """The words of a name: at underscores and where lower case meets upper case."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", unmangled(name))
    return [word.lower() for word in spaced.split("_") if word]


def tensor_role(name: str) -> str | None:
    """The tensor that a name stands for: W, b, X, Z or A; a number at its end is a layer's."""
    word = plain(name)
    return _EXACT.get(word) or _EXACT.get(word.rstrip("0123456789"))


def preference(name: str, role: str) -> int:
    """The place of a name among those of a role, the most usual first; names first, privacy last.

    A name that does not stand for the role comes after all that do.
    """
    known = TENSORS.get(role, ())
    word = plain(name)
    place = known.index(word) if word in known else len(known)
    return 2 * place + name.startswith("_")


@lru_cache(maxsize=4096)
def gradient_role(name: str) -> str | None:
    """The gradient that a name stands for: dW, db, dX, dZ or dA."""
    word = plain(name)
    if word in _EXACT or _WORD.get(word) in (CACHE, RATE, ACTIVATION, SLOPE):
        return None
    for mark in _BEFORE:
        rest = word[len(mark) :]
        if word.startswith(mark) and rest:
            if (tensor := tensor_role(rest)) is not None:
                return f"d{tensor}"
            if rest in _OF_THE_INPUT:
                return "dX"
    for mark in _AFTER:
        rest = word[: -len(mark)]
        if word.endswith(mark) and rest:
            if (tensor := tensor_role(rest)) is not None:
                return f"d{tensor}"
            if rest in _OF_THE_INPUT:
                return "dX"
    return None


def is_weak(role: str) -> bool:
    """Whether a gradient's name is used for more than one thing: dA and dZ are."""
    return role[1:] in _WEAK


def is_label(name: str) -> bool:
    """Whether a name stands for what a loss compares the output with."""
    return plain(name) in _LABELS


def word_role(name: str) -> str | None:
    """The role of a parameter's name that is no tensor's, such as ``rate`` or ``cache``."""
    return _WORD.get(plain(name))


@lru_cache(maxsize=4096)
def size_role(name: str) -> str | None:
    """The axis whose size a constructor's parameter is: i, o or n."""
    if plain(name) in _WORD and _WORD[plain(name)] == SAMPLES:
        return SAMPLES
    words = [*tokens(name), plain(name)]
    if any(word in _IN_TOKENS for word in words):
        return INPUTS
    if any(word in _OUT_TOKENS for word in words):
        return OUTPUTS
    return None


# ---------------------------------------------------------------- methods and functions

_FORWARD = (
    *("forward", "forwardpass", "forwardprop", "forwardpropagation", "forwardpropagate", "fwd"),
    *("forwards", "feedforward", "fprop", "updateoutput", "forwardbatch", "propagate", "compute"),
    *("call", "apply", "activate", "predict", "run", "feed"),
)
_BACKWARD = (
    *("backward", "backwardpass", "backwardprop", "backwardpropagation", "backwardpropagate"),
    *("bwd", "backwards", "backprop", "backpropagate", "backpropagation", "bprop", "back"),
    *("updategradinput", "backwardbatch", "propagatebackward", "grad", "gradient", "gradients"),
    *("learn", "computegradients", "vjp", "calcgradients", "train"),
)


def forward_rank(name: str) -> int | None:
    """How usual a method's name is for the forward pass, the most usual 0; None if it is none."""
    return _rank(name, _FORWARD, ("forward",))


def backward_rank(name: str) -> int | None:
    """How usual a method's name is for the backward pass, the most usual 0; None if it is none."""
    return _rank(name, _BACKWARD, ("backward", "backprop"))


def _rank(name: str, usual: tuple[str, ...], parts: tuple[str, ...]) -> int | None:
    word = plain(name)
    if word in usual:
        return usual.index(word)
    return len(usual) if any(part in word for part in parts) else None


# Halves of a pair, as parts of a function's name.
HALVES = (
    ("forward", "backward"),
    ("forward", "backprop"),
    ("forward", "backwards"),
    ("forwards", "backwards"),
    ("fwd", "bwd"),
    ("fprop", "bprop"),
    ("forward", "back"),
    ("forward", "grad"),
    ("feedforward", "backprop"),
    ("feed_forward", "back_prop"),
    ("forward_prop", "back_prop"),
    ("forward", "backpropagation"),
    ("forward", "gradient"),
    ("forward", "vjp"),
)
