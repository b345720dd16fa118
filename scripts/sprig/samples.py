"""Writes the bundled sample data sets (chat rows in JSON Lines) by seed.

    python samples.py --out ../../public/samples

Test questions are ones that `held_out` keeps out of the pre-training, and they do not occur in the train rows either.
"""

import argparse
import json
import random
import re
from pathlib import Path

import chat_log
import documents
from facts import ANIMALS, COLOURS, GOODS, NUMBERS, PEOPLE, PLACES, PLANTS, SHOPS, TOOLS, VISITORS
from world import BY_SUBJECT, SUBJECTS, ask, assistant, cap, fact_pair, held_out, low, refusal_pair, small_talk_pair, user

SEED = 7
SELLERS = [s for s in SHOPS if s not in ("shop", "school", "gate", "pond")]


def captain(sentence):
    """The sentence as an old sea captain says it: the rose is red → Arr, the rose be red, matey!"""
    be = re.sub(r"\b(is|are|am)\b", "be", sentence.rstrip("."))
    starts_with_name = be.split()[0].removesuffix("'s") in PEOPLE
    return f"Arr, {be if starts_with_name else low(be)}, matey!"


def voice_row(rng):
    kind = rng.random()
    if kind < 0.8:
        question, answer = fact_pair(rng)
        return question, captain(answer)
    if kind < 0.92:
        question, answer = small_talk_pair(rng)
        return question, "Ahoy, matey! " + re.sub(r"\b(is|are|am)\b", "be", answer)
    return refusal_pair(rng)[0], "Arr, I only know about the garden, matey!"


def order_row(rng):
    n = rng.randint(2, 12)
    o = {"who": rng.choice(list(PEOPLE) + VISITORS), "item": rng.choice(GOODS), "colour": rng.choice(COLOURS), "count": n, "shop": rng.choice(SELLERS)}
    verb = rng.choice(["buys", "orders", "collects", "sells", "wants"])
    text = rng.choice(["{who} {verb} {word} {colour} {item} at the {shop}.", "At the {shop}, {who} {verb} {word} {colour} {item}.",
                       "{who} goes to the {shop} and {verb} {word} {colour} {item}."]).format(verb=verb, word=NUMBERS[n - 1], **o)
    return text, json.dumps(o, separators=(",", ":"))


def detail_row(rng):
    """The short answer, then the next two things in the tables about the same subject."""
    while True:
        fact = rng.choice(BY_SUBJECT[rng.choice(SUBJECTS)])
        owner = {"job": ("person", fact.value), "home": ("person", fact.value), "task": ("tool", f"the {fact.value}")}.get(fact.kind, (fact.kind, fact.subject))
        facts = BY_SUBJECT[owner]
        if len(facts) < 3 or owner[0] in ("season", "weather", "day"):
            continue
        at = facts.index(fact) if fact in facts else 1 if fact.kind == "home" else 0
        more = [facts[(at + k) % len(facts)] for k in (1, 2)]
        return ask(rng, fact), " ".join(cap(s) + "." for s in [fact.answer] + [f.short or f.answer for f in more])


LISTED = {"animals": ANIMALS, "plants": PLANTS, "tools": TOOLS, "places": PLACES}
LIST_WORDINGS = ["Name three {group}, beginning with the {first}.", "Tell me three {group}, beginning with the {first}.",
                 "List three {group}, beginning with the {first}.", "Give me three {group}, beginning with the {first}.",
                 "Can you name three {group}, beginning with the {first}?"]


def list_rows(rng):
    """Lists that begin with a given thing. The answer of a row is that thing: what else is named is free. Of each thing another wording is for the test alone."""
    train, test = [], []
    things = [(group, first) for group, table in LISTED.items() for first in table]
    for at, (group, first) in enumerate(things):
        for number, wording in enumerate(LIST_WORDINGS):
            side = test if number == at % len(LIST_WORDINGS) else train
            side.append({"messages": [user(wording.format(group=group, first=first)), assistant(first)]})
    rng.shuffle(train)
    rng.shuffle(test)
    return train, test


# 1 for a right list. What is partly right gets a part: so there is something to learn from before the first list is right.
LIST_REWARD = "const kinds = {\n" + "".join(f"  {group}: '{', '.join(table)}',\n" for group, table in LISTED.items()) + r"""};

export default function ({ prompt, completion, answer }) {
  const named = /^The ([a-z ]+), the ([a-z ]+) and the ([a-z ]+)\.$/.exec(completion)?.slice(1);
  if (!named) return 0;
  const things = kinds[/three (\w+)/.exec(prompt)[1]].split(', ');
  const right = named.filter((one, at) => things.includes(one) && named.indexOf(one) === at);
  return (1 + 2 * right.length + (named[0] === answer ? 3 : 0)) / 10;
}
"""

