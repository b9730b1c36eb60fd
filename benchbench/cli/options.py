"""Options that several commands share."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchbench.cells import Selection
from benchbench.compatibility import PRECISIONS
from benchbench.errors import UsageError, nearest

Command = Callable[..., Any]

ENVIRONMENT = {"data_root": "BENCHBENCH_DATA", "plugin_dir": "BENCHBENCH_PLUGIN_PATH"}

SELECTION = ("features", "task", "dataset", "backbone", "seed", "limit", "precision",
             "max_feature_gb", "controls", "allow_partial")


def selection_options(command: Command) -> Command:
    """``--features … --task … --dataset … --backbone …`` and what goes with them."""
    options: list[Command] = [
        click.option("--features", default="grad,activation", show_default=True,
                     help="Comma list of extractors; a+b joins; name[key=value,…]."),
        click.option("--task", default="iqa", show_default=True, help="Comma list of tasks."),
        click.option("--dataset", default="demo", show_default=True,
                     help="Comma list of datasets, or paths of .toml cards."),
        click.option("--backbone",
                     help="Comma list of backbones; default: each extractor's own, mostly unique."),
        click.option("--seed", default="0", show_default=True,
                     help="Comma list of seeds for splits and resampling."),
        click.option("--limit", type=click.IntRange(min=1),
                     help="Use so many images, spread over the table."),
        click.option("--allow-partial", is_flag=True,
                     help="Use the rows whose files are there; every record shows the coverage."),
        click.option("--precision", type=click.Choice(PRECISIONS),
                     default="float32", show_default=True, help="Part of a cell's id."),
        click.option("--max-feature-gb", type=float, default=20.0, show_default=True,
                     help="Refuse features that need more."),
        click.option("--controls/--no-controls", default=True, show_default=True,
                     help="Add the control rows."),
        click.option("--config", type=click.Path(exists=True, dir_okay=False),
                     help="TOML file with these names as keys."),
        environment_options,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def environment_options(command: Command) -> Command:
    """``--data-root`` and ``--plugin-dir``, which act through the environment."""
    command = click.option(
        "--data-root", type=click.Path(file_okay=False), expose_value=False,
        callback=_environment(ENVIRONMENT["data_root"]), is_eager=True,
        help="Folder that holds the datasets' folders.")(command)
    return click.option(
        "--plugin-dir", type=click.Path(), expose_value=False, is_eager=True,
        callback=_environment(ENVIRONMENT["plugin_dir"]),
        help="Folder of single-file plugins.")(command)


def apply_config(ctx: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Fill what the command line left at its default from ``--config``."""
    config = given.pop("config", None)
    if config is None:
        return given
    try:
        data = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"config {config}: not valid TOML ({error})") from error
    params = {param.name: param for param in ctx.command.params if param.name}
    known = [*given, *ENVIRONMENT]
    for name, value in data.items():
        key = name.replace("-", "_")
        if key in ENVIRONMENT and key in params:
            if ctx.get_parameter_source(key) is not click.core.ParameterSource.COMMANDLINE:
                set_folder(ENVIRONMENT[key], str(value))
            continue
        if key not in given:
            hint = nearest(key, known) or f"keys: {', '.join(known)}"
            raise UsageError(f"config {config}: unknown key {name!r}; {hint}")
        if ctx.get_parameter_source(key) is click.core.ParameterSource.DEFAULT:
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            try:
                given[key] = params[key].type_cast_value(ctx, text)
            except click.BadParameter as error:
                raise UsageError(f"config {config}: key {name!r}: {error.message}") from error
    return given


def make_selection(given: dict[str, Any]) -> Selection:
    """The selection among a command's options."""
    chosen = {name: given[name] for name in SELECTION if name != "seed"}
    try:
        seeds = tuple(dict.fromkeys(int(item) for item in str(given["seed"]).split(",")))
    except ValueError as error:
        raise UsageError(f"--seed {given['seed']!r}: expected whole numbers, as 0,1,2") from error
    return Selection(**chosen, seeds=seeds)


def _environment(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None:
            set_folder(name, value)

    return callback


def set_folder(name: str, value: str) -> None:
    os.environ[name] = str(Path(value).expanduser().absolute())
