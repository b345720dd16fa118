"""Continues a run of Graft with TRL's GRPOTrainer: `accelerate launch --config_file accelerate.yaml train.py --model BASE --steps N --out DIR`."""

from graft_run import (
    RUN,
    Continued,
    Metrics,
    finish,
    load_model,
    load_tokenizer,
    ordered,
    read_arguments,
    read_jsonl,
    set_reference,
    settings,
)
from rewards import reward_of
from trl import GRPOConfig, GRPOTrainer

NAMES = {
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "frac_reward_zero_std",
    "completions/clipped_ratio": "frac_cut",
    "completions/mean_length": "completion_length",
    "kl": "kl",
}
IDS = {row["prompt"]: row["prompt_ids"] for row in read_jsonl("train.jsonl")}


class Trainer(Continued, GRPOTrainer):
    def _tokenize_prompts(self, prompts):
        """The tokens of a prompt are those that Graft gave the model."""
        return [IDS[prompt] for prompt in prompts], None, {}


def main():
    given = read_arguments()
    shared = settings(given)
    # TRL counts answers, and every prompt gets the same number.
    shared["per_device_train_batch_size"] *= RUN["num_generations"]
    Trainer.given = given
    trainer = Trainer(
        model=load_model(given),
        processing_class=load_tokenizer(given.model),
        train_dataset=ordered(["prompt", "answer"], given),
        reward_funcs=[reward_of(spec) for spec in RUN["rewards"]],
        args=GRPOConfig(
            **shared,
            shuffle_dataset=False,
            reward_weights=[spec.get("weight", 1) for spec in RUN["rewards"]],
            disable_dropout=False,
            **{name: RUN[name] for name in RUN["grpo"]},
        ),
        callbacks=[Metrics(given, NAMES)],
    )
    set_reference(trainer.model)
    finish(trainer, given)


main()
