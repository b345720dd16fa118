"""Makes small tokenizers of the kinds that model families have, with Hugging Face tokenizers, and the ids, texts and chats that transformers gives with
them: what Graft is compared with in every clone.

    pip install transformers
    python tests/reference/tokenizers/make.py

Nothing of Graft runs here. Normalizers, pre-tokenizers, decoders and added tokens are those of the family; the vocabulary (at most 700 entries) is
trained on the texts below and on public/texts/general.txt. Of each kind: tokenizer.json, tokenizer_config.json with a chat template of the family's
form, and reference.json with `texts` (text, ids, with_special, decoded) and `chats` (messages, rendered, generation_prompt, ids).
"""

import json
from pathlib import Path

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
GENERAL = HERE.parents[2] / "public" / "texts" / "general.txt"

TEXTS = [
    "",
    " ",
    "  two spaces first",
    "Two spaces last  ",
    "Hello, world!",
    "hello world hello world",
    "The quick brown fox jumps over the lazy dog.",
    "don't we'll I'VE they're it's",
    "1234567890 12 345 6,789.01",
    "tab\tand\nline\r\nbreak\n\n\nthree",
    "def f(x):\n    return x ** 2  # square\n",
    '{"key": "value", "list": [1, 2, 3]}',
    "card_arrival lost_or_stolen_card",
    "<answer>42</answer> #### 42",
    "C:\\path\\file /usr/local/bin $5.00 50%",
    "naïve café Übergröße ÀÉÎ",
    "e\u0301 is two code points, é is one",
    "Привет, мир! Как дела?",
    "γειά σου Κόσμε",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "你好，世界！今天天气很好。",
    "こんにちは、世界。カタカナ",
    "안녕하세요 세계",
    "🙂 👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "mixed 中文 and English 123 text",
    "\u00a0non-breaking\u00a0space\u2003em",
    "zero\u200bwidth\u200djoiner",
    "\ufeffbyte order mark",
    "▁already a metaspace ▁▁",
    "a" * 40,
    "ab" * 20 + " " * 12 + "end",
    "...!!!???---",
    "CamelCaseWords and SCREAMING_SNAKE",
    "x=y+z;a<b>c&d|e^f~g`h",
    "'single' \"double\" “curly” ‘quotes’",
    "½ ² ³ ™ € £ ¥",
    "Line one\nLine two\n",
    "\x00\x07 control \x7f",
    "The end</s><s> <|im_end|> <|eot|> <eos>",
]

CHATS = [
    [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi, what can I do?"}],
    [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "What colour is the sky?"},
        {"role": "assistant", "content": "Blue."},
    ],
    [
        {"role": "user", "content": "Count to three.\n"},
        {"role": "assistant", "content": "1, 2, 3"},
        {"role": "user", "content": " And on? "},
        {"role": "assistant", "content": "4, 5"},
    ],
]

CHATML = (
    "{%- if messages[0]['role'] != 'system' %}{{- '<|im_start|>system\\nBe helpful.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
HEADERS = (
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + '<|eot|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start|>assistant<|end|>\\n\\n' }}{%- endif %}"
)
TURNS = (
    "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set first = messages[0]['content'] + '\\n\\n' -%}{%- set rest = messages[1:] -%}"
    "{%- else -%}{%- set first = '' -%}{%- set rest = messages -%}{%- endif -%}"
    "{%- for message in rest -%}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('Roles must alternate') }}{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<turn>' + role + '\\n' + (first if loop.first else '') }}{{ message['content'] | trim }}{{ '</turn>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<turn>model\\n' }}{%- endif -%}"
)
INST = (
    "{% if messages[0]['role'] == 'system' %}{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% set rest = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for message in rest %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.index0 == 0 else '') + message['content'].strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

END = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CAPITAL, SMALL = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"


def words(digits):
    return END + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(*splits):
    return pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not splits)])


