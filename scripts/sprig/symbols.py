"""Requests whose answers hold every printable ASCII character: labels, tags, prices, paths, addresses, tables, code and copies.

A character that no text holds has an embedding that nothing trained: all such are one and the same, so that no fine-tuning run on a frozen
embedding could write one of them rather than another. Pieces of garden words stand in the labels, so that the inner pieces of the
tokenizer are trained as well.
"""

import json

from facts import ANIMALS, COLOURS, FOODS, GOODS, NUMBERS, PEOPLE, PLACES, PLANTS, SHOPS, TOOLS, VISITORS

SIGNS = {
    "underscore": "_", "hash": "#", "dollar sign": "$", "percent sign": "%", "ampersand": "&", "star": "*", "plus": "+", "slash": "/",
    "backslash": "\\", "less than": "<", "greater than": ">", "equals sign": "=", "at sign": "@", "caret": "^", "backtick": "`", "bar": "|",
    "tilde": "~", "apostrophe": "'", "open bracket": "(", "close bracket": ")", "open square bracket": "[", "close square bracket": "]",
    "open brace": "{", "close brace": "}", "comma": ",", "semicolon": ";", "colon": ":", "dot": ".", "dash": "-", "question mark": "?",
    "exclamation mark": "!", "quote": '"', "tab": "\t",
}
PRINTABLE = [chr(c) for c in range(33, 127)]
NAMES = list(PEOPLE) + VISITORS
WORDS = sorted({w for table in (ANIMALS, PLANTS, TOOLS, PLACES, FOODS, COLOURS, GOODS, SHOPS, NUMBERS) for text in table for w in text.split()}
               | {"lost", "new", "old", "broken", "late", "card", "order", "price", "number", "name", "first", "last", "answer", "question", "help",
                  "user", "item", "type", "account", "payment", "arrival", "refund", "report", "error", "index", "key", "value", "quiz",
                  "garden", "colour", "friend", "people", "animal", "season", "assistant", "system", "morning", "because", "favourite", "sorry", "light",
                  "village", "Wednesday", "Saturday", "sentence", "Hello", "Answer", "paint", "write", "carry", "every", "which", "bird", "grey"})
TAGS = ["answer", "think", "b", "i", "name", "item", "note", "li", "p", "code", "title", "result", "label", "quote", "h1"]
KEYS = ["first_name", "last_name", "item_id", "unit_price", "is_open", "colour", "max_size", "name", "x", "y1", "kind"]


def fragment(rng):
    """A piece of a word, or one of letters by chance."""
    word = rng.choice(WORDS)
    if rng.random() < 0.3:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(1, 6)))
    cut = rng.randint(1, max(1, len(word) - 1))
    return word[:cut] if rng.random() < 0.5 else word[cut:] or word


def word(rng):
    return fragment(rng) if rng.random() < 0.3 else rng.choice(WORDS)


def words(rng, least=1, most=3):
    return [word(rng) for _ in range(rng.randint(least, most))]


def value(rng):
    return rng.choice([word(rng), rng.choice(NAMES), str(rng.randint(0, 999)), f"the {rng.choice(COLOURS)} {rng.choice(GOODS)}"])


def label(rng, fact):
    if rng.random() < 0.35:
        text = rng.choice(["Label this: {}", "Which label fits? {}", "Give the label of this question: {}"]).format(rng.choice(fact.questions))
        return text, f"{fact.kind}_{fact.topic}"
    parts = words(rng, 2, 3)
    text = rng.choice(["Write {} as a label.", "Make a label from: {}", "The label for {}, please.", "What is the label of {}?"]).format(" ".join(parts))
    if rng.random() < 0.15:
        return text[:-1] + " in capital letters" + text[-1] if text[-1] in ".?" else "In capital letters: " + text, "_".join(parts).upper()
    return text, "_".join(parts)


def joined(rng, fact):
    name, sign = rng.choice(list(SIGNS.items()))
    parts = words(rng, 2, 4)
    space = rng.choice(["", "", " "])
    text = rng.choice(["Join {} with a {}{}.", "Put a {1}{2} between {0}.", "Write {} with a {}{} between them."])
    shown = name if rng.random() < 0.5 or sign == "\t" else sign
    return text.format(" and ".join(parts), shown, " and spaces" if space else ""), f"{space}{sign}{space}".join(parts)


