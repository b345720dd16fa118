"""Continues a run of Graft with TRL's DPOTrainer: `accelerate launch --config_file accelerate.yaml train.py --model BASE --steps N --out DIR`."""

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
from trl import DPOConfig, DPOTrainer

COLUMNS = ["chosen_ids", "chosen_labels", "rejected_ids", "rejected_labels"]
NAMES = {
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "rewards/chosen": "chosen_reward",
    "rewards/rejected": "rejected_reward",
}


class Trainer(Continued, DPOTrainer):
    def _prepare_dataset(self, dataset, *_):
        """The rows are tokens with labels: nothing is rendered or cut again."""
        return dataset


def main():
    given = read_arguments()
    tokenizer = load_tokenizer(given.model)

    def collate(pairs):
        sides = [(pair[f"{side}_ids"], pair[f"{side}_labels"]) for side in ("chosen", "rejected") for pair in pairs]
        return padded(sides, tokenizer.pad_token_id)

    Trainer.given = given
    trainer = Trainer(
        model=load_model(given),
        processing_class=tokenizer,
        train_dataset=ordered(COLUMNS, given),
        data_collator=collate,
        args=DPOConfig(
            **settings(given),
            max_length=None,
            beta=RUN["beta"],
            loss_type=RUN["loss_types"],
            loss_weights=RUN["loss_weights"],
            disable_dropout=False,
        ),
        callbacks=[Metrics(given, NAMES)],
    )
    set_reference(trainer.model)
    finish(trainer, given)


main()
