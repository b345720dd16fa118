/** An MLX adapter, loaded by mlx-lm's definition, merges to the same model as Graft's own merge. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { mergedWeights } from '../../../src/export/merge.ts';
import { mlx } from '../../../src/export/formats/mlx.ts';
import { readPeft } from '../../../src/export/peft.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { memorySource } from '../../../src/weights/bytes.ts';
import { toFloat32 } from '../../../src/weights/dtypes.ts';
import { concatBytes, parseSafetensors, type TensorEntry } from '../../../src/weights/safetensors.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const ADAPTER = at('tests/reference/peft/adapter');
const sprig = folder(at('public/models/sprig'));

async function parse(chunks: AsyncIterable<Uint8Array>): Promise<Map<string, TensorEntry>> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return parseSafetensors(memorySource('x', concatBytes(parts)));
}
const floats = async (entry: TensorEntry): Promise<Float32Array> =>
  Float32Array.from(toFloat32(await entry.read(), entry.dtype, entry.name));

test.each([
  ['as it is', {}],
  ['with another alpha for a layer', { alpha_pattern: { 'layers.0.self_attn.q_proj': 1 } }],
])('W + scale · (a · b)ᵀ is the merged weight, %s', async (_, change) => {
  const model = await readModel(sprig);
  const config = JSON.parse(readFileSync(`${ADAPTER}/adapter_config.json`, 'utf8')) as object;
  const adapter = {
    'adapter_config.json': new TextEncoder().encode(JSON.stringify({ ...config, ...change })),
    'adapter_model.safetensors': new Uint8Array(readFileSync(`${ADAPTER}/adapter_model.safetensors`)),
  };
  const {
    files: [settings, weights],
  } = await mlx.prepare({
    baseModel: 'sprig',
    base: sprig,
    model,
    adapterName: 'a',
    adapter,
  });
  let text = '';
  for await (const bytes of settings.read()) text += new TextDecoder().decode(bytes);
  const {
    fine_tune_type,
    num_layers,
    lora_parameters: lora,
  } = JSON.parse(text) as {
    fine_tune_type: string;
    num_layers: number;
    lora_parameters: { rank: number; scale: number; keys: string[] };
  };
  expect([fine_tune_type, num_layers]).toEqual(['lora', model.shape.layers]);
  expect(lora.keys).toContain('self_attn.q_proj');
  const given = await parse(weights.read());
  const source = await openModelWeights(sprig, model);
  const files = {
    name: 'a',
    list: () => Object.keys(adapter),
    open: async (name: string) =>
      name in adapter ? memorySource(name, adapter[name as keyof typeof adapter]) : undefined,
  };
  const merged = await parse(mergedWeights(model, source, await readPeft(files, model)));
  let compared = 0;
  for (const [name, entry] of given) {
    if (!name.endsWith('.lora_a')) continue;
    const path = name.slice(0, -'.lora_a'.length);
    const [a, b] = [await floats(entry), await floats(given.get(`${path}.lora_b`)!)];
    const [inputs, rank] = entry.shape;
    expect(rank).toBe(lora.rank);
    const w = await floats(source.get(`${path}.weight`)!);
    const want = await floats(merged.get(`${path}.weight`)!);
    const outputs = b.length / rank;
    for (let n = 0; n < outputs; n++)
      for (let k = 0; k < inputs; k++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += a[k * rank + r] * b[r * outputs + n];
        const got = w[n * inputs + k] + lora.scale * sum;
        if (Math.abs(got - want[n * inputs + k]) > 6e-4 * Math.abs(got) + 1e-6)
          throw new Error(`${path} differs`);
      }
    compared++;
  }
  expect(compared).toBe(given.size / 2);
  expect(compared).toBeGreaterThan(0);
});
