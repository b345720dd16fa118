"""Graft's rewards as Python: each takes an answer, the wanted one and the number of tokens, and gives a score. run.json names those of the run."""

import json
import re
from collections import Counter

# What JavaScript trims, and what Unicode calls white space.
TRIMMED = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
SPACES = re.compile("[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
ARTICLES = re.compile(r"\b(?:a|an|the)\b")
MAX_JSON_DEPTH = 64


def within(text, tag):
    """The content of the last such tag; None if there is no closed one, and all of the text without a tag."""
    if tag == "":
        return text
    end = text.rfind(f"</{tag}>")
    start = -1 if end < 0 else text.rfind(f"<{tag}>", 0, end)
    return None if start < 0 else text[start + len(tag) + 2 : end]


def words(text):
    plain = ARTICLES.sub(" ", PUNCTUATION.sub("", text.lower()))
    return [word for word in SPACES.split(plain) if word]


def wanted_answer(answer):
    if answer is None:
        raise ValueError("the row has no reference answer")
    return answer


def compared(score):
    def reward(text, answer, tokens, within="", **_):
        wanted = wanted_answer(answer)
        found = WITHIN(text, within)
        return 0.0 if found is None else float(score(found, wanted))

    return reward


WITHIN = within


def token_f1(text, wanted):
    ours, theirs = words(text), words(wanted)
    if not ours or not theirs:
        return len(ours) == len(theirs)
    return 2 * (Counter(ours) & Counter(theirs)).total() / (len(ours) + len(theirs))


def canonical(text):
    """A number in its normal form; None if the text is not a number."""
    plain = re.sub(r"[$,]", "", text or "")
    found = re.fullmatch(r"(-?)([0-9]*)(?:\.([0-9]*))?", plain[:-1] if plain.endswith(".") else plain)
    if not found or not (found[2] + (found[3] or "")):
        return None
    whole, fraction = found[2].lstrip("0") or "0", (found[3] or "").rstrip("0")
    value = f"{whole}.{fraction}" if fraction else whole
    return value if value == "0" else found[1] + value


def strict_number(text, marker):
    at = text.find(marker)
    while at >= 0:
        found = re.compile(r"-?[0-9.,]+").match(text, at + len(marker))
        if found:
            return found[0]
        at = text.find(marker, at + 1)
    return None


def flexible_number(text):
    return ([None] + re.findall(r"-?[$0-9.,]{2,}|-?[0-9]+", text))[-1]


def number_match(text, answer, tokens, extraction="strict", marker="#### ", **_):
    wanted = wanted_answer(answer)
    found = strict_number(wanted, marker)
    wanted = canonical(flexible_number(wanted) if found is None else found)
    if wanted is None:
        raise ValueError("the reference has no number")
    found = strict_number(text, marker) if extraction == "strict" else flexible_number(text)
    return float(canonical(found) == wanted)


def length(text, answer, tokens, least=0, most=128, span=64, unit="tokens", **_):
    size = {"tokens": tokens, "words": len(re.findall(rf"[^{re.escape(TRIMMED)}]+", text)), "characters": len(text)}[unit]
    return -min(max(least - size, size - most, 0) / span, 1.0)


def format_tags(text, answer, tokens, tags="think,answer", parts=False, **_):
    names = [name.strip() for name in tags.split(",")]
    at, found, whole = 0, 0, True
    for name in names:
        opening, closing = f"<{name}>", f"</{name}>"
        start = text.find(opening, at)
        end = -1 if start < 0 else text.find(closing, start + len(opening))
        filled = end >= 0 and text[start + len(opening) : end].strip(TRIMMED)
        if not filled or text.count(opening) != 1 or text.count(closing) != 1:
            whole = False
            continue
        whole = whole and not text[at:start].strip(TRIMMED)
        at, found = end + len(closing), found + 1
    if whole and not text[at:].strip(TRIMMED):
        return 1.0
    return found / (len(names) + 1) if parts else 0.0


def depth(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def refused(name):
    raise ValueError(f"{name} is not JSON")


def valid_json(text, answer, tokens, kind="any", fenced=False, **_):
    opening = text.find("```") if fenced else -1
    start = -1 if opening < 0 else text.find("\n", opening)
    end = -1 if start < 0 else text.find("```", start)
    try:
        value = json.loads(text if end < 0 else text[start:end], parse_constant=refused, parse_int=float)
        return float(depth(value) <= MAX_JSON_DEPTH and isinstance(value, {"any": object, "object": dict, "array": list}[kind]))
    except (ValueError, RecursionError):
        return 0.0


REWARDS = {
    "exact-match": compared(lambda text, wanted: text.strip(TRIMMED) == wanted.strip(TRIMMED)),
    "normalized-match": compared(lambda text, wanted: words(text) == words(wanted)),
    "token-f1": compared(token_f1),
    "number-match": number_match,
    "length": length,
    "format-tags": format_tags,
    "valid-json": valid_json,
}


def reward_of(spec):
    """A reward function as TRL calls it. As in Graft, an answer on which the reward fails gets 0."""
    score, given = REWARDS[spec["name"]], {key: value for key, value in spec.items() if key not in ("name", "weight")}

    def one(text, answer, tokens):
        try:
            return score(text, answer, tokens, **given)
        except ValueError:
            return 0.0

    def reward(completions, completion_ids, answer, **_):
        return [one(*row) for row in zip(completions, answer, map(len, completion_ids), strict=True)]

    reward.__name__ = spec["name"].replace("-", "_")
    return reward
