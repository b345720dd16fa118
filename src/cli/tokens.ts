/** `graft tokens`: the loss of each token of a row's answer, base against adapter, and what each would rather have written. */
import { prepareRows } from '../data/prepare.ts';
import { readExamples } from '../data/formats.ts';
import { GraftError } from '../errors.ts';
import { tokenLosses, type OfBoth } from '../evaluate/token-losses.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { percent, plural, threeDigits } from '../numbers.ts';
import { checkReading } from './file-kinds.ts';
import { readWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { Output } from './output.ts';
import { dataFlags, readReadOptions } from './row-flags.ts';
import { modelFlags, openAdapter, openSession, requiredTokenizer } from './session.ts';

export const tokensFlags = {
  ...modelFlags,
  adapter: { value: 'DIR', help: 'a PEFT adapter folder; without it only the base model is measured' },
  ...dataFlags,
  row: {
    value: 'N',
    help: 'which row of the file, counted from 0 among those that can be read (default: 0)',
  },
  json: { help: 'one object with tokens, each with id, text, loss and the likeliest tokens in its place' },
} as const satisfies FlagSpecs;

/** Candidates of a line. */
const SHOWN = 3;

export async function tokensCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(tokensFlags, args);
  const path = flags.required('data');
  await checkReading(flags);
  const at = flags.integer('row', 0) ?? 0;
  const { model, files } = await openSession(flags, output, { precision: 'f32' });
  const tokenizer = await requiredTokenizer(files);
  const folder = flags.text('adapter');
  const adapter = folder === undefined ? undefined : await openAdapter(folder, model);
  const { examples } = readExamples(await readWhole(path), readReadOptions(flags));
  if (at >= examples.length)
    throw new GraftError(
      'arguments',
      `--row is ${at}, and ${path} has ${plural(examples.length, 'row')} that can be read.`,
      'Rows are counted from 0.',
    );
  const { rows } = prepareRows([examples[at]], tokenizer, {
    maxLength: roomFor(model.definition.shape.maxPositions, adapter),
    vocabSize: model.vocabularyWith(undefined),
  });
  const row = rows.at(0);
  if (!row)
    throw new GraftError(
      'train-rows',
      `Row ${at} of ${path}, in line ${examples[at].line}, has no supervised token.`,
      'Give a row with an answer that fits the model.',
    );
  const { tokens, of } = await tokenLosses(model, tokenizer, row, adapter);
  if (flags.on('json')) {
    output.result(`${JSON.stringify({ row: at, line: examples[at].line, of, tokens })}\n`);
    return;
  }
  const lines = tokens.map(({ text, loss, top }) => {
    const likely = top.slice(0, SHOWN).map((one) => `${JSON.stringify(one.text)} ${inWords(one, percent)}`);
    return [JSON.stringify(text).padEnd(14), inWords(loss, threeDigits).padEnd(16), likely.join(', ')].join(
      ' ',
    );
  });
  const heading = `Loss of each token in nats${adapter ? ', base → adapter' : ''}, and the likeliest in its place:`;
  output.result(`${[heading, ...lines].join('\n')}\n`);
  if (of > tokens.length) output.line(`The answer has ${of} tokens: these are the first ${tokens.length}.`);
}

const inWords = ({ base, tuned }: OfBoth, words: (value: number) => string): string =>
  [base, ...(tuned === undefined ? [] : [tuned])].map(words).join(' → ');
