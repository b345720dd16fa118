/** The adapter that the project works with: the one to measure, to ask and to train further. */
import type { AdapterInfo } from '../../worker/api.ts';
import { isSameModel } from '../ui/model-names.ts';
import type { AdapterKey } from './adapters.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

export class AdapterInUse {
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The adapter of the run on the screen, by its id once it is kept. One on trial is never in use. */
  get key(): AdapterKey {
    const { run, adapters } = this.#studio;
    if (run.status === 'cancelled') return this.#latest;
    const id = run.record?.id;
    const kept = id === undefined ? undefined : adapters.list.find(({ runId }) => runId === id);
    if (kept && !kept.trial && this.suits(kept)) return kept.id;
    return run.hasAdapter && !run.options?.trial ? 'current' : this.#latest;
  }

  /** Puts the base model and this adapter side by side under Use. */
  compare(): void {
    this.#studio.chat.sides = ['base', this.key];
  }

  /** Asks both sides the question of the sample, or of the run. A run that trains pauses for it. */
  async askBoth(): Promise<void> {
    const { run, route, chat, adapters } = this.#studio;
    if (run.active) await run.pause();
    route.go('use');
    this.compare();
    // An adapter on trial stands next to the one that it came from.
    const { options, hasAdapter, record } = run;
    if (options?.trial && hasAdapter)
      chat.sides = [
        options.start?.id ?? 'base',
        adapters.list.find(({ runId }) => runId === record?.id)?.id ?? 'current',
      ];
    chat.clear();
    const prompt = run.options?.samplePrompt ?? '';
    if (prompt) await chat.ask(prompt);
  }

  /** Puts an adapter of the library on the right side, against what is on the left. */
  chatWith(id: string): void {
    const { chat } = this.#studio;
    chat.sides = [chat.sides[0] === id ? 'base' : chat.sides[0], id];
    document.getElementById('chat-prompt')?.focus();
  }

  /** Whether it can answer on the project's model. */
  suits({ baseModel }: Pick<AdapterInfo, 'baseModel'>): boolean {
    const { model, wanted } = this.#studio.session;
    return isSameModel(baseModel, (model ?? wanted).name);
  }

  /** The project's latest adapter for its model; the base model if there is none. */
  get #latest(): AdapterKey {
    return this.#studio.adapters.own.find((adapter) => !adapter.trial && this.suits(adapter))?.id ?? 'base';
  }
}
