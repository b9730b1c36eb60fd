"""GitHub workflows: what a pull request brings runs without secrets and write rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parent.parent / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
CHECKOUT = "actions/checkout@"


def read(path: Path) -> dict[str, Any]:
    data = yaml.safe_load(path.read_text("utf-8"))
    data["on"] = data.pop(True)  # YAML 1.1 reads the key as a truth value
    return data


def triggers(data: dict[str, Any]) -> set[str]:
    return {data["on"]} if isinstance(data["on"], str) else set(data["on"])


def writes(permissions: Any) -> bool:
    return permissions == "write-all" or "write" in dict(permissions or {}).values()


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_the_workflows_that_are_checked_here() -> None:
    assert [path.name for path in FILES] == ["publish.yml", "pull-request.yml", "tests.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_code_of_a_pull_request_meets_rights_or_secrets(path: Path) -> None:
    data, text = read(path), path.read_text("utf-8")
    assert not triggers(data) & {"pull_request_target", "workflow_run", "issue_comment"}
    assert data["permissions"] == {"contents": "read"}
    for job in data["jobs"].values():
        if "pull_request" in triggers(data):
            assert not writes(job.get("permissions"))
    if "pull_request" in triggers(data):
        assert "secrets" not in text
        assert "github.token" not in text
    # Whatever a title or a branch is called, it never becomes part of a command.
    for job in data["jobs"].values():
        assert "${{" not in commands(job)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_and_credentials_are_not_left_behind(path: Path) -> None:
    for job in read(path)["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])
            if step.get("uses", "").startswith(CHECKOUT) and not writes(job.get("permissions")):
                assert step["with"]["persist-credentials"] is False


def test_the_job_that_may_write_runs_no_code_of_ours() -> None:
    data = read(FOLDER / "publish.yml")
    assert data["on"] == {"push": {"branches": ["main"]}}
    jobs = data["jobs"]
    assert [name for name, job in jobs.items() if writes(job.get("permissions"))] == ["publish"]
    assert jobs["publish"]["needs"] == "build"
    assert "secrets" not in (FOLDER / "publish.yml").read_text("utf-8")
    for step in jobs["publish"]["steps"]:
        assert "ref" not in step.get("with", {})
    words = {line.split()[0] for line in commands(jobs["publish"]).splitlines() if line.strip()}
    assert words == {"git"}
    assert "benchbench verify leaderboard/results --rerun 1 --write" in commands(jobs["build"])


def test_a_pull_request_is_verified_against_what_was_accepted() -> None:
    [job] = read(FOLDER / "pull-request.yml")["jobs"].values()
    bases = [step["with"] for step in job["steps"]
             if step.get("uses", "").startswith(CHECKOUT) and "ref" in step["with"]]
    assert [base["ref"] for base in bases] == ["${{ github.event.pull_request.base.sha }}"]
    ran = " ".join(commands(job).split())
    assert (f"benchbench verify leaderboard/results --accepted "
            f"{bases[0]['path']}/leaderboard/results") in ran
    assert "report leaderboard/results --format md,html,csv --out leaderboard --check" in ran
    assert "GITHUB_STEP_SUMMARY" in ran
    assert "tox" in commands(read(FOLDER / "tests.yml")["jobs"]["tests"])
    assert "pull_request" in triggers(read(FOLDER / "tests.yml"))
