"""Vectors of texts by transformers, with an adapter by PEFT: [{"model": folder, "adapter"?: folder, "ids": [[...], ...]}, ...] on standard input → a list of
vectors for each, the mean of the last hidden states of each text at length 1."""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModel


def vectors(question):
    model, found = AutoModel.from_pretrained(question["model"], dtype=torch.float32, output_loading_info=True)
    # The pooler, which no vector of a text is made by, is the one part that a folder may lack.
    missing = [key for key in found["missing_keys"] if not key.startswith("pooler.")]
    if missing:
        raise ValueError(f"{question['model']} lacks {missing}")
    if "adapter" in question:
        model = PeftModel.from_pretrained(model, question["adapter"])
        changed = [value for key, value in model.named_parameters() if "lora_B" in key and value.abs().max() > 0]
        if not changed:
            raise ValueError(f"{question['adapter']} changes nothing")
    model.eval()
    with torch.no_grad():
        return [
            torch.nn.functional.normalize(model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0), dim=0).tolist()
            for ids in question["ids"]
        ]


json.dump([vectors(question) for question in json.load(sys.stdin)], sys.stdout)
