from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from backproof.reports import render_html
from backproof.reports.escape import code_lines, is_unsafe, visible, visible_lines
from backproof.reports.finding import (
    Check,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Report,
    Shapes,
    Verdict,
    Where,
)
from tests.reports.pages import Element, of_class, read
from tests.reports.samples import HOSTILE, SAMPLES, bundled, derivation, hostile, refuted, undecided
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=60, deadline=None)

# All that the templates write, with the attributes that each may have.
PLAIN = (
    "html head title style body header main footer section article details summary h1 h2 h3 h4 p "
    "ul ol li dl dt dd div span b code pre small figure figcaption del ins mark table thead tbody "
    "tr th td"
)
DRAWN = "svg path circle rect text tspan title"
FORMULA = "math mrow mi mn mo msup msub mfrac mtext"
ALLOWED = {*PLAIN.split(), *DRAWN.split(), *FORMULA.split(), "meta", "a"}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "open", "scope", "title"),
    *("aria-hidden", "aria-label", "role", "href", "viewbox", "width", "height", "d", "x", "y"),
    *("cx", "cy", "r", "rx", "text-anchor", "transform", "display"),
}


def _page(report: Report, page: str | None = None) -> list[Element]:
    """Read a page, and make sure of what is true of every page."""
    page = render_html.render(report) if page is None else page
    elements = read(page)
    assert not [c for c in page if is_unsafe(c) and c != "\n"]
    assert {element.name for element in elements} <= ALLOWED
    assert {name for element in elements for name in element.attributes} <= ATTRIBUTES
    places = {element.attributes["id"] for element in elements if "id" in element.attributes}
    links = [e.attributes["href"] for e in elements if "href" in e.attributes]
    assert {link.removeprefix("#") for link in links} <= places
    assert all(link.startswith("#") for link in links)
    return elements


def _text(report: Report) -> str:
    return _page(report)[0].text


@QUICK
@given(reports() | derivations)
def test_whatever_a_report_holds_the_page_has_no_other_markup_than_its_own(report: Report) -> None:
    elements = _page(report)
    shown = elements[0].text

    for finding in report.findings:
        assert "\n".join(visible_lines(finding.message)).strip() in shown
        for note in finding.notes:
            assert "\n".join(visible_lines(note)).strip() in shown


