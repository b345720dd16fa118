"""Makes evaluation.json: the loss of the base and of the adapter on every test row of a bundled sample, and their greedy answers.

    python tests/reference/peft/evaluation.py   (after make.py)

Nothing of Graft runs here. A loss is the summed cross-entropy of a row's answer and its end token, with the number of these tokens.
"""

import json

import peft
import torch
import transformers
from make import MODEL, PUBLIC, base, with_adapter, write_json
from transformers import AutoTokenizer

MOST_TOKENS = 64


@torch.no_grad()
def measured(model, tokenizer, messages):
    ids = lambda turns, **options: tokenizer.encode(
        tokenizer.apply_chat_template(turns, tokenize=False, **options), add_special_tokens=False
    )
    prompt = ids(messages[:-1], add_generation_prompt=True)
    whole = ids(messages)
    end = whole.index(tokenizer.eos_token_id, len(prompt)) + 1
    logits = model(input_ids=torch.tensor([whole[:end]])).logits[0].double()
    labels = torch.tensor(whole[len(prompt) : end])
    loss = torch.nn.functional.cross_entropy(logits[len(prompt) - 1 : end - 1], labels, reduction="sum")
    made = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=MOST_TOKENS,
        do_sample=False,
        pad_token_id=tokenizer.eos_token_id,
    )[0].tolist()[len(prompt) :]
    return {
        "loss": loss.item(),
        "tokens": len(labels),
        "answer": tokenizer.decode(made, skip_special_tokens=True),
        "ended": made[-1] == tokenizer.eos_token_id,
    }


def main():
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    lines = (PUBLIC / "samples" / "orders-json" / "test.jsonl").read_text().splitlines()
    rows = [json.loads(line)["messages"] for line in lines]
    models = {"base": base(), "adapter": with_adapter()}
    made = {"made_with": {"transformers": transformers.__version__, "peft": peft.__version__}}
    for name, model in models.items():
        made[name] = [measured(model, tokenizer, messages) for messages in rows]
    write_json("evaluation.json", made)


if __name__ == "__main__":
    main()
