"""The command line. One file a command, imported when it is called."""

from __future__ import annotations

import importlib
import sys
import warnings

import click

from benchbench.errors import BenchbenchError, nearest

COMMANDS = {
    "run": "Run every cell of a selection and print the table.",
    "plan": "Show what would run, what is stored, what is skipped and why.",
    "list": "List datasets, backbones, features, tasks or layers.",
    "prepare": "Fetch and check datasets, or say where to ask for them.",
    "plugins": "List plugins with their origin, the broken ones with the reason.",
    "show": "Show one record: scores, reason, traceback, how to repeat it.",
    "export": "Write a cell's features with their image ids to a file.",
    "report": "Write tables from records as Markdown, HTML, CSV or text.",
    "submit": "Lay a run's records out among the accepted ones.",
    "verify": "Check records: ids, data, and every score from its predictions.",
    "compare": "Show what changed between two runs, with paired intervals.",
    "score": "Score predictions made anywhere against subjective scores.",
    "new": "Write a plugin file and its test to start from.",
    "check": "Run the conformance suite on a component or a plugin file.",
    "store": "Show what the store holds, oldest use first, or prune it.",
}


class Commands(click.Group):
    """Loads a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"benchbench.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = nearest(args[0], COMMANDS) or f"commands: {', '.join(COMMANDS)}"
            raise click.UsageError(f"unknown command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])  # the command `list` hides the type here


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="benchbench-harness", prog_name="benchbench")
def cli() -> None:
    """What a network's reaction to an image is worth.

    Runs dataset × backbone × extractor × task and prints a table that can be compared and
    believed. Start with: benchbench run --features grad,activation --task iqa
    """


def main() -> None:
    """Exit code 0: every cell ok or skipped; 1: some failed; 2: the call was wrong."""
    # Pillow's own limit lies a little below ours, which refuses a file by name.
    warnings.filterwarnings("ignore", "Image size .* exceeds limit of .* pixels")
    try:
        sys.exit(cli(standalone_mode=False))  # `ctx.exit(1)` comes back as 1
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BenchbenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
