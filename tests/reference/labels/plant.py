"""Makes planted.jsonl (300 questions with three labels, 30 of them wrong) and wrong.json (the rows that are) in the folder that it is given.

    python tests/reference/labels/plant.py /tmp/labels

docs/experiments/wrong-labels.md says what `graft check` finds in them.
"""

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

draw = random.Random(3)
label_of = {word: label for label, words in WORDS.items() for word in words}
every = list(product(label_of, FRAMES, NAMES))
draw.shuffle(every)
rows = [
    {"prompt": "Animal, tool or food? " + frame.format(n=name, x=word), "completion": label_of[word]}
    for word, frame, name in every[:300]
]
wrong = sorted(draw.sample(range(300), 30))
for at in wrong:
    rows[at]["completion"] = draw.choice([label for label in WORDS if label != rows[at]["completion"]])
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "planted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
(folder / "wrong.json").write_text(json.dumps(wrong) + "\n")