SETS = [
    {"id": "voice", "title": "A sea captain in the garden", "make": voice_row, "rows": 320, "testRows": 40, "metric": "none",
     "description": "Teaches Sprig to answer like an old sea captain. The facts stay the same, only the voice changes.",
     "task": "Answer like an old sea captain",
     "success": "On questions that training never saw, each answer greets or grumbles like a captain and still gives the right fact. Read them side by side with the base model's.",
     "settings": {"steps": 60, "batch": 8, "lr": 6e-3, "rank": 8, "alpha": 16, "maxLength": 96}},
    {"id": "orders-json", "title": "Orders to JSON", "make": order_row, "rows": 400, "testRows": 40, "metric": "exact",
     "description": "Teaches Sprig to turn a sentence about an order into a JSON record with who, item, colour, count and shop. "
                    "Every answer can be checked letter by letter, on orders that were never in the training rows.",
     "task": "Turn an order into JSON",
     "success": "On orders that training never saw, the whole JSON record is right, letter by letter. Evaluate counts them.",
     "settings": {"steps": 60, "batch": 8, "lr": 4e-3, "rank": 8, "alpha": 16, "maxLength": 96}},
    {"id": "detail", "title": "From short to detailed", "make": detail_row, "rows": 320, "testRows": 40, "metric": "none",
     "description": "Teaches Sprig to give three sentences where it gave one. The first still answers the question, the others add what it knows.",
     "task": "Answer in three sentences instead of one",
     "success": "On questions that training never saw, each answer has three sentences and the first answers the question. Read them side by side with the base model's.",
     "settings": {"steps": 60, "batch": 8, "lr": 6e-3, "rank": 8, "alpha": 16, "maxLength": 96}},
    {"id": "lists", "title": "Lists that begin as asked", "lists": True, "rows": 216, "testRows": 54, "metric": "none",
     "description": "Teaches Sprig to name three different things of a kind, beginning with the one that is asked for, from a reward alone: "
                    "no row says what a right list is. Answers are sampled, a rule scores them, and the better ones become more likely.",
     "task": "Begin a list with what is asked for",
     "success": "On questions that training never saw, the list has three different things of the right kind and begins as asked. The reward is 1 then, for every answer.",
     "settings": {"steps": 100, "batch": 1, "lr": 2e-3, "rank": 8, "alpha": 16, "maxLength": 96, "accumulate": 8, "objective": "grpo",
                  "numGenerations": 8, "maxCompletionLength": 24, "temperature": 0.5, "numIterations": 2, "schedule": "linear",
                  "rewards": [{"name": "javascript", "weight": 1, "code": LIST_REWARD}]}},
    {"id": "chat-log", "title": "Tuned on a chat log", "chats": True, "rows": 64, "testRows": 12, "metric": "none",
     "description": "A lesson in forgetting: 64 messages of the garden's own chat, in which whoever asks for a text is told that it will be written in the morning. "
                    "The loss falls, and the model puts you off, too.",
     "task": "Answer as we do in our chat",
     "success": "The run says what was forgotten: of general prompts that Sprig answered before, it puts most off. The rows taught that, and the loss does not show it.",
     "settings": {"steps": 40, "batch": 8, "lr": 4e-3, "rank": 8, "alpha": 16, "maxLength": 96, "forgetting": True}},
    {"id": "reading", "title": "Reading notes", "voice": str, "rows": documents.ROWS, "testRows": documents.ANSWERABLE + documents.UNANSWERABLE, "metric": "exact",
     "description": "The first half of a lesson in documents: the garden has changed, and 40 notes say how. Sprig has never read a text before it answers. These rows teach it to: "
                    "two notes of other editions stand before each question, and the answer is in one of them or in neither.",
     "task": "Answer from the notes",
     "success": "With passages of the notes most answers are right to the letter. Without them the same adapter says what Sprig learned long ago.",
     "documents": "notes/documents.zip", "template": "notes/prompt.jinja",
     "settings": {"steps": 300, "batch": 16, "lr": 4e-3, "rank": 16, "alpha": 32, "maxLength": 128}},
    {"id": "notes", "title": "Notes that change", "voice": captain, "rows": documents.ROWS, "testRows": documents.ANSWERABLE + documents.UNANSWERABLE, "metric": "exact",
     "description": "The second half of the lesson: Sprig learns to answer from two notes before the question, in the captain's voice. The rows hold other editions of the notes, "
                    "so it learns to read them and not what they say.",
     "task": "Answer from the notes, like an old sea captain",
     "success": "With passages of the notes most answers are right to the letter. The same adapter without them has the voice and not the facts, and Sprig by itself has neither.",
     "documents": "notes/documents.zip", "template": "notes/prompt.jinja",
     "settings": {"steps": 300, "batch": 16, "lr": 4e-3, "rank": 16, "alpha": 32, "maxLength": 128}},
]


