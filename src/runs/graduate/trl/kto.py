"""Continues a run of Graft with TRL's KTOTrainer: `accelerate launch --config_file accelerate.yaml train.py --model BASE --steps N --out DIR`."""

import torch
from graft_run import (
    RUN,
    Continued,
    Metrics,
    finish,
    load_model,
    load_tokenizer,
    ordered,
    padded,
    read_arguments,
    set_reference,
    settings,
)
from trl import KTOConfig, KTOTrainer

COLUMNS = ["input_ids", "labels", "kl_input_ids", "kl_labels", "desirable"]
# TRL's rewards are means over micro-batches, which may have different numbers of desirable rows.
NAMES = {"kl": "kl"}


class Trainer(Continued, KTOTrainer):
    def _prepare_dataset(self, dataset, *_):
        """The rows are tokens with labels, and each has the other answer by which the divergence is estimated."""
        return dataset


def main():
    given = read_arguments()
    tokenizer = load_tokenizer(given.model)

    def collate(rows):
        answers = padded([(row["input_ids"], row["labels"]) for row in rows], tokenizer.pad_token_id)
        others = padded([(row["kl_input_ids"], row["kl_labels"]) for row in rows], tokenizer.pad_token_id)
        return {
            **answers,
            **{f"KL_{name}": value for name, value in others.items()},
            "label": torch.tensor([row["desirable"] for row in rows]),
        }

    Trainer.given = given
    trainer = Trainer(
        model=load_model(given),
        processing_class=tokenizer,
        train_dataset=ordered(COLUMNS, given),
        data_collator=collate,
        args=KTOConfig(
            **settings(given),
            max_length=None,
            beta=RUN["beta"],
            desirable_weight=RUN["desirable_weight"],
            undesirable_weight=RUN["undesirable_weight"],
            disable_dropout=False,
        ),
        callbacks=[Metrics(given, NAMES)],
    )
    set_reference(trainer.model)
    finish(trainer, given)


main()
