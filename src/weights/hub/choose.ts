/** Chooses the files of a model or an adapter in a repository, which may hold the same weights in five formats. */
import { GraftError } from '../../errors.ts';
import { ENCODER_COMPANIONS, READ_COMPANIONS } from '../companions.ts';
import type { ListedFile } from './listing.ts';
import { SUMS } from '../sums.ts';
import { PATH } from './place.ts';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const SHARD = /^model-(\d{5})-of-(\d{5})\.safetensors$/;
/** A PEFT folder: what it must have, and what is read next to it. */
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors'];
const WITH_ADAPTER = ['README.md', 'tokenizer.json', SUMS];
/** One of the parts of a large GGUF. */
const PART = /-\d{5}-of-\d{5}\.gguf$/i;

export interface FileChoice {
  readonly files: readonly ListedFile[];
  /** Whether it is one GGUF file, which needs no other files. */
  readonly gguf: boolean;
  /** Whether it is an adapter, which needs a base. */
  readonly adapter?: true;
}

/** GGUF files that a repository offers, smallest first. */
function ggufFiles(files: readonly ListedFile[]): ListedFile[] {
  return files
    .filter(({ path }) => /\.gguf$/i.test(path) && !PART.test(path) && PATH.test(path))
    .sort((a, b) => (a.size ?? 0) - (b.size ?? 0));
}

/**
 * @param file the GGUF file that was asked for
 * @throws GraftError `hub-file-missing`, `hub-choose` (with the GGUF files to choose from in its text), `hub-no-weights`
 */
export function chooseFiles(model: string, files: readonly ListedFile[], file?: string): FileChoice {
  const ggufs = ggufFiles(files);
  if (file !== undefined) {
    const found =
      ggufs.find(({ path }) => path === file) ?? ggufs.find(({ path }) => path.endsWith(`/${file}`));
    if (found) return { files: [found], gguf: true };
    throw new GraftError(
      'hub-file-missing',
      `${model} has no GGUF file ${file}.`,
      ggufs.length > 0 ? `It has ${listed(ggufs)}.` : 'It has no GGUF file in one part.',
    );
  }
  const byPath = new Map(files.map((entry) => [entry.path, entry]));
  const adapter = adapterIn(files);
  if (adapter) return adapter;
  const weights = safetensors(model, files, byPath);
  if (weights.length > 0) {
    if (!byPath.has('config.json')) {
      throw new GraftError(
        'hub-no-weights',
        `${model} has safetensors and no config.json.`,
        'It may be a part of something else: choose the repository of a whole model or of a PEFT adapter.',
      );
    }
    const companions = [...READ_COMPANIONS, ...ENCODER_COMPANIONS]
      .map((name) => byPath.get(name))
      .filter((entry) => entry !== undefined);
    return { files: [...companions, ...weights], gguf: false };
  }
  if (ggufs.length === 1) return { files: ggufs, gguf: true };
  if (ggufs.length > 1) {
    throw new GraftError(
      'hub-choose',
      `${model} has ${ggufs.length} GGUF files.`,
      `Choose one: ${listed(ggufs)}.`,
    );
  }
  const other = files.find(({ path }) => /\.(?:bin|pt|pth|h5|msgpack|onnx)$/.test(path));
  throw new GraftError(
    'hub-no-weights',
    `${model} has no safetensors and no GGUF${other ? ` (only ${other.path.slice(0, 80)})` : ''}.`,
    'Choose a repository that has its weights in one of the two.',
  );
}

/** The PEFT folder of a repository that is no whole model; undefined if there is none. */
function adapterIn(files: readonly ListedFile[]): FileChoice | undefined {
  const byPath = new Map(files.map((entry) => [entry.path, entry]));
  if ([SINGLE, INDEX].some((path) => byPath.has(path)) || !ADAPTER.every((path) => byPath.has(path)))
    return undefined;
  const found = [...ADAPTER, ...WITH_ADAPTER].flatMap((path) => byPath.get(path) ?? []);
  return { files: found, gguf: false, adapter: true };
}

/**
 * The files of an adapter.
 *
 * @throws GraftError `hub-no-weights`
 */
export function chooseAdapter(model: string, files: readonly ListedFile[]): FileChoice {
  const adapter = adapterIn(files);
  if (adapter) return adapter;
  const old = files.some(({ path }) => path === 'adapter_model.bin');
  throw new GraftError(
    'hub-no-weights',
    old
      ? `${model} has its adapter as adapter_model.bin only, which may hold code.`
      : `${model} has no PEFT adapter: it needs ${ADAPTER.join(' and ')}.`,
    old
      ? 'Choose a revision with adapter_model.safetensors, or convert it with PEFT.'
      : 'A whole model is looked for under Task, or by graft fetch.',
  );
}

/**
 * All choices of a repository: its safetensors first, then each GGUF file, smallest first.
 *
 * @throws GraftError as {@link chooseFiles} if there is none; `hub-adapter` for an adapter, which is no model to open
 */
export function everyChoice(model: string, files: readonly ListedFile[], file?: string): FileChoice[] {
  if (file === undefined && adapterIn(files))
    throw new GraftError(
      'hub-adapter',
      `${model} is an adapter, and a whole model is needed here.`,
      'Open its base model, and import the adapter under Use: Adapters, From the hub.',
    );
  const ggufs = file === undefined ? ggufFiles(files) : [];
  const single = ggufs.map((gguf): FileChoice => ({ files: [gguf], gguf: true }));
  const whole = files.some(({ path }) => path === SINGLE || path === INDEX);
  return whole || single.length === 0 ? [chooseFiles(model, files, file), ...single] : single;
}

function safetensors(
  model: string,
  files: readonly ListedFile[],
  byPath: ReadonlyMap<string, ListedFile>,
): ListedFile[] {
  const single = byPath.get(SINGLE);
  if (single) return [single];
  const index = byPath.get(INDEX);
  if (!index) return [];
  const shards = files.filter(({ path }) => SHARD.test(path));
  const total = Number(SHARD.exec(shards.at(0)?.path ?? '')?.[2] ?? 0);
  const whole = shards.filter(({ path }) => Number(SHARD.exec(path)?.[2]) === total);
  if (total === 0 || whole.length !== total) {
    throw new GraftError(
      'hub-no-weights',
      `${model} has ${INDEX}, but only ${whole.length} of ${total} shards that belong to it.`,
      'Choose another revision, or inform its publisher.',
    );
  }
  return [index, ...whole.sort((a, b) => (a.path < b.path ? -1 : 1))];
}

function listed(files: readonly ListedFile[]): string {
  const names = files.slice(0, 12).map(({ path }) => path);
  return names.join(', ') + (files.length > names.length ? ` and ${files.length - names.length} more` : '');
}
