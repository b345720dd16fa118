"""Makes clusters.json: intervals of means by drawing whole groups of rows, and exact sign-flip tests by trying every combination of signs.

    pip install numpy
    python tests/reference/metrics/clusters.py

Nothing of Graft runs here.
"""

import json
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np

draw = np.random.default_rng(7)
cases = []
for sizes in ([1] * 12, [5, 3, 1, 4, 2, 6, 1, 3], [20, 1, 1, 1, 9, 2, 2, 7, 3, 3]):
    groups = [f"g{at}" for at, size in enumerate(sizes) for _ in range(size)]
    # Rows of a group are alike.
    lean = {f"g{at}": draw.normal(0.3, 1) for at in range(len(sizes))}
    differences = [int(np.clip(round(lean[group] + draw.normal(0, 0.8)), -3, 3)) for group in groups]
    by_group = [[d for d, group in zip(differences, groups) if group == f"g{at}"] for at in range(len(sizes))]
    sums = [sum(own) for own in by_group]
    flips = [abs(sum(sign * one for sign, one in zip(signs, sums))) for signs in product((1, -1), repeat=len(sums))]
    p = float(np.mean([flip >= abs(sum(sums)) for flip in flips]))
    # The mean of 200,000 draws of as many groups as there are.
    picked = draw.integers(len(sizes), size=(200_000, len(sizes)))
    means = np.array(sums)[picked].sum(1) / np.array(sizes)[picked].sum(1)
    cases.append({"groups": groups, "differences": differences, "p": p, "interval": np.quantile(means, [0.025, 0.975]).tolist()})

# The same rows as votes: who is ahead wins the row, and the share of wins among rows with a winner is drawn by whole groups.
draw = np.random.default_rng(8)
for case in cases:
    names = list(dict.fromkeys(case["groups"]))
    own = [[np.sign(d) for d, group in zip(case["differences"], case["groups"]) if group == name] for name in names]
    sums = [sum(votes) for votes in own]
    flips = [abs(sum(sign * one for sign, one in zip(signs, sums))) for signs in product((1, -1), repeat=len(sums))]
    won, lost = (np.array([votes.count(which) for votes in own]) for which in (1, -1))
    picked = draw.integers(len(own), size=(200_000, len(own)))
    first, both = won[picked].sum(1), (won + lost)[picked].sum(1)
    shares = first[both > 0] / both[both > 0]
    case["votes"] = {
        "p": float(np.mean([flip >= abs(sum(sums)) for flip in flips])),
        "interval": np.quantile(shares, [0.025, 0.975]).tolist(),
    }
made = {"numpy": version("numpy")}
Path(__file__).with_name("clusters.json").write_text(json.dumps({"made_with": made, "cases": cases}) + "\n")
