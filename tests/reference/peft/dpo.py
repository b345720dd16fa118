"""Makes the numbers of DPO in this folder, written out in torch: what Graft is compared with in every clone.

    python tests/reference/peft/make.py   (the adapter)
    python tests/reference/peft/dpo.py

A pair is the prompt of a row with its answer, chosen, and with that of the next row, rejected. The reference policy is the model with its adapter
switched off. Loss: mean over the pairs of -(1 - s) log sigmoid(m) - s log sigmoid(-m) with m = beta (h(c) - h(r)), h = log p - log p of the
reference summed over the answer; plus w times the mean cross-entropy of the chosen tokens.
"""

import json

import torch
from make import HERE, MODEL, PUBLIC, padded, short, with_adapter, write_json, write_lines
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid
from transformers import AutoTokenizer

PAIRS = 12
GRADIENTS = {"rows": 4, "beta": 0.2, "label_smoothing": 0.1, "sft_weight": 0.5}
CURVE = {"batch": 3, "steps": 10, "lr": 2e-3, "beta": 0.1, "clip": 1.0}


def make_pairs(tokenizer):
    lines = (PUBLIC / "samples" / "voice" / "train.jsonl").read_text().splitlines()[: PAIRS + 1]
    talks = [json.loads(line)["messages"] for line in lines]
    texts, ids = [], []
    for own, other in zip(talks, talks[1:]):
        prompt, chosen, rejected = own[:-1], own[-1:], other[-1:]
        encode = lambda turns, **options: tokenizer.encode(
            tokenizer.apply_chat_template(turns, tokenize=False, **options), add_special_tokens=False
        )
        start = encode(prompt, add_generation_prompt=True)
        both = [encode(prompt + answer) for answer in (chosen, rejected)]
        assert all(whole[: len(start)] == start for whole in both)
        texts.append({"prompt": prompt, "chosen": chosen, "rejected": rejected})
        ids.append({"prompt_ids": start, "chosen_ids": both[0][len(start) :], "rejected_ids": both[1][len(start) :]})
    return texts, ids


def log_probabilities(model, pairs, side):
    """Summed over the tokens of each answer, and how many these are."""
    rows = [
        {"ids": p["prompt_ids"] + p[side], "labels": [-100] * len(p["prompt_ids"]) + p[side]} for p in pairs
    ]
    ids, mask, labels = padded(rows)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    targets = labels[:, 1:]
    found = torch.log_softmax(logits, -1).gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (found * (targets != -100)).sum(-1), (targets != -100).sum()


def dpo(model, pairs, beta, label_smoothing=0.0, sft_weight=0.0):
    with torch.no_grad(), model.disable_adapter():
        references = [log_probabilities(model, pairs, side)[0] for side in ("chosen_ids", "rejected_ids")]
    chosen, tokens = log_probabilities(model, pairs, "chosen_ids")
    rejected, _ = log_probabilities(model, pairs, "rejected_ids")
    rewards = [beta * (own - ref) for own, ref in zip((chosen, rejected), references)]
    margin = rewards[0] - rewards[1]
    loss = (-(1 - label_smoothing) * logsigmoid(margin) - label_smoothing * logsigmoid(-margin)).mean()
    loss = loss - sft_weight * chosen.sum() / tokens
    report = {
        "reward_accuracy": (rewards[0] > rewards[1]).float().mean().item(),
        "reward_margin": margin.mean().item(),
        "chosen_reward": rewards[0].mean().item(),
        "rejected_reward": rewards[1].mean().item(),
    }
    return loss, report, [value.tolist() for value in (chosen, rejected, *references)]


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    texts, pairs = make_pairs(AutoTokenizer.from_pretrained(MODEL))
    write_lines("pairs.jsonl", texts)
    write_lines("pair-rows.jsonl", pairs)

    model = with_adapter(trainable=True)
    count = GRADIENTS["rows"]
    numbers = {key: GRADIENTS[key] for key in ("beta", "label_smoothing", "sft_weight")}
    loss, report, logps = dpo(model, pairs[:count], **numbers)
    loss.backward()
    save_file(
        {short(name): p.grad.contiguous() for name, p in model.named_parameters() if p.requires_grad},
        HERE / "gradients-dpo.safetensors",
    )
    names = ("chosen_logps", "rejected_logps", "ref_chosen_logps", "ref_rejected_logps")
    gradients = {**GRADIENTS, "loss": loss.item(), **report, **dict(zip(names, logps))}

    model = with_adapter(trainable=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=CURVE["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    steps = []
    for step in range(CURVE["steps"]):
        batch = [pairs[(step * CURVE["batch"] + i) % len(pairs)] for i in range(CURVE["batch"])]
        optimiser.zero_grad()
        loss, report, _ = dpo(model, batch, CURVE["beta"])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, CURVE["clip"])
        steps.append({"step": step + 1, "loss": loss.item(), "grad_norm": norm.item(), **report})
        optimiser.step()
    write_lines("curve-dpo.jsonl", steps)
    write_json("dpo.json", {"gradients": gradients, "curve": CURVE})


if __name__ == "__main__":
    main()
