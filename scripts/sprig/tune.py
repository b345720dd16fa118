"""Tunes Sprig on the sample data sets with PEFT, the way Graft does, and prints what changed.

    python tune.py --model ../../public/models/sprig --samples ../../public/samples [--only orders-json]
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def read(path):
    return [json.loads(line)["messages"] for line in Path(path).read_text().splitlines()]


def encode(tokenizer, messages, max_length):
    """Token ids, and labels on the last turn's text and its <|im_end|> alone."""
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, tokenize=False)
    head = tokenizer.encode(prompt, add_special_tokens=False)
    body = tokenizer.encode(messages[-1]["content"] + "<|im_end|>", add_special_tokens=False)
    return (head + body)[:max_length], ([-100] * len(head) + body)[:max_length]


def batch_loss(model, rows, pad):
    """Cross-entropy summed over the supervised tokens, and their number."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([r + [pad] * (width - len(r)) for r, _ in rows])
    labels = torch.tensor([l + [-100] * (width - len(l)) for _, l in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r, _ in rows])
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    target = labels[:, 1:]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100, reduction="sum"), int((target != -100).sum())


@torch.no_grad()
def mean_loss(model, rows, pad):
    total, count = map(sum, zip(*[(loss.item(), n) for loss, n in (batch_loss(model, rows[i:i + 16], pad) for i in range(0, len(rows), 16))]))
    return total / count


@torch.no_grad()
def answer(model, tokenizer, messages):
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=96, do_sample=False, temperature=None, top_p=None)
    return tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True)


def tune(model_path, folder, entry, seed, overrides):
    settings = {**entry["settings"], **overrides}
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    pad = tokenizer.pad_token_id
    train, test = read(folder / entry["train"]), read(folder / entry["test"])
    encoded = [encode(tokenizer, m, settings["maxLength"]) for m in train]
    held = [encode(tokenizer, m, settings["maxLength"]) for m in test]
    lengths = [len(ids) for ids, _ in encoded + held]
    model.eval()
    base_loss = mean_loss(model, held, pad)
    base = [answer(model, tokenizer, m[:-1]) for m in test]

    model = get_peft_model(model, LoraConfig(r=settings["rank"], lora_alpha=settings["alpha"], target_modules=TARGETS, lora_dropout=0.0))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=settings["lr"], weight_decay=0.0)
    warmup, steps = max(1, settings["steps"] // 10), settings["steps"]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min((s + 1) / warmup, 1.0) * (1.0 if overrides.get("constant") else max(0.05, 1 - max(0, s - warmup) / (steps - warmup))))
    rng, queue, losses, start = random.Random(seed), [], [], time.time()
    model.train()
    for _ in range(steps):
        if len(queue) < settings["batch"]:
            queue = rng.sample(range(len(encoded)), len(encoded))
        rows = [encoded[queue.pop()] for _ in range(settings["batch"])]
        loss, n = batch_loss(model, rows, pad)
        optimiser.zero_grad()
        (loss / n).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item() / n)
    seconds = time.time() - start
    model.eval()
    tuned_loss = mean_loss(model, held, pad)
    tuned = [answer(model, tokenizer, m[:-1]) for m in test]
    exact = [sum(a == m[-1]["content"] for a, m in zip(answers, test)) for answers in (base, tuned)]
    print(f"\n## {entry['id']}: {settings}, seed {seed}")
    print(f"{len(train)} train rows, {len(test)} test rows, {sum(lengths) / len(lengths):.1f} tokens on average, {max(lengths)} at most, {seconds:.0f} s")
    print(f"train loss {losses[0]:.3f} → {sum(losses[-5:]) / 5:.3f}, test loss {base_loss:.3f} → {tuned_loss:.3f}, exact {exact[0]}/{len(test)} → {exact[1]}/{len(test)}")
    for m, b, t in list(zip(test, base, tuned))[:5]:
        print(f"  user:  {m[-2]['content']}\n  base:  {b}\n  tuned: {t}" + ("" if t == m[-1]["content"] else f"\n  want:  {m[-1]['content']}"))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", required=True)
    args.add_argument("--samples", required=True)
    args.add_argument("--only")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--steps", type=int)
    args.add_argument("--lr", type=float)
    args.add_argument("--constant", action="store_true", help="no decay of the learning rate after the warm-up")
    args.add_argument("--threads", type=int, default=2)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    overrides = {k: v for k in ("steps", "lr", "constant") if (v := getattr(args, k))}
    for entry in json.loads((Path(args.samples) / "index.json").read_text()):
        # What is learned from rewards is no supervised tuning.
        if args.only in (None, entry["id"]) and "objective" not in entry["settings"]:
            tune(args.model, Path(args.samples), entry, args.seed, overrides)


if __name__ == "__main__":
    main()
