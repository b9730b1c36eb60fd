"""Eleven published methods on three datasets: the table that the metrics must reproduce.

The values are recomputed from the methods' published per-image scores (all rows, LIVE with its
copies of the references), as absolute values: SROCC, KROCC, PLCC and RMSE of the best monotone
logistic from 72 starts, of the best one of all, and the linear PLCC.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scipy.io import loadmat

from benchbench.statistics.quality import quality_metrics

FILES = {
    "PSNR": 1, "PSNR-HA": 2, "PSNR-HMA": 3, "SSIM": 4, "MS-SSIM": 5, "CW-SSIM": 6, "IW-SSIM": 7,
    "SR-SIM": 8, "FSIMc": 10, "PerSIM": 11,
}  # fmt: skip
# Folder and prefix of the methods' files, file of the subjective scores, file of UNIQUE, direction.
SETS = {
    "LIVE": ("data_L/metric", "dmos_live", "unique_live", False),
    "MULTI": ("data_M/Multi_metric", "Multi_GT", "unique_multi", False),
    "TID13": ("data_T/TID_metric", "TID_GT", "unique_tid", True),
}
GOLDEN = """
LIVE PSNR 0.9092 0.7484 0.9284 8.590 0.9284 8.590 0.8941
LIVE PSNR-HA 0.9377 0.7912 0.9539 6.935 0.9539 6.935 0.7843
LIVE PSNR-HMA 0.9443 0.8027 0.9586 6.581 0.9586 6.581 0.7843
LIVE SSIM 0.9496 0.8149 0.9455 7.524 0.9455 7.524 0.7139
LIVE MS-SSIM 0.9512 0.8181 0.9468 7.437 0.9468 7.437 0.6396
LIVE CW-SSIM 0.9027 0.7319 0.8726 11.291 0.8726 11.291 0.2638
LIVE IW-SSIM 0.9604 0.8379 0.9515 7.110 0.9515 7.110 0.6834
LIVE SR-SIM 0.9558 0.8188 0.9453 7.542 0.9453 7.542 0.6518
LIVE FSIMc 0.9599 0.8366 0.9503 7.199 0.9503 7.199 0.7285
LIVE PerSIM 0.9505 0.8157 0.9557 6.804 0.9557 6.804 0.8604
LIVE UNIQUE 0.9523 0.8187 0.9562 6.766 0.9562 6.766 0.8226
MULTI PSNR 0.6771 0.5003 0.7402 12.716 0.7478 12.557 0.7392
MULTI PSNR-HA 0.7146 0.5322 0.8011 11.320 0.8011 11.320 0.7948
MULTI PSNR-HMA 0.7423 0.5580 0.8206 10.808 0.8214 10.785 0.8190
MULTI SSIM 0.8604 0.6695 0.8915 8.569 0.8915 8.569 0.8125
MULTI MS-SSIM 0.8363 0.6442 0.8747 9.165 0.8747 9.165 0.8028
MULTI CW-SSIM 0.6308 0.4572 0.6921 13.651 0.6921 13.651 0.3795
MULTI IW-SSIM 0.8836 0.7017 0.9110 7.801 0.9110 7.801 0.8472
MULTI SR-SIM 0.8666 0.6776 0.8883 8.685 0.8883 8.685 0.8112
MULTI FSIMc 0.8666 0.6768 0.8965 8.379 0.8965 8.379 0.8211
MULTI PerSIM 0.8183 0.6244 0.8651 9.485 0.8651 9.485 0.8521
MULTI UNIQUE 0.8669 0.6786 0.8970 8.359 0.8970 8.359 0.8720
TID13 PSNR 0.6394 0.4696 0.6725 0.917 0.7054 0.879 0.5950
TID13 PSNR-HA 0.7792 0.6109 0.8184 0.712 0.8511 0.651 0.6688
TID13 PSNR-HMA 0.7568 0.5824 0.8010 0.742 0.8275 0.696 0.6646
TID13 SSIM 0.7417 0.5588 0.7893 0.761 0.7895 0.761 0.7596
TID13 MS-SSIM 0.7859 0.6047 0.8329 0.686 0.8329 0.686 0.7773
TID13 CW-SSIM 0.5627 0.4035 0.5653 1.023 0.5653 1.023 0.2272
TID13 IW-SSIM 0.7779 0.5977 0.8319 0.688 0.8319 0.688 0.7639
TID13 SR-SIM 0.8073 0.6407 0.8663 0.619 0.8663 0.619 0.7970
TID13 FSIMc 0.8510 0.6665 0.8769 0.596 0.8769 0.596 0.8322
TID13 PerSIM 0.8536 0.6776 0.8668 0.618 0.8668 0.618 0.8549
TID13 UNIQUE 0.8600 0.6668 0.8711 0.609 0.8711 0.609 0.8691
"""
ROWS = [line.split() for line in GOLDEN.strip().splitlines()]


def column(path: Path):
    content = loadmat(path)
    (name,) = (name for name in content if not name.startswith("__"))
    return content[name].ravel()


@pytest.fixture(scope="module")
def computed(shared_data):
    folder = shared_data / "metric_scores"
    found = {}
    for dataset, method, *_ in ROWS:
        prefix, targets, unique, higher = SETS[dataset]
        file = FILES.get(method)
        scores = f"mat/{unique}" if file is None else f"{prefix}_metInd_{file}_poolInd_1"
        found[dataset, method] = quality_metrics(
            column(folder / f"{scores}.mat"),
            column(folder / "mat" / f"{targets}.mat"),
            higher_is_better=higher,
        )
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_row_comes_out(row, computed):
    dataset, method, *numbers = row
    srocc, krocc, plcc, rmse, _, free_rmse, linear = map(float, numbers)
    found = {k: e.value for k, e in computed[dataset, method].estimates.items()}
    # UNIQUE's scores for MULTI rise with DMOS; all the others fall as it rises.
    sign = -1 if (dataset, method) == ("MULTI", "UNIQUE") else 1
    assert sign * found["srocc"] == pytest.approx(srocc, abs=0.001)
    assert sign * found["krocc"] == pytest.approx(krocc, abs=0.001)
    assert sign * found["plcc_linear"] == pytest.approx(linear, abs=0.001)
    assert found["rmse"] <= 1.002 * rmse
    assert found["rmse_free"] <= 1.002 * free_rmse
    assert sign * found["plcc"] >= plcc - 0.001


def test_mappings_converged_and_are_monotone(computed):
    for metrics in computed.values():
        assert metrics.fit.converged and metrics.fit.monotone
        assert metrics.fit.kind in ("logistic5", "logistic4")


def test_the_table(computed, capsys):
    """Prints the table; the mappings that differ from the free fit are marked."""
    lines = ["", "dataset method    SROCC   KROCC   PLCC    RMSE    free RMSE  PLCC lin.  mapping"]
    for (dataset, method), metrics in computed.items():
        value = {key: estimate.value for key, estimate in metrics.estimates.items()}
        lines.append(
            f"{dataset:7s} {method:8s} {value['srocc']:7.4f} {value['krocc']:7.4f} "
            f"{value['plcc']:7.4f} {value['rmse']:7.3f} {value['rmse_free']:7.3f}    "
            f"{value['plcc_linear']:7.4f}    {metrics.fit.kind}"
            + ("" if metrics.fit.free.monotone else ", free fit turns round")
        )
    with capsys.disabled():
        # The output of a test that passes is not shown otherwise.
        sys.stdout.write("\n".join(lines) + "\n")
    assert len(lines) == 2 + len(ROWS) == 35
