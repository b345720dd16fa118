"""Makes the numbers of this folder with transformers and PEFT from the bundled model: what Graft is compared with in every clone.

    pip install torch transformers peft
    python tests/reference/peft/make.py

Nothing of Graft runs here. Rows come from a bundled sample through the model's own chat template; only the assistant's turn and its end token
are supervised (labels -100 elsewhere; position t predicts label t+1). The loss of a step is the summed cross-entropy of all its micro-batches
over the number of supervised tokens. AdamW(0.9, 0.999, 1e-8) with decoupled decay; rows in file order, wrapping around.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
import peft
from peft import (
    IA3Config,
    LNTuningConfig,
    LoraConfig,
    PeftModel,
    PromptTuningConfig,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, get_scheduler

HERE = Path(__file__).parent
PUBLIC = HERE.parents[2] / "public"
MODEL = PUBLIC / "models" / "sprig"
ROWS = 24
MAX_LENGTH = 64
PROMPTS = ["What do bees do?", "Where does the fox live?", "How do I plant a rose?", "My name is Ada."]
NEW_TOKENS = 24

CURVES = {
    "lora": dict(method="lora", batch=2, accumulate=2, steps=20, lr=3e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "dora": dict(method="dora", batch=2, accumulate=2, steps=20, lr=3e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "prompt": dict(method="prompt", batch=2, accumulate=2, steps=20, lr=2e-2, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "norms": dict(method="norms", batch=2, accumulate=2, steps=20, lr=1e-2, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "pissa": dict(method="pissa", batch=2, accumulate=2, steps=20, lr=1e-3, schedule="cosine", warmup=3, weight_decay=0.0, clip=1.0),
    "saved": dict(method="saved", batch=2, accumulate=2, steps=20, lr=2e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "saved-head": dict(method="saved-head", batch=2, accumulate=2, steps=20, lr=2e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0),
    "full": dict(method="full", batch=4, accumulate=1, steps=20, lr=5e-4, schedule="linear", warmup=2, weight_decay=0.0, clip=1.0),
}


def base():
    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


def write_lines(name, values):
    (HERE / name).write_text("".join(json.dumps(value) + "\n" for value in values))


def make_rows(tokenizer):
    """Prompt and answer by the chat template; the answer begins where the prompt with its generation prompt ends."""
    rows = []
    for line in (PUBLIC / "samples" / "voice" / "train.jsonl").read_text().splitlines()[:ROWS]:
        messages = json.loads(line)["messages"]
        ids = lambda turns, **options: tokenizer.encode(
            tokenizer.apply_chat_template(turns, tokenize=False, **options), add_special_tokens=False
        )
        prompt = ids(messages[:-1], add_generation_prompt=True)
        whole = ids(messages)
        assert whole[: len(prompt)] == prompt and len(whole) <= MAX_LENGTH
        end = whole.index(tokenizer.eos_token_id, len(prompt)) + 1
        labels = [-100] * len(prompt) + whole[len(prompt) : end] + [-100] * (len(whole) - end)
        rows.append({"ids": whole, "labels": labels})
    return rows


def padded(rows):
    longest = max(len(row["ids"]) for row in rows)
    fill = lambda values, with_: torch.tensor([value + [with_] * (longest - len(value)) for value in values])
    ids = fill([row["ids"] for row in rows], 3)
    mask = fill([[1] * len(row["ids"]) for row in rows], 0)
    labels = fill([row["labels"] for row in rows], -100)
    return ids, mask, labels


def summed_loss(model, rows):
    """Cross-entropy summed over the supervised tokens, and their number."""
    ids, mask, labels = padded(rows)
    # Virtual tokens stand before them.
    logits = model(input_ids=ids, attention_mask=mask).logits[:, -ids.shape[1] : -1].float()
    targets = labels[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100, reduction="sum"
    )
    return loss, int((targets != -100).sum())


LORA = dict(lora_alpha=4, lora_dropout=0.0, task_type="CAUSAL_LM")
KINDS = {
    "adapter": LoraConfig(r=2, target_modules="all-linear", **LORA),
    "dora": LoraConfig(r=2, target_modules=["q_proj", "v_proj", "down_proj"], use_dora=True, **LORA),
    "ia3": IA3Config(
        target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM"
    ),
    "prompt": PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"),
    "norms": LNTuningConfig(
        target_modules=["input_layernorm", "post_attention_layernorm", "norm"], task_type="CAUSAL_LM"
    ),
}
PISSA = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="pissa", **{**LORA, "lora_alpha": 8})
SAVED = {"saved": ["embed_tokens"], "saved-head": ["embed_tokens", "lm_head"]}


def make_adapter(name):
    """An adapter that has moved from its start, so that all of its tensors have gradients from the first step."""
    torch.manual_seed(7)
    model = get_peft_model(base(), KINDS[name])
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(0, 0.1)
            if "magnitude" in key or "ia3_l" in key or "ln_tuning" in key:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
            if "prompt_encoder" in key:
                words = model.get_base_model().get_input_embeddings().weight
                parameter.copy_(words[[710, 848, 445, 316]] + 0.1 * torch.randn_like(parameter))
    model.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink(missing_ok=True)
    settings = json.loads((HERE / name / "adapter_config.json").read_text())
    # The path of the machine that made it.
    settings["base_model_name_or_path"] = "sprig"
    for field in ["target_modules", "feedforward_modules"]:
        if field in settings:
            settings[field] = sorted(settings[field])
    (HERE / name / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def with_adapter(trainable=False, name="adapter"):
    if trainable and name == "prompt":
        # PEFT loads no prompt for training: it begins as one that is.
        model = get_peft_model(base(), KINDS[name])
        set_peft_model_state_dict(model, load_file(HERE / name / "adapter_model.safetensors"))
        return model
    return PeftModel.from_pretrained(base(), HERE / name, is_trainable=trainable)


def short(name):
    """A parameter's name as adapter_model.safetensors has it."""
    short = name.replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
    return "prompt_embeddings" if "prompt_encoder" in short else short


