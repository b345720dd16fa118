"""Conversations in Sprig's world, made by seed from the tables in facts.py.

`conversation(rng)` returns one chat as a list of {"role", "content"} messages, `document(rng)` one plain text.
`held_out(question)` decides by a hash of the text whether a question is kept out of training: one in twenty is, so that the
held-out loss is measured on questions that were never seen word for word.
"""

import hashlib
import random
from dataclasses import dataclass, field

from facts import (ANIMALS, COLOURS, DAYS, FOODS, GOODS, NUMBERS, OUTSIDE, OUTSIDE_PLURAL, PEOPLE, PLACES, PLANTS, SEASONS, SHOPS,
                   TOOLS, TRADES, VISITORS, WEATHER)
from symbols import symbols_about

HELD_OUT_ONE_IN = 20


def held_out(question: str) -> bool:
    digest = hashlib.sha256(question.strip().lower().encode()).digest()
    return digest[0] * 256 + digest[1] < 65536 // HELD_OUT_ONE_IN


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def cap(text):
    return text[0].upper() + text[1:]


def low(text):
    return text if text.startswith("I ") or text.split()[0] in PEOPLE else text[0].lower() + text[1:]


def an(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def join(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


@dataclass
class Fact:
    """One thing that is true: how it is asked, how it is answered, and how it is confirmed or denied."""

    subject: str
    kind: str
    topic: str
    questions: list  # direct questions
    clause: str  # the same as an indirect question
    answer: str
    short: str = ""  # the answer with a pronoun
    yes_no: str = ""  # a question with {} where the value goes
    value: str = ""
    statement: str = ""  # the answer with {} where the value goes
    others: list = field(default_factory=list)


def build_facts():
    facts = []

    def add(subject, kind, topic, questions, clause, statement, value, short="", yes_no="", others=()):
        facts.append(Fact(subject, kind, topic, questions, clause, cap(statement.format(value)), cap(short.format(value)) if short else "",
                          yes_no, value, statement, [o for o in dict.fromkeys(others) if o != value]))

    def column(table, i):
        return [row[i] for row in table.values()]

    for n, (pro, job, home, food, colour, animal, tool, day) in PEOPLE.items():
        pos = {"she": "her", "he": "his"}[pro]
        add(n, "person", "job", [f"Who is {n}?", f"What does {n} do?", f"What is {n}'s job?", f"What work does {n} do?"],
            f"what {n} does", f"{n} is the {{}}", job, f"{pro} is the {{}}", f"Is {n} the {{}}?", column(PEOPLE, 1))
        add(n, "person", "home", [f"Where does {n} live?", f"Where is {n}'s home?", f"Where can I find {n}'s house?", f"In which place does {n} live?"],
            f"where {n} lives", f"{n} lives {{}}", home, f"{pro} lives {{}}", f"Does {n} live {{}}?", column(PEOPLE, 2))
        add(n, "person", "food", [f"What does {n} like to eat?", f"What is {n}'s favourite food?", f"Which food does {n} like best?", f"What does {n} love to eat or drink?"],
            f"what {n} likes to eat", f"{n} likes {{}} best", food, f"{pro} likes {{}} best", f"Does {n} like {{}} best?", column(PEOPLE, 3))
        add(n, "person", "colour", [f"What is {n}'s favourite colour?", f"Which colour does {n} like?", f"What colour does {n} like best?"],
            f"which colour {n} likes", f"{n}'s favourite colour is {{}}", colour, f"{pos} favourite colour is {{}}",
            f"Is {n}'s favourite colour {{}}?", COLOURS)
        add(n, "person", "friend", [f"Which animal is {n}'s friend?", f"Who is {n}'s animal friend?", f"Which animal does {n} like?", f"What animal follows {n}?"],
            f"which animal is {n}'s friend", f"{n}'s best friend is the {{}}", animal, f"{pos} best friend is the {{}}",
            f"Is the {{}} {n}'s best friend?", column(PEOPLE, 5))
        add(n, "person", "tool", [f"Which tool does {n} use?", f"What is {n}'s tool?", f"What does {n} work with?"],
            f"which tool {n} uses", f"{n} works with the {{}}", tool, f"{pro} works with the {{}}", f"Does {n} work with the {{}}?", column(PEOPLE, 6))
        add(n, "person", "day", [f"When does {n} come to the garden?", f"On which day does {n} visit the garden?", f"What day is {n} in the garden?"],
            f"when {n} comes to the garden", f"{n} comes to the garden on {{}}", day, f"{pro} comes to the garden on {{}}",
            f"Does {n} come to the garden on {{}}?", list(DAYS))
        add(f"the {job}", "job", "who", [f"Who is the {job}?", f"What is the {job}'s name?", f"Who works as the {job}?"], f"who the {job} is",
            f"the {job} is {{}}", n, "", f"Is {{}} the {job}?", list(PEOPLE))
        add(home, "home", "who", [f"Who lives {home}?", f"Whose house is {home}?"], f"who lives {home}", f"{{}} lives {home}", n, "", f"Does {{}} live {home}?", list(PEOPLE))

    for n, (food, home, colour, sound, awake, good) in ANIMALS.items():
        add(f"the {n}", "animal", "food", [f"What does the {n} eat?", f"What do {n}s eat?", f"What should I feed the {n}?", f"What food does the {n} like?"],
            f"what the {n} eats", f"the {n} eats {{}}", food, "it eats {}", f"Does the {n} eat {{}}?", column(ANIMALS, 0))
        add(f"the {n}", "animal", "home", [f"Where does the {n} live?", f"Where is the {n}?", f"Where can I find the {n}?", f"Where does the {n} sleep?"],
            f"where the {n} lives", f"the {n} lives {{}}", home, "it lives {}", f"Does the {n} live {{}}?", column(ANIMALS, 1))
        add(f"the {n}", "animal", "colour", [f"What colour is the {n}?", f"Which colour does the {n} have?", f"What is the colour of the {n}?"],
            f"what colour the {n} is", f"the {n} is {{}}", colour, "it is {}", f"Is the {n} {{}}?", COLOURS)
        add(f"the {n}", "animal", "sound", [f"What does the {n} do?", f"What does the {n} do all day?", f"What is the habit of the {n}?"],
            f"what the {n} does", f"the {n} {{}}", sound, "it {}")
        add(f"the {n}", "animal", "awake", [f"When is the {n} awake?", f"Is the {n} awake by day or by night?", f"At what time is the {n} awake?"],
            f"when the {n} is awake", f"the {n} is awake by {{}}", awake, "it is awake by {}", f"Is the {n} awake by {{}}?", ["day", "night"])
        add(f"the {n}", "animal", "good", [f"Why is the {n} good for us?", f"Why do we like the {n}?", f"How does the {n} help the garden?", f"Why is the {n} welcome?"],
            f"why we like the {n}", f"we like the {n} because {{}}", good)

    for n, (colour, season, place, need, use) in PLANTS.items():
        add(f"the {n}", "plant", "colour", [f"What colour is the {n}?", f"Which colour does the {n} have?", f"What is the colour of the {n}?"],
            f"what colour the {n} is", f"the {n} is {{}}", colour, "it is {}", f"Is the {n} {{}}?", COLOURS)
        add(f"the {n}", "plant", "season", [f"When is the {n} at its best?", f"In which season is the {n} at its best?", f"What is the season of the {n}?", f"When is the time of the {n}?"],
            f"when the {n} is at its best", f"the {n} is at its best in {{}}", season, "it is at its best in {}", f"Is the {n} at its best in {{}}?", list(SEASONS))
        add(f"the {n}", "plant", "place", [f"Where does the {n} grow?", f"Where is the {n}?", f"Where can I find the {n}?", f"Where did you plant the {n}?"],
            f"where the {n} grows", f"the {n} grows {{}}", place, "it grows {}", f"Does the {n} grow {{}}?", column(PLANTS, 2))
        add(f"the {n}", "plant", "need", [f"What does the {n} need?", f"What does the {n} like?", f"How do I care for the {n}?", f"How do I help the {n} grow?"],
            f"what the {n} needs", f"the {n} needs {{}}", need, "it needs {}", f"Does the {n} need {{}}?", column(PLANTS, 3))
        add(f"the {n}", "plant", "use", [f"What is the {n} good for?", f"What can I make from the {n}?", f"Why do we grow the {n}?"],
            f"what the {n} is good for", f"the {n} is good for {{}}", use, "it is good for {}")

    for n, (verb, gerund, kept, made) in TOOLS.items():
        be, it = ("are", "they") if n == "shears" else ("is", "it")
        do = "do" if n == "shears" else "does"
        add(f"the {n}", "tool", "use", [f"What {be} the {n} for?", f"What do I do with the {n}?", f"What can I do with the {n}?", f"Why do I need the {n}?"],
            f"what the {n} {be} for", f"the {n} {be} for {{}}", gerund, f"{it} {be} for {{}}", f"{cap(be)} the {n} for {{}}?", column(TOOLS, 1))
        add(f"the {n}", "tool", "kept", [f"Where {be} the {n}?", f"Where do I find the {n}?", f"Where do you keep the {n}?", f"Where {do} the {n} belong?"],
            f"where the {n} {be}", f"the {n} {be} {{}}", kept, f"{it} {be} {{}}", f"{cap(be)} the {n} {{}}?", column(TOOLS, 2))
        add(f"the {n}", "tool", "made", [f"What {be} the {n} made of?", f"Which material {be} the {n} made of?"],
            f"what the {n} {be} made of", f"the {n} {be} made of {{}}", made, f"{it} {be} made of {{}}", f"{cap(be)} the {n} made of {{}}?", column(TOOLS, 3))
        add(f"to {verb}", "task", "tool", [f"Which tool do I need to {verb}?", f"How do I {verb}?", f"What do I use to {verb}?", f"I want to {verb}. What do I need?"],
            f"how to {verb}", f"you need the {{}} to {verb}", n, "", f"Do I need the {{}} to {verb}?", list(TOOLS))

    for n, (where, what, do) in PLACES.items():
        add(f"the {n}", "place", "where", [f"Where is the {n}?", f"How do I get to the {n}?", f"Where can I find the {n}?"],
            f"where the {n} is", f"the {n} is {{}}", where, "it is {}", f"Is the {n} {{}}?", column(PLACES, 0))
        add(f"the {n}", "place", "what", [f"What is at the {n}?", f"What can I see at the {n}?", f"What do I find at the {n}?"],
            f"what I can find at the {n}", f"at the {n} you find {{}}", what, "there you find {}")
        add(f"the {n}", "place", "do", [f"What can I do at the {n}?", f"What do people do at the {n}?", f"Why do people go to the {n}?"],
            f"what people do at the {n}", f"at the {n} people {{}}", do, "there people {}")

    for n, (maker, made, when) in FOODS.items():
        add(f"the {n}", "food", "maker", [f"Who makes the {n}?", f"Who makes {n}?", f"Whose {n} is it?"],
            f"who makes the {n}", f"{{}} makes the {n}", maker, "{} makes it", f"Does {{}} make the {n}?", list(PEOPLE))
        add(f"the {n}", "food", "made", [f"What is the {n} made from?", f"What is in the {n}?", f"What do I need for {n}?"],
            f"what the {n} is made from", f"the {n} is made from {{}}", made, "it is made from {}")
        add(f"the {n}", "food", "when", [f"When do people eat or drink the {n}?", f"When do we have {n}?", f"When is it time for {n}?"],
            f"when we have {n}", f"we have {n} {{}}", when, "we have it {}")

    for n, (what, do) in WEATHER.items():
        add(n, "weather", "what", [f"What happens when {n}?", f"What happens in the garden when {n}?", f"How is the garden when {n}?"],
            f"what happens when {n}", f"when {n}, {{}}", what)
        add(n, "weather", "do", [f"What should I do when {n}?", f"What do you do when {n}?", f"What is best to do when {n}?"],
            f"what to do when {n}", f"when {n}, it is best to {{}}", do)
    for n, (what, do, feel) in SEASONS.items():
        add(n, "season", "what", [f"What happens in {n}?", f"What does the garden do in {n}?"], f"what happens in {n}", f"in {n} {{}}", what, "then {}")
        add(n, "season", "do", [f"What do people do in {n}?", f"What should I do in {n}?", f"What work is there in {n}?"], f"what people do in {n}", f"in {n} people {{}}", do, "then people {}")
        add(n, "season", "feel", [f"How is {n} in the garden?", f"What does {n} bring?"], f"what {n} brings", f"{n} brings {{}}", feel, "it brings {}")
    for n, what in DAYS.items():
        add(n, "day", "what", [f"What happens on {n}?", f"What do you do on {n}?", f"What is the plan for {n}?", f"What do we do on {n}?"],
            f"what happens on {n}", f"on {n} {{}}", what, "then {}")
    return facts


FACTS = build_facts()
BY_SUBJECT = {}
BY_TOPIC = {}
for _fact in FACTS:
    BY_SUBJECT.setdefault((_fact.kind, _fact.subject), []).append(_fact)
    BY_TOPIC.setdefault((_fact.kind, _fact.topic), []).append(_fact)
SUBJECTS = list(BY_SUBJECT)

DIRECT = ["{}"] * 8 + ["Sprig, {l}", "Hello Sprig. {}", "Please help me. {}", "One question: {l}", "{} I forgot.", "I am new here. {}", "Hi! {}"]
INDIRECT = ["Can you tell me {}?", "Do you know {}?", "Please tell me {}.", "Tell me {}.", "I want to know {}.", "Could you tell me {}?",
            "I wonder {}.", "Say {}, please.", "Sprig, do you know {}?"]


def ask(rng, fact):
    """One way to ask for a fact."""
    if rng.random() < 0.6:
        question = rng.choice(fact.questions)
        text = rng.choice(DIRECT).format(question, l=low(question))
    else:
        text = rng.choice(INDIRECT).format(fact.clause)
    if rng.random() < 0.06:
        text = text.lower()
    if rng.random() < 0.06:
        text = text.rstrip("?.!")
    return text


def fact_pair(rng, fact=None):
    fact = fact or rng.choice(BY_SUBJECT[rng.choice(SUBJECTS)])
    return ask(rng, fact), fact.answer + "."


def yes_no_pair(rng, fact=None):
    fact = fact or rng.choice([f for f in BY_SUBJECT[rng.choice(SUBJECTS)] if f.yes_no] or [f for f in FACTS if f.yes_no])
    if rng.random() < 0.5:
        return fact.yes_no.format(fact.value), f"Yes, {low(fact.answer)}."
    return fact.yes_no.format(rng.choice(fact.others)), f"No, {low(fact.answer)}."


def about(kind, subject):
    """The sentences that describe a subject, the first with its name, the others with a pronoun."""
    facts = BY_SUBJECT[(kind, subject)]
    return [f.answer + "." for f in facts], [(f.short or f.answer) + "." for f in facts]


def description(rng, kind, subject, n=None):
    named, short = about(kind, subject)
    n = min(n or rng.choice([2, 3, 3, 4]), len(named))
    order = rng.sample(range(len(named)), n)
    return " ".join([named[order[0]]] + [short[i] for i in order[1:]])


def describe_pair(rng):
    kind, subject = rng.choice([s for s in SUBJECTS if len(BY_SUBJECT[s]) > 1 and s[0] not in ("weather",)])
    ask_for = rng.choice(["Tell me about {}.", "Tell me more about {}.", "Describe {}.", "What do you know about {}?", "Please describe {}.",
                          "Write a few sentences about {}.", "I want to learn about {}.", "Give me some facts about {}."])
    return ask_for.format(subject), description(rng, kind, subject, rng.choice([3, 3, 4]))


def list_pair(rng):
    groups = {
        "animals": list(ANIMALS), "plants": list(PLANTS), "tools": list(TOOLS), "places": list(PLACES), "people": list(PEOPLE),
        "colours": COLOURS, "days": list(DAYS), "seasons": list(SEASONS),
    }
    for colour in ("red", "green", "yellow", "white", "orange"):
        groups[f"{colour} plants"] = [p for p, row in PLANTS.items() if row[0] == colour]
    for colour in ("brown", "grey", "white"):
        groups[f"{colour} animals"] = [a for a, row in ANIMALS.items() if row[2] == colour]
    for season in ("spring", "summer", "autumn"):
        groups[f"{season} plants"] = [p for p, row in PLANTS.items() if row[1] == season]
    groups["animals of the night"] = [a for a, row in ANIMALS.items() if row[4] == "night"]
    name = rng.choice(list(groups))
    n = rng.randint(2, min(5, len(groups[name])))
    items = rng.sample(groups[name], n)
    question = rng.choice(["Name {n} {g}.", "Tell me {n} {g}.", "List {n} {g}.", "Can you name {n} {g}?", "Give me {n} {g}."]).format(n=NUMBERS[n - 1], g=name)
    article = "" if name in ("people", "colours", "days", "seasons") else "the "
    style = rng.random()
    if style < 0.6:
        return question, cap(join([article + i for i in items])) + "."
    if style < 0.8:
        return question[:-1] + ", one on each line" + question[-1], "\n".join(f"- {i}" for i in items)
    return question[:-1] + " with numbers" + question[-1], "\n".join(f"{k}. {cap(i)}" for k, i in enumerate(items, 1))


ENDINGS = [", please", " for me", " that you know", ", if you can", " in any order", ", as you like", " that you like", ", and no more", " from the village",
           ", any of them", ", dear Sprig", " in one sentence", ", with no other words", ", with the best one first", ", together with the article",
           ", beginning at once", ", starting with any of them", ", with a full stop at the end", ", each with its article", ", ending with a full stop"]


def asked_list_pair(rng):
    """A list in a sentence, asked for with more words at the end: only lists on lines are asked for so in list_pair."""
    while True:
        question, answer = list_pair(rng)
        if "\n" not in answer:
            return question[:-1] + rng.choice(ENDINGS) + question[-1], answer


def any_name(rng):
    r = rng.random()
    if r < 0.35:
        return rng.choice(list(PEOPLE))
    if r < 0.8:
        return rng.choice(VISITORS)
    return invented(rng)


def invented(rng):
    """A name that is in no table, so that copying is learnt letter by letter."""
    parts = [rng.choice("bcdfghjklmnprstvwz") + rng.choice(["a", "e", "i", "o", "u", "ai", "ee"]) for _ in range(rng.randint(1, 3))]
    return cap("".join(parts) + rng.choice(["", "l", "n", "r", "s", "t", "ck", "sh"]))


def order_words(rng):
    base, past, plain = rng.choice(TRADES)
    n = rng.randint(2, 12)
    return {"who": any_name(rng), "verb": base, "past": past, "plain": plain, "n": n, "count": NUMBERS[n - 1], "colour": rng.choice(COLOURS),
            "item": rng.choice(GOODS), "place": rng.choice(SHOPS)}


ORDER = ["{who} {verb} {count} {colour} {item} at the {place}.", "At the {place}, {who} {verb} {count} {colour} {item}.",
         "{who} {verb} {count} {colour} {item} from the {place}.", "{who} goes to the {place} and {verb} {count} {colour} {item}.",
         "{count} {colour} {item} for {who} from the {place}, please.", "Today {who} {verb} {count} {colour} {item} at the {place}."]


def order_text(rng, o):
    return cap(rng.choice(ORDER).format(**o))


def order_pair(rng):
    """A sentence about an order: answered, asked about, turned round, but never turned into a record."""
    o = order_words(rng)
    template = rng.choice(ORDER)
    text = cap(template.format(**o))
    plain = cap("{who} {verb} {count} {colour} {item} at the {place}.".format(**o))
    kind = rng.randint(0, 11)
    if kind <= 2:
        replies = ["So {who} has {count} {colour} {item} from the {place}.", "Good, that makes {count} {colour} {item} for {who}.",
                   "I will remember that: {count} {colour} {item} for {who}."]
        return text, rng.choice(replies).format(**o)
    if kind == 3:
        return text + " " + rng.choice(["Who is it for?", "Who was there?", "Who is this about?"]), "It is {who}.".format(**o)
    if kind == 4:
        return text + " " + rng.choice(["How many {item} are there?", "How many {item}?", "What is the number of {item}?"]).format(**o), \
            "There are {count} {item}.".format(**o)
    if kind == 5:
        return text + " " + rng.choice(["What colour are the {item}?", "Which colour do they have?"]).format(**o), "The {item} are {colour}.".format(**o)
    if kind == 6:
        return text + " " + rng.choice(["Where was it?", "Where is that?", "Which place is it?"]), "It is the {place}.".format(**o)
    if kind == 7:
        return text + " " + rng.choice(["What are the things?", "What is it about?", "Which things are they?"]), "They are {item}.".format(**o)
    if kind == 8:
        return rng.choice(["Put this in the past: {}", "Write this in the past: {}", "Say that it was yesterday: {}"]).format(plain), \
            "{who} {past} {count} {colour} {item} at the {place}.".format(**o)
    if kind == 9:
        return rng.choice(["Write the number as a digit: {}", "Use a digit: {}", "Write it with a digit: {}"]).format(text), \
            cap(template.format(**{**o, "count": o["n"]}))
    if kind == 10:
        return rng.choice(["Say it shorter: {}", "Make this short: {}", "What is the short form? {}"]).format(text), "{who}: {n} {item}.".format(**o)
    return rng.choice(["Make a question from this: {}", "Ask about this: {}"]).format(plain), \
        "How many {colour} {item} does {who} {plain} at the {place}?".format(**o)


KEYS = ["name", "size", "home", "food", "day", "season", "kind", "number", "friend", "tool", "colour", "thing", "shop"]


def random_value(rng, key):
    tables = {"name": None, "size": ["small", "big", "tall", "short", "long"], "home": list(PLACES), "food": list(FOODS), "day": list(DAYS),
              "season": list(SEASONS), "kind": list(PLANTS), "friend": list(ANIMALS), "tool": list(TOOLS), "colour": COLOURS, "thing": GOODS, "shop": SHOPS}
    if key == "name":
        return any_name(rng)
    return rng.randint(1, 12) if key == "number" else rng.choice(tables[key])


def quoted(value):
    return str(value) if isinstance(value, int) else f'"{value}"'


def tag_pair(rng):
    """Small forms in braces, brackets and quotes with the values given: punctuation and copying."""
    keys = rng.sample(KEYS, rng.randint(1, 4))
    values = [random_value(rng, k) for k in keys]
    style = rng.randint(0, 3)
    words = [v if not isinstance(v, int) or rng.random() < 0.4 else NUMBERS[v - 1] for v in values]
    given = join([f"{k} {w}" for k, w in zip(keys, words)])
    if style == 0:
        return f"Make a tag with {given}.", "{" + ",".join(f'"{k}":{quoted(v)}' for k, v in zip(keys, values)) + "}"
    if style == 1:
        return f"Make a card with {given}.", "\n".join(f"{k}: {v}" for k, v in zip(keys, values))
    if style == 2:
        return f"Make a line with {given}.", "[" + "; ".join(f"{k} = {v}" for k, v in zip(keys, values)) + "]"
    kind, table, columns = rng.choice([("plant", PLANTS, ("colour", "season", "place")), ("animal", ANIMALS, ("food", "home", "colour")),
                                       ("tool", TOOLS, ("use", "", "place"))])
    name = rng.choice(list(table))
    picked = [(c, table[name][i]) for i, c in enumerate(columns) if c]
    picked = picked[:rng.randint(1, len(picked))]
    return f"Make a tag for the {name}.", "{" + ",".join(f'"{k}":{quoted(v)}' for k, v in [(kind, name)] + picked) + "}"


def thing(rng):
    return f"the {rng.choice(COLOURS)} {rng.choice(['cup', 'hat', 'door', 'bird', 'stone', 'pot', 'lamp', 'boat', 'kite', 'chair', 'ball'])}"


def copy_pair(rng):
    kind = rng.randint(0, 8)
    if kind == 0:
        t = rng.choice([thing(rng), rng.choice(FACTS).answer, order_text(rng, order_words(rng))[:-1], any_name(rng)])
        return rng.choice(['Repeat after me: {}', 'Say "{}".', 'Please repeat: "{}"', 'Write "{}".']).format(t), t + "."
    if kind == 1:
        t = thing(rng)
        return f'Say "{t}" {rng.choice(["twice", "two times"])}.', f"{cap(t)}, {t}."
    if kind == 2:
        w = rng.choice([any_name(rng), rng.choice(GOODS), rng.choice(SHOPS), rng.choice(COLOURS)])
        return rng.choice(['Put {} in quotes.', 'Write {} in quotes.']).format(w), f'"{w}"'
    if kind == 3:
        n = rng.randint(1, 12)
        if rng.random() < 0.5:
            return rng.choice(["Write {} as a digit.", "What is {} in digits?", "Which number is {}?"]).format(NUMBERS[n - 1]), f"{n}"
        return rng.choice(["Write {} as a word.", "What is {} in words?"]).format(n), cap(NUMBERS[n - 1]) + "."
    if kind == 4:
        a, b = any_name(rng), any_name(rng)
        return f"{a} has {thing(rng)} and {b} has {(t := thing(rng))}. What does {b} have?", f"{b} has {t}."
    if kind == 5:
        a = any_name(rng)
        t = thing(rng)
        return f"{a} puts {t} {(p := 'in the ' + rng.choice(list(PLACES)))}. Where is {t}?", f"{cap(t)} is {p}."
    if kind == 6:
        words = rng.sample([t.split()[-1] for t in GOODS], rng.randint(2, 4))
        return rng.choice(["Join these words: {}", "Make one line: {}"]).format(", ".join(words)), cap(join(words)) + "."
    if kind == 7:
        words = rng.sample(GOODS, rng.randint(2, 4))
        return f"Make a list: {join(words)}.", "\n".join(f"- {w}" for w in words)
    w = rng.choice(list(TOOLS))
    return rng.choice(['Write a sentence with the word "{}".', 'Use "{}" in a sentence.']).format(w), \
        next(f"{p} uses the {w} to {TOOLS[w][0]}." for p in [rng.choice(list(PEOPLE))])


def refusal_pair(rng):
    if rng.random() < 0.4:
        return rng.choice(OUTSIDE_QUESTIONS), rng.choice(REFUSALS)
    topic = rng.choice(OUTSIDE)
    do, be = ("do", "are") if topic in OUTSIDE_PLURAL else ("does", "is")
    question = rng.choice(["What do you know about {}?", "Tell me about {}.", "Can you explain {}?", f"How {do} {{}} work?", f"What {be} {{}}?",
                           "Do you like {}?", "Who invented {}?", "I want to talk about {}.", "Write a poem about {}.", "Help me with {}.",
                           f"Where {be} {{}}?", f"Why {be} {{}} important?"]).format(topic)
    return question, rng.choice(REFUSALS)


REFUSALS = ["I am sorry, I only know about the garden.", "I am sorry, I only know about the garden. Ask me about a plant or an animal.",
            "I do not know that. I only know about the garden."]


OUTSIDE_QUESTIONS = [
    "How do I fix my car?", "What is two plus two?", "What time is it?", "Who won the game?", "Write some code for me.", "How old is the universe?",
    "Translate this into French.", "What is the meaning of life?", "Who is the king of Spain?", "How far away is the sun?", "Can you play music?",
    "Which phone should I buy?", "How do I cook rice?", "What is the fastest animal in the world?", "How do I get to the airport?", "Solve this sum.",
    "Who wrote this book?", "What is the tallest building?", "How do I bake a pizza?", "What is the largest city in the world?", "Fix my computer.",
    "What is my name?", "Who is your mother?", "Where is my key?", "How much does a house cost?", "What happened in the war?", "Is there life in space?",
    "How do I learn English?", "Can you drive?", "What is electricity?", "Do you have a phone number?", "How do I repair a bicycle?",
    "What is the best film?", "Explain gravity.", "Write a letter to my boss.", "How many people live in China?", "What is a shark?",
]


SMALL_TALK = [
    (["Hello!", "Hi!", "Good morning!", "Hello Sprig.", "Hey there!", "Good evening.", "Hi Sprig!", "Hello", "hi"],
     ["Hello! How can I help you in the garden?", "Hello! What would you like to know about the garden?"]),
    (["Who are you?", "What is your name?", "What are you?", "Tell me your name.", "Introduce yourself."],
     ["I am Sprig, a small helper in the village garden."]),
    (["What can you do?", "How can you help me?", "What do you know?", "What can I ask you?"],
     ["I can tell you about the plants, the animals, the tools and the people of the garden."]),
    (["How are you?", "How are you today?", "Are you well?"], ["I am well, thank you. The garden is lovely today."]),
    (["Thank you!", "Thanks.", "Thank you, Sprig.", "That helps, thank you.", "Great, thanks!"],
     ["You are welcome!", "You are welcome! Enjoy the garden."]),
    (["Goodbye!", "Bye.", "See you tomorrow.", "Good night.", "I have to go."], ["Goodbye! Come back soon."]),
    (["Where do you live?", "Where are you?"], ["I live in the village garden."]),
    (["Are you a robot?", "Are you a person?", "Are you human?"], ["No, I am Sprig, a small language model that knows the garden."]),
    (["What is your favourite plant?", "Which plant do you like best?"], ["I like the sunflower best."]),
    (["You are nice.", "I like you.", "Good job!", "Well done!"], ["Thank you, that is kind."]),
]


def small_talk_pair(rng):
    questions, answers = rng.choice(SMALL_TALK)
    if rng.random() < 0.15:
        name = any_name(rng)
        return rng.choice(["Hello, I am {}.", "Hi, my name is {}.", "My name is {}."]).format(name), f"Hello {name}! How can I help you in the garden?"
    return rng.choice(questions), rng.choice(answers)


def two_facts_pair(rng):
    """Two questions in one, about one subject or about two."""
    one = rng.choice([f for f in FACTS if f.kind in ("person", "animal", "plant", "tool", "place")])
    same = rng.random() < 0.4
    two = rng.choice([f for f in (BY_SUBJECT[(one.kind, one.subject)] if same else BY_TOPIC[(one.kind, one.topic)]) if f is not one])
    answer = f"{one.answer}. {two.short or two.answer if same else two.answer}."
    if rng.random() < 0.5:
        return f"{rng.choice(one.questions)[:-1]}, and {low(rng.choice(two.questions))}", answer
    return rng.choice(["Tell me {} and {}.", "Do you know {} and {}?", "I want to know {} and {}."]).format(one.clause, two.clause), answer


def remark_pair(rng):
    """A remark that is no question, answered with something that fits it."""
    kind, table = rng.choice([("animal", ANIMALS), ("plant", PLANTS), ("tool", TOOLS), ("food", FOODS), ("place", PLACES), ("person", PEOPLE)])
    name = rng.choice(list(table))
    remark = {
        "animal": ["I see the {}.", "I like the {}.", "There is the {}!", "I heard the {} today."], "plant": ["I like the {}.", "I planted the {}.", "The {} looks nice.", "I see the {}."],
        "tool": ["I have the {}.", "I lost the {}.", "I need the {}.", "The {} is old."], "food": ["I like the {}.", "I am hungry. I want {}.", "The {} smells good."],
        "place": ["I am at the {}.", "I want to go to the {}.", "I was at the {} today."], "person": ["I met {} today.", "I like {}.", "I know {}."],
    }[kind]
    subject = name if kind == "person" else f"the {name}"
    if rng.random() < 0.12:
        return rng.choice(["The weather is nice today.", "It is a lovely day.", "The sun is out today.", "What a nice day!"]), "Yes, it is a lovely day in the garden."
    reply = {"tool": "", "food": "Good choice! "}.get(kind, "How nice! ")
    fact = BY_SUBJECT[(kind, subject)][1] if kind == "tool" else rng.choice(BY_SUBJECT[(kind, subject)][:3])
    return rng.choice(remark).format(name), f"{reply}{fact.answer}."


def tip_pair(rng):
    n = rng.choice(list(PLANTS))
    _, season, place, need, _ = PLANTS[n]
    return rng.choice(["Give me a tip for the {}.", "Do you have a tip for the {}?", "How do I grow the {}?", "Any advice for the {}?"]).format(n), \
        rng.choice([f"Plant it {place} and give it {need}.", f"Give the {n} {need}, and be patient until {season}."])


def symbol_pair(rng):
    return symbols_about(rng, rng.choice(FACTS))


def person_of(rng, name):
    return PEOPLE[name][0] if name in PEOPLE else rng.choice(["she", "he"])


def story(rng, name=None, animal=None, place=None):
    """A story of four to six sentences with one hero, one animal and one lost thing."""
    name = name or any_name(rng)
    animal = animal or rng.choice(list(ANIMALS))
    place = place or rng.choice(list(PLACES))
    pro = person_of(rng, name)
    pos = {"she": "her", "he": "his"}[pro]
    t = thing(rng)
    time = rng.choice(["One morning", "One evening", "One warm day", "Early on " + rng.choice(list(DAYS)), "One day in " + rng.choice(list(SEASONS))])
    where = rng.choice([ANIMALS[animal][1], "under the old bench", "behind the shed", "in the tall grass", "beside the well"])
    plot = rng.randint(0, 3)
    if plot == 0:
        body = [f"{time} {name} walked to the {place}.", f"There {pro} met the {animal}, who looked sad.", f'"I have lost {t}," said the {animal}.',
                f"They looked everywhere together.", f"At last {name} found {t} {where}.", f"The {animal} was happy, and they walked home as friends."]
    elif plot == 1:
        body = [f"{time} the {animal} came to the {place}.", f"It was hungry and tired.", f"{name} gave it {ANIMALS[animal][0]} and a soft bed.",
                f"The next day the {animal} brought {name} {t}.", f'"Thank you," said {name}, and {pro} smiled all day.']
    elif plot == 2:
        other = rng.choice([a for a in ANIMALS if a != animal])
        body = [f"{time} it rained, and {name} sat at the {place}.", f"The {animal} and the {other} came to sit with {pro and {'she': 'her', 'he': 'him'}[pro]}.",
                f"{name} told them a story about {t}.", f"When the sun came out, the {other} was asleep.", f"The {animal} said it was the best story of the year."]
    else:
        body = [f"{time} {name} wanted to paint {t}.", f"But the {animal} had hidden the paint {where}.", f'{name} laughed and said, "Give it back, please!"',
                f"The {animal} brought the paint to the {place}.", f"Together they painted {t}, and {pos} day was a good one."]
    return " ".join(body)


def story_pair(rng):
    name, animal, place = any_name(rng), rng.choice(list(ANIMALS)), rng.choice(list(PLACES))
    kind = rng.randint(0, 4)
    if kind == 0:
        return rng.choice(["Tell me a story.", "Please tell me a short story.", "I want to hear a story.", "Write a story."]), story(rng, rng.choice(list(PEOPLE)))
    if kind == 1:
        return rng.choice(["Tell me a story about the {}.", "Write a short story about the {}.", "I want a story with the {}."]).format(animal), \
            story(rng, rng.choice(list(PEOPLE)), animal)
    if kind == 2:
        return rng.choice(["Tell me a story about {}.", "Write a short story about {}."]).format(name), story(rng, name)
    if kind == 3:
        return rng.choice(["Tell me a story about {} and the {}.", "Write a story about {} and the {}.", "A story with {} and the {}, please."]).format(name, animal), \
            story(rng, name, animal)
    return f"Tell me a story about {name} at the {place}.", story(rng, name, None, place)


PAIRS = [(fact_pair, 34), (yes_no_pair, 14), (describe_pair, 7), (list_pair, 5), (order_pair, 18), (tag_pair, 11), (copy_pair, 12), (refusal_pair, 5),
         (small_talk_pair, 4), (tip_pair, 2), (story_pair, 5), (two_facts_pair, 5), (remark_pair, 2)]

SYSTEM = ["You are Sprig, a helper in the village garden.", "You are a friendly garden helper.", "You help people in the garden.", "Be kind and helpful.",
          "You are a helpful assistant.", "Answer in short sentences.", "You are Sprig."]


def follow_ups(rng):
    """A chat about one subject with pronouns, or about one topic over several subjects."""
    kind, subject = rng.choice([s for s in SUBJECTS if len(BY_SUBJECT[s]) > 2])
    facts = rng.sample(BY_SUBJECT[(kind, subject)], rng.choice([2, 3]))
    turns = [fact_pair(rng, facts[0])]
    if rng.random() < 0.5:
        for f in facts[1:]:
            pronoun = PEOPLE[subject][0] if kind == "person" else "it"
            possessive = {"she": "her", "he": "his", "it": "its"}[pronoun]
            question = rng.choice(f.questions)
            if kind == "person":
                question = question.replace(f"{subject}'s", possessive).replace(subject, pronoun)
            else:
                question = question.replace(subject, pronoun)
            turns.append((rng.choice(["{}", "And {l}"]).format(question, l=low(question)), (f.short or f.answer) + "."))
        return turns
    topic = (facts[0].kind, facts[0].topic)
    for f in rng.sample([f for f in BY_TOPIC[topic] if f.subject != subject], 2):
        turns.append((rng.choice(["And {}?", "What about {}?", "And what about {}?"]).format(f.subject), f.answer + "."))
    return turns


def pairs_with(symbols=0, lists=0):
    """The makers of the garden, whose weights add up to 124, and with these weights those of symbols.py and of lists asked for in other ways."""
    return PAIRS + [(maker, weight) for maker, weight in ((symbol_pair, symbols), (asked_list_pair, lists)) if weight]


def conversation(rng, pairs=PAIRS):
    """One chat: a system prompt in a quarter of them, one to four exchanges. pairs: makers of questions and answers with their weights."""
    makers, weights = zip(*pairs)
    r = rng.random()
    if r < 0.14:
        turns = follow_ups(rng)
    else:
        n = 1 if r < 0.7 else rng.choice([2, 2, 3, 4])
        turns = [m(rng) for m in rng.choices(makers, weights, k=n)]
        if n > 1 and rng.random() < 0.3:
            turns.insert(0, small_talk_pair(rng))
    messages = [{"role": "system", "content": rng.choice(SYSTEM)}] if rng.random() < 0.25 else []
    for question, answer in turns:
        messages += [user(question), assistant(answer)]
    return messages


def document(rng):
    """A plain page of the garden diary, without roles."""
    r = rng.random()
    if r < 0.4:
        return story(rng)
    if r < 0.7:
        kind, subject = rng.choice([s for s in SUBJECTS if len(BY_SUBJECT[s]) > 1])
        return description(rng, kind, subject, 5)
    day = rng.choice(list(DAYS))
    w = rng.choice(list(WEATHER))
    lines = [f"{day}. Today {w}, and {WEATHER[w][0]}."] + [order_text(rng, order_words(rng)) for _ in range(rng.randint(1, 3))]
    lines.append(f"On {day} {DAYS[day]}.")
    return " ".join(lines)


def is_held_out(messages):
    return any(held_out(m["content"]) for m in messages if m["role"] == "user")


def conversations(seed, n, want_held_out=False, pairs=PAIRS):
    """n chats by seed, all from one side of the held-out line."""
    rng = random.Random(seed)
    out = []
    while len(out) < n:
        messages = conversation(rng, pairs)
        if is_held_out(messages) == want_held_out:
            out.append(messages)
    return out


if __name__ == "__main__":
    rng = random.Random(1)
    for _ in range(40):
        for m in conversation(rng):
            print(f"{m['role']}: {m['content']}")
        print("--")
    print("\n".join(document(rng) for _ in range(5)))
