/** The files that Transformers.js reads next to a model: its configuration, when it stops, and its tokenizer with the chat template. */
import { GraftError } from '../../errors.ts';
import { isObject, type JsonObject } from '../../json.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import { readJson, type FileSet } from '../../weights/bytes.ts';
import type { FolderFile } from '../folder-sink.ts';
import { wholeFile } from '../formats/format.ts';

/** How Transformers.js finds the model. */
export interface OnnxPlace {
  /** Its name of the number format. */
  readonly dtype: string;
  readonly file: string;
  /** How many files of data belong to it. */
  readonly dataFiles: number;
}

const MAX_CONFIG = 16 * 2 ** 20;

/**
 * @param folder of the merged model
 * @throws GraftError `export-format` for a folder without a tokenizer, `tokenizer-…`
 */
export async function onnxCompanions(
  folder: FileSet,
  model: ModelDefinition,
  place: OnnxPlace,
): Promise<{ readonly files: readonly FolderFile[]; readonly tokenizer: Tokenizer }> {
  const source = folder.list().includes('tokenizer.json') ? await folder.open('tokenizer.json') : undefined;
  if (!source)
    throw new GraftError(
      'export-format',
      `${folder.name} has no tokenizer.json, and Transformers.js reads its tokenizer from it.`,
      'Put the tokenizer of the model into its folder.',
    );
  const tokenizer = await loadTokenizer(folder);
  const read = async (name: string): Promise<JsonObject | undefined> => readJson(folder, name, MAX_CONFIG);
  const written: Readonly<Record<string, JsonObject>> = {
    'config.json': configWith((await read('config.json'))!, model, place),
    'generation_config.json': (await read('generation_config.json')) ?? generationConfigOf(tokenizer),
    'tokenizer_config.json': tokenizerConfigOf((await read('tokenizer_config.json')) ?? {}, tokenizer),
  };
  return {
    tokenizer,
    files: [
      ...Object.entries(written).map(([name, json]) =>
        wholeFile(name, new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)),
      ),
      {
        name: source.name,
        size: source.size,
        async *read() {
          yield await source.read(0, source.size);
        },
      },
    ],
  };
}

/** Fields that say the sizes of keys and values, which earlier versions of Transformers.js take from here, and a configuration may leave out. */
function sizesOf({ modelType, shape }: ModelDefinition): JsonObject {
  const { vocabulary, channels, layers, heads, kvHeads, headSize } = shape;
  return modelType === 'gpt2'
    ? { vocab_size: vocabulary, n_embd: channels, n_layer: layers, n_head: heads }
    : {
        vocab_size: vocabulary,
        hidden_size: channels,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kvHeads,
        head_dim: headSize,
      };
}

const OWN = 'transformers.js_config';

function configWith(
  config: JsonObject,
  model: ModelDefinition,
  { dtype, file, dataFiles }: OnnxPlace,
): JsonObject {
  const text = config['text_config'];
  // The text part of a model that also sees is a model of its own here.
  const own = isObject(text)
    ? { ...text, model_type: `${model.modelType}_text`, architectures: ['Gemma3ForCausalLM'] }
    : config;
  return {
    ...sizesOf(model),
    ...own,
    [OWN]: { dtype, ...(dataFiles > 0 && { use_external_data_format: { [file]: dataFiles } }) },
  };
}

function generationConfigOf({ bosId, eosIds, padId }: Tokenizer): JsonObject {
  return {
    ...(bosId !== undefined && { bos_token_id: bosId }),
    ...(eosIds.length > 0 && { eos_token_id: eosIds }),
    ...(padId !== undefined && { pad_token_id: padId }),
  };
}

/** Transformers.js reads no chat template from a file of its own. */
function tokenizerConfigOf(config: JsonObject, tokenizer: Tokenizer): JsonObject {
  const { bosToken, eosToken, chatTemplate, chatTemplateFile } = tokenizer;
  const isApart = chatTemplate !== undefined && !chatTemplateFile?.endsWith('tokenizer_config.json');
  return {
    ...(bosToken !== undefined && { bos_token: bosToken }),
    ...(eosToken !== undefined && { eos_token: eosToken }),
    ...config,
    ...(isApart && { chat_template: chatTemplate }),
  };
}