def make_gradients(rows, name, file):
    model = with_adapter(trainable=True, name=name)
    loss, count = summed_loss(model, rows[:4])
    (loss / count).backward()
    gradients = {short(name): p.grad.contiguous() for name, p in model.named_parameters() if p.requires_grad}
    save_file(gradients, HERE / file)
    return {"rows": 4, "loss": loss.item() / count, "supervised_tokens": count}


def with_saved(names):
    """The LoRA adapter, with modules that are trained as a whole beside it."""
    model = get_peft_model(base(), LoraConfig(r=2, target_modules="all-linear", modules_to_save=names, **LORA))
    adapter = load_file(HERE / "adapter" / "adapter_model.safetensors")
    set_peft_model_state_dict(model, {**get_peft_model_state_dict(model), **adapter})
    return model


def start_of(method):
    if method == "full":
        return base().requires_grad_(True)
    if method == "pissa":
        return get_peft_model(base(), PISSA)
    if method in SAVED:
        return with_saved(SAVED[method])
    return with_adapter(trainable=True, name={"lora": "adapter"}.get(method, method))


def make_curve(name, rows, settings, start=None):
    model = start or start_of(settings["method"])
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=settings["weight_decay"]
    )
    schedule = get_scheduler(settings["schedule"], optimiser, settings["warmup"], settings["steps"])
    metrics, at = [], 0
    for step in range(1, settings["steps"] + 1):
        batches = []
        for _ in range(settings["accumulate"]):
            batches.append([rows[(at + i) % len(rows)] for i in range(settings["batch"])])
            at += settings["batch"]
        total, count = 0.0, 0
        optimiser.zero_grad()
        for batch in batches:
            loss, supervised = summed_loss(model, batch)
            loss.backward()
            total, count = total + loss.item(), count + supervised
        for parameter in parameters:
            parameter.grad /= count
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings["clip"])
        metrics.append(
            {"step": step, "loss": total / count, "lr": schedule.get_last_lr()[0], "grad_norm": norm.item(), "supervised_tokens": count}
        )
        optimiser.step()
        schedule.step()
    write_lines(f"curve-{name}.jsonl", metrics)
    return model


def make_greedy(tokenizer):
    answers = []
    models = {"base": base(), **{name: with_adapter(name=name) for name in KINDS}}
    for prompt in PROMPTS:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer.encode(text, add_special_tokens=False)
        for name, model in models.items():
            out = model.generate(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=NEW_TOKENS,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=3,
                # With a cache PEFT 0.21 and transformers 5.24 lose the places of the tokens after virtual ones.
                use_cache=name != "prompt",
            )
            new = out[0, len(ids) :].tolist()
            answers.append(
                {"by": name, "prompt": prompt, "prompt_ids": ids, "new_ids": new, "text": tokenizer.decode(new, skip_special_tokens=True)}
            )
    write_json("greedy.json", answers)


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    for name in KINDS:
        shutil.rmtree(HERE / name, ignore_errors=True)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = make_rows(tokenizer)
    write_lines("rows.jsonl", rows)
    for name in KINDS:
        make_adapter(name)
    ids = torch.tensor([rows[0]["ids"][:24]])
    with torch.no_grad():
        logits = {name: model(input_ids=ids).logits[0, -ids.shape[1] :].contiguous() for name, model in [("base", base()), *((name, with_adapter(name=name)) for name in KINDS)]}
    save_file({"ids": ids[0].to(torch.int32), **logits}, HERE / "logits.safetensors")
    gradients = make_gradients(rows, "adapter", "gradients.safetensors")
    kinds = {name: make_gradients(rows, name, f"gradients-{name}.safetensors") for name in ["dora", "ia3", "prompt", "norms"]}
    trained = {}
    for name, settings in CURVES.items():
        model = make_curve(name, rows, settings)
        if name == "pissa" or name in SAVED:
            with torch.no_grad():
                trained[name] = model(input_ids=ids).logits[0, -1:].contiguous()
    save_file(trained, HERE / "logits-trained.safetensors")
    make_greedy(tokenizer)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    write_json("settings.json", {"made_with": versions, "gradients": gradients, "kinds": kinds, "curves": CURVES})


if __name__ == "__main__":
    main()
