"""Scores choices after prompts with transformers, and with an adapter by PEFT: each prompt with each choice is a sequence of its own.

    pip install torch transformers peft
    python tests/reference/choices/make.py

Nothing of Graft runs here. The models are those of tests/reference/families. choices.json has, for each of them, prompts with lists of choices (token
ids), and for each choice the sum of the log-probabilities of its tokens: `base`, and `lora` with the adapter.
"""

import json
import random
from pathlib import Path

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
FAMILIES = HERE.parent / "families"
NAMES = ["llama", "mistral-sliding", "qwen3", "gemma3", "gpt2", "lfm2"]


def rows():
    draw = random.Random(5)
    tokens = lambda count: [draw.randrange(3, 160) for _ in range(count)]
    system, begin = tokens(11), tokens(2)
    nested = [begin[:1], begin, begin + tokens(1), begin + tokens(3), begin + tokens(3), tokens(4), tokens(1)]
    return [
        {"prompt": system + tokens(9), "choices": nested},
        {"prompt": system + tokens(1), "choices": nested},
        {"prompt": tokens(1), "choices": [tokens(1), tokens(1)]},
        {"prompt": system + tokens(20), "choices": [tokens(12), tokens(9)]},
    ]


def score(model, row):
    found = []
    for choice in row["choices"]:
        ids = torch.tensor([row["prompt"] + choice])
        with torch.no_grad():
            logs = model(ids).logits[0].double().log_softmax(-1)
        first = len(row["prompt"]) - 1
        found.append(sum(logs[first + at, token].item() for at, token in enumerate(choice)))
    return found


asked = rows()
families = {}
for name in NAMES:
    load = lambda: AutoModelForCausalLM.from_pretrained(FAMILIES / name, dtype=torch.float32, attn_implementation="eager").eval()
    base = load()
    families[name] = {"base": [score(base, row) for row in asked]}
    tuned = PeftModel.from_pretrained(load(), FAMILIES / name / "adapter").eval()
    families[name]["lora"] = [score(tuned, row) for row in asked]
made = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
(HERE / "choices.json").write_text(
    json.dumps({"made_with": made, "rows": asked, "families": families}) + "\n", encoding="utf-8"
)
