"""Trains Sprig from nothing on the CPU: tokenizer, then a Llama of 1.3 million parameters on text made by world.py.

    python train.py --out garden --state sprig.pt --symbols 0
    python train.py --out ../../public/models/sprig --start garden

Chats are packed whole into rows of 256 tokens; a block mask keeps them apart and positions start at zero in each, so that
training sees what inference sees. Every row is fresh text: there are no epochs. The learning rate rises, stays, and falls at the end.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from tokenizer import END, END_OF_TEXT, PAD, VOCAB, render, save_tokenizer, train_tokenizer
from world import conversation, conversations, document, is_held_out, pairs_with

CONFIG = LlamaConfig(
    vocab_size=VOCAB, hidden_size=128, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=32, intermediate_size=384,
    max_position_embeddings=512, rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=True, hidden_act="silu", attention_bias=False,
    mlp_bias=False, initializer_range=0.04, bos_token_id=None, eos_token_id=2, pad_token_id=3)
LENGTH = 256
DOCUMENTS = 0.08  # share of plain texts
OTHERS_WEIGHT = 0.1  # of a token that is not the assistant's, next to one that is: most of the former cannot be foreseen


class Packer:
    """Endless rows of LENGTH tokens, each filled with whole texts."""

    def __init__(self, tokenizer, seed, pairs):
        self.rng, self.tokenizer, self.pairs, self.pending = random.Random(seed), tokenizer, pairs, []

    def texts(self):
        while True:
            if self.rng.random() < DOCUMENTS:
                yield document(self.rng) + END_OF_TEXT
            else:
                messages = conversation(self.rng, self.pairs)
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


def token_weights(ids, opening, end):
    """1 for the assistant's tokens and for plain texts, OTHERS_WEIGHT for the rest. opening: the ids of `<|im_start|>assistant\\n`."""
    if ids[0] != opening[0]:
        return [1.0] * len(ids)
    weights, inside = [], False
    for i, token in enumerate(ids):
        weights.append(1.0 if inside else OTHERS_WEIGHT)
        inside = inside and token != end or ids[max(0, i + 1 - len(opening)):i + 1] == opening
    return weights


def collate(rows, tokenizer):
    """tokens, weights, positions [B, T] and a block-diagonal causal mask [B, 1, T, T] (True: may look)."""
    B = len(rows)
    pad, end, opening = tokenizer.token_to_id(PAD), tokenizer.token_to_id(END), tokenizer.encode("<|im_start|>assistant\n").ids
    tokens = torch.full((B, LENGTH), pad)
    weights = torch.zeros(B, LENGTH)
    positions = torch.zeros(B, LENGTH, dtype=torch.long)
    segment = torch.zeros(B, LENGTH, dtype=torch.long)
    for b, row in enumerate(rows):
        t = 0
        for s, ids in enumerate(row, 1):
            n = len(ids)
            tokens[b, t:t + n] = torch.tensor(ids)
            weights[b, t + 1:t + n] = torch.tensor(token_weights(ids, opening, end)[1:])
            positions[b, t:t + n] = torch.arange(n)
            segment[b, t:t + n] = s
            t += n
    mask = (segment[:, :, None] == segment[:, None, :]).tril()
    return tokens, weights, positions, mask[:, None]


def loss_of(model, tokens, weights, positions, mask):
    hidden = model.model(input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state[:, :-1]
    weights = weights[:, 1:]
    keep = weights > 0
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[keep]).float(), tokens[:, 1:][keep], reduction="none")
    return (losses * weights[keep]).sum() / weights.sum()


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


def history_of(folder):
    """What save_model wrote in the header of the weights."""
    with safe_open(str(Path(folder) / "model.safetensors"), "pt") as f:
        return f.metadata()


def save_model(model, folder, history):
    """Writes F16 weights and the two configs; `history` (seed, steps, tokens …) goes in the header of the weights."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().to(torch.float16).contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt", **{k: str(v) for k, v in history.items()}})
    (folder / "model.safetensors").chmod(0o644)
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
    args.add_argument("--steps", type=int, default=8000)
    args.add_argument("--decay", type=int, default=2000, help="last steps, over which the learning rate falls to a fiftieth")
    args.add_argument("--batch", type=int, default=8, help="rows of 256 tokens")
    args.add_argument("--lr", type=float, default=3e-3)
    args.add_argument("--state", help="file to save the run in and to go on from")
    args.add_argument("--start", help="a folder that an earlier call made: begin with its weights, published as they are")
    args.add_argument("--symbols", type=int, default=25, help="weight of the questions of symbols.py; those of the garden have 124")
    args.add_argument("--lists", type=int, default=0, help="likewise of lists that are asked for in other ways")
    args.add_argument("--warmup", type=int, default=100)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--save-every", type=int, default=500)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    tokenizer = train_tokenizer(args.seed)
    save_tokenizer(tokenizer, args.out)
    pairs = pairs_with(args.symbols, args.lists)
    rows = Packer(tokenizer, args.seed + 1, pairs).rows()
    held_out = conversations(args.seed + 2, 300, want_held_out=True, pairs=pairs)
    earlier = history_of(args.start) if args.start else {}
    model = LlamaForCausalLM.from_pretrained(args.start, dtype=torch.float32) if args.start else LlamaForCausalLM(CONFIG)
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.98))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {args.steps} steps", flush=True)

    smooth, first, seen, before, runs = None, 1, 0, 0.0, []
    if args.state and Path(args.state).exists():
        state = torch.load(args.state)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first, seen, before = state["step"] + 1, state["seen"], state["seconds"]
        runs = state["runs"]
        for _ in range(state["step"] * args.batch):
            next(rows)
    flags = f"--seed {args.seed} --steps {args.steps} --decay {args.decay} --batch {args.batch} --lr {args.lr} --symbols {args.symbols}"
    flags += f" --lists {args.lists}" if args.lists else ""
    runs = runs if runs[-1:] == [flags] else runs + [flags]
    start = time.time() - before
    for step in range(first, args.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = args.lr * min(1.0, step / args.warmup, max(0.02, (args.steps - step + 1) / args.decay))
        batch = collate([next(rows) for _ in range(args.batch)], tokenizer)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model, *batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seen += int((batch[1] > 0).sum())
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if step % 50 == 0:
            print(f"step {step} loss {smooth:.4f} tokens {seen:,} seconds {time.time() - start:.0f}", flush=True)
        if step % args.save_every == 0 or step == args.steps:
            every, answers = evaluate(model, tokenizer, held_out)
            print(f"step {step} held-out loss {every:.4f} answers {answers:.4f}", flush=True)
            own = {"steps": step, "tokens": seen, "seconds": round(time.time() - start)}
            save_model(model, args.out, {"seed": args.seed, "batch": args.batch, "runs": "\n".join(runs), "start_runs": earlier.get("runs", ""),
                                         **{k: v + int(earlier.get(k, 0)) for k, v in own.items()}})
            if args.state:
                torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "seen": seen, "runs": runs,
                            "seconds": time.time() - start}, args.state)


if __name__ == "__main__":
    main()