def sign(rng, fact):
    name, character = rng.choice(list(SIGNS.items()))
    kind = rng.randint(0, 3)
    if kind == 0:
        return rng.choice(["Write the {}.", "What does the {} look like?", "Show me the {}."]).format(name), character
    if kind == 1 and character != "\t":
        return rng.choice(["What is this sign? {}", "Name this sign: {}"]).format(character), f"It is the {name}."
    if kind == 2:
        count = rng.randint(2, 6)
        return f"Write the {name} {NUMBERS[count - 1]} times.", character * count
    text = value(rng)
    return rng.choice(["Write {1} after the {0}.", "Begin with the {0}, then write {1}."]).format(name, text), character + text


def tags(rng, fact):
    question, said = rng.choice(fact.questions), fact.answer + "."
    kind = rng.randint(0, 5)
    if kind <= 1:
        return rng.choice(["Answer in tags: {}", "{} Answer in tags.", "{} Write the answer in <answer> tags."]).format(question), f"<answer>{fact.value}</answer>"
    if kind <= 3:
        text = rng.choice(["Think, then answer in tags: {}", "{} Think first, and answer in tags.", "{} Use <think> and <answer>."])
        return text.format(question), f"<think>{said}</think><answer>{fact.value}</answer>"
    name, text = rng.choice(TAGS + [word(rng)]), value(rng)
    if kind == 4:
        return rng.choice(["Put {1} in {0} tags.", "Put {1} in <{0}> tags.", "Write <{0}> with {1}."]).format(name, text), f"<{name}>{text}</{name}>"
    return f"Write an empty {name} tag.", f"<{name} />"


def final_number(rng, fact):
    count, item, who = rng.randint(0, 1000), rng.choice(GOODS), rng.choice(NAMES)
    kind = rng.randint(0, 2)
    if kind == 0:
        return rng.choice(["End with the number {}.", "Write the final answer {}.", "The result is {}. Write it after hashes."]).format(count), f"#### {count}"
    text = f"{who} has {count} {item}. How many {item}? Write the number after hashes."
    return text, f"{who} has {count} {item}.\n#### {count}" if kind == 1 else f"#### {count}"


def price(rng, fact):
    whole, part, item = rng.randint(0, 999), rng.randint(0, 99), rng.choice(GOODS)
    kind = rng.randint(0, 3)
    if kind == 0:
        return rng.choice(["The {0} cost {1} dollars. What is the price?", "Write the price of the {0}: {1} dollars"]).format(item, whole), f"${whole}"
    if kind == 1:
        return f"The {item} cost {whole} dollars and {part} cents. What is the price?", f"${whole}.{part:02d}"
    if kind == 2:
        return rng.choice(["Write {} percent with the sign.", "Write {} percent short."]).format(whole), f"{whole}%"
    return f"{whole} percent of the {item} cost {part} dollars. Write it short.", f"{whole}% of the {item}: ${part}"


def path(rng, fact):
    parts = words(rng, 2, 4)
    ending = rng.choice(["", "", ".txt", ".md", ".json", ".py"])
    text = rng.choice(["Write the path: {}", "Make a path from {}."]).format(", ".join(parts) + (f", as {ending}" if ending else ""))
    kind = rng.randint(0, 3)
    if kind == 0:
        return "For Windows: " + text, "C:\\" + "\\".join(parts) + ending
    if kind == 1:
        return "From the root: " + text, "/" + "/".join(parts) + ending
    if kind == 2:
        return f"Make a web address from {', '.join(parts)}.", "https://" + parts[0] + ".org/" + "/".join(parts[1:])
    return text, "/".join(parts) + ending


def address(rng, fact):
    who, where, end = rng.choice(NAMES), rng.choice(SHOPS), rng.choice(["org", "com", "net"])
    if rng.random() < 0.3:
        return rng.choice(["Call {} with an at sign.", "Mention {}."]).format(who), f"@{who.lower()}"
    if rng.random() < 0.2:
        topic = word(rng)
        return f"Write {topic} as a hashtag.", f"#{topic}"
    return rng.choice(["Write the mail address of {} at {}.{}.", "What is the mail address? {}, {}.{}"]).format(who, where, end), f"{who.lower()}@{where}.{end}"


def table(rng, fact):
    keys = rng.sample(["name", "colour", "item", "size", "price", "shop"], rng.randint(2, 3))
    rows = [[value(rng) for _ in keys] for _ in range(rng.randint(1, 2))]
    said = "; ".join(", ".join(f"{k} {v}" for k, v in zip(keys, row)) for row in rows)
    lines = ["| " + " | ".join(line) + " |" for line in [keys, ["---"] * len(keys), *rows]]
    return f"Make a table: {said}", "\n".join(lines)


