"""What a check found: the data model that every rendering shows and that the JSON is made of."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Any

import msgspec

SCHEMA = "backproof/1"


class Verdict(StrEnum):
    """The answer to one question about one quantity or one statement."""

    HOLDS = "holds"
    REFUTED = "refuted"
    ASSUMES = "assumes"
    UNKNOWN = "unknown"
    UNREAD = "unread"
    ERROR = "error"


class Check(StrEnum):
    """What was asked."""

    GRADIENT = "gradient"
    FORWARD = "forward"
    SHAPE = "shape"
    DTYPE = "dtype"
    MUTATION = "mutation"
    ALIASING = "aliasing"
    DETERMINISM = "determinism"
    NONFINITE = "nonfinite"
    CRASH = "crash"
    TIMEOUT = "timeout"
    STATEMENT = "statement"
    CODE = "code"
    OUTPUT = "output"
    CLAIM = "claim"
    INITIALISER = "initialiser"
    ORACLE = "oracle"


class MistakeKind(StrEnum):
    """The names of mistakes; a report never uses others."""

    TRANSPOSED = "transposed"
    OPERANDS_SWAPPED = "operands-swapped"
    WRONG_OPERAND = "wrong-operand"
    MISSING_ACTIVATION_DERIVATIVE = "missing-activation-derivative"
    DERIVATIVE_AT_OUTPUT = "derivative-at-output"
    MISSING_SUM = "missing-sum"
    WRONG_AXIS = "wrong-axis"
    EXTRA_SUM = "extra-sum"
    WRONG_SCALE = "wrong-scale"
    WRONG_SIGN = "wrong-sign"
    WRONG_MASK = "wrong-mask"
    EXTRA_FACTOR = "extra-factor"
    MISSING_TERM = "missing-term"
    STALE_VALUE = "stale-value"
    UPDATED_WEIGHTS = "updated-weights"
    FLOAT_PRECISION = "float-precision"
    SHAPE = "shape"
    OTHER = "other"


class _Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Common settings: immutable, keyword-only; absent keys are left out of the JSON."""


class Where(_Record, frozen=True):
    """A place: ``line`` and ``column`` count from 1 in the file, or in a notebook's cell.

    ``cell`` counts from 0.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    cell: int | None = None


class Mistake(_Record, frozen=True):
    """A mistake by its name, with the variant and one sentence that says what was done."""

    kind: MistakeKind
    variant: str | None = None
    sentence: str | None = None


class Derived(_Record, frozen=True):
    """The equation that follows from the specification, in up to four notations."""

    index: str | None = None
    matrix: str | None = None
    latex: str | None = None
    mathml: str | None = None


class Counterexample(_Record, frozen=True):
    """The smallest case found for which the result is wrong.

    ``inputs``, ``expected`` and ``got`` are nested lists of numbers (or of strings, for exact
    rationals); ``snippet`` is a stand-alone program that shows the difference; ``sentence`` says
    it in words that can be redone on paper.
    """

    sizes: dict[str, int] = {}
    inputs: dict[str, Any] = {}
    expected: Any = None
    got: Any = None
    sentence: str | None = None
    snippet: str | None = None


class Shapes(_Record, frozen=True):
    """Shapes expected and returned; symbolic (``"(n, o)"``) and at each size tried.

    ``table`` has a row a size: ``{"sizes": {...}, "expected": [..], "got": [..]}``; ``note`` points
    out shapes that a wrong formula shares with the right one only because two sizes are equal.
    """

    expected: str | None = None
    got: str | None = None
    table: list[dict[str, Any]] = []
    note: str | None = None


class Evidence(_Record, frozen=True):
    """What one oracle says: whether it agrees, the error it saw and the bound it allows.

    ``error`` is |result - reference| at the entry that is worst relative to its bound, ``bound``
    the derived bound there.
    """

    oracle: str
    agrees: bool | None = None
    error: float | None = None
    bound: float | None = None
    cases: int | None = None
    note: str | None = None


class Finding(_Record, frozen=True):
    """One answer to one question, with everything needed to understand and to redo it."""

    id: str
    check: Check
    verdict: Verdict
    quantity: str | None = None
    subject: str | None = None
    where: Where | None = None
    statement: str | None = None
    message: str = ""
    mistake: Mistake | None = None
    correction: str | None = None
    assumption: str | None = None
    convention: str | None = None
    derived: Derived | None = None
    counterexample: Counterexample | None = None
    shapes: Shapes | None = None
    evidence: list[Evidence] = []
    notes: list[str] = []


class Control(_Record, frozen=True):
    """The negative controls of a run: mistakes planted, mistakes caught, and the finest error seen.

    ``limit`` maps a quantity to the smallest relative error of a single entry that this run
    would have caught (dimensionless).
    """

    planted: int = 0
    caught: int = 0
    missed: list[str] = []
    equivalent: int = 0
    limit: dict[str, float] = {}


class Report(_Record, frozen=True):
    """A run's findings and what is needed to read them.

    ``notes`` are sentences about the run as a whole: what was inferred, what proves every depth,
    which oracles were at hand.
    """

    command: str
    version: str
    findings: list[Finding] = []
    environment: dict[str, Any] = {}
    controls: dict[str, Control] = {}
    gradients: list[dict[str, Any]] | None = None
    notes: list[str] = []

    @property
    def counts(self) -> dict[str, int]:
        """How many findings have each verdict; every verdict is a key."""
        tally = {str(verdict): 0 for verdict in Verdict}
        for finding in self.findings:
            tally[finding.verdict] += 1
        return tally

    @property
    def ok(self) -> bool:
        """Nothing is refuted and nothing failed."""
        return not any(f.verdict in (Verdict.REFUTED, Verdict.ERROR) for f in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one HTML file that needs nothing else.

        Args:
            path: the file; its folder has to exist.

        Raises:
            ReportError: the file can't be written; the message says why.
        """
        self._write("html", path)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the report as JSON, which ``backproof report`` reads; else as :meth:`to_html`."""
        self._write("json", path)

    def to_markdown(self, path: str | os.PathLike[str]) -> None:
        """Write the report as GitHub-flavoured Markdown; else as :meth:`to_html`."""
        self._write("markdown", path)

    def to_junit(self, path: str | os.PathLike[str]) -> None:
        """Write the report as JUnit XML; else as :meth:`to_html`."""
        self._write("junit", path)

    def to_sarif(self, path: str | os.PathLike[str]) -> None:
        """Write the report as SARIF 2.1.0; else as :meth:`to_html`."""
        self._write("sarif", path)

    def _write(self, form: str, path: str | os.PathLike[str]) -> None:
        # The renderings know this module, so that it can know them only when it is used.
        from backproof.reports.registry import renderer
        from backproof.reports.write import write_text

        write_text(path, renderer(form)(self))
