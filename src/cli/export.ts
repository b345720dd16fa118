/** `graft export`: an adapter in another tool's format, or a tuned model as a delta. */
import { basename, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { EXPORT_FORMATS } from '../export/formats/registry.ts';
import { TOKENIZER_FILES } from '../export/grown-folder.ts';
import { readModel } from '../model/family.ts';
import { exportDelta } from './delta.ts';
import { folder, modelOf, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { clearFor, weightsLast } from './run-folder.ts';

/** The format of a tuned model; the others are of adapters. */
const DELTA_FORMAT = 'delta';
const NAMES = [...EXPORT_FORMATS.map(({ name }) => name), DELTA_FORMAT];
/** The files of a PEFT folder; a tokenizer if it adds tokens. */
const FILES = ['adapter_config.json', 'README.md', 'adapter_model.safetensors', ...TOKENIZER_FILES];

export const exportFlags = {
  model: { value: 'PATH', help: 'the base: a model folder or a GGUF file' },
  adapter: { value: 'DIR', help: 'a PEFT adapter folder' },
  tuned: { value: 'DIR', help: 'for delta: a model folder that was tuned from the base' },
  format: {
    value: 'NAME',
    help: `${EXPORT_FORMATS.map(({ name, help }) => `${name} (${help})`).join('; ')}; ${DELTA_FORMAT} (the tensors that differ from the base, for graft merge --delta)`,
  },
  out: { value: 'DIR', help: 'where to write the folder' },
  overwrite: { help: 'replace the result that --out holds' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

export async function exportCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(exportFlags, args);
  flags.required('format');
  const name = flags.choice('format', NAMES);
  const isDelta = name === DELTA_FORMAT;
  if (flags.isGiven(isDelta ? 'adapter' : 'tuned'))
    throw new GraftError(
      'arguments',
      isDelta
        ? 'An adapter is a delta by itself, and --format delta is for a tuned model.'
        : `--tuned is for --format delta, and ${name} is a format of adapters.`,
      isDelta ? 'Give the folder of the tuned model by --tuned.' : 'Give the adapter by --adapter.',
    );
  if (isDelta) {
    const [model, tuned] = [flags.required('model'), flags.required('tuned')];
    const out = flags.required('out');
    await exportDelta(tuned, { model, out, overwrite: flags.on('overwrite'), output });
    return;
  }
  const format = EXPORT_FORMATS.find((one) => one.name === name)!;
  const [path, given, out] = [flags.required('model'), flags.required('adapter'), flags.required('out')];
  checkOutput('--out', out, [
    { what: 'the base model', path },
    { what: 'the adapter', path: given },
  ]);
  const base = await modelOf(path);
  const source = folder(given);
  const adapter: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const file of FILES) {
    const found = await source.open(file);
    if (found) adapter[file] = Uint8Array.from(await found.read(0, found.size));
  }
  const { files } = await format.prepare({
    baseModel: basename(resolve(path)),
    base,
    model: await readModel(base),
    adapterName: basename(resolve(given)),
    adapter,
  });
  const byName = Object.fromEntries(files.map((file) => [file.name, file]));
  const release = await lockFolder(out, 'graft export');
  try {
    await clearFor(out, Object.keys(byName), flags.on('overwrite'));
    for (const [name, file] of Object.entries(weightsLast(byName)))
      await writeWhole(join(out, name), file.read());
  } finally {
    await release();
  }
  output.line(`Wrote ${files.map((file) => file.name).join(', ')} to ${resolve(out)}`);
}
