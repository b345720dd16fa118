"""What other programs make of exported folders, next to PEFT with the base and the adapter apart. Reads a question as JSON a line and answers in a line.

The reference is transformers and PEFT in f32: for each prompt the ids of prompt and greedy answer, and the logits after each of them. A format is asked
for the same ids. "probability" and "logit" are the largest differences over all tokens of the vocabulary after each id. "kept" counts the tokens of
the answers that are the most likely ones in the format as well: if all are, its greedy answers are those of PEFT.
"""

import json
import shutil
import sys
import traceback
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

COMPANIONS = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def load(folder, gguf=None):
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=gguf, dtype=torch.float32, output_loading_info=True
    )
    if found["missing_keys"] or found["unexpected_keys"]:
        raise ValueError(f"{folder}: {found}")
    return model.eval()


def bases(model, out, gguf=None, types=tuple(DTYPES)):
    """The base in each type, as transformers saves it."""
    for name in types:
        folder = Path(out) / name
        loaded = load(model, gguf).to(DTYPES[name])
        if gguf is not None:
            # Its weights are plain numbers by now, and transformers would not save a quantised model.
            del loaded.hf_quantizer, loaded.config.quantization_config
        loaded.save_pretrained(folder)
        for file in COMPANIONS:
            if (Path(model) / file).exists():
                shutil.copy(Path(model) / file, folder)
    return {}


def reference(base, adapter, prompts, new_tokens, out, gguf=None):
    model = PeftModel.from_pretrained(load(base, gguf), adapter).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows, logits, moved = [], [], 0.0
    for prompt in prompts:
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        start = asked["input_ids"].shape[1]
        ids = model.generate(**asked, max_new_tokens=new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        text = tokenizer.decode(ids[0, start:], skip_special_tokens=True)
        rows.append({"prompt": prompt, "ids": ids[0].tolist(), "start": start, "text": text})
        logits.append(model(ids).logits[0])
        with model.disable_adapter():
            moved = max(moved, distance(model(ids).logits[0], logits[-1])[0])
    torch.cat(logits).float().numpy().tofile(Path(out) / "logits.f32")
    (Path(out) / "rows.json").write_text(json.dumps(rows))
    return {"rows": rows, "moved": moved}


def distance(ours, theirs):
    ours, theirs = ours.double(), theirs.double()
    probability = (ours.softmax(-1) - theirs.softmax(-1)).abs().max().item()
    return probability, (ours - theirs).abs().max().item()


def compare(given, logits_of, only=None):
    """@param logits_of ids → logits [T, V]"""
    rows = json.loads((Path(given) / "rows.json").read_text())
    wanted = torch.from_numpy(np.fromfile(Path(given) / "logits.f32", np.float32))
    wanted = wanted.view(sum(len(row["ids"]) for row in rows), -1)
    at, told = 0, {"probability": 0.0, "logit": 0.0, "kept": 0, "tokens": 0}
    for row in rows if only is None else rows[:only]:
        ids, start = row["ids"], row["start"]
        logits = torch.as_tensor(logits_of(ids))
        probability, logit = distance(logits, wanted[at : at + len(ids)])
        at += len(ids)
        told["probability"] = max(told["probability"], probability)
        told["logit"] = max(told["logit"], logit)
        told["kept"] += (logits[start - 1 : -1].argmax(-1) == torch.tensor(ids[start:])).sum().item()
        told["tokens"] += len(ids) - start
    return told


def logits_of(model):
    return lambda ids: model(torch.tensor([ids])).logits[0]


def of_model(reference, folder):
    return compare(reference, logits_of(load(folder)))


def of_peft(reference, base, adapter, gguf=None):
    return compare(reference, logits_of(PeftModel.from_pretrained(load(base, gguf), adapter).eval()))


def of_onnx(reference, file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    inputs = {one.name: one.shape for one in session.get_inputs()}

    def run(ids):
        length = len(ids)
        fed = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, length), np.int64),
            "position_ids": np.arange(length, dtype=np.int64)[None],
        }
        for name, shape in inputs.items():
            if name.startswith("past_key_values"):
                fed[name] = np.zeros((1, shape[1], 0, shape[3]), np.float32)
        return session.run(["logits"], {name: value for name, value in fed.items() if name in inputs})[0][0]

    return compare(reference, run)


def of_mix(reference, base, adapters, weights, rank, folder):
    """Against PEFT's own mixture of the same adapters, not against the reference."""
    rows = json.loads((Path(reference) / "rows.json").read_text())
    model = PeftModel.from_pretrained(load(base), adapters[0], adapter_name="a0")
    for i, path in enumerate(adapters[1:], 1):
        model.load_adapter(path, adapter_name=f"a{i}")
    names = [f"a{i}" for i in range(len(adapters))]
    model.add_weighted_adapter(names, weights, "theirs", combination_type="svd", svd_rank=rank)
    model.load_adapter(folder, adapter_name="ours")
    model.eval()
    told = {"probability": 0.0, "logit": 0.0, "kept": 0, "tokens": 0}
    for row in rows:
        found = []
        for name in ("theirs", "ours"):
            model.set_adapter(name)
            found.append(logits_of(model)(row["ids"]))
        probability, logit = distance(*found)
        told["probability"], told["logit"] = max(told["probability"], probability), max(told["logit"], logit)
        told["kept"] += (found[0].argmax(-1) == found[1].argmax(-1)).sum().item()
        told["tokens"] += len(row["ids"])
    return told


def of_mlx_files(base, adapter, folder, gguf=None):
    """The changes of the weights that the files of mlx-lm stand for, next to those of PEFT: the largest difference, relative to the largest change."""
    model = PeftModel.from_pretrained(load(base, gguf), adapter)
    settings = json.loads((Path(folder) / "adapter_config.json").read_text())
    scale = settings["lora_parameters"]["scale"]
    tensors = load_file(Path(folder) / "adapters.safetensors")
    worst = largest = 0.0
    layers = {path for path, module in model.base_model.model.named_modules() if hasattr(module, "lora_A")}
    assert layers == {name.rpartition(".")[0] for name in tensors}
    for path in layers:
        theirs = model.base_model.model.get_submodule(path).get_delta_weight("default").numpy()
        ours = scale * (tensors[f"{path}.lora_a"] @ tensors[f"{path}.lora_b"]).T
        worst, largest = max(worst, np.abs(ours - theirs).max()), max(largest, np.abs(theirs).max())
    return {"change": float(worst / largest)}


def of_logits(reference, file, only):
    """Logits of another program for the first rows, as a file of f32."""
    rows = json.loads((Path(reference) / "rows.json").read_text())
    counts = [len(row["ids"]) for row in rows[:only]]
    all_logits = np.fromfile(file, np.float32).reshape(sum(counts), -1)
    parts = iter(np.split(all_logits, np.cumsum(counts)[:-1]))
    return compare(reference, lambda _: next(parts), only)


def yaml(files):
    import yaml as reader

    return {"read": [reader.safe_load(Path(file).read_text()) for file in files]}


KNOWN = [bases, reference, of_model, of_peft, of_onnx, of_mix, of_mlx_files, of_logits, yaml]


def main():
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    known = {one.__name__: one for one in KNOWN}
    for line in sys.stdin:
        question = json.loads(line)
        try:
            told = known[question.pop("ask")](**question)
        except Exception:
            told = {"failed": traceback.format_exc()}
        print(json.dumps(told), flush=True)


main()
