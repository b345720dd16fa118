"""Makes answers.json: `includes` of inspect_ai, micro F1 of scikit-learn over pairs of fields, and seq-rep-4 as Welleck et al. (2019) define it.

    pip install inspect-ai scikit-learn
    python tests/reference/metrics/answers.py

Nothing of Graft runs here.
"""

import asyncio
import json
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

from inspect_ai.scorer import CORRECT, Target, includes
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

# (answer, reference)
TEXTS = [
    ("The capital is Paris.", "Paris"),
    ("the capital is PARIS", "Paris"),
    ("Paris", "Paris, France"),
    ("Die Straße ist lang", "STRASSE"),
    ("ο δρόμος της ΟΔΟΣ", "οδός"),
    ("ΟΔΥΣΣΕΥΣ εδώ", "Οδυσσευς"),
    ("", "Paris"),
    ("no", "No"),
    ("nothing", "no"),
    ("a  b", "a b"),
]

# (answer, reference): no pair stands twice in a text.
FIELDS = [
    ({"name": "Ann", "age": 7}, {"name": "Ann", "age": 7}),
    ({"name": "Ann", "age": "7"}, {"name": "Ann", "age": 7}),
    ({"age": 7, "name": "Bob"}, {"name": "Ann", "age": 7, "city": None}),
    ({"a": {"b": {"c": True}}, "d": 1.5}, {"a": {"b": {"c": True, "e": False}}}),
    ("no JSON at all", {"name": "Ann"}),
    ({"tags": ["x", "y"]}, {"tags": ["y", "x", "z"]}),
    ([{"type": "PER", "text": "Ann"}, {"type": "LOC", "text": "Oslo"}], [{"type": "LOC", "text": "Oslo"}, {"type": "PER", "text": "Ann"}]),
    ([{"type": "ORG", "text": "Oslo"}], [{"type": "LOC", "text": "Oslo"}]),
    ({"found": [{"label": "PER", "text": "Ann", "start": 3}]}, {"found": [{"label": "PER", "text": "Ann", "start": 4}]}),
    ({"items": []}, {"items": [{"type": "PER", "text": "Ann"}]}),
    ({"items": [{"type": "PER", "text": "Ann"}]}, {"items": []}),
    ({"items": [{"size": 1}, {"size": 2}]}, {"items": [{"size": 2}, {"size": 3}]}),
    (3, 3),
]

REPEATED = [
    "one two three",
    "one two three four",
    "a b c d a b c d a b c d",
    "the cat sat on the mat and the cat sat on the hat",
    "ha " * 20,
    "",
    "Two\nlines  of\tblanks, two lines of blanks, two lines of blanks",
]


def included(answer, reference):
    state = SimpleNamespace(output=SimpleNamespace(completion=answer))
    return asyncio.run(includes()(state, Target(reference))).value == CORRECT


def pairs(value, path=()):
    """A path and a value each. In a list an entity's type stands for its place; other items have none."""
    if isinstance(value, dict):
        return [pair for key, inside in value.items() for pair in pairs(inside, (*path, key))]
    if not isinstance(value, list):
        return [(path, json.dumps(value))]
    found = []
    for item in value:
        key = next((k for k in ("type", "label") if isinstance(item, dict) and "text" in item and k in item), None)
        rest = {k: inside for k, inside in item.items() if k != key} if key else item
        found += pairs(rest, (*path, "[]", item[key]) if key else (*path, "[]"))
    return found


def micro(rows):
    given = [pairs(answer) if not isinstance(answer, str) else [] for answer, _ in rows]
    wanted = [pairs(reference) for _, reference in rows]
    assert all(len(set(one)) == len(one) for one in given + wanted)
    binarizer = MultiLabelBinarizer().fit(given + wanted)
    return float(f1_score(binarizer.transform(wanted), binarizer.transform(given), average="micro", zero_division=1))


def repeated(text):
    words = text.split()
    grams = [tuple(words[at : at + 4]) for at in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value)


result = {
    "made_with": {package: version(package) for package in ("inspect-ai", "scikit-learn")},
    "contains": [{"answer": answer, "expected": reference, "includes": included(answer, reference)} for answer, reference in TEXTS],
    "fields": {
        "rows": [{"answer": text_of(answer), "expected": json.dumps(reference), "f1": micro([(answer, reference)])} for answer, reference in FIELDS],
        "micro": micro(FIELDS),
    },
    "repetition": [{"answer": text, "share": repeated(text)} for text in REPEATED],
}
Path(__file__).with_name("answers.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
