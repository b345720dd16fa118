#!/usr/bin/env python3
"""PyTorch + PEFT on the CPU: training steps of the shape that `graft bench --model SmolLM2-135M` measures.

Random weights of SmolLM2-135M's exact shape, LoRA r = 8 on all linear layers, f32, AdamW, rows of random tokens of which the second half is
supervised. Prints the median step and tokens/s of each batch.

    python bench/peers/pytorch.py [--batches 1x256,4x256] [--runs 5] [--threads N] [--json]

Needs torch, transformers and peft.
"""

import argparse
import json
import os
import statistics
import time

import peft
import torch
import transformers

CONFIG = dict(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=8192,
    rms_norm_eps=1e-5,
    rope_theta=100_000.0,
    hidden_act="silu",
    tie_word_embeddings=True,
)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def batch(rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [rows, length] and labels, of which the first half is not supervised."""
    ids = torch.tensor(
        [[(t * 7919 + row * 104_729) % CONFIG["vocab_size"] for t in range(length)] for row in range(rows)]
    )
    labels = ids.clone()
    labels[:, : length // 2] = -100
    return ids, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="1x256,4x256", help="rows x tokens, with commas")
    parser.add_argument("--runs", type=int, default=5, help="steps of which the median is taken, after one")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of PyTorch")
    parser.add_argument("--json", action="store_true", help="JSON only")
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    base = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG))
    lora = peft.LoraConfig(r=8, lora_alpha=16, target_modules=LINEARS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, lora).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-4)

    def step(ids: torch.Tensor, labels: torch.Tensor) -> float:
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        return time.perf_counter() - start

    results = []
    for name in options.batches.split(","):
        rows, length = (int(side) for side in name.split("x"))
        tensors = batch(rows, length)
        step(*tensors)
        seconds = statistics.median(step(*tensors) for _ in range(options.runs))
        results.append(
            dict(
                rows=rows,
                length=length,
                secondsPerStep=seconds,
                tokensPerSecond=rows * length / seconds,
            )
        )
    report = dict(
        torch=torch.__version__,
        transformers=transformers.__version__,
        peft=peft.__version__,
        threads=torch.get_num_threads(),
        results=results,
    )
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(
        f"PyTorch {report['torch']}, transformers {report['transformers']}, PEFT {report['peft']}, {report['threads']} threads"
    )
    for result in results:
        print(
            f"  {result['rows']} x {result['length']}: {result['tokensPerSecond']:.0f} tokens/s, {result['secondsPerStep'] * 1000:.0f} ms a step"
        )


if __name__ == "__main__":
    main()
