"""Logits of mlx-lm with adapters in its own format, in float32. Reads {"model": folder, "adapters": [folder, ...], "ids": [...]} on standard
input and answers with a list of logits [[...], ...], one for each adapter."""

import json
import sys
from pathlib import Path

import mlx.core as mx
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model


def main():
    question = json.load(sys.stdin)
    answers = []
    for adapter in question["adapters"]:
        model, _ = load_model(Path(question["model"]))
        model.set_dtype(mx.float32)
        model = load_adapters(model, adapter)
        model.eval()
        answers.append(model(mx.array([question["ids"]]))[0].tolist())
    json.dump(answers, sys.stdout)


main()
