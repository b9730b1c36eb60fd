"""``benchbench plugins``"""

from __future__ import annotations

import json

import click

from benchbench.cli.options import environment_options


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, with tracebacks.")
@environment_options
def command(as_json: bool) -> None:
    """List every plugin with its origin and version; the broken ones with their reason."""
    from benchbench.registry import registry

    registry().load_all()
    found = registry().plugins
    if as_json:
        click.echo(json.dumps([
            {"name": p.name, "origin": p.origin, "version": p.version, "provides": p.provides,
             "problems": p.problems, "traceback": p.traceback} for p in found
        ], indent=1))
        return
    width = max((len(p.name) for p in found), default=0)
    for plugin in found:
        state = "broken" if plugin.problems and not plugin.provides else (
            "partly broken" if plugin.problems else "ok")
        gives = ", ".join(plugin.provides) or "nothing"
        origin = " ".join(filter(None, [plugin.origin, plugin.version]))
        click.echo(f"{plugin.name:{width}}  {state}  {origin}: {gives}")
        for problem in plugin.problems:
            click.echo(f"{'':{width}}  ! {problem}")
