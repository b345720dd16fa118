/** A score by a person's expression or function, in the sandbox. */
import { GraftError, messageOf } from '../errors.ts';
import type { RewardKind, RewardSetting } from './kind.ts';
import type { Program } from './sandbox.ts';

const LONGEST_CODE = 64 * 1024;
const FIELDS = ['prompt', 'completion', 'tokens', 'cut', 'answer', 'row'] as const;

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
] as const satisfies readonly RewardSetting[];

export const javascript = {
  name: 'javascript',
  label: 'Your own JavaScript',
  help: 'What an expression or a function of your own gives: a number, or true and false as 1 and 0.',
  settings: SETTINGS,
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
} as const satisfies RewardKind;
