"""Makes agreement.json: Cohen's kappa of two judges by scikit-learn, and the exact interval of the share of equal verdicts by SciPy.

    pip install scikit-learn scipy
    python tests/reference/metrics/agreement.py

Nothing of Graft runs here. The interval of kappa is that of the share, with the agreement by chance as scikit-learn's kappa implies it.
"""

import json
import random
from importlib.metadata import version
from pathlib import Path

from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

VOTES = ["first", "second", "tie"]
draw = random.Random(12)
cases = []
for pairs, same in [(40, 0.8), (40, 0.0), (200, 0.3), (6, 0.7), (5, 1.0), (12, 1.0)]:
    one = [draw.choice(VOTES) for _ in range(pairs)]
    other = [vote if draw.random() < same else draw.choice(VOTES) for vote in one]
    agree = sum(a == b for a, b in zip(one, other))
    share = binomtest(agree, pairs).proportion_ci(0.95, method="exact")
    kappa = cohen_kappa_score(one, other, labels=VOTES)
    chance = sum(one.count(vote) * other.count(vote) for vote in VOTES) / pairs**2
    interval = [(end - chance) / (1 - chance) for end in share]
    cases.append(
        {"pairs": list(zip(one, other)), "agree": agree, "share": list(share), "kappa": kappa, "interval": interval}
    )
made = {name: version(name) for name in ("scikit-learn", "scipy")}
Path(__file__).with_name("agreement.json").write_text(json.dumps({"made_with": made, "cases": cases}) + "\n")
