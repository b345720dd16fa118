/** The rows of a further run: those of the project, with the accepted feedback as one more task, without held-out rows. */
import type { MixtureTask } from '../../../data/mixture.ts';
import { ROWS_FILE, TEST_FILE } from '../../../data/parts.ts';
import type { DataFile, DataSummary } from '../../../worker/api.ts';
import type { RowReading } from '../../data/source.ts';

const FEEDBACK_TASK = 'feedback';
export const FEEDBACK_FILE = 'feedback.jsonl';

/** Whether the open rows include feedback. */
export const hasFeedback = ({ options }: Pick<RowReading, 'options'>): boolean =>
  options.mixture?.tasks.some(({ whole }) => whole) ?? false;

/**
 * @param replay share of the rows that are drawn from those of the project, above 0 and below 1
 * @param tasks of the open rows, with their shares
 */
export function withFeedback(
  { source, options }: RowReading,
  file: DataFile,
  replay: number,
  { tasks }: Pick<DataSummary, 'tasks'>,
): RowReading {
  const { sample: _, more = [], ...files } = source;
  const before: readonly MixtureTask[] = options.mixture?.tasks ?? [
    { name: source.name.replace(/\.\w+$/, ''), file: ROWS_FILE },
  ];
  const names = before.map(({ name }) => name);
  let name = FEEDBACK_TASK;
  for (let number = 2; names.includes(name); number++) name = `${FEEDBACK_TASK} ${number}`;
  // The other tasks keep their shares among each other.
  const earlier = before.map((task, at) => ({
    ...task,
    share: replay * (before.length > 1 ? tasks[at].share : 1),
  }));
  const added = { name, file: TEST_FILE + 1 + more.length, share: 1 - replay, whole: true };
  const { cap } = options.mixture ?? {};
  return {
    source: { ...files, name: `${source.name} and feedback`, more: [...more, file] },
    options: {
      ...options,
      mixture: { tasks: [...earlier, added], mix: 'given', ...(cap !== undefined && { cap }) },
    },
  };
}
