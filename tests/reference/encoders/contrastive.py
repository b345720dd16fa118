"""Tunes the encoders that make.py made with in-batch negatives by transformers and PEFT: what Graft's training is compared with in every clone.

    pip install torch transformers peft
    python tests/reference/encoders/contrastive.py

Nothing of Graft runs here. The loss is that of sentence-transformers' MultipleNegativesRankingLoss: cross-entropy over cosine / 0.05 of each query
against all positives of its batch and all negatives. contrastive/rows.jsonl has rows with none, one and several negatives, contrastive/texts.jsonl
their queries and positives. contrastive/start-NAME is
an adapter folder of PEFT (r 4, alpha 8, query and value, both matrices random), contrastive/NAME.safetensors has `gradient.` of the first batch of four
rows and `end.` after six steps of AdamW (lr 1e-2, no decay, no clipping) over batches of four in the order of the file, and contrastive/curve.json the
loss before each of them, by NAME, and the loss of the last four rows at the end.
"""

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertModel

HERE = Path(__file__).parent
OUT = HERE / "contrastive"
WINDOW = {"mean": 24, "cls": 64}
ROWS = [
    ("When is water given?", "Water it early, before the sun is high; never at noon!", []),
    ("What is the garden in summer?", "The garden is dry in summer.", ["The garden is wet in winter."]),
    ("Where does light come from?", "The light comes through the window in the morning.", ["The house is quiet.", "The children wake late."]),
    ("How do people count?", "One two three four five six seven eight nine ten eleven twelve.", []),
    ("Who wakes?", "The children wake when the light comes through the window.", []),
    ("What does it cost?", "don't (we'll) $5.00 50% C:\\path", ["Nothing at all, it is free for children in the morning and in the house."]),
    ("Quiet?", "The house is quiet until the children wake. " * 4, []),
    ("Where is the café?", "naïve café ÀÉÎ Übergröße", ["The garden", "你好，世界"]),
]
BATCH, STEPS, TEMPERATURE = 4, 6, 0.05


def vectors(model, tokenizer, name, texts):
    found = []
    for text in texts:
        hidden = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        found.append(torch.nn.functional.normalize(hidden.mean(0) if name == "mean" else hidden[0], dim=0))
    return torch.stack(found)


def loss_of(model, tokenizer, name, rows):
    queries = vectors(model, tokenizer, name, [query for query, _, _ in rows])
    candidates = vectors(
        model, tokenizer, name, [positive for _, positive, _ in rows] + [text for *_, others in rows for text in others]
    )
    return torch.nn.functional.cross_entropy(queries @ candidates.T / TEMPERATURE, torch.arange(len(rows)))


def tune(name):
    model = BertModel.from_pretrained(HERE / name, add_pooling_layer=False, dtype=torch.float32)
    model.eval()
    torch.manual_seed(3)
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=["query", "value"], lora_dropout=0.0, task_type="FEATURE_EXTRACTION"
    )
    model = get_peft_model(model, config)
    learned = {key: value for key, value in model.named_parameters() if value.requires_grad}
    with torch.no_grad():
        for value in learned.values():
            value.copy_(torch.randn_like(value) * 0.1)
    start = OUT / f"start-{name}"
    shutil.rmtree(start, ignore_errors=True)
    model.save_pretrained(start)
    (start / "README.md").unlink(missing_ok=True)
    settings = json.loads((start / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = name
    (start / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")

    tokenizer = Tokenizer.from_file(str(HERE / name / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW[name])
    plain = lambda key: key.replace(".default", "")
    optimiser = torch.optim.AdamW(learned.values(), lr=1e-2, weight_decay=0.0)
    tensors, curve = {}, []
    for step in range(STEPS):
        at = step * BATCH % len(ROWS)
        loss = loss_of(model, tokenizer, name, ROWS[at : at + BATCH])
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            tensors.update({f"gradient.{plain(key)}": value.grad.clone() for key, value in learned.items()})
        optimiser.step()
        curve.append(loss.item())
    with torch.no_grad():
        held_out = loss_of(model, tokenizer, name, ROWS[-BATCH:]).item()
    tensors.update({f"end.{plain(key)}": value.detach().clone() for key, value in learned.items()})
    save_file(tensors, OUT / f"{name}.safetensors")
    return {"curve": curve, "held_out": held_out}


OUT.mkdir(exist_ok=True)
with (OUT / "rows.jsonl").open("w") as file:
    for query, positive, others in ROWS:
        negative = {} if not others else {"negative": others[0] if len(others) == 1 else others}
        file.write(json.dumps({"query": query, "positive": positive, **negative}, ensure_ascii=False) + "\n")
with (OUT / "texts.jsonl").open("w") as file:
    for query, positive, _ in ROWS:
        for text in (query, positive):
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
(OUT / "curve.json").write_text(json.dumps({name: tune(name) for name in WINDOW}, indent=1) + "\n")
