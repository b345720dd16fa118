"""Writes mean/onnx/model.onnx: the encoder that make.py made, as torch exports it, where Transformers.js looks for it.

    pip install torch transformers onnx
    python tests/reference/encoders/to_onnx.py

Nothing of Graft runs here. Inputs are input_ids, attention_mask and token_type_ids [texts, tokens], the output is last_hidden_state [texts, tokens, 32].
"""

from pathlib import Path

import torch
from transformers import BertModel

HERE = Path(__file__).parent
NAMES = ["input_ids", "attention_mask", "token_type_ids"]


class Hidden(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model(**dict(zip(NAMES, inputs))).last_hidden_state


model = BertModel.from_pretrained(HERE / "mean", add_pooling_layer=False, dtype=torch.float32, attn_implementation="eager")
model.eval()
ids = torch.tensor([[2, 7, 8, 3, 0], [2, 9, 10, 11, 3]])
out = HERE / "mean" / "onnx" / "model.onnx"
out.parent.mkdir(exist_ok=True)
torch.onnx.export(
    Hidden(model),
    (ids, (ids > 0).long(), torch.zeros_like(ids)),
    out,
    input_names=NAMES,
    output_names=["last_hidden_state"],
    dynamic_axes={name: {0: "texts", 1: "tokens"} for name in [*NAMES, "last_hidden_state"]},
    opset_version=17,
    dynamo=False,
)