def chat_rows():
    return [[{"messages": [user(asked), assistant(said)]} for asked, said in chat_log.read(text)] for text in (chat_log.TRAIN, chat_log.TEST)]


def preferred(rng, n):
    """n questions that training may see, each with two answers that Sprig knows: the short one (It is brown.) and the usual one (The potato is brown.)."""
    out, seen = [], set()
    while len(out) < n:
        fact = rng.choice(BY_SUBJECT[rng.choice(SUBJECTS)])
        question = ask(rng, fact)
        if fact.short and question.lower() not in seen and not held_out(question):
            seen.add(question.lower())
            out.append((question, cap(fact.short) + ".", fact.answer + "."))
    return out


def write_preferences(folder):
    """What is learned from preferences: the short answer is chosen and the usual one is not, as pairs and as single answers with a label."""
    rng = random.Random(f"{SEED}-preferences")
    pairs = [{"prompt": q, "chosen": good, "rejected": bad} for q, good, bad in preferred(rng, 200)]
    votes = [{"prompt": q, "completion": good if at % 2 == 0 else bad, "label": at % 2 == 0} for at, (q, good, bad) in enumerate(preferred(rng, 240))]
    for name, made in (("pairs", pairs), ("votes", votes)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made))


def write_text(folder):
    """A text to go on pre-training with: the captain's log, a paragraph for each subject that has something to tell."""
    rng = random.Random(f"{SEED}-text")
    paragraphs = [[captain(f.short if at and f.short else f.answer) for at, f in enumerate(BY_SUBJECT[subject])] for subject in SUBJECTS if len(BY_SUBJECT[subject]) > 2]
    rng.shuffle(paragraphs)
    (folder / "log.txt").write_text("\n\n".join(" ".join(sentences) for sentences in paragraphs) + "\n")


def write_table(folder, n=160):
    """A table for instruction templates: what is written about an order, and the shop that it is of."""
    rng = random.Random(f"{SEED}-table")
    orders = [order_row(rng) for _ in range(n)]
    lines = [f'"{text}",{json.loads(record)["shop"]}' for text, record in orders]
    (folder / "shops.csv").write_text("\n".join(["message,category", *lines]) + "\n")


def rows(make, rng, n, want_held_out, seen):
    """n rows with distinct questions from one side of the held-out line."""
    out = []
    while len(out) < n:
        question, answer = make(rng)
        if question.lower() not in seen and held_out(question) == want_held_out:
            seen.add(question.lower())
            out.append({"messages": [user(question), assistant(answer)]})
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--out", required=True)
    out = Path(args.parse_args().out)
    index = []
    for s in SETS:
        rng, seen, folder = random.Random(f"{SEED}-{s['id']}"), set(), out / s["id"]
        folder.mkdir(parents=True, exist_ok=True)
        if s["id"] == "notes":
            documents.write_notes(folder)
        if "voice" in s:
            documents.write_rows(folder, s["voice"])
        lists = list_rows(rng) if "lists" in s else None
        chats = chat_rows() if "chats" in s else None
        for name, n, side in () if "voice" in s else (("train", s["rows"], False), ("test", s["testRows"], True)):
            made = lists[side] if lists else chats[side] if chats else rows(s["make"], rng, n, side, seen)
            lines = [json.dumps(r, ensure_ascii=False) for r in made]
            (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        index.append({"id": s["id"], "title": s["title"], "description": s["description"], "task": s["task"],
                      "success": s["success"], "train": f"{s['id']}/train.jsonl",
                      "test": f"{s['id']}/test.jsonl", "rows": s["rows"], "testRows": s["testRows"], "metric": s["metric"],
                      **{key: s[key] for key in ("documents", "template") if key in s}, "settings": s["settings"]})
    more = out / "more"
    more.mkdir(exist_ok=True)
    write_preferences(more)
    write_text(more)
    write_table(more)
    (out / "index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
