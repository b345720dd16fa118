/** onnxruntime-web in Node, the runtime that pages have: exported models run in it. It comes with Transformers.js. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where Transformers.js and onnxruntime-web are. */
export const PACKAGES = join(import.meta.dirname, '..', 'node_modules');

interface OrtTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}
type Values = Record<string, OrtTensor>;
interface OrtSession {
  readonly inputMetadata: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[];
  run(inputs: Values): Promise<Values>;
  release(): Promise<void>;
}
interface Ort {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (
    type: 'int64' | 'float32',
    data: BigInt64Array | Float32Array,
    dims: number[],
  ) => OrtTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { executionProviders: string[]; externalData?: { path: string; data: Uint8Array }[] },
    ): Promise<OrtSession>;
  };
}

/** Texts of a call: the ids of each, with 0 in the mask for padding on their left. */
export interface Call {
  readonly ids: readonly (readonly number[])[];
  readonly positions: readonly (readonly number[])[];
  /** Of the ids, and of all that came before. */
  readonly mask: readonly (readonly number[])[];
}

const PAST = 'past_key_values';

export class OnnxSession {
  private constructor(
    private readonly ort: Ort,
    private readonly session: OrtSession,
  ) {}

  /** @param data files next to the model, by name */
  static async open(
    model: Uint8Array,
    data: Readonly<Record<string, Uint8Array>> = {},
  ): Promise<OnnxSession> {
    const path = join(PACKAGES, 'onnxruntime-web', 'dist', 'ort.wasm.bundle.min.mjs');
    const ort = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Ort;
    ort.env.wasm.numThreads = 1;
    const externalData = Object.entries(data).map(([name, bytes]) => ({ path: name, data: bytes }));
    const options = { executionProviders: ['wasm'], ...(externalData.length > 0 && { externalData }) };
    return new OnnxSession(ort, await ort.InferenceSession.create(model, options));
  }

  /** Names and shapes of the inputs. */
  get inputs(): OrtSession['inputMetadata'] {
    return this.session.inputMetadata;
  }

  /** @param past what the call before has returned @returns logits [texts, tokens, vocabulary], and keys and values */
  async run({ ids, positions, mask }: Call, past?: Values): Promise<{ logits: OrtTensor; past: Values }> {
    const { Tensor } = this.ort;
    const integers = (rows: readonly (readonly number[])[]): OrtTensor =>
      new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
    const given: Values = {
      input_ids: integers(ids),
      attention_mask: integers(mask),
      position_ids: integers(positions),
    };
    const needed = this.inputs.map(({ name }) => name);
    const empty = this.inputs
      .filter(({ name }) => name.startsWith(PAST))
      .map(({ name, shape: [, heads, , size] }): [string, OrtTensor] => [
        name,
        new Tensor('float32', new Float32Array(), [ids.length, Number(heads), 0, Number(size)]),
      ]);
    const named = Object.entries(given).filter(([name]) => needed.includes(name));
    const { logits, ...present } = await this.session.run({
      ...Object.fromEntries(named),
      ...(past ?? Object.fromEntries(empty)),
    });
    const kept = Object.entries(present).map(([name, value]) => [name.replace('present', PAST), value]);
    return { logits, past: Object.fromEntries(kept) as Values };
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** A call with these texts whole, without padding. */
export function wholeTexts(ids: readonly (readonly number[])[]): Call {
  return {
    ids,
    positions: ids.map((row) => row.map((_, at) => at)),
    mask: ids.map((row) => row.map(() => 1)),
  };
}
