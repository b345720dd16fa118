"""Makes the numbers of preference and reinforced tuning with TRL's own trainers on a tiny random Llama: what Graft is compared with in every clone.

    pip install torch transformers peft trl
    python tests/reference/objectives/make.py   (after ../tokenizers/make.py)

Nothing of Graft runs here. model/ and adapter/ (LoRA, B not zero); pairs/, unpaired/ and groups/ with the rows as texts and as ids; cases/NAME/ with
settings.json (`flags` of graft's command line, rows), out.safetensors (loss, what TRL reports, log-probabilities summed over the completion, or by token
for rewards) and grads.safetensors (under PEFT's names). TRL reads the texts itself and must come to the same ids. The reference policy is the base:
TRL takes it when its copy of the adapter is deleted. Log-probabilities are computed here, in torch.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
import trl
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

HERE = Path(__file__).parent
MODEL, ADAPTER = HERE / "model", HERE / "adapter"
ROWS, GROUPS, SAMPLES, LONGEST = 8, 3, 4, 12

SUBJECTS = ["The rose", "A goat", "The old miller", "My sister", "The market", "Every cloud", "The lamp", "A green boat"]
TRUE = [" is red.", " eats grass.", " grinds the grain.", " sings.", " opens at nine.", " passes.", " is on the table.", " sails far away."]
FALSE = [" flies a kite", " is made of two cheeses.", " no", " swims 12 miles", " never, never ends.", " knows.", " eats the moon.", "?"]
COMMON = {"use_cpu": True, "bf16": False, "gradient_checkpointing": False, "per_device_train_batch_size": ROWS, "report_to": "none"}


def make_model():
    for folder in (MODEL, ADAPTER):
        shutil.rmtree(folder, ignore_errors=True)
    tokenizer = AutoTokenizer.from_pretrained(HERE.parent / "tokenizers" / "gpt2")
    tokenizer.pad_token = "<|im_start|>"
    # Prompts and answers are plain texts.
    tokenizer.chat_template = None
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.half().save_pretrained(MODEL)
    (MODEL / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save_pretrained(MODEL)
    base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    lora = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = get_peft_model(base, lora)
    adapted.peft_config["default"].base_model_name_or_path = "model"
    adapted.save_pretrained(ADAPTER)
    (ADAPTER / "README.md").unlink()


def policy():
    base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    return PeftModel.from_pretrained(base, ADAPTER, is_trainable=True)


def write_lines(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(tokenizer):
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    pairs, pair_ids, singles, single_ids = [], [], [], []
    for i, subject in enumerate(SUBJECTS):
        prompt = f"Go on, {i}: {subject}"
        answers = {"chosen": TRUE[i], "rejected": FALSE[i]}
        ids = encode(prompt)
        ends = {}
        for side, answer in answers.items():
            whole = encode(prompt + answer)
            assert whole[: len(ids)] == ids
            ends[f"{side}_ids"] = [*whole[len(ids) :], tokenizer.eos_token_id]
        pairs.append({"prompt": prompt, **answers})
        pair_ids.append({"prompt_ids": ids, **ends})
        desirable = i % 3 != 1
        side = "chosen" if desirable else "rejected"
        singles.append({"prompt": prompt, "completion": answers[side], "label": desirable})
        single_ids.append({"prompt_ids": ids, "completion_ids": ends[f"{side}_ids"], "desirable": desirable})
    write_lines(HERE / "pairs" / "data.jsonl", pairs)
    write_lines(HERE / "pairs" / "rows.jsonl", pair_ids)
    write_lines(HERE / "unpaired" / "data.jsonl", singles)
    write_lines(HERE / "unpaired" / "rows.jsonl", single_ids)
    return pairs, pair_ids, singles, single_ids


def token_log_probabilities(model, prompts, completions):
    """By token of each completion."""
    found = []
    for prompt, completion in zip(prompts, completions):
        logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        found.append(torch.log_softmax(logits, -1).gather(-1, torch.tensor(completion).unsqueeze(-1)).squeeze(-1))
    return found


def sums(model, prompts, completions):
    with torch.no_grad():
        own = token_log_probabilities(model, prompts, completions)
        with model.disable_adapter():
            reference = token_log_probabilities(model, prompts, completions)
    return [torch.stack([row.sum() for row in rows]) for rows in (own, reference)]


def save_case(name, flags, rows, data, out, model):
    folder = HERE / "cases" / name
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"flags": flags, "data": data, "rows": rows, "versions": {"trl": trl.__version__, "transformers": transformers.__version__}}
    (folder / "settings.json").write_text(json.dumps(settings, indent=1) + "\n")
    tensors = {key: torch.as_tensor(value, dtype=torch.float32).detach() for key, value in out.items()}
    save_file({key: (value if value.dim() else value[None]).contiguous() for key, value in tensors.items()}, folder / "out.safetensors")
    gradients = {key.replace(".default", ""): p.grad.contiguous() for key, p in model.named_parameters() if p.requires_grad}
    save_file(gradients, folder / "grads.safetensors")


def batch_of(trainer, wanted, names):
    made = [trainer.train_dataset[i] for i in range(ROWS)]
    for row, expected in zip(made, wanted):
        for name in names:
            assert row[name] == expected[name], f"TRL reads {name} otherwise: {row[name]} and {expected[name]}"
    return trainer.data_collator(made)


def backward(trainer, model, batch):
    if "ref" in model.peft_config:
        model.delete_adapter("ref")
    model.train()
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    return loss


REPORTS = {"chosen_reward": "rewards/chosen", "rejected_reward": "rewards/rejected", "reward_margin": "rewards/margins"}


def reports(metrics, **more):
    return {name: metrics[theirs][-1] for name, theirs in {**REPORTS, **more}.items()}


def against_a_reference(name, loss_type, folder, tokenizer, texts, ids):
    model = policy()
    args = trl.DPOConfig(output_dir=folder, loss_type=[loss_type], beta=0.2, disable_dropout=True, max_length=None, **COMMON)
    trainer = trl.DPOTrainer(model, args=args, train_dataset=Dataset.from_list(texts), processing_class=tokenizer)
    batch = batch_of(trainer, ids, ("prompt_ids", "chosen_ids", "rejected_ids"))
    loss = backward(trainer, model, batch)
    prompts = [row["prompt_ids"] for row in ids]
    out = {"loss": loss, **reports(trainer._metrics["train"], reward_accuracy="rewards/accuracies")}
    for side in ("chosen", "rejected"):
        out[f"{side}_logps"], out[f"ref_{side}_logps"] = sums(model, prompts, [row[f"{side}_ids"] for row in ids])
    save_case(name, {"objective": name, "beta": 0.2}, ROWS, "pairs/rows.jsonl", out, model)


def without_a_reference(name, trainer_type, args, flags, tokenizer, texts, ids):
    model = policy()
    trainer = trainer_type(model, args=args, train_dataset=Dataset.from_list(texts), processing_class=tokenizer)
    made = [trainer.train_dataset[i] for i in range(ROWS)]
    for row, wanted in zip(made, ids):
        for side in ("chosen", "rejected"):
            assert row[f"{side}_input_ids"] == wanted["prompt_ids"] + wanted[f"{side}_ids"], f"TRL reads {side} otherwise"
    loss = backward(trainer, model, trainer.data_collator(made))
    metrics = trainer._stored_metrics["train"]
    prompts = [row["prompt_ids"] for row in ids]
    out = {"loss": loss, **reports(metrics, reward_accuracy="rewards/accuracies")}
    for side in ("chosen", "rejected"):
        out[f"{side}_logps"], _ = sums(model, prompts, [row[f"{side}_ids"] for row in ids])
    save_case(name, flags, ROWS, "pairs/rows.jsonl", out, model)


def unpaired(name, weights, folder, tokenizer, texts, ids):
    model = policy()
    args = trl.KTOConfig(
        output_dir=folder, beta=0.3, disable_dropout=True, max_length=None,
        desirable_weight=weights[0], undesirable_weight=weights[1], **COMMON,
    )  # fmt: skip
    trainer = trl.KTOTrainer(model, args=args, train_dataset=Dataset.from_list(texts), processing_class=tokenizer)
    batch = batch_of(trainer, ids, ("prompt_ids", "completion_ids"))
    loss = backward(trainer, model, batch)
    prompts, completions = ([row[key] for row in ids] for key in ("prompt_ids", "completion_ids"))
    out = {"loss": loss, **reports(trainer._metrics["train"], kl="kl")}
    out["logps"], out["ref_logps"] = sums(model, prompts, completions)
    out["kl_logps"], out["ref_kl_logps"] = sums(model, prompts, [completions[-1], *completions[:-1]])
    flags = {"objective": "kto", "beta": 0.3, "desirable-weight": weights[0], "undesirable-weight": weights[1]}
    save_case(name, flags, ROWS, "unpaired/rows.jsonl", out, model)


def make_groups(tokenizer, prompts):
    """Sampled completions of three prompts with rewards of their own, the second group's all the same; ratios that leave the clipping range."""
    model = policy()
    random = torch.Generator().manual_seed(2)
    rows = []
    for group in range(GROUPS):
        prompt = prompts[group]
        rewards = torch.ones(SAMPLES) if group == 1 else torch.rand(SAMPLES, generator=random)
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        for sample in range(SAMPLES):
            length = int(torch.randint(3, LONGEST, (1,), generator=random))
            completion = torch.randint(20, 500, (length,), generator=random).tolist() + [tokenizer.eos_token_id]
            with torch.no_grad():
                [own] = token_log_probabilities(model, [prompt], [completion])
                with model.disable_adapter():
                    [reference] = token_log_probabilities(model, [prompt], [completion])
            # Apart from the ends of the clipping range, 0.2 and 0.3, where a rounding would decide.
            apart = (torch.rand(len(completion), generator=random) - 0.5) * 1.2
            ratio = torch.exp(apart)
            for end in (0.8, 1.2, 1.3):
                apart = torch.where((ratio - end).abs() < 0.01, apart + 0.05, apart)
            rows.append(
                {
                    "prompt_ids": prompt,
                    "completion_ids": completion,
                    "advantage": round(advantages[sample].item(), 6),
                    "old_logps": [round(value, 6) for value in (own - apart).tolist()],
                    "ref_logps": [round(value, 6) for value in reference.tolist()],
                    "reward": round(rewards[sample].item(), 6),
                    "group": group,
                }
            )
    write_lines(HERE / "groups" / "rows.jsonl", rows)
    return rows


