/** The open base model as a judge of two answers. */
import { judgePairs } from '../../evaluate/model-judge.ts';
import { JudgingPrompt } from '../../evaluate/judging-prompt.ts';
import type { Judged, JudgeRequest, JudgeVerdict } from '../api.ts';
import { originOf } from '../origin.ts';
import type { Session } from '../session.ts';

interface Watch {
  readonly onJudged: (verdict: JudgeVerdict) => void;
  readonly signal: AbortSignal;
}

/** Stopped, it gives the verdicts so far. @throws GraftError `worker-no-model`, `judging-prompt`, `chat-template-…`, `engine-…` */
export async function judgeWithModel(
  session: Session,
  { prompt, pairs }: JudgeRequest,
  { onJudged, signal }: Watch,
): Promise<Judged> {
  const template = new JudgingPrompt(prompt);
  const open = await session.model();
  const { model } = await originOf(session, open, 'base', session.data);
  const verdicts: JudgeVerdict[] = [];
  try {
    await judgePairs(open, template, pairs, async (verdict) => {
      verdicts.push(verdict);
      onJudged(verdict);
      // A task and not a microtask: a call of the page that stops this comes in between.
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
    });
  } catch (error) {
    // A device that fails meanwhile is reported.
    if (!signal.aborted || open.model.device.failure) throw error;
  }
  return { model, verdicts };
}
