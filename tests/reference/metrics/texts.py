"""Makes texts.json with sacrebleu, rouge-score and scikit-learn: BLEU, chrF and ROUGE of single texts and of all, with one reference and with two;
and accuracy and macro-F1 of labels.

    pip install sacrebleu rouge-score scikit-learn
    python tests/reference/metrics/texts.py

Nothing of Graft runs here.
"""

import json
from importlib.metadata import version
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import accuracy_score, f1_score

HERE = Path(__file__).parent

# (answer, references): the tokenizer's rules, short answers, answers without a match, other scripts.
TEXTS = [
    ("The cat sat on the mat.", ["The cat sat on the mat.", "A cat was sitting on the mat."]),
    ("the cat the cat the cat", ["the cat is on the mat", "there is a cat on the mat"]),
    ("It costs $1,234.50 - about 5-6 % more.", ["It costs $1234.50, about 5-6% more.", "It is 1,234.50 dollars."]),
    ("Tom &amp; Jerry &lt;3 &quot;cheese&quot;", ['Tom & Jerry <3 "cheese"', "Tom and Jerry love cheese"]),
    ("a hyphen-\nated word <skipped> here", ["a hyphenated word here", "one hyphenated word"]),
    ("Yes", ["Yes", "Yes, it is."]),
    ("Yes it is", ["No", "Yes it was"]),
    ("", ["Something was wanted", "Nothing"]),
    ("Nothing in common", ["Zürich ist schön", "x y z"]),
    ("Zürich ist schön", ["Zürich ist sehr schön", "Zürich ist toll"]),
    ("東京は大きい", ["東京はとても大きい", "東京は大きい"]),
    ("😀 fine 3.5,2", ["fine 😀 3.5, 2", "fine"]),
    ("He said (and I agree): \"No/never\" [1] {2} ~3 `4`", ["He said, and I agree: \"no, never\" [1]", "He said no"]),
    ("one two three four five six seven", ["one two three four five six", "one two three four five six seven eight"]),
]

# (answer, label): one label is never true, one answer is not a label.
LABELS = [("a", "a"), ("b", "a"), ("a", "a"), ("b", "b"), ("c", "b"), ("c", "c"), ("d", "c"), ("I think a", "a"), ("a", "e"), ("b", "b")]


def main():
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    made = {package: version(package) for package in ("sacrebleu", "rouge_score", "scikit-learn")}
    answers, labels = zip(*LABELS)
    result = {
        "made_with": made,
        "one": texts(scorer, [(answer, references[:1]) for answer, references in TEXTS]),
        "two": texts(scorer, TEXTS),
        "labels": {
            "rows": [{"answer": answer, "label": label} for answer, label in LABELS],
            "accuracy": accuracy_score(labels, answers),
            "macro-f1": f1_score(labels, answers, average="macro", zero_division=0),
        },
    }
    (HERE / "texts.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def texts(scorer, rows):
    answers = [answer for answer, _ in rows]
    references = [list(column) for column in zip(*(row for _, row in rows))]
    return {
        "rows": [{"answer": answer, "references": row, "scores": scores(scorer, answer, row)} for answer, row in rows],
        "bleu": BLEU().corpus_score(answers, references).score,
        "chrf": CHRF().corpus_score(answers, references).score,
    }


def scores(scorer, answer, references):
    rouge = scorer.score_multi(references, answer)
    return {
        **{name: one.fmeasure for name, one in rouge.items()},
        "sentence-bleu": BLEU(effective_order=True).sentence_score(answer, references).score,
        "sentence-chrf": CHRF().sentence_score(answer, references).score,
    }


if __name__ == "__main__":
    main()
