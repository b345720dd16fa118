/** The glossary: every setting and every word, the plain meaning first, what more and less of it does, where to start, and who says so. */
import { METRICS } from '../../evaluate/metrics/registry.ts';
import { TABLE } from '../../settings/table.ts';
import type { TermId } from './names.ts';

export interface Term {
  readonly id: TermId;
  /** What it is, in plain words. */
  readonly what: string;
  /** What happens with more of it, and with less. */
  readonly more?: string;
  readonly less?: string;
  /** A good value to start from, or what to do. */
  readonly start?: string;
  /** Where to read on: a paper or a manual. */
  readonly source: string;
  /** Other words that people look for. */
  readonly also?: string;
}

export interface Chapter {
  readonly name: string;
  readonly terms: readonly Term[];
}

const LORA = 'Hu et al., LoRA, 2021, arXiv:2106.09685';
const PEFT = 'PEFT documentation, LoraConfig';

/** Settings that bring their entries with them. */
const CONTRIBUTED = TABLE.settings.flatMap(({ term }): Term[] =>
  term?.entry ? [{ id: term.id as TermId, ...term.entry }] : [],
);

export const CHAPTERS: readonly Chapter[] = [
  {
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
        what: 'A small pair of matrices, B and A, beside a layer of the model. The layer stays as it is, the pair learns, and their product is added to what the layer does. All pairs together are a file of a few megabytes.',
        source: LORA,
        also: 'lora low-rank peft delta',
      },
      {
        id: 'base-model',
        what: 'The model that the adapter is grafted on. It is read and never changed, and an adapter only fits the base it was trained on.',
        start: 'The smallest that nearly does the task: a small base tunes faster and runs anywhere.',
        source: LORA,
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
        what: 'Each number is rounded to one of a few levels, with one scale for every block of 32 or 64 numbers: q8_0 has 256 levels, the 4-bit types have 16. A matrix whose rows are not whole blocks is not quantised.',
        more: 'With eight bits the model answers almost as with sixteen.',
        less: 'Four bits halve the memory again; rare words and arithmetic suffer first.',
        start: 'Measure the baseline once in each: it says what the rounding costs on your rows.',
        source: 'Dettmers and Zettlemoyer, The case for 4-bit precision, 2022, arXiv:2212.09720',
        also: 'quantization q8_0 int8 block scale gguf bits',
      },
      {
        id: 'nf4',
        what: 'Three ways to use 4 bits. NF4 puts its 16 levels where the weights of a trained model usually lie, close together around zero. q4_0 and q4_1 are those of llama.cpp: evenly spaced around zero, or from the lowest value of a block.',
        start:
          'nf4 for weights that come in 16 or 32 bits. A GGUF file that is q4_0 or q4_1 already: as in the file, bit for bit.',
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
        what: 'What a model reads and writes: a word, a part of one, or a mark. English has about four characters to a token.',
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
        more: 'Higher rates and more passes forget more.',
        start: 'Chat with the tuned model about something else before you ship it.',
        source: 'Biderman et al., LoRA Learns Less and Forgets Less, 2024, arXiv:2405.09673',
        also: 'catastrophic',
      },
    ],
  },
  {
    name: 'The rows',
    terms: [
      {
        id: 'row',
        what: 'One example: what the model reads and what it should answer. The model is trained on it in the form in which it will be asked.',
        more: 'More rows teach rarer cases. Rows that contradict each other teach neither.',
        start: '100 to 500, as varied as the questions that will come.',
        source: 'Zhou et al., LIMA, 2023, arXiv:2305.11206',
        also: 'example sample data dataset jsonl csv',
      },
      {
        id: 'mapping',
        what: 'Which column is the prompt and which the answer. A column as it is, or a template: your words with columns in double braces, {{like this}}. It is plain substitution, with no code in it. An input stands under the prompt, where a row has one. Columns that nothing reads are named.',
        start: 'Write the prompt as you will ask it later: the same words, the same order.',
        source: 'Graft, docs/architecture.md; TRL documentation, Dataset formats and types',
        also: 'columns template csv placeholder',
      },
      {
        id: 'loss-mask',
        what: 'The tokens that the model learns from. It reads the prompt, but only the answer counts for the loss. The token view shows these tokens dark and the rest pale.',
        source: 'TRL documentation, SFT Trainer: train on completion only',
        also: 'labels -100 completion only supervised',
      },
      {
        id: 'limit',
        what: 'The most tokens of a row. Tokens above it are cut, or the row is left out.',
        more: 'Long rows survive, and memory and time grow with the longest.',
        less: 'Faster, but answers that lose their end teach the model not to stop.',
        start: 'Just above the longest row that matters: the histogram shows it.',
        source: 'TRL documentation, SFTConfig max_length',
        also: 'max length truncation cutoff',
      },
      {
        id: 'overlong',
        what: 'What happens to rows above the limit: they lose their end, or part of the prompt, or are left out.',
        start: 'Lose part of the prompt where the answer must stay whole; leave out where both matter.',
        source: 'Graft, docs/architecture.md',
        also: 'truncate drop policy',
      },
      {
        id: 'train-part',
        what: 'The rows that are trained on. The model sees each of them once a pass.',
        source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
        also: 'training set',
      },
      {
        id: 'validation',
        what: 'Rows that are looked at during a run and not trained on. When their loss rises while the training loss falls, rows are being learned by heart.',
        more: 'A steadier signal, and fewer rows to train on.',
        start: '10%, at least 20 rows.',
        source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
        also: 'dev eval held-out set',
      },
      {
        id: 'test',
        what: 'Rows that nothing has seen until the end. Only they say how good the adapter is. Look at them rarely: settings that are chosen by them fit them, too.',
        more: 'Narrower intervals: 20 rows say little, 200 say much.',
        start:
          '10%, at least 50 rows if you have them. Or a file of its own: open it while rows are open, and choose Test rows.',
        source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
        also: 'held-out holdout set',
      },
      {
        id: 'split',
        what: 'Which row goes into which part, by a shuffle that the seed decides. The same file, fractions and seed give the same parts, here and headless. Leaving a row out moves no other row.',
        start: 'Leave the seed. Change it to see how much of a result is luck.',
        source: 'Graft, docs/architecture.md',
        also: 'fraction shuffle seed',
      },
      {
        id: 'leak',
        what: 'A held-out row that is also trained on. The model has seen its answer, so every measurement looks better than it is.',
        start: 'Leave the copies out: one press keeps the held-out row and drops those in training.',
        source:
          'Lee et al., Deduplicating Training Data Makes Language Models Better, 2021, arXiv:2107.06499',
        also: 'duplicate contamination repeated',
      },
    ],
  },
  {
    name: 'The adapter',
    terms: [
      {
        id: 'rank',
        what: 'The inner width of the adapter: how much it can hold.',
        more: 'Room for harder tasks. Takes more memory and learns rows by heart sooner.',
        less: 'A smaller file that generalises sooner. Too small, and the loss stops falling early.',
        start: '8 for a format or a tone, 16 to 32 for a harder task.',
        source: `${LORA}; ${PEFT} r`,
        also: 'r lora_r dimension',
      },
      {
        id: 'alpha',
        what: 'How strongly the adapter acts: its output is multiplied by alpha / rank.',
        more: 'Works like a higher learning rate; too much drowns the base.',
        less: 'A weaker adapter that needs a higher rate or more steps.',
        start: 'Twice the rank.',
        source: `${LORA}, section 4.1; ${PEFT} lora_alpha`,
        also: 'scaling lora_alpha',
      },
      {
        id: 'targets',
        what: 'Which layers get a pair of matrices: the four of attention (q, k, v, o) and the three of the MLP (gate, up, down).',
        more: 'All layers learn best for the same number of parameters.',
        less: 'A smaller adapter and a little speed.',
        start: 'All linear layers.',
        source:
          'Dettmers et al., QLoRA, 2023, arXiv:2305.14314, section 4; PEFT documentation, target_modules',
        also: 'q_proj v_proj modules all-linear',
      },
      {
        id: 'dropout',
        what: 'The share of inputs that the adapter does not get to see, drawn anew at every step.',
        more: 'Harder to learn rows by heart, and slower to learn at all.',
        less: '0 learns fastest.',
        start: '0; 0.05 to 0.1 with few rows and many passes.',
        source: 'Srivastava et al., Dropout, 2014, JMLR 15; PEFT documentation, lora_dropout',
        also: 'lora_dropout regularisation',
      },
      {
        id: 'rslora',
        what: 'Multiplies by alpha over the square root of the rank instead of the rank, so that adapters of a high rank keep their strength.',
        start: 'On from rank 32 up. The same alpha then acts more strongly: try a lower one.',
        source: 'Kalajdzievski, rsLoRA, 2023, arXiv:2312.03732; PEFT documentation, use_rslora',
        also: 'rank-stabilized rslora',
      },
      {
        id: 'rate-ratio',
        what: 'How much faster the second matrix, B, learns than the first, A.',
        more: 'Often learns faster, sometimes unsteadily.',
        less: '1 is plain LoRA.',
        start: '1; 4 to 16 to try, at a lower learning rate.',
        source: 'Hayou et al., LoRA+, 2024, arXiv:2402.12354',
        also: 'lora+ loraplus ratio',
      },
    ],
  },
  {
    name: 'The run',
    terms: [
      {
        id: 'step',
        what: 'One change of the adapter, after a batch of rows.',
        more: 'Learns more, until rows are learned by heart.',
        less: 'Stops before it has learned.',
        start: 'Two or three passes over the rows.',
        source: `${LORA}, appendix D`,
        also: 'steps iterations updates max_steps',
      },
      {
        id: 'epoch',
        what: 'Every training row once. Steps times rows a step, over the rows there are.',
        more: 'Better recall, then learning by heart.',
        less: 'Fewer chances for rare rows.',
        start: '3; 1 with thousands of rows.',
        source: 'TRL documentation, SFT Trainer',
        also: 'epochs passes num_train_epochs',
      },
      {
        id: 'batch',
        what: 'Rows that go through the model together before the adapter changes.',
        more: 'Steadier steps, more memory.',
        less: 'Noisier steps; use a lower rate.',
        start: '8 for small models, 4 for larger ones.',
        source: 'Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677',
        also: 'micro-batch batch size per_device_train_batch_size',
      },
      {
        id: 'accumulation',
        what: 'Gradients of several batches are added before the adapter changes: a larger batch without its memory.',
        more: 'Steadier steps that take as many times longer.',
        start: '1; more where the memory holds no larger batch.',
        source: 'Transformers documentation, gradient_accumulation_steps',
        also: 'gradient accumulation accumulate',
      },
      {
        id: 'packing',
        what: 'Short rows are laid end to end, and each sees only itself, so that no time goes into padding. Losses and gradients stay the same.',
        start: 'On where rows differ much in length.',
        source:
          'Krell et al., Efficient Sequence Packing without Cross-contamination, 2021, arXiv:2107.02027',
        also: 'pack padding',
      },
      {
        id: 'lr',
        what: 'How far each step moves the adapter.',
        more: 'Learns faster, then the loss jumps or runs away.',
        less: 'A calm curve, and little is learned before the run ends.',
        start: '2e-4 for models from 100 million parameters; 4e-3 for Sprig. Halve it if the loss jumps.',
        source:
          'Dettmers et al., QLoRA, 2023, arXiv:2305.14314, appendix B; Biderman et al., 2024, arXiv:2405.09673',
        also: 'lr rate step size',
      },
      {
        id: 'schedule',
        what: 'How the rate falls over the run: slowly at both ends (cosine), in a straight line, or not at all.',
        start: 'Cosine. Constant if you want to stop at any time.',
        source: 'Loshchilov & Hutter, SGDR, 2016, arXiv:1608.03983',
        also: 'cosine linear constant decay lr_scheduler_type',
      },
      {
        id: 'warmup',
        what: 'The rate rises from 0 over the first steps, until the optimiser knows how large gradients are.',
        more: 'A safer start and fewer full steps.',
        less: 'Risk of a jump at the very beginning.',
        start: '5 steps, or a tenth of a short run.',
        source: 'Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677',
        also: 'warm-up warmup_steps',
      },
      {
        id: 'clip',
        what: 'A gradient with a larger norm is scaled down to this one, so that one odd batch cannot throw the run off.',
        more: 'Odd batches move more.',
        less: 'Every step is scaled down, as if the rate were lower.',
        start: '1. 0 turns it off.',
        source:
          'Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, 2012, arXiv:1211.5063',
        also: 'max_grad_norm clipping',
      },
      {
        id: 'gradient-norm',
        what: 'How strongly a batch pulls at the adapter. A spike is an odd batch; a steady rise is a rate too high.',
        start: 'Look at the rows of a step that spikes.',
        source: 'Pascanu et al., 2012, arXiv:1211.5063',
        also: 'grad norm gradient',
      },
      {
        id: 'weight-decay',
        what: 'Pulls the adapter towards zero at each step.',
        more: 'Weaker adapters that hold less.',
        less: '0 lets it learn freely.',
        start: '0; 0.01 with many passes.',
        source: 'Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
        also: 'decay l2 regularisation',
      },
      {
        id: 'optimiser',
        what: 'What turns gradients into steps: AdamW gives every weight a step of its own size, Lion steps of one size, SGD follows the gradient as it is.',
        more: 'The rate has another meaning for each: one that suits AdamW is too large for Lion and too small for SGD.',
        start: 'AdamW.',
        source: 'Kingma & Ba, Adam, 2014, arXiv:1412.6980; Loshchilov & Hutter, 2017, arXiv:1711.05101',
        also: 'optimizer adam adamw lion sgd betas',
      },
      {
        id: 'objective',
        what: 'What is learned from the rows: supervised fine-tuning learns the answer of each row, token by token; a preference objective learns from pairs of answers which of the two is better.',
        start: 'Supervised. A preference objective afterwards, from the adapter that learned the task.',
        source: 'Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290',
        also: 'loss sft supervised dpo ipo hinge preference rlhf alignment',
      },
      {
        id: 'preference-pair',
        what: 'A row with one prompt and two answers, of which one is chosen and one rejected. Only what differs is learned: neither answer has to be perfect.',
        start:
          'Columns prompt, chosen and rejected. A few hundred pairs whose difference you could put into words.',
        source: 'Rafailov et al., Direct Preference Optimization, 2023, arXiv:2305.18290',
        also: 'chosen rejected comparison human feedback ultrafeedback',
      },
      {
        id: 'reward-margin',
        what: 'The reward of an answer is beta times how much likelier the model makes it than the reference does. The margin is the chosen reward less the rejected one; the accuracy is the share of pairs where it is above zero.',
        more: 'Accuracy of 1 on the training pairs with margins that go on growing is over-optimisation: the pairs are learned by heart, and answers get worse.',
        start: 'Look at the validation pairs. Stop when their loss rises, or raise beta.',
        source:
          'Rafailov et al., Scaling Laws for Reward Model Overoptimization in Direct Alignment Algorithms, 2024, arXiv:2406.02900',
        also: 'reward accuracy margins chosen rejected logps over-optimisation',
      },
      ...CONTRIBUTED,
      {
        id: 'seed',
        what: 'The number that decides everything random: how the adapter begins, the order of rows, dropout, which token is drawn. The same seed on the same machine gives the same curve, and the same answer.',
        start: 'Any. Run two or three to see how much is luck.',
        source:
          'Dodge et al., Fine-Tuning Pretrained Language Models: Weight Initializations, Data Orders, and Early Stopping, 2020, arXiv:2002.06305',
        also: 'random reproducible',
      },
      {
        id: 'checkpoint',
        what: 'The state of a run, saved while it trains. After a pause, a reload or a crash the run goes on from there, with the same curve to the bit.',
        source: 'Graft, docs/architecture.md',
        also: 'resume save state',
      },
      {
        id: 'checkpointing',
        what: 'Activations are computed again in the backward pass instead of being kept.',
        more: 'On: a fraction of the memory, about a third more time.',
        less: 'Off: faster, if it fits.',
        start: 'Off until memory is short.',
        source: 'Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, arXiv:1604.06174',
        also: 'gradient checkpointing memory recompute',
      },
      {
        id: 'precision',
        what: 'The number format on the GPU. f16 takes half the memory of f32. Adapters, sums and the optimiser always use f32 here.',
        source: 'Micikevicius et al., Mixed Precision Training, 2017, arXiv:1710.03740',
        also: 'f16 f32 fp16 half float',
      },
      {
        id: 'sample-prompt',
        what: 'One prompt that is answered again and again during the run, so that you see the model learn.',
        start: 'A held-out question whose answer you know.',
        source: 'Graft, docs/architecture.md',
        also: 'answer every samples sampleEvery',
      },
      {
        id: 'eval-every',
        what: 'How often the loss on the validation rows is measured.',
        more: 'More steps between: less time lost, coarser view.',
        start: 'About ten times a run.',
        source: 'Transformers documentation, eval_steps',
        also: 'validate evaluation eval_steps',
      },
      {
        id: 'patience',
        what: 'The run ends after so many validations without a better one, and the best state is kept.',
        more: 'Waits out bad luck, and takes longer.',
        less: 'May stop at the first bump. 0 never stops early.',
        start: '3 for long runs.',
        source: 'Prechelt, Early Stopping – But When?, 1998',
        also: 'early stopping',
      },
    ],
  },
  {
    name: 'The measure',
    terms: [
      ...METRICS.map(({ name, entry: { what, more, less, start, source, also } }): Term => ({
        id: name,
        ...{ what, more, less, start, source, also },
      })),
      {
        id: 'overfitting',
        what: 'The training loss falls and the validation loss rises: the model repeats its rows instead of learning the task.',
        start: 'Fewer steps, a lower rank or rate, more and more varied rows.',
        source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
        also: 'memorisation overfit learned by heart',
      },
      {
        id: 'baseline',
        what: 'What the cheapest method reaches. If that is good enough, you are done; if not, it is what the adapter has to beat.',
        start: 'Measure the base alone, with examples in its prompt, and the most frequent answer.',
        source: 'Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165',
        also: 'prompting zero-shot',
      },
      {
        id: 'few-shot',
        what: 'A few rows of the training part stand in the prompt before the question. No training, and often enough.',
        more: 'Usually better up to a point; every question gets longer and slower.',
        start: '3 to 5. If this does the task, do not tune.',
        source: 'Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165',
        also: 'in-context learning shots k examples',
      },
      {
        id: 'majority',
        what: 'The answer that is most frequent in training, given to every question. It costs nothing; a model that does not beat it has learned nothing.',
        source: 'scikit-learn documentation, DummyClassifier',
        also: 'majority class dummy rule',
      },
      {
        id: 'nearest',
        what: 'Copies the answer of the training row that shares most words with the question, rare words weighing more. Where this does well, a search box would too.',
        source: 'Cover & Hart, Nearest Neighbor Pattern Classification, 1967',
        also: 'nearest neighbour knn copy retrieval tf-idf',
      },
      {
        id: 'interval',
        what: 'Where the true share lies with 95% confidence, given how few rows were asked.',
        more: 'More rows make it narrower. Two intervals that overlap may be luck.',
        source: 'Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927, JASA 22',
        also: 'confidence wilson significance',
      },
      {
        id: 'mcnemar',
        what: 'Two methods on the same rows: on how many only the one is right, and on how many only the other. If both were equally good, each such row would be a coin toss. The exact McNemar test tells how often coins fall that unevenly.',
        more: 'More rows show smaller differences. Below six rows that differ, none can be told from chance.',
        source:
          'McNemar, Note on the Sampling Error of the Difference Between Correlated Proportions, Psychometrika 12, 1947',
        also: 'paired test chance significance p value won lost',
      },
      {
        id: 'test-sample',
        what: 'Answers take time, so some of the test rows are asked, drawn by the seed of the split. Where answers are labels, each comes up about as often as in the whole test part. Every method gets the same rows, and more rows include the fewer.',
        more: 'A narrower interval, and a longer wait.',
        start: '20 for a first look, 200 for a decision.',
        source: 'Cochran, Sampling Techniques, 1977, chapter 5',
        also: 'stratified random sample seed rows',
      },
    ],
  },
  {
    name: 'The answer',
    terms: [
      {
        id: 'turns',
        what: 'A turn is one question with its answer. A model that was tuned on single questions has never seen earlier turns before a question, and answers worse behind them.',
        start: 'As the rows are: each question alone where every row has one turn.',
        source: 'Transformers documentation, Chat templates',
        also: 'multi-turn single-turn history chat context',
      },
      {
        id: 'system-prompt',
        what: 'Words that stand before the conversation and tell the model how to answer. Not every chat template has a place for them.',
        start: 'The same words as in the training rows, or none.',
        source: 'Transformers documentation, Chat templates',
        also: 'instruction role persona',
      },
      {
        id: 'greedy',
        what: 'Always the likeliest token. The same question gets the same answer.',
        start: 'For labels, JSON and measuring.',
        source: 'Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, arXiv:1904.09751',
        also: 'temperature 0 deterministic',
      },
      {
        id: 'answer-length',
        what: 'How many tokens an answer may have. An answer that has not ended by then is cut.',
        more: 'Room for long answers; an answer that never ends takes longer.',
        start: 'A little more than the longest answer among your rows.',
        source: 'Transformers documentation, GenerationConfig, max_new_tokens',
        also: 'max new tokens cut stop',
      },
      {
        id: 'temperature',
        what: 'How random the choice of the next token is. 0 is greedy.',
        more: 'Livelier, then wilder.',
        less: 'Safer, then duller.',
        start: '0 to measure, 0.7 to write.',
        source: 'Ackley, Hinton, Sejnowski, A Learning Algorithm for Boltzmann Machines, 1985',
        also: 'sampling randomness',
      },
      {
        id: 'top-k',
        what: 'Only the k likeliest tokens are drawn from. 0 is all.',
        more: 'More variety.',
        less: 'Fewer slips.',
        start: '0, or 40.',
        source: 'Fan et al., Hierarchical Neural Story Generation, 2018, arXiv:1805.04833',
        also: 'sampling',
      },
      {
        id: 'top-p',
        what: 'Only the likeliest tokens that together have this probability are drawn from. 1 is all.',
        more: 'More variety.',
        less: 'Fewer slips.',
        start: '0.9 with a temperature above 0.',
        source: 'Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, arXiv:1904.09751',
        also: 'nucleus sampling',
      },
      {
        id: 'min-p',
        what: 'Tokens less likely than this share of the likeliest are not drawn. 0 is off.',
        more: 'Fewer slips.',
        start: '0.05 with a high temperature.',
        source: 'Nguyen et al., Min-p Sampling, 2024, arXiv:2407.01082',
        also: 'sampling',
      },
      {
        id: 'repetition-penalty',
        what: 'Tokens that are already in the text become less likely. 1 is off.',
        more: 'Less repeating, then avoidance of words that are needed.',
        start: '1; 1.1 if answers repeat themselves.',
        source: 'Keskar et al., CTRL, 2019, arXiv:1909.05858',
        also: 'repeat loop',
      },
      {
        id: 'peft',
        what: 'The files in which adapters are exchanged: adapter_config.json and adapter_model.safetensors. PEFT, transformers and others load what Graft writes.',
        source: 'PEFT documentation, Checkpoint format',
        also: 'export zip safetensors adapter_config',
      },
      {
        id: 'merged',
        what: 'Base and adapter as one model folder: the adapter is added to the weights. It is as large as the base, and runs in programs that know no adapters.',
        start: 'Keep the adapter: it is small, and fits the base again.',
        source: 'Hu et al., LoRA, 2021, arXiv:2106.09685, section 4.1',
        also: 'merge export full weights',
      },
    ],
  },
];

const plain = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]+/gu, ' ');

/** Whether every word that is looked for begins a word of the entry. */
export function matches(term: Term, name: string, wanted: string): boolean {
  const words = plain(wanted).split(' ').filter(Boolean);
  const entry = ` ${plain([name, term.id, term.also ?? '', term.what].join(' '))}`;
  return words.every((word) => entry.includes(` ${word}`));
}
