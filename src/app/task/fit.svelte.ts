/** Whether the bundled model can learn the open rows, as far as that can be counted: asked again when the model or the rows change. */
import { toyWarning } from './toy.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

class Fit {
  #tokensPerWord = $state<number>();
  #asked = 0;

  constructor(private readonly session: SessionState) {}

  /** What speaks against the open model; undefined if nothing does. */
  warningFor({ session: { model }, data: { summary } }: Studio): string | undefined {
    return model?.bundled && summary
      ? toyWarning({
          ...(this.#tokensPerWord !== undefined && { tokensPerWord: this.#tokensPerWord }),
          longest: summary.longest,
          positions: model.maxPositions,
        })
      : undefined;
  }

  async ask(isAsked: boolean): Promise<void> {
    const asked = ++this.#asked;
    this.#tokensPerWord = undefined;
    if (!isAsked) return;
    const outcome = await this.session.worker.fitOfRows();
    if (outcome.ok && asked === this.#asked) this.#tokensPerWord = outcome.fit?.tokensPerWord;
  }
}

export const formFit = ofProject(({ session }) => new Fit(session));

/** Asks for as long as a component is there. */
export function followFit(studio: Studio): void {
  $effect(() => {
    void formFit(studio).ask(studio.data.summary !== undefined && studio.session.isBundled);
  });
}
