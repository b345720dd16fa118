"""Makes the numbers of EVA in this folder with PEFT's own initialize_lora_eva_weights, and 20 steps of training from its start.

    python tests/reference/peft/eva.py   (after make.py)

Nothing of Graft runs here. The 24 rows of make.py are one batch, so that PEFT's incremental decomposition has all of them at once; it goes over them
until its directions stay as they are. `batches` has the same rows eight at a time, as PEFT would meet them. PEFT's hooks are listened to for the
explained variance, which it keeps to itself.
"""

import json

import peft.tuners.lora.eva as eva
import torch
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights
from safetensors.torch import save_file

import make
from make import HERE, base, make_curve, padded, write_json

RANK, ALPHA, RHO = 4, 8, 2.0
SETTINGS = dict(method="eva", batch=2, accumulate=2, steps=20, lr=3e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0)
HOOKS = []


class Listening(eva.SVDHook):
    # PEFT's incremental decomposition can take a whole SVD at each step in the place of a randomised one of four iterations.
    exact = False

    def __init__(self, **options):
        super().__init__(**options)
        self.svd.lowrank = not Listening.exact
        HOOKS.append(self)


def begun(rows, at_once, **options):
    """A model with EVA's start, and what PEFT found for each input: the hook of the first layer that reads it."""
    HOOKS.clear()
    batches = []
    for first in range(0, len(rows), at_once):
        ids, mask, labels = padded(rows[first : first + at_once])
        batches.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        init_lora_weights="eva",
        eva_config=EvaConfig(**options),
    )
    torch.manual_seed(7)
    model = get_peft_model(base(), config)
    initialize_lora_eva_weights(model, batches, show_progress_bar=False)
    return model, {hook.name.replace("base_model.model.", ""): hook.svd for hook in HOOKS}


def matrices(model):
    return {
        make.short(name).replace("base_model.model.", "").replace(".lora_A.weight", ""): parameter.detach().contiguous()
        for name, parameter in model.named_parameters()
        if "lora_A" in name
    }


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    eva.SVDHook = Listening
    rows = [json.loads(line) for line in (HERE / "rows.jsonl").read_text().splitlines()]
    Listening.exact = True
    model, found = begun(rows, len(rows), rho=RHO)
    ratios = {path: svd.explained_variance_ratio_.tolist() for path, svd in found.items()}
    tensors = {f"exact.{path}": a for path, a in matrices(model).items()}
    ranks = {path: a.shape[0] for path, a in matrices(model).items()}
    Listening.exact = False
    model, _ = begun(rows, len(rows), rho=RHO)
    config = model.peft_config["default"]
    assert {path: a.shape[0] for path, a in matrices(model).items()} == ranks
    told = {
        "rank": RANK,
        "alpha": ALPHA,
        "rho": RHO,
        "tokens": sum(label != -100 for row in rows for label in row["labels"]),
        "ranks": {path: a.shape[0] for path, a in matrices(model).items()},
        "rank_pattern": dict(sorted(config.rank_pattern.items())),
        "alpha_pattern": dict(sorted(config.alpha_pattern.items())),
        "ratios": ratios,
        "curve": SETTINGS,
    }
    make.start_of = lambda method: model
    make_curve("eva", rows, SETTINGS)
    Listening.exact = True
    some = [path for path in ratios if ".layers.0." in path]
    plain, _ = begun(rows, len(rows), rho=1.0)
    tensors |= {f"plain.{path}": a for path, a in matrices(plain).items() if path in some}
    white, svds = begun(rows, len(rows), rho=1.0, whiten=True)
    # PEFT divides in place, and layers that share an input are divided several times: only those with one of their own are what it means.
    alone = [path for path in some if "o_proj" in path or "down_proj" in path]
    tensors |= {f"white.{path}": a for path, a in matrices(white).items() if path in alone}
    # Tokens are counted each time that PEFT goes over them, and with them the singular values grow.
    told["times"] = next(iter(svds.values())).n_samples_seen_.item() / told["tokens"]
    Listening.exact = False
    batches, _ = begun(rows, 8, rho=RHO)
    told["ranks_of_batches"] = {path: a.shape[0] for path, a in matrices(batches).items()}
    save_file(tensors, HERE / "eva.safetensors")
    write_json("eva.json", told)


if __name__ == "__main__":
    main()
