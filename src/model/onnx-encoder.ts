/**
 * Encoders whose weights are an ONNX file, for those that exist in no other form and for architectures that Graft has no kernels of. Graft does not run
 * them: it reads what their folders say, as of any encoder.
 */
import { GraftError } from '../errors.ts';
import { isObject, readJsonFile, type JsonObject } from '../json.ts';
import type { FileSet } from '../weights/bytes.ts';
import { onnxFileOf } from '../weights/companions.ts';
import { weightFileNames } from '../weights/folder.ts';
import { ConfigReader } from './config.ts';
import { readAnyModel } from './family.ts';

/** Families whose first position is not 0: RoBERTa counts from after the id of padding. */
const POSITIONS_BEHIND_PADDING = /^(?:roberta|xlm-roberta|camembert|mpnet)$/;
const USUAL_POSITIONS = 512;
const MAX_CONFIG = 1 << 20;

/**
 * Whether a folder holds an encoder that only its ONNX file can run: it has no safetensors, or Graft does not know its architecture.
 *
 * @throws GraftError `config-missing`, `config-field`, `json-…`, `weights-…`
 */
export async function isOnnxEncoder(files: FileSet): Promise<boolean> {
  if (!onnxFileOf(files.list())) return false;
  try {
    const definition = await readAnyModel(files);
    return 'pooling' in definition && (await weightFileNames(files)).length === 0;
  } catch (error) {
    if (!(error instanceof GraftError && error.code === 'config-unsupported')) throw error;
    return !writesText(await configOf(files));
  }
}

/** The same folder with its ONNX file as its only weights. */
export function onlyOnnx(files: FileSet): FileSet {
  const { name } = files;
  const list = (): string[] => files.list().filter((file) => !/\.(?:safetensors|gguf)$/i.test(file));
  return { name, list, open: (file) => files.open(file) };
}

/** How many positions the model has. @throws GraftError `config-field` */
export async function onnxPositions(files: FileSet): Promise<number> {
  const reader = new ConfigReader(await configOf(files), `${files.name}/config.json`);
  const positions = reader.size('max_position_embeddings', USUAL_POSITIONS);
  return POSITIONS_BEHIND_PADDING.test(reader.text('model_type', '')) ? positions - 2 : positions;
}

async function configOf(files: FileSet): Promise<JsonObject> {
  const config = await readJsonFile(files, 'config.json', MAX_CONFIG);
  return isObject(config) ? config : {};
}

/** A language model, or one that translates: it has no vector of a text. */
function writesText({ architectures, is_encoder_decoder }: JsonObject): boolean {
  const names = Array.isArray(architectures) ? architectures.map(String) : [];
  return is_encoder_decoder === true || names.some((name) => /CausalLM|ConditionalGeneration/.test(name));
}
