"""Trains Sprig from nothing on the CPU: tokenizer, then a Llama of 1.3 million parameters on text made by world.py.

    python train.py --out ../../public/models/sprig --minutes 25

Chats are packed whole into rows of 256 tokens; a block mask keeps them apart and positions start at zero in each, so that
training sees what inference sees. Every row is fresh text: there are no epochs. The learning rate follows the share of --steps done.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from tokenizer import END, END_OF_TEXT, PAD, VOCAB, render, save_tokenizer, train_tokenizer
from world import conversation, conversations, document, is_held_out

CONFIG = LlamaConfig(
    vocab_size=VOCAB, hidden_size=128, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=32, intermediate_size=384,
    max_position_embeddings=512, rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=True, hidden_act="silu", attention_bias=False,
    mlp_bias=False, initializer_range=0.04, bos_token_id=None, eos_token_id=2, pad_token_id=3)
LENGTH = 256
DOCUMENTS = 0.08  # share of plain texts


class Packer:
    """Endless rows of LENGTH tokens, each filled with whole texts."""

    def __init__(self, tokenizer, seed):
        self.rng, self.tokenizer, self.pending = random.Random(seed), tokenizer, []

    def texts(self):
        while True:
            if self.rng.random() < DOCUMENTS:
                yield document(self.rng) + END_OF_TEXT
            else:
                messages = conversation(self.rng)
                if not is_held_out(messages):
                    yield render(messages)

    def rows(self):
        source = self.texts()
        while True:
            if len(self.pending) < 64:
                batch = [next(source) for _ in range(512)]
                self.pending += [e.ids for e in self.tokenizer.encode_batch(batch) if len(e.ids) <= LENGTH]
            row, space = [], LENGTH
            i = 0
            while i < min(len(self.pending), 64) and space > 8:
                if len(self.pending[i]) <= space:
                    space -= len(self.pending[i])
                    row.append(self.pending.pop(i))
                else:
                    i += 1
            yield row


def collate(rows, pad):
    """tokens, labels, positions [B, T] and a block-diagonal causal mask [B, 1, T, T] (True: may look)."""
    B = len(rows)
    tokens = torch.full((B, LENGTH), pad)
    labels = torch.full((B, LENGTH), -100)
    positions = torch.zeros(B, LENGTH, dtype=torch.long)
    segment = torch.zeros(B, LENGTH, dtype=torch.long)
    for b, row in enumerate(rows):
        t = 0
        for s, ids in enumerate(row, 1):
            n = len(ids)
            tokens[b, t:t + n] = torch.tensor(ids)
            labels[b, t + 1:t + n] = tokens[b, t + 1:t + n]
            positions[b, t:t + n] = torch.arange(n)
            segment[b, t:t + n] = s
            t += n
    mask = (segment[:, :, None] == segment[:, None, :]).tril()
    return tokens, labels, positions, mask[:, None]


def loss_of(model, tokens, labels, positions, mask):
    hidden = model.model(input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state[:, :-1]
    target = labels[:, 1:]
    keep = target != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[keep]).float(), target[keep])


@torch.no_grad()
def evaluate(model, tokenizer, chats):
    """Mean loss per token over whole chats, and over the assistant's tokens alone."""
    model.eval()
    total, count, answer_total, answer_count = 0.0, 0, 0.0, 0
    for messages in chats:
        ids, answered = [], []
        for m in messages:
            head = tokenizer.encode(f"<|im_start|>{m['role']}\n").ids
            body = tokenizer.encode(f"{m['content']}{END}").ids
            tail = tokenizer.encode("\n").ids
            ids += head + body + tail
            answered += [False] * len(head) + [m["role"] == "assistant"] * len(body) + [False] * len(tail)
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
        mask = torch.tensor(answered[1:])
        total, count = total + losses.sum().item(), count + len(losses)
        answer_total, answer_count = answer_total + losses[mask].sum().item(), answer_count + int(mask.sum())
    model.train()
    return total / count, answer_total / answer_count


def save_model(model, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().to(torch.float16).contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": CONFIG.vocab_size, "hidden_size": CONFIG.hidden_size,
        "num_hidden_layers": CONFIG.num_hidden_layers, "num_attention_heads": CONFIG.num_attention_heads,
        "num_key_value_heads": CONFIG.num_key_value_heads, "head_dim": CONFIG.head_dim, "intermediate_size": CONFIG.intermediate_size,
        "max_position_embeddings": CONFIG.max_position_embeddings, "rope_theta": 10000.0, "rope_scaling": None, "rms_norm_eps": CONFIG.rms_norm_eps,
        "tie_word_embeddings": True, "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": CONFIG.initializer_range, "bos_token_id": None, "eos_token_id": 2, "pad_token_id": 3, "use_cache": True,
        "torch_dtype": "float16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generation = {"do_sample": True, "temperature": 0.7, "top_p": 0.95, "eos_token_id": [2, 0], "pad_token_id": 3, "max_new_tokens": 128}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--out", required=True)
    args.add_argument("--steps", type=int, default=3000)
    args.add_argument("--batch", type=int, default=16, help="rows of 256 tokens")
    args.add_argument("--lr", type=float, default=3e-3)
    args.add_argument("--warmup", type=int, default=100)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--save-every", type=int, default=500)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    tokenizer = train_tokenizer(args.seed)
    save_tokenizer(tokenizer, args.out)
    rows = Packer(tokenizer, args.seed + 1).rows()
    held_out = conversations(args.seed + 2, 300, want_held_out=True)
    model = LlamaForCausalLM(CONFIG)
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min(1.0, (s + 1) / args.warmup) * (
        0.02 + 0.98 * 0.5 * (1 + torch.cos(torch.tensor(min(1.0, s / args.steps) * torch.pi)).item())))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {args.steps} steps", flush=True)

    pad, start, seen, smooth = tokenizer.token_to_id(PAD), time.time(), 0, None
    for step in range(1, args.steps + 1):
        batch = collate([next(rows) for _ in range(args.batch)], pad)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model, *batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen += int((batch[1] != -100).sum())
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if step % 50 == 0:
            print(f"step {step} loss {smooth:.4f} tokens {seen:,} seconds {time.time() - start:.0f}", flush=True)
        if step % args.save_every == 0 or step == args.steps:
            every, answers = evaluate(model, tokenizer, held_out)
            print(f"step {step} held-out loss {every:.4f} answers {answers:.4f}", flush=True)
            save_model(model, args.out)


if __name__ == "__main__":
    main()
