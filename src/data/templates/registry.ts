/** Instruction templates for usual tasks, in the order in which they are offered. Phrasings differ in their words, their order and their form. */
import type { InstructionTemplate } from './template.ts';

const TEXT = 'text document article content body passage paragraph source input'.split(' ');
const REVIEWS = 'review comment text content body feedback'.split(' ');

const summarise: InstructionTemplate = {
  name: 'summarise',
  label: 'Summarise',
  help: 'A short text for a long one.',
  columns: [
    { name: 'text', label: 'Text', often: TEXT },
    {
      name: 'summary',
      label: 'Summary',
      often: 'summary highlights abstract headline tldr title target'.split(' '),
    },
  ],
  phrasings: [
    'Summarise this text.\n\n[text]',
    'Write a short summary of the following.\n\n[text]',
    '[text]\n\nSummarise the text above.',
    'What are the main points of this text?\n\n[text]',
    'Here is a text:\n[text]\n\nSay in a few words what it is about.',
    'Text: [text]\nSummary:',
  ],
};

const translate: InstructionTemplate = {
  name: 'translate',
  label: 'Translate',
  help: 'A text in another language.',
  columns: [
    { name: 'text', label: 'Text', often: 'source text sentence src input original en'.split(' ') },
    { name: 'translation', label: 'Translation', often: 'translation target tgt output de fr es'.split(' ') },
  ],
  words: [{ name: 'to', label: 'Into which language', initial: 'English' }],
  phrasings: [
    'Translate into [to]:\n[text]',
    'Translate this text into [to].\n\n[text]',
    '[text]\n\nWhat is this in [to]?',
    'How would you say this in [to]?\n[text]',
    'Give the [to] translation of the following text.\n\n[text]',
    'Text: [text]\n[to]:',
  ],
};

const classify: InstructionTemplate = {
  name: 'classify',
  label: 'Classify',
  help: 'One of several labels for a text.',
  columns: [
    {
      name: 'text',
      label: 'Text',
      often: [...TEXT, 'message', 'question', 'utterance', 'sentence', 'title'],
    },
    {
      name: 'label',
      label: 'Label',
      often: 'label category class intent topic tag team sentiment target'.split(' '),
    },
  ],
  words: [
    {
      name: 'labels',
      label: 'The labels, if they should be named',
      initial: '',
      adds: 'Choose from: [labels].',
    },
  ],
  phrasings: [
    'Which category does this text belong to?\n\n[text]',
    'Classify this text.\n\n[text]',
    '[text]\n\nWhat is the right label for the text above?',
    'Give this text one label.\n\n[text]',
    'Read the text and answer with its category alone.\n\n[text]',
    'Text: [text]\nCategory:',
  ],
};

const extract: InstructionTemplate = {
  name: 'extract',
  label: 'Extract entities',
  help: 'The people, places, dates and products that a text names.',
  columns: [
    { name: 'text', label: 'Text', often: [...TEXT, 'sentence', 'message'] },
    {
      name: 'entities',
      label: 'Entities',
      often: 'entities entity ner tags labels output extraction target'.split(' '),
    },
  ],
  words: [{ name: 'what', label: 'What to find', initial: 'people, places and organisations' }],
  phrasings: [
    'Find all [what] in this text.\n\n[text]',
    'List the [what] that this text names.\n\n[text]',
    '[text]\n\nWhich [what] does the text above mention?',
    'Extract [what] from the following text.\n\n[text]',
    'Text: [text]\n[what]:',
  ],
};

const rate: InstructionTemplate = {
  name: 'rate',
  label: 'Rate a review',
  help: 'The stars or the score that goes with a review.',
  columns: [
    { name: 'review', label: 'Review', often: REVIEWS },
    { name: 'rating', label: 'Rating', often: 'stars rating score rate label sentiment overall'.split(' ') },
  ],
  words: [{ name: 'most', label: 'The best rating', initial: '5' }],
  phrasings: [
    'How many stars, from 1 to [most], does this review give?\n\n[review]',
    'Rate this review from 1 to [most].\n\n[review]',
    '[review]\n\nWhich rating from 1 to [most] goes with the review above?',
    'A customer wrote:\n[review]\n\nHow satisfied is the customer, from 1 to [most]?',
    'Read the review and answer with a number from 1 to [most] alone.\n\n[review]',
    'Review: [review]\nRating (1 to [most]):',
  ],
};

const answer: InstructionTemplate = {
  name: 'answer',
  label: 'Answer from a text',
  help: 'The answer to a question, from a text that has it.',
  columns: [
    {
      name: 'text',
      label: 'Text',
      often: 'context passage text document article paragraph source'.split(' '),
    },
    { name: 'question', label: 'Question', often: 'question query prompt instruction'.split(' ') },
    { name: 'answer', label: 'Answer', often: 'answer answers output response completion target'.split(' ') },
  ],
  phrasings: [
    'Answer the question from the text.\n\n[text]\n\nQuestion: [question]',
    '[text]\n\n[question]',
    'Question: [question]\n\nAnswer it from this text alone:\n[text]',
    'Read this text, then answer.\n\n[text]\n\n[question]',
    'Here is what is known:\n[text]\n\nUsing that, [question]',
    'Text: [text]\nQuestion: [question]\nAnswer:',
  ],
};

const rewrite: InstructionTemplate = {
  name: 'rewrite',
  label: 'Rewrite',
  help: 'The same in another way: simpler, politer, without mistakes.',
  columns: [
    { name: 'text', label: 'Text', often: 'original before source text input draft sentence'.split(' ') },
    {
      name: 'rewritten',
      label: 'Rewritten',
      often: 'rewritten rewrite after corrected simplified paraphrase target output'.split(' '),
    },
  ],
  words: [{ name: 'how', label: 'How', initial: 'in plain words' }],
  phrasings: [
    'Rewrite this text [how].\n\n[text]',
    'Say the same [how]:\n[text]',
    '[text]\n\nWrite the text above [how].',
    'How would you put this [how]?\n\n[text]',
    'Text: [text]\nThe same [how]:',
  ],
};

const code: InstructionTemplate = {
  name: 'translate-code',
  label: 'Translate code',
  help: 'A program in another programming language.',
  columns: [
    { name: 'code', label: 'Code', often: 'code source input original python java javascript'.split(' ') },
    {
      name: 'translated',
      label: 'Translated code',
      often: 'translated translation target output cpp rust go typescript'.split(' '),
    },
  ],
  words: [
    { name: 'from', label: 'From which language', initial: 'Python' },
    { name: 'to', label: 'Into which language', initial: 'JavaScript' },
  ],
  phrasings: [
    'Translate this [from] code into [to].\n\n[code]',
    'Rewrite in [to]:\n\n[code]',
    '[code]\n\nWrite the [from] program above in [to].',
    'Here is a program in [from]. Give the same program in [to].\n\n[code]',
    '# [from]\n[code]\n\n# [to]',
  ],
};

export const TEMPLATES: readonly InstructionTemplate[] = [
  summarise,
  translate,
  classify,
  extract,
  rate,
  answer,
  rewrite,
  code,
];
