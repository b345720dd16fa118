/** A score by a person's expression or function, in the sandbox. */
import { fixed } from '../numbers.ts';
import { GraftError, messageOf } from '../errors.ts';
import type { AttemptScorer, ScorerSetting, Need } from './scorer.ts';
import type { Program } from './sandbox/sandbox.ts';

const LONGEST_CODE = 64 * 1024;
const FIELDS = ['prompt', 'completion', 'tokens', 'cut', 'answer', 'passages', 'row'] as const;

/** Fields that not every place has, and what they need. */
const NEEDED = [
  ['prompt', 'prompt'],
  ['tokens', 'tokens'],
  ['passages', 'passages'],
  ['row', 'columns'],
] as const satisfies readonly (readonly [(typeof FIELDS)[number], Need])[];

const SETTINGS = [
  {
    name: 'code',
    part: 'run',
    type: 'text',
    holds: 'code',
    longest: LONGEST_CODE,
    placeholder: 'JS',
    label: 'JavaScript',
    help: `An expression of ${FIELDS.join(', ')}, or a function of an object of them; it gives a number, or true or false.`,
  },
] as const satisfies readonly ScorerSetting[];

export const javascript = {
  of: 'attempts',
  name: 'javascript',
  label: 'Your own JavaScript',
  heading: 'your own JavaScript',
  help: 'The result of your own expression or function: a number, or true and false as 1 and 0.',
  entry: {
    title: 'Your own JavaScript',
    what: 'The number that your own expression or function gives an answer. It sees the prompt, the answer, the reference, the passages and the other columns of the row, and runs in a sandbox without network, files and clock.',
    source: 'QuickJS, bellard.org/quickjs',
    also: 'custom code function expression own scorer reward',
  },
  better: 'higher',
  format: (value: number) => fixed(value, 2),
  settings: SETTINGS,
  counts: true,
  fallback: 0,
  // Its code is not run: a name in it may be a word of a text, and then is asked for in vain.
  needs: ({ code }): readonly Need[] =>
    NEEDED.flatMap(([field, need]) =>
      new RegExp(String.raw`\b${field}\b`).test(String(code)) ? [need] : [],
    ),
  problem: ({ code }) => (String(code).trim() === '' ? 'its code is empty' : undefined),
  async open({ code }, where, sandbox) {
    let program: Program;
    try {
      program = await sandbox.read(String(code), FIELDS);
    } catch (error) {
      throw new GraftError(
        'reward-code',
        `${where}: its code cannot run: ${messageOf(error)}.`,
        `Write an expression of ${FIELDS.join(', ')}, such as completion.length < 100, or function reward({ completion }) { return … }.`,
      );
    }
    return { score: (attempt) => program.run(attempt) };
  },
} as const satisfies AttemptScorer;
