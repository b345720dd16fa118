"""Which rounding makes the distance between llama.cpp in q8_0 and PEFT: llama.cpp's rounding of weights and activations, computed by PyTorch.

    python rounding.py FOLDER GGUF ADAPTER

FOLDER has the configuration and the tokenizer, GGUF is the base's file in it. llama.cpp rounds the numbers that a matrix in q8_0 multiplies to 8 bits, in
blocks of 32 with one scale. A matrix in f16 multiplies numbers in f16. Each line keeps some matrices in f16 and rounds the others. It prints the largest
change of a probability, the mean of each token's largest, and the mean Kullback-Leibler divergence from PEFT in nats per token.
"""

import re
import sys

import torch
from ask import load
from peft import PeftModel
from transformers import AutoTokenizer

BLOCK = 32
NEW_TOKENS = 16
PROMPTS = [
    "Who are you?",
    "Where do earthworms live?",
    "What is the colour of the sky?",
    "Write a haiku about the sea.",
    "What is 17 plus 25?",
    "List three fruits and their colours.",
]
KINDS = {
    **{"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"},
    **{"gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"},
}
LAYERS_AT_ONCE = 5


def q8(values):
    """As ggml's q8_0: each block of 32 has an f16 scale and whole numbers up to 127."""
    blocks = values.reshape(-1, BLOCK)
    scale = blocks.abs().amax(1, keepdim=True) / 127
    quants = torch.where(scale > 0, blocks / scale, 0).round()
    return (quants * scale.half().float()).reshape(values.shape)


def f16(values):
    return values.half().float()


class Rounded:
    """A merged model whose matrices and their inputs are rounded as told, next to the model as it was."""

    def __init__(self, folder, gguf, adapter):
        model = PeftModel.from_pretrained(load(folder, gguf), adapter).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows, wanted = [], []
        for prompt in PROMPTS:
            asked = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
            row = model.generate(**asked, max_new_tokens=NEW_TOKENS, do_sample=False)[0]
            rows.append(row)
            wanted.append(model(row[None]).logits[0].softmax(-1))
        self.wanted = torch.cat(wanted)
        self.ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        self.counted = torch.arange(self.ids.shape[1]) < torch.tensor([[len(row)] for row in rows])
        self.model = model.merge_and_unload().eval()
        self.layers = {"token_embd": self.model.lm_head}
        for path, layer in self.model.named_modules():
            found = re.fullmatch(r"model\.layers\.(\d+)\.\w+\.(\w+)", path)
            if found and found[2] in KINDS:
                self.layers[f"blk.{found[1]}.{KINDS[found[2]]}"] = layer
        self.weights = {name: layer.weight.data for name, layer in self.layers.items()}
        self.inputs = {}
        for name, layer in self.layers.items():
            layer.register_forward_pre_hook(lambda _, given, name=name: (self.inputs[name](given[0]),))

    def tell(self, title, in_f16="$^", weights=q8, inputs=q8):
        """@param in_f16 names of the matrices that stay in f16"""
        kept = 0
        for name, layer in self.layers.items():
            stays = re.search(in_f16, name) is not None
            kept += layer.weight.numel() * stays
            layer.weight.data = (f16 if stays else weights)(self.weights[name])
            self.inputs[name] = f16 if stays else inputs
        self.model.get_input_embeddings().weight.data = self.model.lm_head.weight.data
        logs = self.model(self.ids, use_cache=False).logits[self.counted].log_softmax(-1)
        largest = (logs.exp() - self.wanted).abs().amax(-1)
        divergence = (self.wanted * (self.wanted.clamp_min(1e-30).log() - logs)).sum(-1)
        # A number of q8_0 takes 34 / 32 bytes.
        more = kept * (2 - 34 / 32) / (sum(one.numel() for one in self.weights.values()) * 34 / 32)
        print(
            f"{title:36s} +{100 * more:5.1f} %  largest {largest.max():.4f}  mean {largest.mean():.4f}  "
            f"divergence {divergence.mean():.5f}",
            flush=True,
        )


def first_only(values):
    """Rounds the numbers of the first token only."""
    return torch.cat([q8(values[:, :1]), values[:, 1:]], 1)


def all_but_first(values):
    return torch.cat([values[:, :1], q8(values[:, 1:])], 1)


def main():
    torch.set_grad_enabled(False)
    rounded = Rounded(*sys.argv[1:])
    rounded.tell("all in q8_0")
    rounded.tell("weights only", inputs=f16)
    rounded.tell("activations only", weights=f16)
    rounded.tell("activations of the first token", weights=f16, inputs=first_only)
    rounded.tell("activations of all others", weights=f16, inputs=all_but_first)
    for kind in ["token_embd", *KINDS.values()]:
        rounded.tell(f"{kind} in f16", rf"{kind}$")
    count = rounded.model.config.num_hidden_layers
    for start in range(0, count, LAYERS_AT_ONCE):
        layers = range(start, min(count, start + LAYERS_AT_ONCE))
        rounded.tell(f"layers {layers[0]} to {layers[-1]} in f16", "|".join(rf"blk\.{layer}\." for layer in layers))


main()
