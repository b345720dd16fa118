/** The columns of a file that is being mapped: what a person says of them, before it is read. */
import { checkMapping, type Mapping } from '../../data/mapping.ts';
import { HEAD_BYTES, type Sheet } from '../../data/sheet-types.ts';
import { GraftError } from '../../errors.ts';
import type { DataOptions, Failure } from '../../worker/api.ts';
import type { Source } from './data.svelte.ts';
import type { Session } from './session.svelte.ts';

export const ROLES = ['prompt', 'answer', 'system'] as const;
export type Role = (typeof ROLES)[number];

const EMPTY = { prompt: '', answer: '', system: '', text: '' };

export class Columns {
  readonly source: Source;
  readonly options: DataOptions;
  sheet = $state.raw<Sheet>();
  failure = $state.raw<Failure>();
  /** Whether the rows are whole texts, all of them learnt. */
  whole = $state(false);
  /** A template for each role, and for the whole text. */
  templates = $state<Record<Role | 'text', string>>({ ...EMPTY });
  header = $state<boolean>();
  delimiter = $state<string>();
  readonly #session: Session;

  constructor(session: Session, source: Source, options: DataOptions) {
    this.#session = session;
    this.source = source;
    this.options = options;
    this.header = options.header;
    this.delimiter = options.delimiter;
  }

  /** Looks at the file. @param keep whether templates that were written already stay */
  async look(keep = false): Promise<boolean> {
    const { name, bytes } = this.source.file;
    const head = { name, bytes: bytes.slice(0, HEAD_BYTES) };
    const outcome = await this.#session.worker.inspectData(head, {
      header: this.header,
      delimiter: this.delimiter,
    });
    if (!outcome.ok) {
      this.failure = outcome;
      return false;
    }
    this.failure = undefined;
    this.sheet = outcome.sheet;
    if (!keep) this.#take(this.options.mapping ?? outcome.sheet?.suggestion);
    return outcome.sheet !== undefined;
  }

  /** The header is there or not, or something else stands between cells: the columns are others then. */
  async change(table: { header?: boolean; delimiter?: string }): Promise<void> {
    if (table.header !== undefined) this.header = table.header;
    if (table.delimiter !== undefined) this.delimiter = table.delimiter;
    await this.look(true);
    if (this.fault !== '') this.#take(this.sheet?.suggestion);
  }

  get mapping(): Mapping {
    const { prompt, answer, system, text } = this.templates;
    if (this.whole) return { text };
    return { ...(system.trim() !== '' && { system }), prompt, answer };
  }

  /** Why it cannot be read like this; '' where it can. */
  get fault(): string {
    try {
      checkMapping(this.mapping, this.sheet?.columns ?? []);
      return '';
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      return error.message;
    }
  }

  #take(mapping: Mapping | undefined): void {
    this.whole = mapping !== undefined && 'text' in mapping;
    this.templates = { ...EMPTY, ...mapping };
  }
}
