"""Makes token-losses.json: the loss of each supervised token of two rows by the base and by the adapter, and the likeliest tokens in its place.

    python tests/reference/peft/token-losses.py   (after make.py)

Nothing of Graft runs here. Losses are -log p in nats; `top` has the ids of the ten likeliest tokens of each model, and their probabilities.
"""

import json

import peft
import torch
import transformers
from make import HERE, base, with_adapter, write_json

ROWS = 2
CANDIDATES = 10


@torch.no_grad()
def measured(model, row):
    logits = model(input_ids=torch.tensor([row["ids"]])).logits[0].double()
    logs = logits.log_softmax(-1)
    found = []
    for at, label in enumerate(row["labels"]):
        if at == 0 or label == -100:
            continue
        top = logs[at - 1].topk(CANDIDATES)
        found.append(
            {
                "id": label,
                "loss": -logs[at - 1, label].item(),
                "top": top.indices.tolist(),
                "probabilities": top.values.exp().tolist(),
            }
        )
    return found


def main():
    rows = [json.loads(line) for line in (HERE / "rows.jsonl").read_text().splitlines()[:ROWS]]
    made = {"made_with": {"transformers": transformers.__version__, "peft": peft.__version__}}
    for name, model in {"base": base(), "adapter": with_adapter()}.items():
        made[name] = [measured(model, row) for row in rows]
    write_json("token-losses.json", made)


if __name__ == "__main__":
    main()
