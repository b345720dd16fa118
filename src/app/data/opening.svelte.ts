/** A project that is being opened: until that is done the page must not say that nothing is there. */
import { untrack } from 'svelte';
import type { Progress } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import { count } from '../../numbers.ts';

/** Which projects there are; what this one keeps; its model and its rows. */
type OpeningStep = 'list' | 'project' | 'rows';

export class Opening {
  /** Which step of opening the project runs. */
  step = $state<'list' | 'project'>();
  /** How many callers wait for its rows. */
  #waiting = $state(0);
  /** Changes with each project that is opened: the previous one has no say any more. */
  #turn = 0;

  /** Whether the rows are being opened. */
  get rows(): boolean {
    return this.#waiting > 0;
  }

  /**
   * @param step undefined if no project is expected
   * @returns goes on to another step, or ends with none; does nothing once another project is being opened
   */
  begin(step: 'list' | 'project' | undefined): (next?: 'project') => void {
    const turn = ++this.#turn;
    this.step = step;
    return (next) => {
      if (turn === this.#turn) this.step = next;
    };
  }

  /** Work that opens the rows, or finds that they are open. */
  async whileRows<T>(work: () => Promise<T>): Promise<T> {
    // An effect that asks for the rows must not depend on other callers.
    untrack(() => this.#waiting++);
    try {
      return await work();
    } finally {
      untrack(() => this.#waiting--);
    }
  }
}

interface OpeningState {
  readonly step: OpeningStep;
  /** The name of the project, once it is known. */
  readonly name?: string;
  /** How far the model is, while it is opened. */
  readonly model?: Progress;
  /** How far the rows are, once they are read. */
  readonly rows?: Progress;
}

export interface OpeningWords {
  readonly label: string;
  readonly detail: string;
  /** 0 of 0 if it is not known how far. */
  readonly done: number;
  readonly total: number;
}

export const OPENING = 'Opening your project…';

/** What is being opened, and how far it is. */
export function openingWords({ step, name, model, rows }: OpeningState): OpeningWords {
  const of = name === undefined ? '' : `${name}: `;
  const said = (
    detail: string,
    { done, total }: Pick<Progress, 'done' | 'total'> = { done: 0, total: 0 },
  ) => ({
    label: OPENING,
    detail: `${of}${detail}`,
    done,
    total,
  });
  if (step === 'list') return said('looking for it in this browser');
  if (step === 'project') return said('its runs and results');
  if (model)
    return said(
      `its model${far(model, model.what === 'compiling' || model.what === 'checking' ? count : bytes)}`,
      model,
    );
  if (rows) return said(`its rows${far(rows, rows.what === 'reading' ? bytes : count)}`, rows);
  return said('its rows');
}

function far({ done, total }: Progress, unit: (value: number) => string): string {
  return total > 0 ? `, ${unit(done)} of ${unit(total)}` : '';
}
