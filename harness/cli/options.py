"""Options that every command has, and settings from files and the environment."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backproof.errors import UsageError
from backproof.spec.errors import suggestion

if TYPE_CHECKING:
    from backproof.spec.layer import Spec

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """Where results go, and what the exit code counts."""

    files: tuple[tuple[str, str], ...]
    format: str
    quiet: bool
    color: str
    seed: int
    strict: bool
    exit_zero: bool


_FILES = ("json", "html", "markdown", "junit", "sarif")


def shared(command: F) -> F:
    """Add the options that every command has."""
    for option in reversed(
        [
            click.option("--json", metavar="FILE", help="Write JSON; - for standard output."),
            click.option("--html", metavar="FILE", help="Write one self-contained page."),
            click.option("--markdown", metavar="FILE", help="Write Markdown."),
            click.option("--junit", metavar="FILE", help="Write JUnit XML."),
            click.option("--sarif", metavar="FILE", help="Write SARIF 2.1.0."),
            click.option(
                "--format",
                type=click.Choice(["text", "json", "github"]),
                envvar="BACKPROOF_FORMAT",
                help="What is printed: text, in GitHub Actions its annotations (github), or json.",
            ),
            click.option(
                "--quiet", "-q", is_flag=True, envvar="BACKPROOF_QUIET", help="Findings only."
            ),
            click.option(
                "--color",
                type=click.Choice(["yes", "no", "auto"]),
                default="auto",
                envvar="BACKPROOF_COLOR",
                help="Colours; auto: on a terminal.",
            ),
            click.option(
                "--seed",
                type=click.IntRange(0),
                default=0,
                envvar="BACKPROOF_SEED",
                show_default=True,
                help="Of all random choices.",
            ),
            click.option(
                "--strict",
                is_flag=True,
                envvar="BACKPROOF_STRICT",
                help="Fail on what could not be decided or read, too.",
            ),
            click.option(
                "--exit-zero",
                is_flag=True,
                envvar="BACKPROOF_EXIT_ZERO",
                help="Exit with 0 whatever was found.",
            ),
        ]
    ):
        command = option(command)
    return command


def stated(command: F) -> F:
    """Add the options that say which layer of a name is meant."""
    for option in reversed(
        [
            click.option("--layout", metavar="L", help="Of a named layer, such as 'ni,io->no'."),
            click.option("--activation", metavar="G", help="What g stands for."),
            click.option(
                "--depth", type=click.IntRange(1, 1000), help="Layers, for the name network."
            ),
            click.option(
                "--scale",
                type=click.Choice(["sum", "mean"]),
                default="sum",
                help="mean: gradients of parameters are divided by the number of samples.",
            ),
        ]
    ):
        command = option(command)
    return command


def limited(command: F) -> F:
    """Add the options that say what a layer may take."""
    for option in reversed(
        [
            click.option(
                "--timeout",
                type=click.FloatRange(0, min_open=True),
                default=20.0,
                envvar="BACKPROOF_TIMEOUT",
                show_default=True,
                metavar="SECONDS",
                help="For one call of a layer's code.",
            ),
            click.option(
                "--memory",
                type=click.FloatRange(0),
                default=8.0,
                envvar="BACKPROOF_MEMORY",
                show_default=True,
                metavar="GIB",
                help="Of a layer's process; 0: no limit.",
            ),
        ]
    ):
        command = option(command)
    return command


def memory_of(values: dict[str, Any]) -> int:
    """The bytes that the option of ``limited`` allows."""
    return int(values["memory"] * 2**30)


def certified(command: F) -> F:
    """Add the option that writes a certificate."""
    return click.option(
        "--certificate",
        metavar="FILE",
        help="Write what 'backproof check-certificate' replays step by step.",
    )(command)


def certificate_path(values: dict[str, Any]) -> Path | None:
    """Take the file of the certificate out of a command's values; None where none is wanted.

    Raises:
        UsageError: it cannot be written.
    """
    given = values.pop("certificate")
    if given is None:
        return None
    from backproof.reports.errors import ReportError
    from backproof.reports.write import ensure_writable

    try:
        ensure_writable(given)
    except ReportError as error:
        raise UsageError(str(error)) from None
    return Path(given)


def write_certificate(path: Path, data: dict[str, Any]) -> None:
    """Write a certificate, whole or not at all.

    Raises:
        UsageError: the system refuses.
    """
    from backproof.reports.errors import ReportError
    from backproof.reports.write import write_text

    try:
        write_text(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    except ReportError as error:
        raise UsageError(str(error)) from None


def spec_of(given: str, values: dict[str, Any]) -> Spec:
    """The spec that equations, a file or a name state, by the options of ``stated``.

    Raises:
        UsageError: it is none of them, or the file cannot be read.
        SpecError: the equations are wrong.
    """
    from backproof.stating import state

    return state(given, **{key: values[key] for key in ("layout", "activation", "depth", "scale")})


def output_of(values: dict[str, Any]) -> Output:
    """Take the shared options out of a command's values.

    Raises:
        UsageError: two renderings would share standard output, or a file cannot be written.
    """
    files = tuple((kind, values.pop(kind)) for kind in _FILES if values.get(kind) is not None)
    for kind in _FILES:
        values.pop(kind, None)
    from backproof.reports.errors import ReportError
    from backproof.reports.write import ensure_writable

    for _, path in files:
        if path != "-":
            try:
                ensure_writable(Path(path))
            except ReportError as error:
                raise UsageError(str(error)) from None
    if sum(path == "-" for _, path in files) > 1:
        raise UsageError("only one rendering can go to standard output")
    return Output(
        files,
        values.pop("format") or ("github" if os.environ.get("GITHUB_ACTIONS") else "text"),
        *(values.pop(k) for k in ("quiet", "color", "seed", "strict", "exit_zero")),
    )


# What the pytest plugin takes from the settings, and no command does.
_OF_TESTS = ("layers",)


def settings_file() -> Path | None:
    """The nearest pyproject.toml, in the current folder or above."""
    here = Path.cwd()
    paths = (folder / "pyproject.toml" for folder in (here, *here.parents))
    return next((path for path in paths if path.is_file()), None)


def settings_map(commands: dict[str, click.Command]) -> dict[str, Any]:
    """Defaults for every command from ``[tool.backproof]`` of the nearest pyproject.toml.

    Raises:
        UsageError: the file cannot be read, or has a key that is not known.
    """
    path = settings_file()
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("backproof", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    known = {
        p.name
        for command in commands.values()
        for p in command.params
        if isinstance(p, click.Option) and p.name and p.name not in ("help", "version")
    }
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        if key in _OF_TESTS:
            continue
        name = key.replace("-", "_")
        if name not in known:
            raise UsageError(
                f"{path}: [tool.backproof] has an unknown key '{key}'",
                suggestion(name, known) or f"known are {', '.join(sorted(known))}",
            )
        defaults[name] = value
    return {command: dict(defaults) for command in commands}
