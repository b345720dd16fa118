"""Makes chrf.json with sacrebleu: chrF of single texts and of all of them, for the pairs of make.py.

    pip install sacrebleu
    python tests/reference/metrics/chrf.py

Nothing of Graft runs here.
"""

import json
from importlib.metadata import version
from pathlib import Path

from sacrebleu.metrics import CHRF

HERE = Path(__file__).parent


def main():
    texts = json.loads((HERE / "rouge.json").read_text())["rows"]
    pairs = [(row["answer"], row["expected"]) for row in texts if row["expected"].strip()]
    pairs += [("Grüße 👩‍🚀 aus Köln", "Grüsse 👩‍🚀 aus Köln"), ("ab", "abcdefgh"), ("a  b\u3000c", "abc"), ("abcdefgh", "a")]
    chrf = CHRF()
    rows = [
        {"answer": answer, "expected": expected, "chrf": chrf.sentence_score(answer, [expected]).score / 100}
        for answer, expected in pairs
    ]
    corpus = chrf.corpus_score([answer for answer, _ in pairs], [[expected for _, expected in pairs]]).score / 100
    made = {"made_with": f"sacrebleu {version('sacrebleu')}", "rows": rows, "corpus": corpus}
    (HERE / "chrf.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
