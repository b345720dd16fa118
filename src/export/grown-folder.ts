/** A model folder with new tokens: the files of the vocabulary change, everything else stays. */
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { tokenizerConfigWith, tokenizerWith, type NewTokens } from '../text/added-tokens.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { memoryFiles, readJson, type FileSet } from '../weights/bytes.ts';
import { overlaid } from './overlaid.ts';
import type { AdapterData } from './peft.ts';
import { unties, untiedFolder } from './untie.ts';

const MAX_BYTES = 64 * 2 ** 20;
/** The files of a tokenizer, which an adapter with new tokens has too. */
export const TOKENIZER_FILES: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

/**
 * @param vocabulary rows of embedding and head, if the folder is that of a model with the new rows; left out, only the tokenizer grows
 */
export async function grownFolder(files: FileSet, added: NewTokens, vocabulary?: number): Promise<FileSet> {
  const changes: Readonly<Record<string, (json: JsonObject) => JsonObject>> = {
    'tokenizer.json': (json) => tokenizerWith(json, added),
    'tokenizer_config.json': (json) => tokenizerConfigWith(json, added),
    ...(vocabulary !== undefined && { 'config.json': (json) => configWith(json, vocabulary) }),
  };
  const changed: Record<string, string> = {};
  for (const [name, change] of Object.entries(changes)) {
    const json = await readJson(files, name, MAX_BYTES);
    // The lists of a vocabulary would take a line for each token.
    if (json) changed[name] = `${JSON.stringify(change(json), null, name === 'tokenizer.json' ? 0 : 2)}\n`;
  }
  return overlaid(files, memoryFiles(changed, files.name));
}

/** The folder of a base with an adapter's new tokens, if it has some, and with a head of its own, if the adapter has trained one. */
export async function mergedFolder(
  files: FileSet,
  { modules }: Pick<AdapterData, 'modules'>,
  model: Pick<ModelDefinition, 'shape'>,
): Promise<FileSet> {
  if (unties(modules, model)) return untiedFolder(files);
  const added = addedTokens(modules);
  const { vocabulary } = model.shape;
  // An adapter has either new tokens or modules that are trained as a whole.
  return added ? grownFolder(files, added, Math.max(vocabulary, added.first + added.texts.length)) : files;
}

/** Multimodal models have a nested configuration for their text part. */
function configWith(json: JsonObject, vocabulary: number): JsonObject {
  const text = json['text_config'];
  return isObject(text)
    ? { ...json, text_config: { ...text, vocab_size: vocabulary } }
    : { ...json, vocab_size: vocabulary };
}

/** The files of a folder's tokenizer with new tokens, whole. */
export async function tokenizerFiles(
  files: FileSet,
  added: NewTokens,
): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const grown = await grownFolder(files, added);
  const found: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const name of TOKENIZER_FILES) {
    const source = grown.list().includes(name) ? await grown.open(name) : undefined;
    if (source) found[name] = Uint8Array.from(await source.read(0, source.size));
  }
  return found;
}

/**
 * The tokenizer with new tokens: the one in the adapter's folder, or the base's with the tokens added.
 *
 * @throws GraftError `adapter-fit` if the adapter's own tokenizer gives them other ids
 */
export async function tokenizerWithTokens(
  added: NewTokens,
  files: FileSet,
  adapter?: FileSet,
): Promise<Tokenizer> {
  const own = adapter?.list().filter((name) => TOKENIZER_FILES.includes(name)) ?? [];
  if (!adapter || !own.includes('tokenizer.json')) return loadTokenizer(await grownFolder(files, added));
  const tokenizer = await loadTokenizer(overlaid(files, { ...adapter, list: () => own }));
  const other = added.texts.find((text, at) => tokenizer.idOf(text) !== added.first + at);
  if (other === undefined) return tokenizer;
  throw new GraftError(
    'adapter-fit',
    `The tokenizer in ${adapter.name} gives ${JSON.stringify(other.slice(0, 60))} another id than the adapter.`,
    'Save adapter and tokenizer together.',
  );
}
