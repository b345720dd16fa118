"""Makes the numbers of LoHa in this folder: PEFT's LoHaConfig on the bundled model.

    python tests/reference/peft/loha.py   (after make.py)

Rows, loss and optimiser are those of make.py. One layer has another rank, and one another alpha.
"""

import json
import shutil

import torch
from make import HERE, MODEL, base, make_curve, make_rows, short, summed_loss, write_json
from peft import LoHaConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoTokenizer

CONFIG = dict(
    r=3,
    alpha=6,
    target_modules=["q_proj", "v_proj", "down_proj"],
    rank_pattern={"v_proj": 2},
    alpha_pattern={"down_proj": 4},
    task_type="CAUSAL_LM",
)
CURVE = dict(method="loha", batch=2, accumulate=2, steps=20, lr=3e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0)


def make_adapter():
    """An adapter that has moved from its start, so that all of its tensors have gradients from the first step."""
    torch.manual_seed(13)
    model = get_peft_model(base(), LoHaConfig(**CONFIG))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "hada_w2_b" in key:
                parameter.normal_(0, 0.5)
    shutil.rmtree(HERE / "loha", ignore_errors=True)
    model.save_pretrained(HERE / "loha")
    (HERE / "loha" / "README.md").unlink(missing_ok=True)
    settings = json.loads((HERE / "loha" / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = "sprig"
    settings["target_modules"] = sorted(settings["target_modules"])
    (HERE / "loha" / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def with_adapter(trainable=False):
    return PeftModel.from_pretrained(base(), HERE / "loha", is_trainable=trainable)


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    rows = make_rows(AutoTokenizer.from_pretrained(MODEL))
    make_adapter()
    ids = torch.tensor([rows[0]["ids"][:24]])
    with torch.no_grad():
        logits = with_adapter()(input_ids=ids).logits[0].contiguous()
    save_file({"ids": ids[0].to(torch.int32), "loha": logits}, HERE / "logits-loha.safetensors")
    model = with_adapter(trainable=True)
    loss, count = summed_loss(model, rows[:4])
    (loss / count).backward()
    gradients = {short(name): p.grad.contiguous() for name, p in model.named_parameters() if p.requires_grad}
    save_file(gradients, HERE / "gradients-loha.safetensors")
    make_curve("loha", rows, CURVE, with_adapter(trainable=True))
    write_json("loha.json", {"gradients": {"rows": 4, "loss": loss.item() / count, "supervised_tokens": count}, "curve": CURVE})


if __name__ == "__main__":
    main()
