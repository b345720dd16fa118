"""What transformers and PEFT make of a model folder. Reads lists of questions as JSON, one a line, on standard input, and answers each with a
list in a line, or with {"failed": traceback}.
With "config", the folder is first made: a model of that config.json with random weights.

{"model": folder, "gguf"?: file in it, "config"?: {...}, "vocabulary"?: n, "adapter"?: folder, "partial"?: true, "save"?: folder, "ids"?: [...],
 "messages"?: [[{role, content}, ...], ...], "max_new_tokens"?: n,
 "gradients"?: {"ids": [[...], ...], "labels": [[...], ...], "out": file}}
 or {"model": folder, "texts": [...]}, which asks the tokenizer alone
→ {"logits"?: [[...], ...], "answers"?: [{"prompt_ids", "new_ids", "text"}, ...], "encoded"?: {"ids": [[...], ...], "decoded": [...], "eos"}}
"""

import json
import sys
import traceback
import warnings

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer


def make(config, folder):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    with torch.no_grad():
        # Biases start at zero and norms at one: every weight should matter.
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)


def load(question):
    if "config" in question:
        make(question["config"], question["model"])
    # dtype float32: what Graft computes in, whatever type the weights are stored in.
    model, found = AutoModelForCausalLM.from_pretrained(
        question["model"], gguf_file=question.get("gguf"), dtype=torch.float32, output_loading_info=True
    )
    # Both would otherwise begin with random numbers in place of what is missing, and say so in a warning.
    if found["missing_keys"]:
        raise ValueError(f"{question['model']} lacks {sorted(found['missing_keys'])}")
    # An adapter may have parts of modules only, if it is said to.
    missing = "ignore" if question.get("partial") else "error"
    warnings.filterwarnings(missing, message="Found missing adapter keys")
    if "vocabulary" in question:
        # Rows for tokens that the adapter adds: what they begin as is the adapter's.
        model.resize_token_embeddings(question["vocabulary"], mean_resizing=False)
    if "adapter" in question:
        model = PeftModel.from_pretrained(model, question["adapter"])
        if "save" in question:
            model.save_pretrained(question["save"])
    return model.eval()


def answer(model, tokenizer, messages, max_new_tokens):
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    ids = prompt["input_ids"]
    out = model.generate(**prompt, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    new = out[0, ids.shape[1] :].tolist()
    return {"prompt_ids": ids[0].tolist(), "new_ids": new, "text": tokenizer.decode(new, skip_special_tokens=True)}


def gradients(model, ids, labels, out):
    """Gradients of all weights of the mean loss over the supervised tokens of all rows."""
    logits = model(torch.tensor(ids)).logits[:, :-1].flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels)[:, 1:].flatten())
    loss.backward()
    save_file({name: weight.grad.contiguous() for name, weight in model.named_parameters() if weight.grad is not None}, out)


def encode(folder, texts):
    """The ids of each text, its special tokens included, and the text of those without them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return {
        "ids": [tokenizer(text)["input_ids"] for text in texts],
        "decoded": [tokenizer.decode(one) for one in plain],
        "eos": tokenizer.eos_token_id,
    }


def answer_all(question):
    if "texts" in question:
        return {"encoded": encode(question["model"], question["texts"])}
    model = load(question)
    result = {}
    with torch.no_grad():
        if "ids" in question:
            # Virtual tokens of an adapter stand before them.
            result["logits"] = model(torch.tensor([question["ids"]])).logits[0, -len(question["ids"]) :].tolist()
        if "messages" in question:
            tokenizer = AutoTokenizer.from_pretrained(question.get("tokenizer", question["model"]))
            result["answers"] = [
                answer(model, tokenizer, messages, question["max_new_tokens"]) for messages in question["messages"]
            ]
    if "gradients" in question:
        gradients(model, **question["gradients"])
    return result


def main():
    torch.set_num_threads(2)
    for line in sys.stdin:
        try:
            reply = [answer_all(question) for question in json.loads(line)]
        except Exception:
            reply = {"failed": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


main()
