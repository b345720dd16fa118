"""Makes the numbers of anchored preference optimization in this folder with TRL's own DPOTrainer: its loss and gradients on the first pairs of dpo.py.

    pip install trl
    python tests/reference/peft/apo.py   (after dpo.py)

Nothing of Graft runs here.
"""

import json
import tempfile

import trl
from datasets import Dataset
from make import HERE, MODEL, short, with_adapter, write_json
from safetensors.torch import save_file
from transformers import AutoTokenizer

PAIRS, BETA = 4, 0.2


def one(loss_type, texts, rows):
    model = with_adapter(trainable=True)
    with tempfile.TemporaryDirectory() as folder:
        args = trl.DPOConfig(
            output_dir=folder,
            loss_type=[loss_type],
            beta=BETA,
            use_cpu=True,
            bf16=False,
            disable_dropout=True,
            gradient_checkpointing=False,
            per_device_train_batch_size=PAIRS,
            max_length=None,
            report_to="none",
        )
        trainer = trl.DPOTrainer(
            model, args=args, train_dataset=Dataset.from_list(texts), processing_class=AutoTokenizer.from_pretrained(MODEL)
        )
    made = [trainer.train_dataset[i] for i in range(PAIRS)]
    for row, wanted in zip(made, rows):
        assert row["prompt_ids"] == wanted["prompt_ids"], "TRL reads the prompt otherwise"
        for side in ("chosen_ids", "rejected_ids"):
            assert row[side] == wanted[side], f"TRL reads {side} otherwise"
    # Without its copy of the adapter TRL takes the bare base as the reference.
    model.delete_adapter("ref")
    model.train()
    loss = trainer.compute_loss(model, trainer.data_collator(made))
    loss.backward()
    gradients = {short(name): p.grad.contiguous() for name, p in model.named_parameters() if p.requires_grad}
    return loss.item(), gradients


def main():
    read = lambda name: [json.loads(line) for line in (HERE / name).read_text().splitlines()][:PAIRS]
    texts, rows = read("pairs.jsonl"), read("pair-rows.jsonl")
    made = {"made_with": {"trl": trl.__version__}, "rows": PAIRS, "beta": BETA}
    for name in ("apo_zero", "apo_down"):
        made[name], gradients = one(name, texts, rows)
        save_file(gradients, HERE / f"gradients-{name.replace('_', '-')}.safetensors")
    write_json("apo.json", made)


if __name__ == "__main__":
    main()
