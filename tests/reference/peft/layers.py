"""Makes layers.json: full fine-tuning of a part of the bundled model with torch. `requires_grad_` says which weights learn.

    python tests/reference/peft/layers.py

Rows, loss and optimiser are those of make.py. For each part: the loss of four rows, and of the gradient of each weight that learns its norm, its
largest entry and the first eight entries; then a curve of ten steps.
"""

import json
import re

import torch

from make import HERE, MODEL, AutoTokenizer, base, make_rows, summed_loss, write_json

LAYERS = 6
STEPS = 10
SETTINGS = dict(batch=4, steps=STEPS, lr=1e-3, clip=1.0, weight_decay=0.0)


def layer(name):
    found = re.search(r"\.layers\.(\d+)\.", name)
    return int(found[1]) if found else None


def is_embedding(name):
    return "embed_tokens" in name or "lm_head" in name


PARTS = {
    "no-embeddings": (dict(trainWeights="no-embeddings"), lambda name, p: not is_embedding(name)),
    "norms": (dict(trainWeights="norms"), lambda name, p: p.dim() == 1),
    "last-2": (dict(lastLayers=2), lambda name, p: not is_embedding(name) and (layer(name) is None or layer(name) >= LAYERS - 2)),
    "norms-of-last-3": (
        dict(trainWeights="norms", lastLayers=3),
        lambda name, p: p.dim() == 1 and (layer(name) is None or layer(name) >= LAYERS - 3),
    ),
}


def part_of(learns):
    model = base()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(learns(name, parameter))
    return model, [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def gradients(learns, rows):
    model, parameters = part_of(learns)
    loss, count = summed_loss(model, rows[:4])
    (loss / count).backward()
    told = {
        name: {"norm": p.grad.norm().item(), "largest": p.grad.abs().max().item(), "first": p.grad.flatten()[:8].tolist()}
        for name, p in parameters
    }
    return {"loss": loss.item() / count, "gradients": told}


def curve(learns, rows):
    model, named = part_of(learns)
    parameters = [p for _, p in named]
    optimiser = torch.optim.AdamW(parameters, lr=SETTINGS["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    steps = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss, count = summed_loss(model, [rows[(step * 4 + i) % len(rows)] for i in range(4)])
        (loss / count).backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, SETTINGS["clip"])
        steps.append({"loss": loss.item() / count, "grad_norm": norm.item()})
        optimiser.step()
    return steps


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    rows = make_rows(AutoTokenizer.from_pretrained(MODEL))
    assert json.loads((HERE / "rows.jsonl").read_text().splitlines()[0]) == rows[0]
    parts = {
        name: {"settings": settings, **gradients(learns, rows), "curve": curve(learns, rows)}
        for name, (settings, learns) in PARTS.items()
    }
    write_json("layers.json", {"torch": torch.__version__, "rows": 4, **SETTINGS, "parts": parts})


if __name__ == "__main__":
    main()
