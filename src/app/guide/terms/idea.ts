/** What tuning is, and when it is worth it. */
import { LORA_PAPER } from './sources.ts';
import type { Chapter } from './term.ts';

export const IDEA: Chapter = {
  name: 'The idea',
  terms: [
    {
      id: 'fine-tuning',
      what: 'Training a finished model a little further on examples of one task, so that it does this task by itself.',
      start: 'A few hundred careful rows beat thousands of careless ones.',
      source: 'Zhou et al., LIMA, 2023, arXiv:2305.11206',
      also: 'finetuning training tuning',
    },
    {
      id: 'when-not',
      what: 'Do not tune if a better prompt, or a few examples in it, already does the task: that costs nothing and can be changed in a second. Do not tune to teach facts: give the model the text to read instead. Tuning teaches form, voice, format and choice.',
      start: 'Measure the baseline first. Tune when it is not good enough and you can say what good is.',
      source:
        'Gekhman et al., Does Fine-Tuning on New Knowledge Encourage Hallucinations?, 2024, arXiv:2405.05904',
      also: 'prompting rag retrieval knowledge facts',
    },
    {
      id: 'adapter',
      what: 'A small pair of matrices, B and A, next to a layer of the model. The layer stays as it is, the pair learns, and their product is added to what the layer does. All pairs together are a file of a few megabytes.',
      source: LORA_PAPER,
      also: 'lora low-rank peft delta',
    },
    {
      id: 'base-model',
      what: 'The model that the adapter is grafted on. It is read and never changed, and an adapter only fits the base it was trained on.',
      start: 'The smallest that nearly does the task: a small base tunes faster and runs anywhere.',
      source: LORA_PAPER,
      also: 'pretrained frozen weights',
    },
    {
      id: 'hub',
      what: 'The site where most open models are published. Graft contacts it only when you ask for a model. It then sees your IP address and which model you want, and nothing of your data. What you download stays in this browser and works without a network. For a gated model you first accept its licence there and give Graft an access token, which is kept in memory and never stored.',
      start:
        'An instruction-tuned model of 100 to 600 million parameters, as safetensors or as a Q8_0 GGUF file.',
      source: 'Hugging Face documentation, Hub and User access tokens',
      also: 'huggingface download fetch gguf safetensors gated token licence license mirror',
    },
    {
      id: 'quantised-base',
      what: 'The weights of the base are kept in 8 or 4 bits and unpacked as they are used. The adapter still learns in full precision, and makes up for much of what the rounding lost.',
      more: 'More bits are closer to the original model and take more memory.',
      less: 'Four bits take a quarter of the memory of 16, for a slightly worse base.',
      start:
        'As in the file, if that fits; otherwise 8 bits, and 4 bits if 8 do not fit. Choose under Task, Base weights. Use an adapter with the base as it was trained on, in the same number of bits.',
      source: 'Dettmers et al., QLoRA, 2023, arXiv:2305.14314',
      also: 'quantized quantization 4-bit 8-bit nf4 gguf',
    },
    {
      id: 'quantisation',
      what: 'Each number is rounded to one of a few levels, with one scale for every block of 32 or 64 numbers: q8_0 has 256 levels, the 4-bit types have 16. A matrix whose rows are not whole blocks is not quantised. The blocks of a GGUF file are unpacked to exactly its numbers if the base is held as in the file.',
      more: 'With eight bits the model answers almost as with sixteen.',
      less: 'Four bits halve the memory again; rare words and arithmetic suffer first.',
      start: 'Measure the baseline once in each: it says what the rounding costs on your rows.',
      source: 'Dettmers and Zettlemoyer, The case for 4-bit precision, 2022, arXiv:2212.09720',
      also: 'quantization q8_0 int8 block scale gguf bits',
    },
    {
      id: 'nf4',
      what: 'Three ways to use 4 bits. NF4 has 16 levels close together around zero, like the weights of a trained model. The types q4_0 and q4_1 of llama.cpp have even steps around zero, or from the lowest value of a block.',
      start:
        'nf4 for weights that come in 16 or 32 bits. A GGUF file is quantised already: hold it as in the file, or it is rounded twice.',
      source: 'Dettmers et al., QLoRA, 2023, arXiv:2305.14314; llama.cpp, ggml-quants',
      also: 'normalfloat q4_0 q4_1 bitsandbytes gguf four bits',
    },
    {
      id: 'chat-template',
      what: 'How a model expects a conversation to be written: the marks before and after each turn. Rows are rendered with the model’s own template, so that training looks like use.',
      source: 'Transformers documentation, Chat templates',
      also: 'jinja chatml im_start roles',
    },
    {
      id: 'token',
      what: 'The unit that a model reads and writes: a word, a part of one, or a mark. A token of English has about four characters.',
      source:
        'Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, 2015, arXiv:1508.07909',
      also: 'tokenizer bpe vocabulary subword',
    },
    {
      id: 'context',
      what: 'How many tokens the model can hold at once: prompt and answer together.',
      more: 'Longer rows fit, and each step takes more memory and time.',
      source: 'Vaswani et al., Attention Is All You Need, 2017, arXiv:1706.03762',
      also: 'positions window length',
    },
    {
      id: 'forgetting',
      what: 'A model gets worse at other tasks while it learns yours. An adapter forgets less than full fine-tuning, and can be removed.',
      more: 'Higher learning rates and more epochs forget more.',
      start:
        'Measure it: general text, general prompts before and after, and the distance to the base (KL). The sample “Tuned on a chat log” shows a run whose loss falls while the model learns to say “Sure, I shall work on that in the morning”.',
      source: 'Biderman et al., LoRA Learns Less and Forgets Less, 2024, arXiv:2405.09673',
      also: 'catastrophic kl general prompts put off promise morning',
    },
  ],
};
