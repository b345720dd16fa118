"""Makes numbers.json: 20 steps of torch's SGD with momentum and NAdam, and of Lion as lion-pytorch (Phil Wang) has it, on given gradients.

    pip install torch lion-pytorch && python make.py

Weight decay is decoupled in all of them: SGD has none of its own here, and the values shrink before its step.
"""
import json
from pathlib import Path

import torch
from lion_pytorch import Lion

SIZE, STEPS, LR, DECAY, MOMENTUM = 130, 20, 0.01, 0.1, 0.9
torch.manual_seed(3)
start = torch.randn(SIZE)
gradients = [torch.randn(SIZE) * (1 + step / 5) for step in range(STEPS)]


def run(make, decoupled):
    value = torch.nn.Parameter(start.clone())
    optimiser = make([value])
    for gradient in gradients:
        value.grad = gradient.clone()
        if decoupled:
            with torch.no_grad():
                value.mul_(1 - LR * DECAY)
        optimiser.step()
    return rounded(value.detach())


def rounded(values):
    return [round(x, 7) for x in values.tolist()]


# The rounded numbers are what the test starts from: the steps are taken from them, too.
start = torch.tensor(rounded(start))
gradients = [torch.tensor(rounded(gradient)) for gradient in gradients]
numbers = {
    "made": f"torch {torch.__version__}, lion-pytorch",
    "lr": LR,
    "weightDecay": DECAY,
    "momentum": MOMENTUM,
    "start": rounded(start),
    "gradients": [rounded(gradient) for gradient in gradients],
    "sgd": run(lambda values: torch.optim.SGD(values, lr=LR, momentum=MOMENTUM), True),
    "nadamw": run(lambda values: torch.optim.NAdam(values, lr=LR, weight_decay=DECAY, decoupled_weight_decay=True), False),
    "lion": run(lambda values: Lion(values, lr=LR, betas=(0.9, 0.99), weight_decay=DECAY), False),
}
Path(__file__).with_name("numbers.json").write_text(json.dumps(numbers) + "\n")
