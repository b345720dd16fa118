/** Rewards on the open rows, before a run learns from them, and metrics of kept answers. */
import { questionsOf, textOfPrompt } from '../../data/questions.ts';
import { GraftError } from '../../errors.ts';
import { addAttempts } from '../../evaluate/add-attempts.ts';
import { withSettings } from '../../scorers/chosen.ts';
import { openRewards } from '../../scorers/rewards/reward.ts';
import { Sandbox } from '../../scorers/sandbox/sandbox.ts';
import type { RewardsApi, TriedRow, TriedText } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { outcome } from '../outcome.ts';
import { startSandboxWorker } from './sandbox.ts';
import type { Session } from '../session.ts';

interface AskingRow {
  readonly prompt: string;
  /** Missing for a row that is only a prompt. */
  readonly expected?: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/** Answers the page's calls that try rewards and metrics before they count. */
export function rewardsApi(session: Session, openOrThrow: () => Promise<OpenModel>): RewardsApi {
  return {
    tryRewards: (specs, typed) =>
      outcome(async () => {
        const { tokenizer } = await openOrThrow();
        const questions = firstRows(session, typed.length);
        const rewards = await openRewards(specs, {
          where: 'The rewards',
          stops: false,
          startSandbox: startSandboxWorker,
        });
        const score = async ({ prompt, expected, row }: AskingRow, text: string): Promise<TriedText> => {
          const tokens = tokenizer.encode(text).length;
          const attempt = {
            ...{ prompt, completion: text, tokens, cut: false, row },
            ...(expected !== undefined && { answer: expected }),
          };
          return { text, ...(await rewards.score([attempt]))[0] };
        };
        try {
          const rows: TriedRow[] = [];
          for (const [at, question] of questions.entries()) {
            const { prompt, expected } = question;
            rows.push({
              prompt,
              ...(expected !== undefined && { wanted: await score(question, expected) }),
              ...(typed[at] !== '' && { typed: await score(question, typed[at]) }),
            });
          }
          const { names, weights, shown } = rewards;
          return { tried: { names, weights, shown, rows } };
        } finally {
          rewards.close();
        }
      }),
    checkMetric: (spec) =>
      outcome(async () => {
        const sandbox = new Sandbox(startSandboxWorker);
        try {
          const metric = withSettings(spec);
          await metric.open({}, metric.name, sandbox);
          return {};
        } finally {
          sandbox.close();
        }
      }),
    addMetrics: (record, choices) =>
      outcome(async () => ({ record: await addAttempts(record, choices, startSandboxWorker) })),
  };
}

/** @throws GraftError `data-empty` if no row has a prompt */
function firstRows({ data }: Session, max: number): AskingRow[] {
  const questions: AskingRow[] = [];
  for (const place of data?.places ?? []) {
    if (questions.length === max) break;
    if (place.part !== 'train') continue;
    const { example } = place;
    if (!example) continue;
    const row = example.columns ?? {};
    if (example.kind === 'prompt') questions.push({ prompt: textOfPrompt(example.prompt), row });
    else
      questions.push(
        ...questionsOf([example], true).map(({ prompt, expected }) => ({ prompt, expected, row })),
      );
  }
  if (questions.length > 0) return questions;
  throw new GraftError(
    'data-empty',
    'No row of the training part asks for anything.',
    'Open rows under Data with a prompt.',
  );
}
