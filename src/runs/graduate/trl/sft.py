"""Continues a run of Graft with TRL's SFTTrainer: `accelerate launch --config_file accelerate.yaml train.py --model BASE --steps N --out DIR`."""

from graft_run import Continued, Metrics, finish, load_model, load_tokenizer, ordered, read_arguments, settings
from trl import SFTConfig, SFTTrainer


class Trainer(Continued, SFTTrainer):
    pass


def main():
    given = read_arguments()
    tokenizer = load_tokenizer(given.model)
    # The rows are tokens with labels: nothing is rendered, cut or masked again.
    rows = ordered(["input_ids", "labels"], given, blank={"input_ids": [tokenizer.pad_token_id], "labels": [-100]})
    Trainer.given = given
    trainer = Trainer(
        model=load_model(given),
        processing_class=tokenizer,
        train_dataset=rows,
        args=SFTConfig(
            **settings(given), max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True}
        ),
        callbacks=[Metrics(given)],
    )
    finish(trainer, given)


main()
