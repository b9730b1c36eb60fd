from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from benchbench.cli.score import command
from benchbench.errors import DataError, UsageError


@pytest.fixture
def table(tmp_path):
    """300 images in 30 groups, a good, a poor and an inverted method."""
    random = np.random.default_rng(0)
    q = random.uniform(0, 1, 300)
    columns = {
        "mos": 5 * q + random.normal(0, 0.3, 300),
        "good": np.exp(3 * q),
        "poor": q + random.normal(0, 0.5, 300),
        "inverted": -q,
        "sd": np.full(300, 0.4),
    }
    columns["dmos"] = 100 - 20 * columns["mos"]
    groups = np.arange(300) // 10
    lines = [",".join([*columns, "ref", "level"])]
    lines += [
        ",".join([*(repr(float(c[i])) for c in columns.values()), f"r{groups[i]}", str(i % 3 + 9)])
        for i in range(300)
    ]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, columns


def call(*arguments):
    """What the command prints; its errors are raised."""
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_of_one_prediction_has_the_metrics_at_its_top(table):
    path, columns = table
    found = json.loads(call(path, "--target", "mos", "--prediction", "good", "--json"))
    expected = stats.spearmanr(columns["good"], columns["mos"]).statistic
    assert found["srocc"] == {"value": pytest.approx(expected)}
    for key in ("krocc", "plcc", "rmse", "plcc_linear", "rmse_linear"):
        assert isinstance(found[key]["value"], float)
    assert found["n"] == 300 and found["prediction"] == "good"
    assert found["mapping"]["converged"] and found["mapping"]["monotone"]
    assert len(found["mapping"]["parameters"]) == 5
    assert found["mapping"]["free"]["rmse"] <= found["mapping"]["rmse"]


@pytest.mark.parametrize(
    ("target", "prediction", "flags", "sign"),
    [
        ("mos", "good", [], 1),
        ("mos", "inverted", [], -1),
        ("dmos", "good", [], -1),
        ("dmos", "good", ["--lower-better"], 1),
        ("dmos", "inverted", ["--lower-better"], -1),
        ("mos", "inverted", ["--lower-better"], 1),
    ],
)
def test_signs(table, target, prediction, flags, sign):
    found = json.loads(
        call(table[0], "--target", target, "--prediction", prediction, "--json", *flags)
    )
    for key in ("srocc", "krocc", "plcc", "plcc_linear"):
        assert np.sign(found[key]["value"]) == sign


def test_several_predictions_with_everything(table):
    text = call(
        table[0], "--target", "mos", "--prediction", "poor,good,inverted", "--group", "ref",
        "--std", "sd", "--std-kind", "ratings", "--by", "level", "--format", "json",
    )  # fmt: skip
    found = json.loads(text)
    assert list(found["predictions"]) == ["poor", "good", "inverted"]
    assert found["n_groups"] == 30
    good, poor, inverted = (found["predictions"][n] for n in ("good", "poor", "inverted"))
    for entry in (good, poor, inverted):
        low, high = entry["srocc"]["ci95"]
        assert low < entry["srocc"]["value"] < high
        assert entry["srocc"]["reliable"]
        assert 0 <= entry["outlier_ratio"]["value"] < 1
        assert list(entry["by"]) == ["9", "10", "11"]
        assert entry["by"]["10"]["n"] == 100
        assert isinstance(entry["by"]["10"]["srocc"]["value"], float)
    assert len({good["letters"], poor["letters"], inverted["letters"]}) == 3
    assert [e["rank_interval"] for e in (good, poor, inverted)] == [[1, 1], [2, 2], [3, 3]]


def test_table_is_aligned_and_sorted(table):
    text = call(table[0], "--target", "mos", "--prediction", "poor,good", "--group", "ref")
    lines = text.splitlines()
    assert lines[0].endswith("scores.csv: 300 images, 30 groups (ref), target mos")
    heading, first, second = lines[2:5]
    assert first.startswith("good") and second.startswith("poor")
    for name in ("KROCC", "PLCC", "RMSE", "letters", "rank"):
        place = heading.index(name)
        assert first[place - 1] == second[place - 1] == " "
        assert first[place] != " " and second[place] != " "
    assert "Methods that share a letter" in text


def test_markdown(table):
    text = call(table[0], "--target", "mos", "--prediction", "good,poor", "--format", "md")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {row.count("|") for row in rows} == {rows[0].count("|")}
    assert rows[1].replace("-", "").replace("|", "") == ""


