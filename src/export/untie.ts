/**
 * A base with one weight for embedding and head, and an adapter that has trained one of them, or both, as a whole: the merged model has two weights.
 */
import type { AdapterModule } from '../adapters/kind.ts';
import { SAVED } from '../adapters/saved/saved.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { isObject, type JsonObject } from '../json.ts';
import { memoryFiles, readJson, type FileSet } from '../weights/bytes.ts';
import type { WeightSource } from '../weights/folder.ts';
import { overlaid } from './overlaid.ts';

const HEAD = 'lm_head.weight';
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/** Whether a merged model has a head of its own if the base has none. */
export function unties(
  modules: readonly AdapterModule[],
  { shape }: Pick<ModelDefinition, 'shape'>,
): boolean {
  return shape.head !== HEAD && modules.some(({ kind }) => kind === SAVED);
}

/** The base with a head of its own, which has the numbers of the embedding. */
export function untied(
  model: ModelDefinition,
  source: WeightSource,
): { readonly model: ModelDefinition; readonly source: WeightSource } {
  const { weights, shape, renamed = [] } = model;
  const embedding = weights.find(({ name }) => name === shape.head)!;
  const own = new Set(weights.map(({ name }) => name));
  // An older copy of the tied head is not one of its own.
  const isOld = (name: string): boolean => name.endsWith(HEAD);
  // Names without their start belong to a model that has no head.
  const drops = renamed.some(([, theirs]) => theirs === '');
  const headName = renamed.reduce(
    (name, [ours, theirs]) =>
      HEAD.startsWith(ours) && source.get(embedding.name)!.name !== embedding.name
        ? theirs + HEAD.slice(ours.length)
        : name,
    HEAD,
  );
  return {
    model: {
      ...model,
      weights: [...weights, { ...embedding, name: HEAD }],
      shape: { ...shape, head: HEAD },
    },
    source: {
      ...source,
      names: () => [...source.names().filter((name) => !isOld(name)), headName],
      get(name) {
        if (name === HEAD || name === headName) return { ...source.get(embedding.name)!, name: headName };
        const entry = isOld(name) ? undefined : source.get(name);
        return entry && drops && own.has(name) ? { ...entry, name } : entry;
      },
    },
  };
}

/** The folder of a base whose configuration says that embedding and head are two weights. */
export async function untiedFolder(files: FileSet): Promise<FileSet> {
  const name = 'config.json';
  const json = await readJson(files, name, MAX_CONFIG_BYTES);
  if (!json) return files;
  const text = `${JSON.stringify(untiedConfig(json), null, 2)}\n`;
  return overlaid(files, memoryFiles({ [name]: text }, files.name));
}

/** Multimodal models have a nested configuration for their text part. */
function untiedConfig(json: JsonObject): JsonObject {
  const own = { tie_word_embeddings: false };
  const text = json['text_config'];
  return { ...json, ...own, ...(isObject(text) && { text_config: { ...text, ...own } }) };
}

/**
 * What a run that trains embedding or head as a whole on such a base can become, in words for its start; undefined for any other run.
 *
 * @param modules of its adapter
 */
export function tellUntied(
  modules: readonly AdapterModule[],
  model: Pick<ModelDefinition, 'shape'>,
): string | undefined {
  if (!unties(modules, model)) return undefined;
  const { vocabulary, channels } = model.shape;
  const rows = `${vocabulary} × ${channels}`;
  return `The base has one weight for embedding and head (${rows}), and this run trains a copy. The adapter is a PEFT folder. A merged model gets a second weight of that size and "tie_word_embeddings": false. The adapter formats of llama.cpp and MLX cannot hold it.`;
}