def code(rng, fact):
    text, name, n = value(rng), "_".join(words(rng, 1, 2)), rng.randint(0, 99)
    kind = rng.randint(0, 6)
    if kind == 0:
        return rng.choice(["Write {} as a comment.", "Make a comment: {}"]).format(text), f"# {text}"
    if kind == 1:
        return f"Write {text} as a comment with slashes.", f"// {text}"
    if kind == 2:
        return rng.choice(["Put {} in backticks.", "Write {} as code."]).format(name), f"`{name}`"
    if kind == 3:
        return f"Put {name} in a block of code.", f"```\n{name}\n```"
    if kind == 4:
        return f"Call {name} with {n}.", f"{name}({n})"
    if kind == 5:
        return f"Call {name} with the text {text}.", f"{name}('{text}')"
    return f"Set {name} to {n}.", f"{name} = {n};"


def json_text(rng, fact):
    keys = rng.sample(KEYS, rng.randint(1, 3))
    values = [rng.choice([rng.choice(NAMES), word(rng), rng.randint(0, 99), True, False, None, [rng.randint(0, 9) for _ in range(rng.randint(0, 3))]]) for _ in keys]
    record = dict(zip(keys, values))
    spoken = ", ".join(f"{k} {v if isinstance(v, str) else json.dumps(v)}" for k, v in record.items())
    return rng.choice(["Make JSON with {}.", "Write as JSON: {}", "JSON, please: {}"]).format(spoken), json.dumps(record)


def signs_in_a_sum(rng, fact):
    spoken, written = rng.choice([
        ("plus", "+"), ("minus", "-"), ("times", "*"), ("divided by", "/"), ("is less than", "<"), ("is greater than", ">"), ("is at most", "<="),
        ("is at least", ">="), ("to the power of", "^"), ("and", "&"), ("or", "|"), ("equals", "="), ("is not", "!="), ("is about", "~"), ("per cent of", "%")])
    one, two = (rng.choice([str(rng.randint(0, 99)), rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")]) for _ in range(2))
    return rng.choice(["Write with signs: {} {} {}", "Use signs: {} {} {}"]).format(one, spoken, two), f"{one} {written} {two}"


def marked(rng, fact):
    text = value(rng)
    how, left, right = rng.choice([
        ("in bold", "**", "**"), ("in italics", "*", "*"), ("underlined", "_", "_"), ("crossed out", "~~", "~~"), ("as a heading", "# ", ""),
        ("as a small heading", "## ", ""), ("in brackets", "(", ")"), ("in square brackets", "[", "]"), ("in braces", "{", "}"),
        ("in angle brackets", "<", ">"), ("in single quotes", "'", "'"), ("between bars", "|", "|"), ("in double braces", "{{", "}}"),
        ("as a variable", "$", ""), ("as a quotation", "> ", ""), ("between percent signs", "%", "%"), ("as a point", "* ", ""), ("with a question", "", "?"),
        ("loudly", "", "!")])
    return rng.choice(["Write {0} {1}.", "Put {0} {1}.", "Show {0} {1}."]).format(text, how), left + text + right


def mixed(rng):
    """A string of printable characters, or of words with such between them."""
    if rng.random() < 0.5:
        return "".join(rng.choice(PRINTABLE) for _ in range(rng.randint(1, 10)))
    return "".join(rng.choice([rng.choice(PRINTABLE), rng.choice(list(SIGNS.values())[:-1]), word(rng), word(rng), rng.choice(NAMES), " "])
                   for _ in range(rng.randint(2, 7))).strip() or "_"


def part_number(rng):
    """Such as QX-27/4."""
    groups = [rng.choice([str(rng.randint(0, 999)), "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZQXUZK") for _ in range(rng.randint(1, 4)))])
              for _ in range(rng.randint(1, 3))]
    return rng.choice("-/_. :#&+").join(groups)


def copied(rng, fact):
    text = part_number(rng) if rng.random() < 0.25 else mixed(rng)
    return rng.choice(["Copy: {}", "Copy this: {}", "Write exactly this: {}", "Copy what follows.\n{}"]).format(text), text


KINDS = [(label, 6), (joined, 5), (sign, 5), (tags, 6), (final_number, 2), (price, 2), (path, 2), (address, 2), (table, 1), (code, 3), (json_text, 2),
         (signs_in_a_sum, 2), (marked, 4), (copied, 9)]
_MAKERS = [m for m, _ in KINDS]
_WEIGHTS = [w for _, w in KINDS]


def symbols_about(rng, fact):
    """One question and its answer, with signs in it. fact: what labels and tags are asked of."""
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng, fact)
