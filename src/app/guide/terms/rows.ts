/** What examples are made of. */
import type { Chapter } from './term.ts';

export const ROWS: Chapter = {
  name: 'The rows',
  terms: [
    {
      id: 'row',
      what: 'One example: a prompt and the answer that the model should give. The model is trained on it in the form in which it will be asked.',
      more: 'More rows teach rarer cases. Rows that contradict each other teach neither.',
      start: '100 to 500, as varied as the questions that will come.',
      source: 'Zhou et al., LIMA, 2023, arXiv:2305.11206',
      also: 'example sample data dataset jsonl csv',
    },
    {
      id: 'mapping',
      what: 'Which column is the prompt and which the answer. A column as it is, or a template: your words with columns in double braces, {{like this}}. It is plain substitution, with no code in it. If a row has an input, it stands under the prompt. Unused columns are listed.',
      start: 'Write the prompt as you will ask it later: the same words, the same order.',
      source: 'Graft documentation, Data formats; TRL documentation, Dataset formats and types',
      also: 'columns template csv placeholder',
    },
    {
      id: 'instruction-template',
      what: 'A task in words, with places for columns: reviews and stars become questions for a rating, with the stars as answers. It has several phrasings, and each row gets one of them, drawn by its line and a seed, so that the model learns the task and not one sentence. Phrasings of your own stand in the prompt with a line {{or}} between them.',
      more: 'More phrasings: other wordings of the same request also work.',
      less: 'One phrasing: the fewest rows are needed, and it is best asked just so.',
      start: 'The five or six of the library. A single one if a program asks, always in the same words.',
      source: 'Wei and others, Finetuned language models are zero-shot learners, 2022, arXiv:2109.01652',
      also: 'flan prompt phrasing wording paraphrase instruction tuning',
    },
    {
      id: 'loss-mask',
      what: 'The tokens that the model learns from. It reads the prompt, but only the answer counts for the loss. The token view shows these tokens dark and the rest pale.',
      source: 'TRL documentation, SFT Trainer: train on completion only',
      also: 'labels -100 completion only supervised',
    },
    {
      id: 'limit',
      what: 'The maximum number of tokens per row. A longer row is truncated or left out.',
      more: 'Long rows fit. Memory and time grow with their length.',
      less: 'Faster, but answers that lose their end teach the model not to stop.',
      start: 'Just above the length of the rows that matter: the histogram shows it.',
      source: 'TRL documentation, SFTConfig max_length',
      also: 'max length truncation cutoff',
    },
    {
      id: 'overlong',
      what: 'The policy for rows above the maximum length: truncate the end, truncate the prompt, or leave the row out.',
      start: 'Truncate the prompt if the answer must stay whole. Leave the row out if both matter.',
      source: 'Graft documentation, Data formats',
      also: 'truncate drop policy',
    },
    {
      id: 'findings',
      what: 'Faults of the rows, by the rules of graft check: copies, contradictions, test rows in training, truncated answers, keys and card numbers, rare labels and more. An octagon would waste a run, a triangle makes it worse, a flag is to look at. A button mends a finding by reading the rows in another way; the file stays as it is, and Undo takes it back.',
      start: 'Mend what would waste a run, then read a few rows of each other finding.',
      source: 'Graft documentation, Check rows before a run',
      also: 'preflight check lint duplicates leak secret imbalance',
    },
    {
      id: 'train-part',
      what: 'The rows that are trained on. The model sees each of them once per epoch.',
      source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
      also: 'training set',
    },
    {
      id: 'validation',
      what: 'Rows whose loss is measured during a run and that are not trained on. If their loss rises while the training loss falls, the run is overfitting.',
      more: 'A steadier signal, and fewer rows to train on.',
      start: '10%, at least 20 rows.',
      source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
      also: 'dev eval held-out set',
    },
    {
      id: 'test',
      what: 'Rows that nothing has seen until the end. Only they say how good the adapter is. Look at them rarely: settings that are chosen by them also fit them. Graft counts the looks, and locks the part after the first.',
      more: 'Narrower intervals: 20 rows say little, 200 say much.',
      start:
        '10%, at least 50 rows if you have them. Or a file of its own: open it while rows are open, and choose Test rows.',
      source: 'Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 7.2',
      also: 'held-out holdout set',
    },
    {
      id: 'split',
      what: 'Which row goes into which part, by a shuffle that the seed decides. The same file, fractions and seed give the same parts, here and headless. Leaving a row out, editing or deleting it moves no other row. A split can give each part its share of each label (stratified), and keep rows of one source in one part (grouped).',
      start: 'Leave the seed. Change it to see how much of a result is luck.',
      source: 'Graft documentation, Data formats',
      also: 'fraction shuffle seed stratify stratified group source',
    },
    {
      id: 'raw-text',
      what: 'Training on text as it is, with a loss on every token, so that a model learns the words and facts of a field (continued pre-training, transfer learning). A document ends with its file, at blank lines, or at a line of your choice; the end-of-text token follows it. Rows have one document or a part of one, with an overlap as context. Packed rows are full, and may hold the end of one document and the start of the next.',
      more: 'A longer overlap gives more context and repeats more tokens, which are read again and not learned again.',
      start:
        'Some hundred pages of the field, then rows that ask. Watch perplexity on held-out text of the field and on general text side by side: what is won there may be lost here.',
      source: 'Gururangan et al., Don’t Stop Pretraining, 2020, arXiv:2004.10964',
      also: 'continued pretraining domain adaptation transfer learning markdown plain text corpus documents packed overlap',
    },
    {
      id: 'mixture',
      what: 'Several data sets in one run, each a task of its own (multi-task training). Before each row a task is drawn by its share, from the seed; the rows of a task come without repetition until all of them were taken. Shares are given, or follow from the numbers of rows: proportional, equal, or by a temperature T, n^(1/T), which lies between the two. Each task is split by itself, as in a run of its own, and has its own loss and score.',
      more: 'A larger share learns a task faster, and repeats its rows more often. A task with few rows and a large share overfits.',
      less: 'A task with a small share is hardly learned. A cap keeps a large data set from filling the run.',
      start:
        'Proportional for data sets of similar size; temperature 2 if one is much larger. Then compare with an adapter for each task.',
      source:
        'Raffel et al., Exploring the Limits of Transfer Learning (T5), 2020, section 3.5.2, arXiv:1910.10683',
      also: 'multi-task multitask mixing proportions temperature shares tasks several data sets',
    },
    {
      id: 'leak',
      what: 'A held-out row that is also trained on. The model has seen its answer, so every measurement looks better than it is.',
      start: 'Leave the copies out: one press keeps the held-out row and drops those in training.',
      source: 'Lee et al., Deduplicating Training Data Makes Language Models Better, 2021, arXiv:2107.06499',
      also: 'duplicate contamination repeated',
    },
  ],
};
