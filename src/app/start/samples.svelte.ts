/** The bundled data sets, as public/samples/index.json lists them, with the first rows of each. */
import type { FormSpec } from '../../worker/api.ts';
import { messageOf } from '../../errors.ts';
import { firstExamples, type StartExample } from './examples.ts';
import { fetchBytes } from './fetch.ts';

/** The list is built with the page; that it has these fields is a test (tests/unit/app/samples.test.ts). */
interface SampledSettings {
  /** For a sample whose lesson is what is forgotten. */
  readonly forgetting?: boolean;
  /** For a sample that is learned from rewards. */
  readonly objective?: string;
  readonly rewards?: FormSpec['rewards'];
  readonly accumulate?: number;
  readonly numGenerations?: number;
  readonly maxCompletionLength?: number;
  readonly temperature?: number;
  readonly numIterations?: number;
  readonly schedule?: FormSpec['schedule'];
}

export interface SampleDataSet {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** What the model should do then, and how one will know. */
  readonly task: string;
  readonly success: string;
  /** Paths of the rows under samples/. */
  readonly train: string;
  readonly test: string;
  readonly rows: number;
  readonly testRows: number;
  /** Whether an answer can be checked letter by letter. */
  readonly metric: 'exact' | 'none';
  /** Paths under samples/ of documents that its rows ask, as a zip, and of the template of their prompts. */
  readonly documents?: string;
  readonly template?: string;
  /** The settings of the sample, unless a person chooses others. */
  readonly settings: {
    readonly steps: number;
    readonly batch: number;
    readonly lr: number;
    readonly rank: number;
    readonly alpha: number;
    readonly maxLength: number;
  } & SampledSettings;
}

export interface ShownSample extends SampleDataSet {
  readonly examples: readonly StartExample[];
  /** A question that was kept apart from training. */
  readonly question: string;
}

export type SamplesState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'listed'; readonly samples: readonly ShownSample[] }
  | { readonly kind: 'failed'; readonly reason: string };

const SHOWN_ROWS = 3;
/** The held-out question that is asked as the model learns. The very first may be one that no model could answer. */
const QUESTION_ROW = 3;

const fetchText = async (path: string): Promise<string> => new TextDecoder().decode(await fetchBytes(path));

export class Samples {
  state = $state.raw<SamplesState>({ kind: 'loading' });
  /** When they are listed, or known not to be here. */
  readonly ready: Promise<void>;

  constructor() {
    this.ready = this.#load();
  }

  get list(): readonly ShownSample[] {
    return this.state.kind === 'listed' ? this.state.samples : [];
  }

  async #load(): Promise<void> {
    try {
      const samples = JSON.parse(await fetchText('index.json')) as SampleDataSet[];
      const shown = samples.map(async (sample) => ({
        ...sample,
        examples: firstExamples(await fetchText(sample.train), SHOWN_ROWS),
        question: firstExamples(await fetchText(sample.test), QUESTION_ROW + 1).at(-1)?.prompt ?? '',
      }));
      this.state = { kind: 'listed', samples: await Promise.all(shown) };
    } catch (error) {
      this.state = { kind: 'failed', reason: messageOf(error) };
    }
  }
}
