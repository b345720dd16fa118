/** The open model as a judge of two methods: what it was asked, how far it is, and what is kept. */
import {
  itemsLeft,
  judgedPair,
  judgingOf,
  withJudging,
  withoutJudging,
  withVerdicts,
} from '../../evaluate/judge-record.ts';
import { judgedInWords, judgedNames, judgedResult } from '../../evaluate/judged.ts';
import type { ModelJudging } from '../../evaluate/record.ts';
import type { Failure, JudgeVerdict } from '../../worker/api.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import { MeasurementPace } from '../train/pace.ts';
import type { Studio } from '../state/studio.svelte.ts';

/** Between two savings of verdicts: a reload loses this much. */
const KEEP_MS = 5000;

class Judge {
  /** The template that a person wrote; undefined for the default one, or that of a judging to be continued. */
  written = $state<string>();
  /** The pairs that were judged, of those that are judged now. */
  progress = $state.raw<{ readonly done: number; readonly total: number }>();
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  /** Whether Stop was pressed for good. */
  #dropping = false;
  #request: AbortController | undefined;

  constructor(private readonly studio: Studio) {}

  /**
   * Judges the pairs of two subjects that are left. What was judged is kept as it comes.
   *
   * @param prompt the template
   */
  async start(subjects: ModelJudging['subjects'], prompt: string): Promise<void> {
    const { evaluation, session } = this.studio;
    const { own } = evaluation;
    const { model } = session;
    if (this.progress || !own || !model) return;
    this.failure = undefined;
    this.secondsLeft = undefined;
    this.#dropping = false;
    const project = this.studio.projects.id;
    const isHere = (): boolean =>
      this.studio.projects.id === project && evaluation.own?.made.time === own.made.time;
    const judging = judgingOf(own, {
      subjects,
      model: { name: model.name, fingerprint: model.fingerprint },
      prompt,
    });
    const items = itemsLeft(own, judging);
    const judged: JudgeVerdict[] = [];
    const pace = new MeasurementPace();
    this.progress = { done: 0, total: items.length };
    let kept = performance.now();
    const keep = async (verdicts: readonly JudgeVerdict[]): Promise<void> => {
      if (!isHere() || this.#dropping) return;
      await evaluation.keepJudged((record) => withJudging(record, withVerdicts(judging, items, verdicts)));
    };
    const pairs = items.map((item) => judgedPair(own, judging, item));
    const { signal } = (this.#request = new AbortController());
    const hear = (verdict: JudgeVerdict): void => {
      if (!this.progress) return;
      judged.push(verdict);
      const step = { done: judged.length, total: items.length };
      this.progress = step;
      const now = performance.now();
      this.secondsLeft = pace.secondsLeft({ what: 'comparing', ...step }, now);
      // The end keeps all of them.
      if (now - kept < KEEP_MS || judged.length === items.length) return;
      kept = now;
      void keep([...judged]);
    };
    const outcome = await session.worker.judge({ prompt, pairs }, hear, signal);
    this.progress = undefined;
    if (!isHere()) return;
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    if (this.#dropping) {
      await evaluation.keepJudged((record) => withoutJudging(record, judging));
      session.announcer.say('The judging was cancelled.');
      return;
    }
    await keep(outcome.judged.verdicts);
    const done = evaluation.own?.judged?.find(({ subjects: of }) => of.join() === subjects.join());
    if (evaluation.own && done?.ended)
      session.announcer.say(
        judgedInWords(judgedResult(evaluation.own, done), done.model.name, judgedNames(evaluation.own, done))
          .headline,
      );
    else session.announcer.say('The judging is paused.');
  }

  /** Ends the work: what was judged is kept. */
  pause(): void {
    this.#request?.abort();
  }

  end(): void {
    this.pause();
  }

  /** Ends the work, and drops what it judged. */
  cancel(): void {
    this.#dropping = true;
    this.#request?.abort();
  }
}

export const judgeOf = ofProject((studio) => new Judge(studio));
