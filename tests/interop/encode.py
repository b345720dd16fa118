"""What transformers' AutoTokenizer makes of texts. Reads a list of {"folder", "texts"} as JSON on standard input, and gives a list of
{"ids": [[...], ...], "decoded": [...], "eos"} with the ids of each text, its special tokens included, and the text of those without them."""

import json
import sys

from transformers import AutoTokenizer


def encode(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text)["input_ids"] for text in texts]
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return {"ids": ids, "decoded": [tokenizer.decode(one) for one in plain], "eos": tokenizer.eos_token_id}


json.dump([encode(**question) for question in json.load(sys.stdin)], sys.stdout)
