"""``benchbench check``"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from benchbench.cli.options import environment_options
from benchbench.errors import UsageError

if TYPE_CHECKING:
    from benchbench.testing import Check


@click.command("check")
@click.argument("component", metavar="NAME|PATH")
@click.option("--kind", type=click.Choice(["dataset", "backbone", "extractor", "task"]),
              help="Which of several components of that name.")
@click.option("--backbone", help="Try an extractor on this one instead of a toy.")
@environment_options
def command(component: str, kind: str | None, backbone: str | None) -> None:
    """Run the conformance suite on a component, or on all that a plugin file gives.

    NAME is a registered component with its parameters, such as grad[reduce=norm]; PATH a plugin
    file, or a dataset's .toml card. Exit code 0: nothing failed; 1: something did.
    """
    said: str | None = None
    failed = count = 0
    for check in _checks(component, kind, backbone):
        if check.component != said:
            said = check.component
            click.echo(said)
        click.echo(f"  {check.status:8}  {check.name:14}  {check.detail}".rstrip())
        failed += not check.ok
        count += 1
    click.echo(f"{count} checks, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)


def _checks(component: str, kind: str | None, backbone: str | None) -> Iterator[Check]:
    from benchbench.testing.conformance import check_component, check_file, kinds_of

    if component.endswith((".py", ".toml")):
        yield from check_file(component, backbone=backbone)
        return
    kinds = kinds_of(component)
    if kind and kind not in kinds:
        raise UsageError(f"{component} is a {' and a '.join(kinds)}; leave out --kind {kind}")
    for each in [kind] if kind else kinds:
        yield from check_component(each, component, backbone=backbone)