@QUICK
@given(reports())
def test_all_findings_of_a_small_report_are_shown(report: Report) -> None:
    articles = of_class(_page(report), "finding")

    verdicts = sorted(next(c for c in a.classes if c.startswith("b-")) for a in articles)
    assert verdicts == sorted(f"b-{finding.verdict.value}" for finding in report.findings)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_are_pages(name: str) -> None:
    _page(SAMPLES[name]())


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    elements = _page(refuted())
    (style,) = [element for element in elements if element.name == "style"]
    (policy,) = [
        element.attributes["content"]
        for element in elements
        if element.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    # Nothing is fetched: a style sheet could name addresses as well.
    assert "url(" not in style.text
    assert "@import" not in style.text
    assert "://" not in render_html.render(refuted())


def test_the_verdict_is_one_sentence_and_never_by_colour_alone() -> None:
    elements = _page(refuted())
    (heading,) = [element for element in elements if element.name == "h1"]

    assert heading.text.startswith("✗ Of 22 answers, 3 refuted: dW (operands swapped), db (")
    for element in elements:
        verdicts = [name for name in element.classes if name.startswith("v-")]
        assert not verdicts or element.text.strip()[0] in "✓✗!?–E"


def test_refuted_findings_come_first_with_what_to_write() -> None:
    elements = _page(refuted())
    first, second, *_ = of_class(elements, "finding")
    written, *_ = of_class(elements, "written")
    follows, *_ = of_class(elements, "follows")

    assert "operands swapped" in first.text
    assert "layers.py:12:9" in first.text
    assert "wrong scale" in second.text
    assert written.text.strip() == "self.dW = np.dot(dZ.T, self.inputs)"
    assert follows.text.strip() == "self.dW = np.dot(self.inputs.T, dZ)"
    assert [e.text for e in elements if e.name in ("del", "ins")][:2] == [
        "dZ.T, self.inputs",
        "self.inputs.T, dZ",
    ]


def test_matrices_stand_side_by_side_with_the_wrong_entries_marked() -> None:
    case = Counterexample(
        sizes={"n": 1},
        inputs={"X": [[1, 2], [30, 4]]},
        expected=[[1, 2], [3, 4]],
        got=[[1, 2], [3, 5]],
    )
    finding = Finding(
        id="1",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity="dW",
        counterexample=case,
    )
    report = Report(command="verify", version="0", findings=[finding])
    elements = _page(report)

    assert len(of_class(elements, "matrices")) == 2
    assert [e.text for e in elements if e.name == "mark"] == ["5✗"]
    assert [e.text for e in elements if e.name == "figcaption"] == [
        "X (2 × 2)",
        "expected dW (2 × 2)",
        "got dW (2 × 2)",
    ]
    assert [e.text for e in of_class(elements, "brackets")] == [
        " 1  2\n30  4",
        "1  2\n3  4",
        "1  2 \n3  5✗",
    ]


def test_a_formula_is_shown_where_there_is_one_and_text_where_there_is_none() -> None:
    good = "<math><mi>dW</mi><mo>=</mo><mi>X</mi></math>"

    def page(formula: str | None) -> list[Element]:
        derived = Derived(matrix="dW = X", mathml=formula)
        finding = msgspec.structs.replace(refuted().findings[0], derived=derived)
        return _page(Report(command="verify", version="0", findings=[finding]))

    for formula in (None, good, "<math><script>alert(1)</script></math>", "<math>"):
        elements = page(formula)
        formulas = [element.text for element in elements if element.name == "math"]
        assert formulas == (["dW=X"] if formula == good else [])
        assert "dW = X" in [element.text for element in elements if element.name == "code"]


def test_evidence_says_error_and_bound_of_each_oracle() -> None:
    finding = Finding(
        id="1",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity="dW",
        evidence=[
            Evidence(oracle="derived", agrees=False, error=1e-3, bound=1e-15, cases=7),
            Evidence(oracle="exact", note="not tried"),
        ],
    )
    elements = _page(Report(command="verify", version="0", findings=[finding]))
    rows = [e.text for e in elements if e.name == "tr"]

    assert "derived✗ disagrees0.0011e-151e127" in rows
    assert "exact? undecidednot tried" in rows


def test_survivors_come_first_among_the_planted_mistakes() -> None:
    report = refuted()
    fine = msgspec.structs.replace(report.controls["layers.py:LayerDense"], missed=[])
    controls = {"fine": fine, **report.controls}
    text = _text(msgspec.structs.replace(report, controls=controls))

    assert "62 mistakes planted, 60 caught" in text
    assert text.index("dX: extra-sum") < text.index("fine")
    assert "dW3.1e-15" in text.replace("\n", "")


def test_what_could_not_be_read_is_named() -> None:
    assert "dW = contract(X, dZ, how='as usual')" in _text(undecided())


def test_subjects_link_to_their_sections_and_the_wrong_ones_come_first() -> None:
    elements = _page(undecided())
    sections = of_class(elements, "subject")
    names = [e.text.split()[1] for e in elements if e.name == "h2" and "blocks.py" in e.text]

    assert names == ["blocks.py:Second", "blocks.py:Broken", "blocks.py:First"]
    assert [s.attributes["id"] for s in sections] == ["s0", "s1", "s2", "s3"]
    assert all("open" in section.attributes for section in sections)


def test_subjects_that_hold_are_closed_when_there_are_several() -> None:
    sections = of_class(_page(bundled()), "subject")

    assert len(sections) == 42
    assert not any("open" in section.attributes for section in sections)


def test_a_derivation_shows_its_steps_and_programs() -> None:
    elements = _page(derivation())
    steps = [element.text for element in elements if element.name == "li"]

    assert steps[1] == "delta contraction: dW[o,i] = sum[n](dZ[n,o] * X[n,i])"
    assert "def backward(*, X, dZ):" in elements[0].text
    assert [e.text for e in elements if e.name == "h1"] == ["✓ 2 gradients derived."]


def test_a_program_keeps_its_indentation() -> None:
    (program,) = [e for e in _page(derivation()) if e.name == "pre"]

    assert program.text.splitlines()[:2] == [
        "def backward(*, X, dZ):",
        "    dW = dZ.T @ X",
    ]


def test_a_traceback_keeps_its_lines() -> None:
    said = [element.text for element in of_class(_page(undecided()), "said")]

    assert any("raised\n    IndexError: index 3" in text for text in said)


def test_hostile_text_is_shown_as_it_is_written() -> None:
    text = _text(hostile())

    assert "\n".join(code_lines(HOSTILE)) in text
    assert visible(HOSTILE)[:120] in text


@pytest.mark.parametrize("subjects", [1, 3, 4_000])
def test_a_page_of_many_findings_stays_within_its_size(subjects: int) -> None:
    wrong = refuted().findings[0]
    held = bundled().findings[0]
    findings = [
        msgspec.structs.replace(held, subject=f"subject {number % subjects}")
        for number in range(2_000)
    ]
    findings += [
        msgspec.structs.replace(wrong, subject=f"subject {number % subjects}")
        for number in range(8_000)
    ]
    report = Report(command="verify", version="0", findings=findings)
    page = render_html.render(report)
    elements = _page(report, page)
    articles = of_class(elements, "finding")
    (left_out,) = [
        int(e.text.split()[0]) for e in of_class(elements, "left-out") if "JSON" in e.text
    ]

    assert len(page.encode()) <= min(300_000 * subjects, 2_000_000)
    # What is wrong is what a page has room for.
    assert len(articles) > 5
    assert all("b-refuted" in article.classes for article in articles)
    assert len(articles) + left_out == 10_000


@pytest.mark.parametrize("sign", ["x", "<", "\u202e", "\x00", "\ud800", "\U000e0041", "漢"])
def test_a_page_of_enormous_texts_stays_within_its_size(sign: str) -> None:
    huge = sign * 10_000_000
    finding = Finding(
        id=huge,
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity=huge,
        subject=huge,
        where=Where(file=huge, line=1),
        statement=huge,
        message=huge,
        correction=huge,
        derived=Derived(index=f"a = {huge}[i]", matrix=huge, latex=huge, mathml=huge),
        counterexample=Counterexample(
            sizes={huge: 1}, inputs={huge: huge}, expected=[[huge]], got=huge, snippet=huge
        ),
        shapes=Shapes(expected=huge, got=huge, note=huge),
        evidence=[Evidence(oracle=huge, agrees=False, note=huge)],
        notes=[huge],
    )
    report = Report(
        command=huge,
        version=huge,
        findings=[finding],
        environment={huge: huge},
        notes=[huge],
    )

    assert len(render_html.render(report).encode()) <= 300_000
    assert len(of_class(_page(report), "finding")) == 1


def test_a_report_writes_itself(tmp_path: Path) -> None:
    report = refuted()
    for form in ("html", "json", "markdown", "junit", "sarif"):
        getattr(report, f"to_{form}")(tmp_path / form)

    assert (tmp_path / "html").read_text(encoding="utf-8") == render_html.render(report)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "html",
        "json",
        "junit",
        "markdown",
        "sarif",
    ]
