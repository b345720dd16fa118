"""Makes squad.json with torchmetrics: token F1 and exact match by the rules of SQuAD, for pairs that try every rule.

    pip install torch torchmetrics
    python tests/reference/metrics/make.py

Nothing of Graft runs here.
"""

import json
from pathlib import Path

import torchmetrics
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


def main():
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
    made = {"made_with": {"torchmetrics": torchmetrics.__version__}, "rows": rows}
    (HERE / "squad.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
