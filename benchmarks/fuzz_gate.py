"""Generated cases of right layers, over all dtypes: none may be called wrong.

    python benchmarks/fuzz_gate.py 100000 [--seed N]

The layers are those of ``tests/right_layers`` that need no configuration. What they raise in a
dtype that they do not support is counted, and is no verdict on their values.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from backproof.adapters.registry import adapt
from backproof.checking import BAD
from backproof.loading import load
from backproof.oracles.formats import FORMATS
from backproof.verifying import Settings, observe
from tests.layer_headers import all_layers

FOLDER = Path(__file__).parent.parent / "tests" / "right_layers"


def main() -> int:
    """Print what was seen; 1 if a right layer was called wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int, nargs="?", default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    layers = all_layers(FOLDER)
    each = -(-wanted.cases // len(layers))
    states: Counter[str] = Counter()
    cases, raised = 0, 0
    for layer in layers:
        subject = adapt(load(layer.address), scale=layer.scale)
        subject = replace(subject, accumulate=layer.dtype_policy)
        settings = Settings(each, wanted.seed, tuple(FORMATS), controls=False, infer=False)
        seen = observe(subject, settings)
        cases += seen.cases
        raised += len(seen.crashes)
        for judged in (j for js in seen.judgements.values() for j in js):
            states[judged.state] += 1
            if judged.state in BAD:
                case = judged.case
                print(f"{layer.path.stem}: {judged.quantity} {judged.state} at {case.format}")
                print(f"  {dict(case.sizes)} {case.kind} {judged.note}")
    wrong = sum(states[s] for s in BAD)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    print(f"{len(layers)} layers, {cases} cases ({raised} raised): {told}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
