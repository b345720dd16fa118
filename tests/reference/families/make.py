"""Makes a tiny random model of each family with transformers, a LoRA adapter for it with PEFT, and their numbers: what Graft is compared with in
every clone.

    pip install torch transformers peft
    python tests/reference/families/make.py [NAME…]

Nothing of Graft runs here. Weights are rounded to f16, computed with in f32. Of each family: config.json and model.safetensors; adapter/, whose B
is not zero; reference.safetensors with `ids` and `labels` [2, 24] (-100: not supervised, position t predicts label t + 1), `logits` and
`logits_lora` [2, 24, 160], and `loss` [1] of the model with the adapter, the mean over supervised tokens; grads.safetensors, its gradients under
PEFT's names; greedy.json, 24 ids after 10 by the base; curve.json, of some, the losses of 5 steps from that adapter.
"""

import json
import shutil
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
ROWS, LENGTH, PROMPT, NEW = 2, 24, 10, 24
# The two most likely tokens differ by more than rounding at every greedy step.
MARGIN = 0.02
# Families of which no other model has a curve of steps.
CURVES, STEPS, RATE = ("lfm2", "olmoe"), 5, 0.01

SIZES = {
    "vocab_size": 160,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES = {
    "llama": {"model_type": "llama", "head_dim": 16},
    "llama-tied-mha": {"model_type": "llama", "num_key_value_heads": 4, "tie_word_embeddings": True},
    "llama3-rope-scaling": {
        "model_type": "llama",
        "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    },
    "llama-biases": {"model_type": "llama", "attention_bias": True, "mlp_bias": True},
    "mistral-sliding": {"model_type": "mistral", "head_dim": 16, "sliding_window": 8},
    "qwen2": {"model_type": "qwen2", "tie_word_embeddings": True},
    "qwen3": {"model_type": "qwen3", "head_dim": 16, "tie_word_embeddings": True},
    "gemma3": {
        "model_type": "gemma3_text",
        "num_hidden_layers": 7,
        "head_dim": 16,
        "sliding_window": 8,
        "query_pre_attn_scalar": 16,
    },
    "gpt2": {
        "model_type": "gpt2",
        "vocab_size": 160,
        "n_embd": 32,
        "n_layer": 3,
        "n_head": 4,
        "n_positions": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    },
    "smollm3": {"model_type": "smollm3", "num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]},
    "olmo2": {"model_type": "olmo2"},
    "granite": {
        "model_type": "granite",
        "embedding_multiplier": 6.0,
        "attention_multiplier": 0.2,
        "residual_multiplier": 0.3,
        "logits_scaling": 4.0,
        "tie_word_embeddings": True,
    },
    "phi3-partial-rope": {"model_type": "phi3", "partial_rotary_factor": 0.5, "tie_word_embeddings": True},
    "lfm2": {
        "model_type": "lfm2",
        "layer_types": ["conv", "full_attention", "conv"],
        "block_ff_dim": 80,
        "block_multiple_of": 16,
    },
    "olmoe": {
        "model_type": "olmoe",
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "norm_topk_prob": True,
        "tie_word_embeddings": True,
    },
}
# PEFT extends "all-linear" to routers and experts.
TARGETS = {"olmoe": ["q_proj", "k_proj", "v_proj", "o_proj"]}
PARAMETERS = {"olmoe": ["mlp.gate.weight", "mlp.experts.gate_up_proj", "mlp.experts.down_proj"]}


def make_base(config, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            # Biases start at zero and norms at one: every weight should matter.
            weight.add_(torch.randn_like(weight) * 0.1)
            weight.copy_(weight.half().float())
    return model.eval()


def greedy(model, ids):
    """The next ids, and the smallest margin between the two most likely of each."""
    ids, smallest = list(ids), float("inf")
    with torch.no_grad():
        for _ in range(NEW):
            values, order = model(torch.tensor([ids])).logits[0, -1].topk(2)
            smallest = min(smallest, (values[0] - values[1]).item())
            ids.append(order[0].item())
    return ids[-NEW:], smallest


def curve(adapted, ids, targets):
    """The losses of steps by AdamW without weight decay, each on both rows, from the adapter as it is."""
    optimiser = torch.optim.AdamW([w for w in adapted.parameters() if w.requires_grad], lr=RATE, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        logits = adapted(ids).logits[:, :-1].flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def make(name, config):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    seed = 1
    while True:
        model = make_base(config, seed)
        ids = torch.randint(3, 160, (ROWS, LENGTH))
        prompt = ids[0, :PROMPT].tolist()
        new_ids, margin = greedy(model, prompt)
        if margin > MARGIN:
            break
        seed += 1
    labels = ids.clone()
    labels[0, :4] = -100
    labels[1, :7] = -100
    with torch.no_grad():
        logits = model(ids).logits
    model.half().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # Read again, since half() has rounded the frequencies of the positions.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    lora = LoraConfig(
        r=2,
        lora_alpha=4,
        target_modules=TARGETS.get(name, "all-linear"),
        target_parameters=PARAMETERS.get(name),
        task_type="CAUSAL_LM",
        init_lora_weights=False,
    )
    adapted = get_peft_model(model, lora)
    adapted.peft_config["default"].base_model_name_or_path = name
    found = adapted(ids).logits
    targets = labels[:, 1:].flatten()
    loss = torch.nn.functional.cross_entropy(found[:, :-1].flatten(0, 1), targets, ignore_index=-100)
    loss.backward()
    adapted.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink()
    tensors = {
        "ids": ids.int(),
        "labels": labels.int(),
        "logits": logits,
        "logits_lora": found.detach(),
        "loss": loss.detach().reshape(1),
    }
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "reference.safetensors")
    grads = {
        key.replace(".default", ""): weight.grad.contiguous()
        for key, weight in adapted.named_parameters()
        if weight.requires_grad
    }
    save_file(grads, folder / "grads.safetensors")
    write_json(folder / "greedy.json", {"prompt_ids": prompt, "new_ids": new_ids})
    if name in CURVES:
        write_json(folder / "curve.json", {"lr": RATE, "losses": curve(adapted, ids, targets)})
    return {"seed": seed, "smallest_margin": round(margin, 4), "loss": loss.item()}


def main():
    torch.set_num_threads(1)
    asked = sys.argv[1:] or FAMILIES
    path = HERE / "made-with.json"
    made = json.loads(path.read_text())["families"] if sys.argv[1:] else {}
    for name in asked:
        config = FAMILIES[name]
        made[name] = make(name, {**({} if config["model_type"] == "gpt2" else SIZES), **config})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    write_json(path, {**versions, "families": made})


if __name__ == "__main__":
    main()
