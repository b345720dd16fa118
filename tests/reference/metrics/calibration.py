"""Makes calibration.json: how well probabilities of choices are calibrated, by torchmetrics and scikit-learn.

    pip install torch torchmetrics scikit-learn
    python tests/reference/metrics/calibration.py

Nothing of Graft runs here. Rows have log-probabilities of their choices and the index of the right one.
"""

import json
import random
from importlib.metadata import version
from pathlib import Path

import torch
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import multiclass_calibration_error

draw = random.Random(11)
cases = []
for rows, choices, spread in [(40, 4, 3.0), (25, 7, 0.4), (12, 3, 40.0), (1, 2, 1.0)]:
    logs = [[draw.gauss(-8, spread) for _ in range(choices)] for _ in range(rows)]
    best = [max(range(choices), key=row.__getitem__) for row in logs]
    right = [at if draw.random() < 0.6 else draw.randrange(choices) for at in best]
    probabilities = torch.tensor(logs, dtype=torch.float64).softmax(-1)
    error = multiclass_calibration_error(
        probabilities, torch.tensor(right), num_classes=choices, n_bins=15, norm="l1", validate_args=False
    )
    brier = brier_score_loss(
        right, probabilities.numpy(), labels=list(range(choices)), scale_by_half=False
    )
    cases.append({"logProbabilities": logs, "right": right, "calibrationError": error.item(), "brier": brier})
made = {name: version(name) for name in ("torchmetrics", "scikit-learn")}
Path(__file__).with_name("calibration.json").write_text(json.dumps({"made_with": made, "cases": cases}) + "\n")
