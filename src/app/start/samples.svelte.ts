/** The bundled data sets, as public/samples/index.json lists them, with the first rows of each. */
import * as v from 'valibot';
import { messageOf } from '../../errors.ts';

const Sample = v.object({
  id: v.string(),
  title: v.string(),
  description: v.string(),
  /** Paths of the rows under samples/. */
  train: v.string(),
  test: v.string(),
  rows: v.number(),
  testRows: v.number(),
  /** Whether an answer can be checked letter by letter. */
  metric: v.picklist(['exact', 'none']),
  /** What the sample is tuned with, unless one chooses otherwise. */
  settings: v.object({
    steps: v.number(),
    batch: v.number(),
    lr: v.number(),
    rank: v.number(),
    alpha: v.number(),
    maxLength: v.number(),
  }),
});
const Row = v.object({ messages: v.array(v.object({ role: v.string(), content: v.string() })) });

export type Sample = v.InferOutput<typeof Sample>;

/** One example as people read it. */
export interface Example {
  readonly prompt: string;
  readonly answer: string;
}

export interface ShownSample extends Sample {
  readonly examples: readonly Example[];
  /** A question that was kept apart from training. */
  readonly question: string;
}

export type SamplesState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'listed'; readonly samples: readonly ShownSample[] }
  | { readonly kind: 'failed'; readonly reason: string };

const SHOWN_ROWS = 3;

/** The first rows of a JSONL text with a question and an answer. The files are our own, so a bad line is an error. */
export function firstExamples(jsonl: string, count: number): Example[] {
  const examples: Example[] = [];
  for (const line of jsonl.split('\n')) {
    if (examples.length === count) break;
    if (line.trim() === '') continue;
    const { messages } = v.parse(Row, JSON.parse(line));
    const prompt = messages.find(({ role }) => role === 'user')?.content;
    const answer = messages.find(({ role }) => role === 'assistant')?.content;
    if (prompt !== undefined && answer !== undefined) examples.push({ prompt, answer });
  }
  return examples;
}

/** @param path under samples/ */
export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(`samples/${path}`, document.baseURI));
  if (!response.ok) throw new Error(`samples/${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

const fetchText = async (path: string): Promise<string> => new TextDecoder().decode(await fetchBytes(path));

export class Samples {
  state = $state.raw<SamplesState>({ kind: 'loading' });

  constructor() {
    void this.#load();
  }

  get list(): readonly ShownSample[] {
    return this.state.kind === 'listed' ? this.state.samples : [];
  }

  async #load(): Promise<void> {
    try {
      const samples = v.parse(v.array(Sample), JSON.parse(await fetchText('index.json')));
      const shown = samples.map(async (sample) => ({
        ...sample,
        examples: firstExamples(await fetchText(sample.train), SHOWN_ROWS),
        question: firstExamples(await fetchText(sample.test), 1)[0]?.prompt ?? '',
      }));
      this.state = { kind: 'listed', samples: await Promise.all(shown) };
    } catch (error) {
      this.state = { kind: 'failed', reason: messageOf(error) };
    }
  }
}
