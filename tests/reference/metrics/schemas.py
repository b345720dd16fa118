"""Makes schemas.json: texts by JSON schemas (draft 2020-12) of the package jsonschema, and by regular expressions of Python's re.

    pip install jsonschema
    python tests/reference/metrics/schemas.py

Nothing of Graft runs here.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

from jsonschema import Draft202012Validator

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b", 1, None]}, "maxItems": 2},
        "size": {"const": {"w": 1, "h": [2, 3]}},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
OPEN = {
    "type": "object",
    "properties": {"id": {"type": ["integer", "null"]}},
    "additionalProperties": {"type": "number", "maximum": 10},
    "minProperties": 1,
    "maxProperties": 3,
}
SCHEMAS = {
    "person": PERSON,
    "open": OPEN,
    "list": {"type": "array", "minItems": 1, "items": {"type": "number", "exclusiveMinimum": 0}},
    "label": {"enum": ["yes", "no"]},
    "anything": True,
    "nothing": False,
}
TEXTS = [
    '{"name": "Ada", "age": 36}',
    '{"age": 36.0, "name": "Ada", "tags": ["a", null]}',
    '{"name": "", "age": 150}',
    '{"name": "Ada"}',
    '{"name": "Ada", "age": 36.5, "tags": ["c"], "size": {"h": [2, 3], "w": 1}}',
    '{"name": "Ada", "age": true}',
    '{"name": "1234567890", "age": -1, "more": 1}',
    '{"name": "🦉🦉🦉🦉🦉🦉🦉🦉", "age": 0, "tags": ["a", "b", 1]}',
    '{"id": null, "x": 3}',
    '{"id": 1, "x": 11, "y": "z"}',
    '{"id": 1, "a": 1, "b": 2, "c": 3}',
    "{}",
    "[]",
    "[1, 2.5]",
    "[0]",
    '["1"]',
    '"yes"',
    '"Yes"',
    "null",
    "17",
    "no JSON",
    '{"name": "Ada", "age": 36',
    '{"name": "Ada", "age": 36} ',
    "NaN",
]
PATTERNS = [
    [r"^\d{1,3}(,\d{3})*$", ""],
    [r"\b(yes|no)\b", "i"],
    [r"^A.*Z$", "s"],
    [r"^A.*Z$", ""],
    [r"^b$", "m"],
    [r"(?<year>\d{4})-(\d\d)-(\d\d)", ""],
    [r"^(?!.*secret).*$", "s"],
    [r"^.$", "u"],
]
ANSWERS = ["1,234", "12,34", "1234", "Yes, it is", "nowhere", "A\nZ", "AZ", "a\nb\nc", "2026-12-01", "the secret", "", "🦉", "東京"]


def parsed(text):
    def refuse(constant):
        raise ValueError(constant)

    try:
        return [json.loads(text, parse_constant=refuse)]
    except ValueError:
        return []


def share(schema, value):
    """The share of right fields: an error belongs to the field that it names."""
    errors = list(Draft202012Validator(schema).iter_errors(value))
    if not errors:
        return 1.0
    if not isinstance(schema, dict) or not isinstance(value, dict):
        return 0.0
    wrong = set()
    for error in errors:
        if error.absolute_path:
            wrong.add(error.absolute_path[0])
        elif error.validator == "required":
            wrong |= {key for key in error.validator_value if key not in value}
        elif error.validator == "additionalProperties":
            wrong |= {key for key in value if key not in schema["properties"]}
    required = set(schema.get("required", []))
    fields = required | wrong | {key for key in schema.get("properties", {}) if key in value}
    # An error of the whole object, such as too many fields, takes the last bit of a full share.
    return 0.0 if not wrong else (len(fields) - len(wrong)) / len(fields)


def flags_of(flags):
    return sum({"i": re.I, "m": re.M, "s": re.S, "u": 0}[flag] for flag in flags)


def translated(pattern):
    """A named group as Python writes it."""
    return pattern.replace("(?<year>", "(?P<year>")


def main():
    schemas = [
        {
            "name": name,
            "schema": schema,
            "valid": [
                bool(found := parsed(text)) and Draft202012Validator(schema).is_valid(found[0]) for text in TEXTS
            ],
            "share": [share(schema, found[0]) if (found := parsed(text)) else 0.0 for text in TEXTS],
        }
        for name, schema in SCHEMAS.items()
    ]
    patterns = [
        {
            "pattern": pattern,
            "flags": flags,
            "matches": [re.search(translated(pattern), text, flags_of(flags)) is not None for text in ANSWERS],
        }
        for pattern, flags in PATTERNS
    ]
    made = {"jsonschema": version("jsonschema"), "texts": TEXTS, "schemas": schemas}
    text = json.dumps({**made, "answers": ANSWERS, "patterns": patterns}, ensure_ascii=False, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


main()
