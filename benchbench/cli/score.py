"""`benchbench score`: the metrics of predictions made anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from benchbench.errors import UsageError

if TYPE_CHECKING:
    from benchbench.cli._score_input import Columns
    from benchbench.cli._score_output import Scores
    from benchbench.statistics.paired import Floats
    from benchbench.statistics.quality import StdKind

Format = Literal["table", "md", "json"]


@click.command(name="score")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", required=True, metavar="COLUMN", help="The subjective scores.")
@click.option(
    "--prediction",
    required=True,
    metavar="COLUMN[,COLUMN…]",
    help="The predictions of one method, or of several to be compared.",
)
@click.option(
    "--lower-better",
    is_flag=True,
    help="A better image has a LOWER target (DMOS) while its predictions are higher; or the other "
    "way round: predictions are distances and the target is MOS. Turns the predictions once. "
    "Not needed where both go the same way.",
)
@click.option(
    "--group",
    metavar="COLUMN",
    help="The content an image shows (its reference): gives 95 % intervals by resampling groups.",
)
@click.option("--std", metavar="COLUMN", help="Standard deviations: gives the outlier ratio.")
@click.option(
    "--std-kind",
    type=click.Choice(["ratings", "mean"]),
    help="What --std is the deviation of: an image's single ratings, or their mean. Without it "
    "the outlier ratio is undefined.",
)
@click.option("--by", metavar="COLUMN", help="Further rows for each value of this column.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "md", "json"]),
    default="table",
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    file: Path,
    target: str,
    prediction: str,
    lower_better: bool,
    group: str | None,
    std: str | None,
    std_kind: StdKind | None,
    by: str | None,
    form: Format,
    as_json: bool,
) -> None:
    """Score predictions against subjective scores, from a CSV file with a header line.

    SROCC, KROCC, PLCC and RMSE after a monotone logistic mapping, and both without it.
    Correlations are signed: below zero, a method is the wrong way round.
    """
    names = [name.strip() for name in prediction.split(",") if name.strip()]
    if not names:
        raise UsageError("--prediction names no column: give one, or several with commas")
    if len(set(names)) < len(names):
        raise UsageError(f"--prediction names a column twice: {prediction}")
    if std_kind is not None and std is None:
        raise UsageError("--std-kind needs --std: name the column of the deviations")
    # Imported here, so that `benchbench --help` does not wait for numpy.
    from benchbench.cli import _score_output as output
    from benchbench.cli._score_input import read_columns, shortened

    numbers = {target: "--target"} | dict.fromkeys(names, "--prediction")
    numbers |= {std: "--std"} if std else {}
    labels = ({group: "--group"} if group else {}) | ({by: "--by"} if by else {})
    columns = read_columns(file, numbers, labels)
    for line in shortened(columns.missing):
        click.echo(f"warning: {line}", err=True)
    scores = output.Scores(str(file), target, lower_better, columns.numbers[target].size, group, by)
    _fill(scores, columns, names, std, std_kind)
    click.echo(output.FORMATS["json" if as_json else form](scores))


def _fill(
    scores: Scores, columns: Columns, names: list[str], std: str | None, std_kind: StdKind | None
) -> None:
    """Compute everything that was asked for."""
    from benchbench.statistics.quality import oriented, quality_by, quality_metrics

    y = columns.numbers[scores.target]
    deviations = columns.numbers[std] if std else None
    predictions = {name: oriented(columns.numbers[name], not scores.lower_better) for name in names}
    for name, x in predictions.items():
        scores.metrics[name] = quality_metrics(x, y, std=deviations, std_kind=std_kind)
        if scores.by_column:
            scores.by[name] = quality_by(
                columns.labels[scores.by_column], x, y, std=deviations, std_kind=std_kind
            )
    if scores.group:
        _resample(scores, predictions, columns, deviations, std_kind)


def _resample(
    scores: Scores,
    predictions: dict[str, Floats],
    columns: Columns,
    deviations: Floats | None,
    std_kind: StdKind | None,
) -> None:
    """Add the intervals, and for several predictions the comparison."""
    import numpy as np

    from benchbench.statistics.comparison import compare
    from benchbench.statistics.quality_intervals import with_intervals

    y, groups = columns.numbers[scores.target], columns.labels[str(scores.group)]
    scores.n_groups = np.unique(groups).size
    for name, x in predictions.items():
        scores.metrics[name] = with_intervals(
            scores.metrics[name], x, y, groups, std=deviations, std_kind=std_kind
        )
    defined = {name: x for name, x in predictions.items() if scores.metrics[name].fit}
    if len(defined) > 1:
        comparison = compare(defined, y, groups)
        scores.letters = comparison.letters
        scores.rank_interval = comparison.rank_interval
        scores.comparison_note = comparison.note
