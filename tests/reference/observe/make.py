"""What transformers computes inside of a model, layer by layer: what Graft observes is compared with it.

    pip install torch transformers
    python tests/reference/observe/make.py [FOLDER of stories260K]

Nothing of Graft runs here. For models of ../families, and for stories260K if its folder is given, NAME.safetensors has `ids` and `labels` [12] (-100: not
supervised, position t predicts label t + 1), `logits` [12, V], and of each layer `hidden.N` [12, C] (before the first layer and behind each),
`attention.N` [H, 12, 12], `d hidden.N`, and of its down projection `down.N`, `down.N.input` and their gradients. Gradients are of the summed loss.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
LENGTH = 12


def observe(name, folder, vocabulary):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    torch.manual_seed(5)
    ids = torch.randint(3, vocabulary, (1, LENGTH))
    labels = ids.clone()
    labels[0, :3] = -100
    base = model.base_model
    layers = base.h if hasattr(base, "h") else base.layers
    seen = {}

    def keep(key, value):
        if not value.requires_grad:
            value.requires_grad_(True)
        value.retain_grad()
        seen[key] = value

    def output(key):
        def hook(module, inputs, result):
            keep(key, result[0] if isinstance(result, tuple) else result)

        return hook

    def input(key):
        return lambda module, inputs: keep(key, inputs[0])

    layers[0].register_forward_pre_hook(input("hidden.0"))
    for at, layer in enumerate(layers):
        layer.register_forward_hook(output(f"hidden.{at + 1}"))
        down = layer.mlp.c_proj if hasattr(layer.mlp, "c_proj") else layer.mlp.down_proj
        down.register_forward_pre_hook(input(f"down.{at}.input"))
        down.register_forward_hook(output(f"down.{at}"))
    found = model(ids, output_attentions=True)
    loss = torch.nn.functional.cross_entropy(
        found.logits[0, :-1], labels[0, 1:], ignore_index=-100, reduction="sum"
    )
    loss.backward()
    tensors = {"ids": ids[0].int(), "labels": labels[0].int(), "logits": found.logits[0].detach()}
    for at, weights in enumerate(found.attentions):
        tensors[f"attention.{at}"] = weights[0].detach()
    for key, value in seen.items():
        tensors[key] = value[0].detach()
        tensors[f"d {key}"] = value.grad[0]
    save_file({key: value.contiguous() for key, value in tensors.items()}, HERE / f"{name}.safetensors")


def main():
    torch.set_num_threads(1)
    for name in ["llama", "gemma3", "gpt2"]:
        observe(name, HERE.parent / "families" / name, 160)
    if len(sys.argv) > 1:
        observe("stories260K", sys.argv[1], 512)


if __name__ == "__main__":
    main()
