"""Makes the numbers of LoRA with added tokens in this folder: transformers' `add_tokens` and `resize_token_embeddings`, PEFT's
`trainable_token_indices`.

    python tests/reference/peft/tokens.py   (after make.py)

Each new row begins as the mean of the rows of the pieces that its text had. `tied` is the bundled model, whose head is its embedding; `apart` is the same
with a head of its own: the rows of the embedding in reverse order. Rows, loss and optimiser are those of make.py.
"""

import json
import shutil

import torch
from make import HERE, LORA, MODEL, NEW_TOKENS, PROMPTS, base, make_curve, make_rows, short, summed_loss, write_json, write_lines
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import AddedToken
from transformers import AutoTokenizer

TEXTS = ["matey", "Ahoy", "<|tool|>"]
CURVE = dict(method="tokens", batch=2, accumulate=2, steps=20, lr=3e-3, schedule="cosine", warmup=3, weight_decay=0.1, clip=1.0)
KINDS = ["tied", "apart"]
FOLDERS = {"tied": HERE / "tokens", "apart": HERE / "tokens-apart"}


def tokenizers():
    plain = AutoTokenizer.from_pretrained(MODEL)
    grown = AutoTokenizer.from_pretrained(MODEL)
    grown.add_tokens([AddedToken(text, normalized=False) for text in TEXTS])
    return plain, grown


def grown_base(kind):
    """The base with rows for the new tokens, and these rows as they begin."""
    plain, grown = tokenizers()
    model = base()
    if kind == "apart":
        own = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
        own.weight = torch.nn.Parameter(model.get_input_embeddings().weight.detach().flip(0).contiguous())
        model.lm_head = own
        model.config.tie_word_embeddings = False
    size = model.config.vocab_size
    model.resize_token_embeddings(len(grown), mean_resizing=False)
    ids = list(range(size, len(grown)))
    assert [grown.convert_tokens_to_ids(text) for text in TEXTS] == ids
    weights = [model.get_input_embeddings().weight] + ([model.lm_head.weight] if kind == "apart" else [])
    with torch.no_grad():
        for weight in weights:
            for text, id in zip(TEXTS, ids):
                weight[id] = weight[plain.encode(text, add_special_tokens=False)].mean(0)
    return model, ids, [weight[ids].detach().clone().contiguous() for weight in weights]


def make_adapter(kind):
    """An adapter that has moved from its start, so that all of its tensors have gradients from the first step."""
    torch.manual_seed(11)
    model, ids, start = grown_base(kind)
    names = ["embed_tokens"] + (["lm_head"] if kind == "apart" else [])
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], trainable_token_indices={name: ids for name in names}, **LORA)
    model = get_peft_model(model, config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(0, 0.1)
            if "trainable_tokens_delta" in key:
                parameter.add_(0.1 * torch.randn_like(parameter))
    folder = FOLDERS[kind]
    shutil.rmtree(folder, ignore_errors=True)
    # The tensors of whole embeddings, which PEFT adds where the vocabulary has grown, are none of the adapter.
    model.save_pretrained(folder, save_embedding_layers=False)
    if kind == "tied":
        tokenizers()[1].save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    settings = json.loads((folder / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = "sprig"
    settings["target_modules"] = sorted(settings["target_modules"])
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    return start


def with_tokens(kind, trainable=False):
    return PeftModel.from_pretrained(grown_base(kind)[0], FOLDERS[kind], is_trainable=trainable)


def main():
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    _, grown = tokenizers()
    rows = make_rows(grown)
    write_lines("tokens-rows.jsonl", rows)
    ids = torch.tensor([rows[0]["ids"][:24]])
    kinds, logits = {}, {"ids": ids[0].to(torch.int32)}
    for kind in KINDS:
        for at, start in enumerate(make_adapter(kind)):
            logits[f"{kind}.start.{at}"] = start
        model = with_tokens(kind, trainable=True)
        with torch.no_grad():
            logits[kind] = model(input_ids=ids).logits[0].contiguous()
        loss, count = summed_loss(model, rows[:4])
        (loss / count).backward()
        gradients = {short(name): p.grad.contiguous() for name, p in model.named_parameters() if p.requires_grad}
        save_file(gradients, HERE / f"gradients-tokens-{kind}.safetensors")
        kinds[kind] = {"rows": 4, "loss": loss.item() / count, "supervised_tokens": count}
    trained = make_curve("tokens", rows, CURVE, with_tokens("tied", trainable=True))
    with torch.no_grad():
        logits["trained"] = trained(input_ids=ids).logits[0, -1:].contiguous()
    save_file(logits, HERE / "logits-tokens.safetensors")
    answers = []
    model = with_tokens("tied")
    for prompt in PROMPTS:
        turns = [{"role": "user", "content": prompt}]
        start = grown.encode(grown.apply_chat_template(turns, tokenize=False, add_generation_prompt=True), add_special_tokens=False)
        out = model.generate(
            input_ids=torch.tensor([start]),
            attention_mask=torch.ones(1, len(start), dtype=torch.long),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            eos_token_id=grown.eos_token_id,
            pad_token_id=3,
        )
        new = out[0, len(start) :].tolist()
        answers.append({"prompt": prompt, "prompt_ids": start, "new_ids": new, "text": grown.decode(new, skip_special_tokens=True)})
    write_json("tokens.json", {"texts": TEXTS, "kinds": kinds, "curve": CURVE, "greedy": answers})


if __name__ == "__main__":
    main()
