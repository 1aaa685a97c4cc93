"""The entry point: finds the command, and turns errors into one message and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

import backproof
from backproof.cli.options import settings_file, settings_map
from backproof.errors import UsageError
from backproof.spec.errors import SpecError

# Each command is a module of this package, with a function of the same name, - being _ there.
COMMANDS = {
    "verify": "Check a layer's forward and backward pass.",
    "derive": "Derive the gradients of a layer given as equations.",
    "compare": "Judge claims such as dW = dZ^T X.",
    "check-certificate": "Replay a certificate that derive or compare wrote.",
    "replay": "Run recorded failures again.",
    "report": "Show the findings of an earlier run again.",
}


def _command(name: str) -> click.Command:
    name = name.replace("-", "_")
    command = getattr(import_module(f"backproof.cli.{name}"), name)
    assert isinstance(command, click.Command)
    return command


class _Lazy(click.Group):
    """Loads a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return _command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(backproof.__version__, message="backproof %(version)s")
def cli() -> None:
    """Prove that a neural-network layer's backward pass is right.

    A layer is stated once, as equations in index notation. From that its gradients are derived
    for every shape, and an implementation is checked against them and against independent
    oracles, with error bounds that are derived and not chosen.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Exit codes: 0 everything holds; 1 something is refuted or a subject failed; 2 the job could
    not be done; 130 interrupted.
    """
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        commands = {name: _command(name) for name in COMMANDS} if settings_file() else {}
        result = cli.main(
            args=arguments,
            prog_name="backproof",
            standalone_mode=False,
            default_map=settings_map(commands),
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except (UsageError, SpecError) as error:
        click.echo(f"error: {error}", err=True)
        return 2
    except BrokenPipeError:
        # Whoever read the output has gone; there is nobody to tell.
        sys.stderr.close()
        return 2
    except Exception as error:
        # A fault of our own, never to be taken for a verdict on a layer.
        if os.environ.get("BACKPROOF_DEBUG"):
            raise
        what = str(error).splitlines()
        click.echo(
            f"internal error: {type(error).__name__}: {what[0] if what else ''}\n"
            "help: this is a bug in backproof; BACKPROOF_DEBUG=1 shows where",
            err=True,
        )
        return 2
