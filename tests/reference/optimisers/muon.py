"""Makes muon.json: steps of Muon on given gradients, matrices by the formula of torch.optim.Muon in float64, the rest by torch.optim.AdamW.

    pip install torch && python muon.py

torch.optim.Muon itself computes Newton–Schulz in bfloat16. How far its matrices are from those of float64 is written beside them (`torch`): the
largest difference over the largest change.
"""
import json
import math
from pathlib import Path

import torch

STEPS, LR, DECAY, MOMENTUM = 10, 0.02, 0.1, 0.95
SHAPES = {"wide": [5, 7], "tall": [9, 3], "square": [4, 4], "vector": [7], "row": [1, 8], "one": [6, 1]}
A, B, C = 3.4445, -4.7750, 2.0315
ADJUST = {
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
}
torch.manual_seed(5)


def rounded(values):
    return [round(x, 7) for x in values.flatten().tolist()]


def random(shape, scale=1.0):
    return torch.tensor(rounded(torch.randn(shape) * scale), dtype=torch.float64).reshape(shape)


start = {name: random(shape) for name, shape in SHAPES.items()}
gradients = [{name: random(shape, 1 + step / 5) for name, shape in SHAPES.items()} for step in range(STEPS)]


def orthogonal(update):
    x = update.T if update.size(0) > update.size(1) else update
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x.T if update.size(0) > update.size(1) else x


def is_matrix(name):
    return len(SHAPES[name]) == 2 and min(SHAPES[name]) > 1


def by_formula(name, adjust):
    value, momentum = start[name].clone(), torch.zeros_like(start[name])
    for step in gradients:
        gradient = step[name]
        momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        ahead = (1 - MOMENTUM) * gradient + MOMENTUM * momentum
        value = value * (1 - LR * DECAY) - LR * ADJUST[adjust](*value.shape) * orthogonal(ahead)
    return value


def by(make, name):
    value = torch.nn.Parameter(start[name].float())
    optimiser = make([value])
    for step in gradients:
        value.grad = step[name].float()
        optimiser.step()
    return value.detach().double()


def adamw(name):
    return by(lambda values: torch.optim.AdamW(values, lr=LR, weight_decay=DECAY), name)


def distance(name, adjust):
    exact = by_formula(name, adjust)
    own = by(lambda values: torch.optim.Muon(values, lr=LR, weight_decay=DECAY, momentum=MOMENTUM, adjust_lr_fn=adjust), name)
    return ((own - exact).abs().max() / (exact - start[name]).abs().max()).item()


numbers = {
    "made": f"torch {torch.__version__}",
    "lr": LR,
    "weightDecay": DECAY,
    "momentum": MOMENTUM,
    "shapes": SHAPES,
    "start": {name: rounded(value) for name, value in start.items()},
    "gradients": [{name: rounded(value) for name, value in step.items()} for step in gradients],
    "ends": {
        adjust: {name: rounded(by_formula(name, adjust) if is_matrix(name) else adamw(name)) for name in SHAPES}
        for adjust in ADJUST
    },
    "torch": {adjust: {name: distance(name, adjust) for name in SHAPES if is_matrix(name)} for adjust in ADJUST},
}
Path(__file__).with_name("muon.json").write_text(json.dumps(numbers) + "\n")
