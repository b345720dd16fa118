"""Makes numbers.json: losses that are made of losses, and their gradients, by torch's autograd in float64.

    pip install torch && python make.py
"""
import json
from pathlib import Path

import torch

torch.manual_seed(5)
ROWS, CHANNELS, VOCABULARY = 70, 12, 65
x = (torch.randn(ROWS, CHANNELS) * 0.8).to(torch.float64)
w = (torch.randn(VOCABULARY, CHANNELS) * 0.8).to(torch.float64)
labels = torch.randint(VOCABULARY, (2, ROWS))
labels[0, 3] = labels[1, 11] = -1
weights = torch.randn(ROWS).to(torch.float64)


def rounded(tensor):
    return [round(v, 9) for v in tensor.flatten().tolist()]


def log_probabilities(x, w, labels):
    logits = torch.log_softmax(x @ w.T, -1)
    return torch.where(labels >= 0, logits.gather(1, labels.clamp(min=0)[:, None])[:, 0], torch.zeros(()).to(logits))


def case(loss_of):
    a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
    loss = loss_of(a, b)
    loss.backward()
    return {"loss": loss.item(), "dx": rounded(a.grad), "dw": rounded(b.grad)}


x, w, weights = (torch.tensor(rounded(t), dtype=torch.float64).reshape(t.shape) for t in (x, w, weights))
numbers = {
    "made": f"torch {torch.__version__}, float64",
    "shape": [ROWS, CHANNELS, VOCABULARY],
    "x": rounded(x),
    "w": rounded(w),
    "labels": labels.tolist(),
    "weights": rounded(weights),
    # 0.7 · cross-entropy of the first labels + 0.3 · that of the second, on the same rows.
    "sum": case(lambda a, b: -0.7 * log_probabilities(a, b, labels[0]).sum() - 0.3 * log_probabilities(a, b, labels[1]).sum()),
    # A weight for each row, as objectives over pairs and rewards have.
    "rows": case(lambda a, b: (weights * log_probabilities(a, b, labels[0])).sum()),
    "logProbabilities": rounded(log_probabilities(x, w, labels[0])),
}
Path(__file__).with_name("numbers.json").write_text(json.dumps(numbers) + "\n")
