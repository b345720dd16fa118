"""Makes planted.jsonl and wrong.json in the folder that it is given: rows, and which of them have a wrong label.

    python tests/reference/labels/plant.py /tmp/labels                             300 questions with three labels, 30 of them wrong
    python tests/reference/labels/plant.py /tmp/labels banking77_train.csv 1       rows of a table (text,category), 80 of them wrong, drawn by a seed

docs/experiments/wrong-labels.md says what `graft check` finds in them.
"""

import csv
import json
import random
import sys
from itertools import product
from pathlib import Path

WORDS = {
    "animal": "robin owl hen duck cat dog fox frog".split(),
    "tool": "spade shears rake hammer saw broom bucket ladder".split(),
    "food": "bread soup cheese apple pie honey jam cake".split(),
}
NAMES = "Ben Mia Tom Emma Anna Lily Jack Rose".split()
FRAMES = [
    "{n} saw the {x} today.",
    "Where is the {x}, {n}?",
    "{n} likes the {x} best.",
    "The {x} is in the garden with {n}.",
    "Give the {x} to {n}.",
    "{n} talks of the {x}.",
    "Is this the {x} of {n}?",
    "{n} looks for the {x}.",
]



def questions():
    draw = random.Random(3)
    label_of = {word: label for label, words in WORDS.items() for word in words}
    every = list(product(label_of, FRAMES, NAMES))
    draw.shuffle(every)
    rows = [("Animal, tool or food? " + frame.format(n=name, x=word), label_of[word]) for word, frame, name in every[:300]]
    return rows, draw, list(WORDS), 30


def table(path, seed):
    with open(path, newline="", encoding="utf-8") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return rows, random.Random(int(seed)), sorted({label for _, label in rows}), 80


rows, draw, labels, count = questions() if len(sys.argv) < 3 else table(*sys.argv[2:4])
wrong = sorted(draw.sample(range(len(rows)), count))
for at in wrong:
    prompt, right = rows[at]
    rows[at] = prompt, draw.choice([label for label in labels if label != right])
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "planted.jsonl").write_text(
    "".join(json.dumps({"prompt": prompt, "completion": label}) + "\n" for prompt, label in rows)
)
(folder / "wrong.json").write_text(json.dumps(wrong) + "\n")
