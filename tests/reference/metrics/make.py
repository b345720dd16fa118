"""Makes squad.json with torchmetrics: token F1 and exact match by the rules of SQuAD, for pairs that try every rule; and rouge.json with
rouge-score: ROUGE-L of the same pairs and of some sentences.

    pip install torch torchmetrics rouge-score
    python tests/reference/metrics/make.py

Nothing of Graft runs here.
"""

import json
from importlib.metadata import version
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer
from torchmetrics.functional.text.squad import _compute_exact_match_score, _compute_f1_score

HERE = Path(__file__).parent

# (answer, expected)
PAIRS = [
    ("Paris", "Paris"),
    ("paris", "Paris."),
    ("in the city of Paris", "Paris"),
    ("The cat sat!", "the cat, sat"),
    ("an apple a day", "apple day"),
    ("a", "the"),
    ("", "Paris"),
    ("Paris", ""),
    ("", ""),
    ("aa aa aa aa", "aa"),
    ("aa bb aa", "aa aa cc"),
    ("line one\nline two", "line one line two"),
    ("tab\tand\u00a0no-break", "tab and nobreak"),
    ("Ελληνικά γράμματα", "ελληνικά γράμματα"),
    ("thé à la menthe", "the à menthe"),
    ("año nuevo", "an año"),
    ("the_end", "end"),
    ("-5", "−5"),
    ("$1,000.50", "1000.50 dollars"),
    ("“quoted”", '"quoted"'),
    ("日本語 です", "日本語"),
    ("It's 7 o'clock", "its 7 oclock"),
    ("another theory", "other theory"),
    ("A.B.C.", "abc"),
]

# More words, whose order matters.
SENTENCES = [
    ("the cat sat on the mat", "the mat sat on the cat"),
    ("police killed the gunman", "police kill the gunman"),
    ("the gunman kill police", "police kill the gunman"),
    ("He went home, and then he slept.", "Then he slept; and he went home."),
    ("a b c d e f g", "a x b y c z d"),
    ("one two three", "three two one"),
    ("1,000 apples at 2.50 each", "1000 apples at 2,50 each"),
    ("The meeting moved from Monday to Tuesday because the room was taken.", "The meeting is on Tuesday: the room was taken on Monday."),
]


def main():
    write("squad.json", "torchmetrics", squad())
    write("rouge.json", "rouge_score", rouge())


def rouge():
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return [
        {"answer": answer, "expected": expected, "f1": scorer.score(expected, answer)["rougeL"].fmeasure}
        for answer, expected in PAIRS + SENTENCES
    ]


def squad():
    rows = []
    for answer, expected in PAIRS:
        rows.append(
            {
                "answer": answer,
                "expected": expected,
                "f1": float(_compute_f1_score(answer, expected)),
                "exact": bool(_compute_exact_match_score(answer, expected)),
            }
        )
    return rows


def write(name, package, rows):
    made = {"made_with": {package: version(package)}, "rows": rows}
    (HERE / name).write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
