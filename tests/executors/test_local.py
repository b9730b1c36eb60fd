from pathlib import Path
from tests.toys import execute, selection

def test_smoke(toys: Path, tmp_path: Path) -> None:
    records, told = execute(tmp_path / "out", selection("mean,behind,error,notfinite,raises,mean+spread", task="sum,iqa"))
    for r in records:
        print(r.extractor.name, r.task.name, r.task.params, r.status, r.reason, r.scores.get("error") or r.scores.get("srocc"))
    print(told)
    print(records[0].dumps())
