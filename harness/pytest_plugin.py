"""The pytest plugin: layers named in the settings become tests, and refusals are readable.

    [tool.backproof]
    layers = ["layers.py:Dense", "layers.py:affine_forward"]

Each of them is one test with the marker ``backproof``, in a run of the whole suite or with
``--backproof``. In any test, ``backproof.check(Dense)`` fails with the diagnosis; there the
marker ``@pytest.mark.backproof(examples=1000, timeout=5)`` gives its options.

Nothing but the standard library and pytest is imported until a layer is judged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from backproof.reports.finding import Report

MARKER = "backproof"
# What a layer's own table may say beside its name.
_OPTIONS = ("spec", "layout", "activation", "scale", "map", "accumulate", "examples", "timeout")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--backproof`` and ``--no-backproof``."""
    group = parser.getgroup("backproof", "verification of layers")
    group.addoption(
        "--backproof",
        action="store_true",
        default=None,
        dest="backproof",
        help="also verify the layers of [tool.backproof], where only some files are run.",
    )
    group.addoption(
        "--no-backproof",
        action="store_false",
        dest="backproof",
        help="do not verify the layers of [tool.backproof].",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(examples, timeout, spec, ...): options of backproof.check in this test.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the layers of the settings before -k, -m and --lf choose among the tests."""
    wanted = config.getoption(MARKER)
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    if wanted or (wanted is None and whole):
        items += LayerFile.from_parent(session, path=config.rootpath / "pyproject.toml").collect()


class LayerFile(pytest.File):
    """The pyproject.toml that names layers."""

    def collect(self) -> list[pytest.Item]:
        """One test for each of ``layers`` in ``[tool.backproof]``.

        Raises:
            UsageError: the list is not understood.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        table = tomllib.loads(text).get("tool", {}).get(MARKER, {})
        layers = table.get("layers", [])
        return [self._item(e, table) for e in ([layers] if isinstance(layers, str) else layers)]

    def _item(self, entry: Any, table: dict[str, Any]) -> LayerItem:
        given = {"layer": entry} if isinstance(entry, str) else dict(entry)
        name = given.pop("layer", None)
        strange = [key for key in given if key not in _OPTIONS]
        if not isinstance(name, str) or strange:
            raise pytest.UsageError(
                f"{self.path}: [tool.backproof] has {entry!r} among its layers; expected is an "
                f'address, such as "file.py:Name", or a table such as {{layer = "file.py:Name", '
                f"spec = ...}} with any of {', '.join(_OPTIONS)}"
            )
        shared = {key: table[key] for key in _OPTIONS if key in table}
        item: LayerItem = LayerItem.from_parent(self, name=name, options=shared | given)
        return item


class LayerItem(pytest.Item):
    """The verification of one layer."""

    def __init__(self, *, options: dict[str, Any], **rest: Any) -> None:
        super().__init__(**rest)
        self.options = options
        self.add_marker(MARKER)

    def runtest(self) -> None:
        """Verify the layer; its findings go to the user properties of the test.

        Raises:
            Refuted: it is wrong.
            UsageError: it cannot be found, or is not understood.
        """
        from backproof.api import check
        from backproof.recording import FOLDER

        options = dict(self.options)
        options["mapping"] = options.pop("map", None)
        address = _absolute(self.path.parent, self.name)
        report = check(address, record=self.config.rootpath / FOLDER, **options)
        self.user_properties.append((MARKER, _summary(report)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diagnosis alone: a traceback would show code of backproof only."""
        from backproof.api import Refuted
        from backproof.errors import UsageError
        from backproof.spec.errors import SpecError

        error = excinfo.value
        if isinstance(error, Refuted):
            self.user_properties.append((MARKER, _summary(error.report)))
        if isinstance(error, (Refuted, UsageError, SpecError)):
            return str(error).strip()
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the layer is named."""
        return self.path, None, f"backproof: {self.name}"


def _absolute(folder: Path, address: str) -> str:
    """An address of a file as seen from anywhere."""
    where, colon, name = address.rpartition(":")
    if where.endswith(".py") or "/" in where:
        return f"{folder / where}{colon}{name}"
    return address


def _summary(report: Report) -> dict[str, int]:
    """How many findings have each verdict: plain data, which a worker can send."""
    return {verdict: count for verdict, count in report.counts.items() if count}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Give the marker's options to every ``backproof.check`` of the test."""
    marker = None if isinstance(item, LayerItem) else item.get_closest_marker(MARKER)
    if marker is None:
        return (yield)
    from backproof.defaults import defaults

    with defaults(**marker.kwargs):
        return (yield)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the layers of the settings came to, also where workers ran them."""
    found = list(_summaries(terminalreporter.stats.values()))
    if not found:
        return
    tally: dict[str, int] = {}
    for summary in found:
        for verdict, count in summary.items():
            tally[verdict] = tally.get(verdict, 0) + count
    counts = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
    layers = "1 layer" if len(found) == 1 else f"{len(found)} layers"
    terminalreporter.write_line(f"backproof: {layers}, {counts}")


def _summaries(stats: Iterable[list[Any]]) -> Iterator[dict[str, int]]:
    for reports in stats:
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (v for key, v in report.user_properties if key == MARKER)