def test_missing_cells_are_named_and_leave_the_row_undefined(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("mos,q,r\n1,1,2\n2,,3\n3,nan,5\n4,4,1\n5,5,2\n6,6,8\n")
    arguments = [str(path), "--target", "mos", "--prediction", "q,r"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.stderr == f"warning: {path}, line 3, column 'q': empty\n"
    assert "undefined: 2 of 6 predictions are NaN or infinite" in result.stdout
    first, second = result.stdout.splitlines()[3:5]
    assert first.startswith("r") and "–" not in first
    assert second.startswith("q") and "–" in second
    found = json.loads(call(*arguments, "--json"))["predictions"]["q"]["srocc"]
    assert found == {"value": None, "note": "undefined: 2 of 6 predictions are NaN or infinite"}


def test_bad_cells_are_all_named(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text('mos,q,ref\n1,1,a\n2,x1,b\n3,3\n"4\n",4,\nfour,4,c\n')
    with pytest.raises(DataError) as caught:
        call(path, "--target", "mos", "--prediction", "q", "--group", "ref")
    assert str(caught.value).splitlines() == [
        f"{path}, line 3, column 'q': 'x1' is not a number",
        f"{path}, line 4: 2 cells where the header has 3",
        f"{path}, line 6, column 'ref': empty",
        f"{path}, line 7, column 'mos': 'four' is not a number",
        "correct these cells; only a number may be left empty",
    ]


def test_many_bad_cells_are_counted(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("mos,q\n" + "1,bad\n" * 50)
    with pytest.raises(DataError) as caught:
        call(path, "--target", "mos", "--prediction", "q")
    assert len(str(caught.value).splitlines()) == 12
    assert "and 40 more" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "moss", "--prediction", "good"], "'moss' (--target); did you mean 'mos'?"),
        (["--target", "mos", "--prediction", "goood"], "(--prediction); did you mean 'good'?"),
        (["--target", "mos", "--prediction", "good", "--group", "zzz"], "(--group); its columns"),
        (["--target", "mos", "--prediction", " , "], "--prediction names no column"),
        (["--target", "mos", "--prediction", "good,good"], "names a column twice"),
        (["--target", "mos", "--prediction", "good", "--std-kind", "mean"], "needs --std"),
    ],
)
def test_wrong_calls(table, arguments, message):
    with pytest.raises(UsageError) as caught:
        call(table[0], *arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "none, the file is empty"),
        (b"mos,q,q\n1,2,3\n", "2 columns 'q'"),
        (b"mos,q\n1,\xff\n", "is not UTF-8 text"),
    ],
)
def test_unreadable_files(tmp_path, content, message):
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises((DataError, UsageError)) as caught:
        call(path, "--target", "mos", "--prediction", "q")
    assert message in str(caught.value)


def test_std_without_its_kind_is_undefined_and_says_so(table):
    found = json.loads(
        call(table[0], "--target", "mos", "--prediction", "good", "--std", "sd", "--json")
    )
    assert found["outlier_ratio"]["value"] is None
    assert "it is not declared" in found["outlier_ratio"]["note"]


def test_few_groups_have_no_letters(table):
    path, _ = table
    text = path.read_text()
    for group in range(5, 30):
        text = text.replace(f",r{group},", ",r0,")
    path.write_text(text)
    found = json.loads(
        call(path, "--target", "mos", "--prediction", "good,poor", "--group", "ref", "--json")
    )
    assert found["n_groups"] == 5
    for entry in found["predictions"].values():
        assert "letters" not in entry and "rank_interval" not in entry
        assert "ci95" not in entry["srocc"]
        assert "fewer than 6 groups (5)" in entry["srocc"]["note"]
    assert "fewer than 6 groups" in found["comparison_note"]


def test_a_spreadsheet_file_with_byte_order_mark(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes(b"\xef\xbb\xbfmos,q\r\n" + b"".join(b"%d,%d\r\n" % (i, i) for i in range(9)))
    found = json.loads(call(path, "--target", "mos", "--prediction", "q", "--json"))
    assert found["srocc"]["value"] == pytest.approx(1)


def test_a_plain_call_imports_nothing_heavy(table):
    code = (
        "import sys; from benchbench.cli.score import command; "
        f"command([{str(table[0])!r}, '--target', 'mos', '--prediction', 'good'],"
        " standalone_mode=False); "
        "print({'torch', 'pandas', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