BYTE_KINDS = {
    # family: normalizer, pre-tokenizer, whether whole words skip the merges, special tokens, chat template
    "gpt2": (None, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True), False, ["<|im_start|>", "<|im_end|>"], CHATML),
    "qwen": (normalizers.NFC(), byte_level(split(words(r"\p{N}"))), False, ["<|im_start|>", "<|im_end|>"], CHATML),
    "llama3": (None, byte_level(split(words(r"\p{N}{1,3}"))), True, ["<|begin|>", "<|start|>", "<|end|>", "<|eot|>"], HEADERS),
    "gpt-4o": (
        None,
        byte_level(
            split(
                rf"[^\r\n\p{{L}}\p{{N}}]?[{CAPITAL}]*[{SMALL}]+{END}?|[^\r\n\p{{L}}\p{{N}}]?[{CAPITAL}]+[{SMALL}]*{END}?|\p{{N}}{{1,3}}"
                r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
            )
        ),
        True,
        ["<|begin|>", "<|start|>", "<|end|>", "<|eot|>"],
        HEADERS,
    ),
    "deepseek": (
        normalizers.Sequence([]),
        byte_level(
            split(r"\p{N}{1,3}"),
            split("[一-龥\u3040-ゟ゠-ヿ]+"),
            split(
                r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES
            ),
        ),
        False,
        ["<|begin|>", "<|start|>", "<|end|>", "<|eot|>"],
        HEADERS,
    ),
}


def corpus():
    return [*GENERAL.read_text().splitlines(), *TEXTS * 3]


def byte_tokenizer(normalizer, pre_tokenizer, ignore_merges, special):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    if "<|begin|>" in special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|begin|> $A", special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))]
        )
    return tokenizer


def piece_tokenizer(prefix, special):
    """Sentencepiece's kind: merges over the whole text, bytes for what the vocabulary lacks; with a space in front of the text or without."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    first = ["<unk>", *special[:2], *[f"<0x{byte:02X}>" for byte in range(256)]]
    ascii_only = [text for text in corpus() if text.isascii()]
    trained.train_from_iterator(ascii_only, trainers.BpeTrainer(vocab_size=700, special_tokens=first, show_progress=False))
    made = json.loads(trained.to_str())
    made["added_tokens"] = [token for token in made["added_tokens"] if not token["content"].startswith("<0x")]
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    made["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, space]} if prefix else space
    made["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(made))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    bos = special[0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )
    return tokenizer


def write(path, value, indent=None):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def save(name, tokenizer, special, template):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    write(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    bos = next((token for token in special if token in ("<|begin|>", "<s>", "<bos>")), None)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": next(token for token in special if token in ("<|im_end|>", "<|eot|>", "</s>", "<eos>")),
        "clean_up_tokenization_spaces": False,
        "chat_template": template,
    }
    write(folder / "tokenizer_config.json", config, 1)
    theirs = PreTrainedTokenizerFast.from_pretrained(folder)
    texts = []
    for text in TEXTS:
        ids = theirs.encode(text, add_special_tokens=False)
        texts.append({"text": text, "ids": ids, "with_special": theirs.encode(text), "decoded": theirs.decode(ids)})
    chats = []
    for messages in CHATS:
        render = lambda part, **more: theirs.apply_chat_template(part, tokenize=False, **more)
        rendered = render(messages)
        chats.append(
            {
                "messages": messages,
                "rendered": rendered,
                "generation_prompt": render(messages[:-1], add_generation_prompt=True),
                "ids": theirs.encode(rendered, add_special_tokens=False),
            }
        )
    write(folder / "reference.json", {"texts": texts, "chats": chats})


def main():
    for name, (normalizer, pre_tokenizer, ignore_merges, special, template) in BYTE_KINDS.items():
        save(name, byte_tokenizer(normalizer, pre_tokenizer, ignore_merges, special), special, template)
    for name, prefix, special, template in (
        ("llama2", True, ["<s>", "</s>"], INST),
        ("gemma", False, ["<bos>", "<eos>", "<turn>", "</turn>"], TURNS),
    ):
        save(name, piece_tokenizer(prefix, special), special, template)
    write(HERE / "made-with.json", {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}, 1)


if __name__ == "__main__":
    main()
