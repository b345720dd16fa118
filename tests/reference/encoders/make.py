"""Makes two tiny random encoders of the BERT family with transformers, a WordPiece tokenizer with tokenizers, and their vectors of texts: what Graft is
compared with in every clone.

    pip install torch transformers
    python tests/reference/encoders/make.py

Nothing of Graft runs here. `mean/` has the mean of all tokens at length 1 and reads 24 tokens; `cls/` has the first token as it is, reads as many as
the model has positions, and holds its weights as a part of a model with a head. Weights are rounded to f16, computed with in f32. reference.json has
`texts` (text, ids after the cut, cut). reference.safetensors has `embeddings` [texts, 32], and of the texts OBSERVED, end to end, `hidden.N` [M, 32],
`attention.N.T` [H, m, m] of text T among them, a random `gradient` [T, 32] of their vectors, and `d hidden.N`.
"""

import json
import shutil
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, BertModel

HERE = Path(__file__).parent
GENERAL = HERE.parents[2] / "public" / "texts" / "general.txt"
POSITIONS = 64
OBSERVED = [0, 3, 5]
TEXTS = [
    "The garden is dry in summer.",
    "",
    " ",
    "Water it early, before the sun is high; never at noon!",
    "naïve café ÀÉÎ Übergröße",
    "ΟΔΟΣ ΣΑΣ Σ",
    "你好，世界 \U00020000\U00020001 mixed中文text",
    "a\u0301 e\u0301 \u00a0non-breaking\u2003em\tand\nline",
    "zero\u200bwidth\u200djoiner \ufeffmark",
    "🙂 👩‍👩‍👧 flags 🇩🇪",
    "don't (we'll) $5.00 50% C:\\path <b>x</b> #### 42",
    "x" * 101 + " " + "y" * 100,
    "[CLS] written as text [SEP] and [MASK]",
    "The light comes through the window in the morning, and the house is quiet until the children wake. " * 2,
    "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen.",
    "The garden",
]


def make_tokenizer():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=400, min_frequency=2, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(GENERAL.read_text().splitlines() + TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def write_json(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def make(name, tokenizer, pooling, normalise, window):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(7 if pooling == "mean" else 8)
    config = BertConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
    )
    model = BertModel(config, add_pooling_layer=False) if pooling == "mean" else BertForMaskedLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            # Biases start at zero and norms at one: every weight should matter.
            weight.add_(torch.randn_like(weight) * 0.1)
            weight.copy_(weight.half().float())
    model.half().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32, attn_implementation="eager")
    model.eval()

    tokenizer.no_truncation()
    lengths = [len(tokenizer.encode(text).ids) for text in TEXTS]
    tokenizer.enable_truncation(window or POSITIONS)
    rows = [tokenizer.encode(text).ids for text in TEXTS]
    tokenizer.no_truncation()
    # As all-MiniLM-L6-v2's file says, and sentence-transformers does not do.
    tokenizer.enable_truncation(8)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 1e30})
    steps = ["Transformer", "Pooling"] + (["Normalize"] if normalise else [])
    paths = ["", "1_Pooling", "2_Normalize"]
    write_json(
        folder / "modules.json",
        [
            {"idx": at, "name": str(at), "path": paths[at], "type": f"sentence_transformers.models.{step}"}
            for at, step in enumerate(steps)
        ],
    )
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    chosen = "mean_tokens" if pooling == "mean" else "cls_token"
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 32, **{f"pooling_mode_{mode}": mode == chosen for mode in modes}},
    )
    if window:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": window, "do_lower_case": False})

    def vector(hidden):
        pooled = hidden.mean(0) if pooling == "mean" else hidden[0]
        return torch.nn.functional.normalize(pooled, dim=0) if normalise else pooled

    with torch.no_grad():
        embeddings = torch.stack([vector(model(torch.tensor([ids])).last_hidden_state[0]) for ids in rows])
    tensors = {"embeddings": embeddings, "gradient": torch.randn(len(OBSERVED), 32)}
    states, slopes = [], []
    for t, at in enumerate(OBSERVED):
        found = model(torch.tensor([rows[at]]), output_hidden_states=True, output_attentions=True)
        for state in found.hidden_states:
            state.retain_grad()
        (vector(found.hidden_states[-1][0]) @ tensors["gradient"][t]).backward()
        states.append([state[0].detach() for state in found.hidden_states])
        slopes.append([state.grad[0] for state in found.hidden_states])
        for layer, weights in enumerate(found.attentions):
            tensors[f"attention.{layer}.{t}"] = weights[0].detach().contiguous()
    for layer in range(len(states[0])):
        tensors[f"hidden.{layer}"] = torch.cat([state[layer] for state in states])
        tensors[f"d hidden.{layer}"] = torch.cat([slope[layer] for slope in slopes])
    save_file(tensors, folder / "reference.safetensors")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    write_json(
        folder / "reference.json",
        {
            "observed": OBSERVED,
            "texts": [
                {"text": text, "ids": ids, "cut": length > len(ids)} for text, ids, length in zip(TEXTS, rows, lengths)
            ],
        },
    )


def main():
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    make("mean", tokenizer, "mean", True, 24)
    make("cls", tokenizer, "cls", False, None)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    write_json(HERE / "made-with.json", versions)


if __name__ == "__main__":
    main()
