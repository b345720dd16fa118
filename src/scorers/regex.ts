/**
 * Whether a regular expression matches. It runs in the sandbox, whose interpreter counts the steps of expressions: any pattern is accepted, and one
 * that never ends is stopped.
 */
import { percent } from '../numbers.ts';
import type { Attempt, AttemptScorer, ScorerSetting, Need } from './scorer.ts';

const LONGEST_PATTERN = 4096;

const SETTINGS = [
  {
    name: 'pattern',
    part: 'run',
    type: 'text',
    longest: LONGEST_PATTERN,
    placeholder: 'RE',
    label: 'Regular expression',
    help: 'As in JavaScript, without slashes; ^ and $ for the whole completion.',
  },
  {
    name: 'flags',
    part: 'run',
    type: 'text',
    longest: 8,
    label: 'Flags',
    help: 'i for any case, m for ^ and $ at lines, s for a dot that takes line breaks, u for Unicode.',
    default: 'su',
  },
  {
    name: 'group',
    part: 'run',
    type: 'switch',
    label: 'The first group has to be the reference',
    help: 'Give 1 only if the match of the first group is the reference, ignoring white space at the ends.',
    default: false,
  },
] as const satisfies readonly ScorerSetting[];

function syntaxProblem(pattern: string, flags: string): string | undefined {
  if (!/^[imsuv]*$/.test(flags)) return 'its flags are other than i, m, s, u and v';
  try {
    new RegExp(pattern, flags);
    return undefined;
  } catch (error) {
    return `its pattern is not a regular expression (${error instanceof Error ? error.message : ''})`;
  }
}

/** Whether a pattern that compiles has a capturing group. The pattern is not run: on any text, even an empty one, that may take forever. */
function hasGroup(pattern: string): boolean {
  const plain = pattern.replaceAll(/\\./gs, '').replaceAll(/\[[^\]]*\]/g, '');
  return /\((?!\?)|\(\?<[^=!]/.test(plain);
}

export const regex = {
  of: 'attempts',
  name: 'regex',
  label: 'Regular expression',
  heading: 'regular expression',
  help: '1 if a regular expression matches the completion, or if the match of its first group is the reference.',
  entry: {
    title: 'Regular expression',
    what: 'A pattern of your own matches the answer, or what its first group matches is the reference.',
    start: 'For the form of an answer, such as a date or a code. ^ and $ make it match the whole answer.',
    source: 'ECMAScript Language Specification, section 22.2, RegExp',
    also: 'regexp pattern match group reward',
  },
  better: 'higher',
  format: percent,
  settings: SETTINGS,
  range: [0, 1],
  counts: true,
  needs: ({ group }): readonly Need[] => (group === true ? ['reference'] : []),
  problem({ pattern, flags, group }) {
    const wrong = pattern === '' ? 'its pattern is empty' : syntaxProblem(String(pattern), String(flags));
    return wrong ?? (group && !hasGroup(String(pattern)) ? 'its pattern has no group' : undefined);
  },
  async open({ pattern, flags, group }, _where, sandbox) {
    const match = `new RegExp(${JSON.stringify(pattern)}, ${JSON.stringify(flags)}).exec(completion)`;
    const program = await sandbox.read(
      group
        ? `((found) => found !== null && found[1]?.trim() === answer.trim())(${match})`
        : `${match} !== null`,
      ['completion', 'answer'],
    );
    return {
      score({ completion, answer }: Attempt) {
        if (group && answer === undefined) throw new Error('the row has no reference answer');
        return program.run({ completion, answer });
      },
    };
  },
} as const satisfies AttemptScorer;