def padded(rows, left=False):
    longest = max(map(len, rows))
    fill = lambda row, value: [value] * (longest - len(row)) + row if left else row + [value] * (longest - len(row))
    return torch.tensor([fill(list(row), 0) for row in rows]), torch.tensor([fill([1] * len(row), 0) for row in rows])


def by_rewards(name, flags, folder, tokenizer, rows):
    model = policy()
    args = trl.GRPOConfig(
        output_dir=folder, beta=flags["beta"], loss_type=flags["loss-type"].replace("-", "_"), epsilon=flags["epsilon"],
        epsilon_high=flags.get("epsilon-high"), num_generations=SAMPLES, num_iterations=2, max_completion_length=flags.get("max-completion-length", 60),
        use_bias_correction_kl=not flags.get("no-kl-correction", False), **{**COMMON, "per_device_train_batch_size": len(rows)},
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model, reward_funcs=lambda completions, **_: [0.0] * len(completions), args=args,
        train_dataset=Dataset.from_list([{"prompt": "a"}] * len(rows)), processing_class=tokenizer,
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    tokens = sum(len(row["completion_ids"]) for row in rows)

    def inputs(part):
        prompt_ids, prompt_mask = padded([row["prompt_ids"] for row in part], left=True)
        completion_ids, completion_mask = padded([row["completion_ids"] for row in part])
        return {
            "prompt_ids": prompt_ids,
            "prompt_mask": prompt_mask,
            "completion_ids": completion_ids,
            "completion_mask": completion_mask,
            "advantages": torch.tensor([row["advantage"] for row in part]),
            "old_per_token_logps": padded([row["old_logps"] for row in part])[0].float(),
            "ref_per_token_logps": padded([row["ref_logps"] for row in part])[0].float(),
            "num_items_in_batch": torch.tensor(float(tokens)),
        }

    trainer.args.steps_per_generation = 1
    loss = backward(trainer, model, inputs(rows))
    metrics = {key: values[-1] for key, values in trainer._metrics["train"].items()}
    found = token_log_probabilities(model, [row["prompt_ids"] for row in rows], [row["completion_ids"] for row in rows])
    gradients = {key: p.grad.clone() for key, p in model.named_parameters() if p.requires_grad}
    trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation = 2
    halves = [trainer.compute_loss(model, inputs(part)).item() for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
    for key, p in model.named_parameters():
        if p.requires_grad:
            p.grad = gradients[key]
    longest = max(len(row["completion_ids"]) for row in rows)
    fill = lambda values: torch.nn.functional.pad(values.detach(), (0, longest - len(values)))
    out = {
        "loss": loss,
        "loss_accumulated": halves,
        "logps": torch.stack([fill(values) for values in found]),
        "mask": torch.stack([fill(torch.ones(len(values))) for values in found]),
        "clip_ratio": metrics["clip_ratio/region_mean"],
        "clip_ratio_low": metrics["clip_ratio/low_mean"],
        "clip_ratio_high": metrics["clip_ratio/high_mean"],
        **({"kl": metrics["kl"]} if flags["beta"] else {}),
    }
    save_case(name, {"objective": "grpo", **flags}, len(rows), "groups/rows.jsonl", out, model)


def main():
    torch.set_num_threads(1)
    make_model()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    pairs, pair_ids, singles, single_ids = rows_of(tokenizer)
    shutil.rmtree(HERE / "cases", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, loss_type in (("dpo", "sigmoid"), ("hinge", "hinge"), ("ipo", "ipo")):
            against_a_reference(name, loss_type, folder, tokenizer, pairs, pair_ids)
        more = {"output_dir": folder, "max_length": 128, "remove_unused_columns": False, "disable_dropout": True, **COMMON}
        orpo = ORPOConfig(beta=0.1, **more)
        without_a_reference("orpo", ORPOTrainer, orpo, {"objective": "orpo", "beta": 0.1}, tokenizer, pairs, pair_ids)
        simpo = CPOConfig(beta=2.0, loss_type="simpo", cpo_alpha=0.0, simpo_gamma=0.5, **more)
        flags = {"objective": "simpo", "beta": 2.0, "simpo-gamma": 0.5}
        without_a_reference("simpo", CPOTrainer, simpo, flags, tokenizer, pairs, pair_ids)
        for name, weights in (("kto", (1.0, 1.0)), ("kto-weighted", (0.7, 1.4))):
            unpaired(name, weights, folder, tokenizer, singles, single_ids)
        groups = make_groups(tokenizer, [row["prompt_ids"] for row in pair_ids])
        for name, flags in {
            "grpo": {"loss-type": "grpo", "beta": 0, "epsilon": 0.2},
            "grpo-kl": {"loss-type": "grpo", "beta": 0.04, "epsilon": 0.2, "epsilon-high": 0.3},
            "grpo-kl-plain": {"loss-type": "grpo", "beta": 0.04, "epsilon": 0.2, "no-kl-correction": True},
            "dapo-kl": {"loss-type": "dapo", "beta": 0.04, "epsilon": 0.2},
            "bnpo-kl": {"loss-type": "bnpo", "beta": 0.04, "epsilon": 0.2},
            "dr-grpo-kl": {"loss-type": "dr_grpo", "beta": 0.04, "epsilon": 0.2, "max-completion-length": 16},
        }.items():
            by_rewards(name, flags, folder, tokenizer, groups)


if __name__ == "__main__":
    main()
