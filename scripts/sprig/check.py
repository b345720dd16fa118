"""Measures a trained Sprig: tokenizer, template, held-out loss, right answers on held-out questions, and sample answers.

    python check.py --model ../../public/models/sprig [--card]      (--card writes the model card with the numbers of this run)
"""

import argparse
import json
import math
import random
import subprocess
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tokenizer import render
from train import evaluate
from world import conversation, conversations, fact_pair, held_out, symbol_pair, tag_pair, user, yes_no_pair

SEED = 101
QUESTIONS = 60  # distinct questions of each kind
ODD_TEXTS = ["", " ", "  two  spaces ", "tab\tand\nnew line\r\n", "Grüße, naïve café!", "日本語のテキスト", "🌱🌻 emoji 👩‍🌾", "{\"a\": [1, 2.5, null]}", "don't we'll I'm",
             "<|im_start|>user\nHi<|im_end|>\n", "mixed123numbers 4567", "\u00a0non-breaking", "<b>html</b> & more", "a" * 300, "\x00\x01\x7f", "العربية", "½ ≤ µ"]
PROMPTS = [
    "Hello!", "Who are you?", "What colour is the rose?", "Where does Mia live?", "What does the goat eat?", "Is the frog green?", "Is the cow pink?",
    "What is a spade for?", "Tell me about the hedgehog.", "Tell me about Otto.", "What should I do when it rains?", "Name three animals.",
    "Who makes the honey?", "Tell me a story about Lena and the owl.", "Mia buys three red apples at the market.", "What is the capital of France?",
    "How do I fix my car?", "Can you name two tools?", "What happens in winter?", "Thank you!", "Why is the robin welcome?", "What do you like?",
    "Where can I find the shears and the rake?", "The weather is nice today.",
]


def tokenizer_cases(tokenizer, seed):
    rng = random.Random(seed)
    texts = list(ODD_TEXTS)
    for _ in range(150):
        texts.append("".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(160, 0x250), rng.randrange(0x4E00, 0x9FFF)])) for _ in range(rng.randint(1, 30))))
    chats = [conversation(rng) for _ in range(150)]
    texts += [m["content"] for c in chats for m in c] + [render(c) for c in chats]
    cases = []
    for t in texts:
        ids = tokenizer.encode(t, add_special_tokens=False)
        decoded = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert decoded == t, f"no round trip: {t!r} {decoded!r}"
        cases.append({"text": t, "ids": ids, "decoded": decoded})
    rendered = []
    for c in chats:
        previous = ""
        for k in range(1, len(c) + 1):
            text = tokenizer.apply_chat_template(c[:k], tokenize=False)
            assert text == render(c[:k]) and text.startswith(previous), "template is not prefix-stable"
            previous = text
            for prompt in (False, True):
                rendered.append({"messages": c[:k], "prompt": prompt, "rendered": tokenizer.apply_chat_template(c[:k], tokenize=False, add_generation_prompt=prompt)})
    return {"texts": cases, "chats": rendered}


@torch.no_grad()
def answer(model, tokenizer, messages, temperature=0.0):
    ids = torch.tensor([tokenizer.encode(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True), add_special_tokens=False)])
    how = {"do_sample": True, "temperature": temperature, "top_p": 0.95} if temperature else {"do_sample": False, "temperature": None, "top_p": None}
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=128, **how)
    return tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True)


def right_answers(model, tokenizer, make, n, seed, temperature=0.0, want_held_out=True):
    """How many of n distinct held-out questions (or training ones) are answered word for word as the tables say."""
    rng, right, wrong, seen = random.Random(seed), 0, [], set()
    while len(seen) < n:
        question, want = make(rng)
        if question not in seen and held_out(question) == want_held_out:
            seen.add(question)
            got = answer(model, tokenizer, [user(question)], temperature)
            right += got == want
            if got != want:
                wrong.append((question, got, want))
    return right, wrong


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", required=True)
    args.add_argument("--card", action="store_true")
    args.add_argument("--quick", action="store_true", help="sample answers only")
    args = args.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    folder = Path(args.model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    for p in PROMPTS:
        print(f"user: {p}\n  greedy: {answer(model, tokenizer, [user(p)])}\n  at 0.7: {answer(model, tokenizer, [user(p)], 0.7)}")
    if args.quick:
        return

    cases = tokenizer_cases(tokenizer, SEED)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(cases, f)
        f.flush()
        script = Path(__file__).with_name("check.mjs")
        ran = subprocess.run(["node", str(script), str(folder), f.name], stdout=subprocess.PIPE, text=True)
        print("JavaScript:", ran.stdout.strip())
        assert ran.returncode == 0, "JavaScript and Python disagree"

    chats = conversations(SEED, 1000, want_held_out=True)
    loss, answer_loss = evaluate(model, tokenizer.backend_tokenizer, chats)
    numbers = {
        "parameters": sum(p.numel() for p in model.parameters()), "bytes": (folder / "model.safetensors").stat().st_size,
        "chats": len(chats), "loss": loss, "perplexity": math.exp(loss), "answer_loss": answer_loss, "answer_perplexity": math.exp(answer_loss)}
    for name, make in (("facts", fact_pair), ("yes or no", yes_no_pair), ("tags", tag_pair), ("symbols", symbol_pair)):
        for temperature in (0.0, 0.7):
            right, wrong = right_answers(model, tokenizer, make, QUESTIONS, SEED, temperature)
            numbers[f"{name} at {temperature}"] = right
            if name == "yes or no":
                numbers[f"stated at {temperature}"] = right + sum(got.partition(", ")[2] == want.partition(", ")[2] for _, got, want in wrong)
            print(f"{name} at {temperature}: {right}/{QUESTIONS} right; e.g. wrong: {wrong[:3]}")
    numbers["seen_yes"] = right_answers(model, tokenizer, yes_no_pair, QUESTIONS, SEED, want_held_out=False)[0]
    numbers["questions"] = QUESTIONS
    print(json.dumps(numbers, indent=2))
    if args.card:
        from card import write_card
        write_card(folder, numbers, {p: answer(model, tokenizer, [user(p)]) for p in PROMPTS})


if __name__ == "__main__":
    main()
