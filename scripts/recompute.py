"""Computes the numbers of an evaluation again, from its answers, and prints them next to those that Graft wrote.

    python scripts/recompute.py FOLDER_OR_FILE

FOLDER is what `graft evaluate --out` wrote, or what “Export the report” gives once it is unzipped. FILE is report.json, evaluation.json, or
predictions.jsonl, which has answers without flips. Nothing of Graft runs here: Python's standard library is enough, and chrF is checked if sacrebleu is
installed. It ends with 1 if a number differs. An interval that was drawn at random differs if its ends are further off than another draw puts them.
"""

import json
import math
import random
import re
import string
import sys
from collections import Counter
from pathlib import Path

DRAWS = 2000
# What JavaScript calls white space, at both ends of an answer.
SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
wrong = []
unchecked = set()


def said(what, recorded, computed, near):
    same = recorded is None or all(abs(a - b) <= near for a, b in zip(recorded, computed))
    if not same:
        wrong.append(what)
    text = lambda values: " to ".join(f"{value:.6g}" for value in values)
    print(f"{'' if same else 'DIFFERS '}{what}: recorded {text(recorded) if recorded else '–'}, recomputed {text(computed)}")


def exact(answer, expected):
    return float(answer.strip(SPACE) == expected.strip(SPACE))


def words(text):
    """SQuAD: lower case, without punctuation and articles (Rajpurkar et al. 2016)."""
    kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def token_f1(answer, expected):
    own, wanted = words(answer), words(expected)
    if not own or not wanted:
        return float(own == wanted)
    common = sum((Counter(own) & Counter(wanted)).values())
    return 2 * common / (len(own) + len(wanted))


ROW_SCORES = {"exact-match": exact, "token-f1": token_f1}


def wilson(count, total, z=1.959964):
    share, z2 = count / total, z * z / total
    middle, half = (share + z2 / 2) / (1 + z2), z / (1 + z2) * math.sqrt(share * (1 - share) / total + z2 / (4 * total))
    return [max(0.0, middle - half), min(1.0, middle + half)]


def bootstrap(scores, groups):
    """The interval of the mean, by drawing whole groups of rows."""
    by_group, draw = {}, random.Random(7)
    for at, group in enumerate(groups):
        by_group.setdefault(group, []).append(scores[at])
    sums = [(sum(own), len(own)) for own in by_group.values()]
    means = []
    for _ in range(DRAWS):
        picked = draw.choices(sums, k=len(sums))
        means.append(sum(one for one, _ in picked) / sum(many for _, many in picked))
    means.sort()
    return [means[int(0.025 * (DRAWS - 1))], means[int(0.975 * (DRAWS - 1))]]


def p_of_flips(differences, groups):
    """Two-sided and exact: the signs of whole groups are drawn. With groups of one row it is McNemar's test."""
    by_group = Counter()
    for difference, group in zip(differences, groups):
        by_group[group] += difference
    units = [abs(unit) for unit in by_group.values() if unit]
    seen = abs(sum(by_group.values()))
    ways = Counter({0: 1})
    for unit in units:
        ways = Counter({total: ways[total - unit] + ways[total + unit] for total in {s + d for s in ways for d in (unit, -unit)}})
    return sum(many for total, many in ways.items() if abs(total) >= seen) / 2 ** len(units)


