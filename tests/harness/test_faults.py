"""Layers with every fault that a layer can have: each ends in a verdict that names it.

The faults are files of ``tests/faults``. They are verified beside a right layer, which must be
verified right whatever the others did; and nothing of any is left afterwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "faults"
DOCUMENT = FOLDER.parent.parent / "docs" / "faults.md"
TOGETHER, AFTER = 12, 3
LIMITS = ["--timeout", "1", "--memory", "0.5", "--examples", "8"]


@dataclass(frozen=True)
class Faulty:
    """A layer with a fault, and what should be said of it.

    Attributes:
        path: its file.
        what: it does, in words.
        verdict: ``holds``, or a verdict and a check or quantity, such as ``error timeout``.
        says: what a message has to contain.
    """

    path: Path
    what: str
    verdict: str
    says: str

    @property
    def name(self) -> str:
        return self.path.stem


def faulty(path: Path) -> Faulty:
    header = dict(re.findall(r"^# (\w+): (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    return Faulty(path, header["fault"], header["verdict"], header.get("says", ""))


FAULTS = [faulty(path) for path in sorted(FOLDER.glob("*.py")) if path.stem != "right"]
GROUPS = [FAULTS[k : k + TOGETHER] for k in range(0, len(FAULTS), TOGETHER)]


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 60


def table() -> str:
    """The table of ``docs/faults.md``."""
    rows = ["| a layer that | ends in | and the report says |", "| --- | --- | --- |"]
    rows += [f"| {f.what} | {f.verdict} | {f.says} |" for f in FAULTS]
    return "\n".join(rows)


def test_the_documented_table_is_that_of_the_tests() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8")


def disagreements(fault: Faulty, findings: list[dict[str, Any]]) -> Iterator[str]:
    """How findings differ from what should be said."""
    bad = [f for f in findings if f["verdict"] in ("refuted", "error")]
    if fault.verdict == "holds":
        yield from (f"{fault.name}: {f['verdict']} {f['check']}: {f['message']}" for f in bad)
        if not any(f["verdict"] == "holds" for f in findings):
            yield f"{fault.name}: nothing holds"
        return
    verdict, _, what = fault.verdict.partition(" ")
    named = [f for f in bad if f["verdict"] == verdict and what in (f["check"], f.get("quantity"))]
    if not named:
        yield f"{fault.name}: no {fault.verdict} among {[(f['verdict'], f['check']) for f in bad]}"
    elif not any(fault.says in f.get("message", "") for f in named):
        yield f"{fault.name}: {fault.says!r} is not in {[f['message'] for f in named]}"


def left_over() -> list[str]:
    """Processes that a layer started and that are still there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if "sleep 31415" in command or "backproof.isolation" in command:
            found.append(command)
    return found


TEST = """
import backproof as bp
import pytest


@pytest.mark.parametrize("address", {addresses})
def test_layer(address):
    bp.check(address, examples=8, timeout=1, memory=2**29)
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("group", GROUPS, ids=lambda g: f"{g[0].name}..{g[-1].name}")
def test_every_fault_is_one_failure_in_pytest(group: list[Faulty], tmp_path: Path) -> None:
    right = f"{FOLDER / 'right.py'}:Dense"
    addresses = [*(f"{fault.path}:Layer" for fault in group), right]
    (tmp_path / "test_it.py").write_text(TEST.format(addresses=addresses), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", "--tb=line"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )

    outcomes = {
        name: outcome
        for outcome, name in re.findall(
            r"^(PASSED|FAILED) \S+?/(\w+)\.py:(?:Layer|Dense)\]", done.stdout, re.MULTILINE
        )
    }
    expected = {f.name: "PASSED" if f.verdict == "holds" else "FAILED" for f in group}
    assert outcomes == {**expected, "right": "PASSED"}, done.stdout


@pytest.mark.no_cover
@pytest.mark.parametrize("group", GROUPS, ids=lambda g: f"{g[0].name}..{g[-1].name}")
def test_every_fault_ends_in_its_verdict(group: list[Faulty], tmp_path: Path) -> None:
    right = f"{FOLDER / 'right.py'}:Dense"
    faulty = [f"{fault.path}:Layer" for fault in group]
    # A right one after every few: whatever was before must not reach it.
    addresses = [a for k in range(0, len(faulty), AFTER) for a in (*faulty[k : k + AFTER], right)]
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    done = subprocess.run(
        [sys.executable, "-m", "backproof", "verify", *addresses, *LIMITS, "--json", "-"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode in (0, 1), done.stderr
    findings = json.loads(done.stdout)["findings"]
    of = {
        fault.name: [f for f in findings if f.get("subject") == f"{fault.path.name}:Layer"]
        for fault in group
    }
    assert [d for fault in group for d in disagreements(fault, of[fault.name])] == []
    of_right = [f for f in findings if f.get("subject") == "right.py:Dense"]
    assert {f["verdict"] for f in of_right} == {"holds"}
    assert len(of_right) % -(-len(group) // AFTER) == 0
    assert list(temporary.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) in (
        ["temporary"],
        [".backproof", "temporary"],
    )