def check(name, answers, items, groups, recorded):
    """Prints the numbers of a method, and tells whether each answer is right."""
    metrics, intervals = recorded.get("metrics", {}), recorded.get("intervals", {})
    wanted = [item["expected"] for item in items]
    grouped = len(set(groups)) < len(groups)
    for metric, score in ROW_SCORES.items():
        if metric != "exact-match" and metric not in metrics:
            continue
        scores = [score(answer, expected) for answer, expected in zip(answers, wanted)]
        value = metrics.get(metric)
        said(f"{name}, {metric}", None if value is None else [value], [sum(scores) / len(scores)], 1e-9)
        ends = intervals.get(metric)
        same = len(set(scores)) == 1
        if set(scores) <= {0, 1} and (same or not grouped):
            # A bootstrap of scores that are all the same has no width. A group is then one observation.
            total = len(set(groups))
            right = sum(scores) if not same else total * scores[0]
            said(f"{name}, 95% interval of {metric} (Wilson)", ends, wilson(right, total), 1e-9)
        elif ends:
            drawn = bootstrap(scores, groups)
            if drawn[1] - drawn[0] < 1e-9 and metric == "exact-match":
                # All groups have the same share: the rows are then counted one by one.
                drawn = wilson(sum(scores), len(scores))
            elif set(scores) <= {0, 1}:
                # Groups make an interval no shorter than rows that are counted one by one.
                low, high = wilson(sum(scores), len(scores))
                drawn = [min(drawn[0], low), max(drawn[1], high)]
            near = max(0.2 * (drawn[1] - drawn[0]), 1e-9)
            said(f"{name}, 95% interval of {metric} (bootstrap)", ends, drawn, near)
    if "chrf" in metrics:
        try:
            from sacrebleu.metrics import CHRF

            said(f"{name}, chrf", [metrics["chrf"]], [CHRF().corpus_score(answers, [wanted]).score], 1e-6)
        except ImportError:
            unchecked.add("chrf (sacrebleu is not installed)")
    unchecked.update(metric for metric in metrics if metric not in ROW_SCORES and metric != "chrf")
    return [exact(answer, expected) == 1 for answer, expected in zip(answers, wanted)]


def of_record(record, report):
    items, subjects = record["items"], record["subjects"]
    groups = [item.get("group", at) for at, item in enumerate(items)]
    methods = {(one["method"], one.get("adapter")): one for one in report.get("methods", [])}
    rights, seen = {}, Counter()
    for at, subject in enumerate(subjects):
        place = subject.get("adapter", {}).get("folder") or subject.get("adapter", {}).get("name")
        answers = [row[at]["text"] for row in record["evidence"] if row[at] is not None]
        if not answers or "failed" in subject:
            continue
        seen[subject["method"]] += 1
        key = subject["method"] if seen[subject["method"]] == 1 else f"{subject['method']} {seen[subject['method']]}"
        known = methods.get((subject["method"], place), {})
        rights[place or key] = check(place or key, answers, items[: len(answers)], groups[: len(answers)], known)
    for one in report.get("comparisons", []):
        own, other = rights[one["adapter"]], rights[one["against"]]
        flips = [int(a) - int(b) for a, b in zip(own, other)]
        what = f"{one['adapter']} against {one['against']}"
        said(f"{what}, only it is right, only the other", [one["only_adapter"], one["only_other"]], [flips.count(1), flips.count(-1)], 0)
        test = "McNemar" if len(set(groups)) == len(groups) else "sign flips over groups"
        said(f"{what}, exact p ({test})", [one["p"]], [p_of_flips(flips, groups)], 1e-9)


def of_predictions(lines):
    by_method = {}
    for line in lines:
        by_method.setdefault((line["method"], line.get("adapter")), []).append(line)
    for (method, adapter), own in by_method.items():
        for metric, score in ROW_SCORES.items():
            known = [line["scores"][metric] for line in own if metric in line["scores"]]
            if known:
                scores = [score(line["output"], line["expected"]) for line in own if metric in line["scores"]]
                said(f"{adapter or method}, {metric} of predictions", [sum(known) / len(known)], [sum(scores) / len(scores)], 1e-9)


def main(place):
    files = [place / name for name in ("report.json", "predictions.jsonl")] if place.is_dir() else [place]
    for file in files:
        text = file.read_text("utf-8")
        if file.suffix == ".jsonl":
            of_predictions([json.loads(line) for line in text.split("\n") if line])
        else:
            read = json.loads(text)
            of_record(read.get("evaluation", read), read)
    if unchecked:
        print(f"Not computed here: {', '.join(sorted(unchecked))}.")
    print(f"{len(wrong)} differ: {', '.join(wrong)}" if wrong else "All numbers that were computed again are the same.")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
