/** `graft export`: an adapter in another tool's format, or a tuned model as a delta. */
import { basename, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import type { ExportFormat, Parts } from '../export/formats/format.ts';
import type { ChatDefaults } from '../export/chat-page/settings.ts';
import { PAIR } from '../export/formats/ollama.ts';
import { EXPORT_FORMATS } from '../export/formats/registry.ts';
import { lossSentences } from '../export/gguf/loss.ts';
import { TOKENIZER_FILES } from '../export/grown-folder.ts';
import { missingFile } from '../export/peft.ts';
import { readModel } from '../model/family.ts';
import { GRADUATE_FORMATS } from '../runs/graduate/registry.ts';
import { chatPageProgram } from './chat-page.ts';
import { exportDelta } from './delta.ts';
import { exportRun } from './export-run.ts';
import { folder, modelOf, writeWhole } from './files.ts';
import { Flags, underFlag, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { checkOutput } from './output-path.ts';
import { measuredCard } from './measured-card.ts';
import { measureMerge, mergeLossFlags, openMergeRows } from './merge-loss.ts';
import type { Output } from './output.ts';
import { clearFor, weightsLast } from './run-folder.ts';
import { readSampling, samplingFlags, singleFlag } from './sampling-flags.ts';
import { hashing } from './sha256.ts';
import { checkSums, SUMS, sumsText } from '../weights/sums.ts';

/** The format of a tuned model; the others are of adapters. */
const DELTA_FORMAT = 'delta';
/** The formats that have something: `a`, `a and b`, `a, b and c`. */
const namesOf = (has: (format: ExportFormat) => unknown): string =>
  EXPORT_FORMATS.filter(has)
    .map(({ name }) => name)
    .join(', ')
    .replace(/, ([^,]*)$/, ' and $1');
/** Formats of a model, with an adapter or without. */
const BARE = namesOf(({ bare }) => bare);
/** Formats whose weights have a type of choice. */
const TYPED = namesOf(({ types }) => types);
/** Formats with a place for a system prompt. */
const WITH_SYSTEM = namesOf(({ takesSystem }) => takesSystem);
/** Formats with a place for the settings of answers. */
const CHATS = namesOf(({ takesChat }) => takesChat);
/** Formats whose files Graft reads again, to measure what they lost. */
const MEASURABLE = namesOf(({ measurable }) => measurable);
/** The number formats of each: formats with the same ones are named together. */
const TYPES = [...new Set(EXPORT_FORMATS.flatMap(({ types }) => (types ? [types] : [])))]
  .map((types) => {
    const names = EXPORT_FORMATS.filter((format) => format.types === types).map(({ name }) => name);
    return `${types.join(', ')} for ${names.join(' and ')}`;
  })
  .join('; ');
const NAMES = [...[...EXPORT_FORMATS, ...GRADUATE_FORMATS].map(({ name }) => name), DELTA_FORMAT];
/** The files that a PEFT folder must have. */
const NEEDED = ['adapter_config.json', 'adapter_model.safetensors'];
/** What is read of one: a tokenizer if it adds tokens. */
const FILES = ['adapter_config.json', 'README.md', 'adapter_model.safetensors', ...TOKENIZER_FILES];

const CARD = 'README.md';
/** Files whose checksum is printed. */
const WEIGHTS = /\.(safetensors|gguf|onnx(_data(_\d+)?)?)$/;
/** Flags of the measurement. */
const MEASURING = Object.keys(mergeLossFlags) as (keyof typeof mergeLossFlags)[];

const answerFlags = underFlag('Answers of a chat page, until a person there chooses something else', {
  ...samplingFlags,
  single: singleFlag,
});
/** Flags of answers. */
const ANSWERING = Object.keys(answerFlags) as (keyof typeof answerFlags)[];

export const exportFlags = {
  model: {
    value: 'PATH',
    help: 'the base: a model folder or a GGUF file (for --run: only if it has moved)',
  },
  adapter: {
    value: 'DIR',
    help: `a PEFT adapter folder; for ${BARE} it may be left out: --model is then a tuned model`,
  },
  tuned: {
    value: 'DIR',
    help: `for ${DELTA_FORMAT}, ${BARE}: a model folder that was tuned from the base`,
  },
  run: {
    value: 'DIR',
    help: `for ${GRADUATE_FORMATS.map(({ name }) => name).join(', ')}: the folder of a run, paused or ended, that continues elsewhere`,
  },
  format: {
    value: 'NAME',
    help: `${[...EXPORT_FORMATS, ...GRADUATE_FORMATS].map(({ name, help }) => `${name} (${help})`).join('; ')}; ${DELTA_FORMAT} (the tensors that differ from the base, for graft merge --delta)`,
  },
  type: {
    value: 'TYPE',
    help: `the number format of the weights: ${TYPES} (${PAIR}: base and adapter apart); default f16`,
  },
  system: { value: 'TEXT', help: `for ${WITH_SYSTEM}: the system prompt` },
  out: { value: 'DIR', help: 'where to write the folder' },
  ...answerFlags,
  ...mergeLossFlags,
  overwrite: { help: 'replace the result that --out holds' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

export async function exportCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(exportFlags, args);
  flags.required('format');
  const name = flags.choice('format', NAMES);
  const graduate = GRADUATE_FORMATS.find((one) => one.name === name);
  if (graduate) {
    await exportRun(graduate, flags, output);
    return;
  }
  if (flags.isGiven('run'))
    throw new GraftError(
      'arguments',
      `--run is for ${GRADUATE_FORMATS.map((one) => one.name).join(', ')}, and ${name} is a format of adapters and models.`,
      'Give the adapter by --adapter: the folder of a run that has ended is one.',
    );
  const isDelta = name === DELTA_FORMAT;
  const format = EXPORT_FORMATS.find((one) => one.name === name);
  if (isDelta && flags.isGiven('adapter'))
    throw new GraftError(
      'arguments',
      'An adapter is a delta by itself, and --format delta is for a tuned model.',
      'Give the folder of the tuned model by --tuned.',
    );
  if (format && !format.bare && flags.isGiven('tuned'))
    throw new GraftError(
      'arguments',
      `--tuned is for --format ${DELTA_FORMAT}, ${BARE}, and ${name} is a format of adapters.`,
      'Give the adapter by --adapter.',
    );
  if (!format) {
    const [model, tuned] = [flags.required('model'), flags.required('tuned')];
    const out = flags.required('out');
    await exportDelta(tuned, { model, out, overwrite: flags.on('overwrite'), output });
    return;
  }
  const path = flags.required('model');
  const given = format.bare ? flags.text('adapter') : flags.required('adapter');
  const tuned = flags.text('tuned');
  if (tuned !== undefined && given !== undefined)
    throw new GraftError(
      'arguments',
      '--adapter and --tuned are both given, and an export has one model.',
      'Leave one of them out.',
    );
  const out = flags.required('out');
  const type = typeOf(flags, format);
  const system = systemOf(flags, format);
  const chat = chatOf(flags, format);
  checkOutput('--out', out, [
    { what: given === undefined ? 'the model' : 'the base model', path },
    { what: 'the adapter', path: given },
    { what: 'the tuned model', path: tuned },
  ]);
  const base = await modelOf(tuned ?? path);
  const model = await readModel(base);
  const parts: Parts = {
    baseModel: basename(resolve(path)),
    ...{ base, model },
    adapterName: basename(resolve(given ?? tuned ?? path)),
    adapter: given === undefined ? {} : await adapterFiles(given),
    ...(type !== undefined && { type }),
    ...(system !== undefined && { system }),
    ...(chat && { chat }),
    chatPage: chatPageProgram,
  };
  const { files, summary } = await format.prepare(parts);
  // Rows that cannot be read stop the call before anything is written.
  const rows = flags.isGiven('data')
    ? await openMergeRows(flags, { base, model, adapter: given }, output)
    : undefined;
  const byName = Object.fromEntries(files.map((file) => [file.name, file]));
  const release = await lockFolder(out, 'graft export');
  try {
    await clearFor(out, [...Object.keys(byName), SUMS], flags.on('overwrite'));
    const sums = new Map<string, string>();
    for (const [name, file] of Object.entries(weightsLast(byName)))
      await writeWhole(
        join(out, name),
        hashing(file.read(), (sum) => sums.set(name, sum)),
      );
    output.line(`Wrote ${[...files.map((file) => file.name), SUMS].join(', ')} to ${resolve(out)}`);
    for (const [name, sum] of sums) if (WEIGHTS.test(name)) output.line(`SHA-256 of ${name}: ${sum}`);
    if (format.types ?? format.takesChat) output.line(`${format.label}: ${summary}`);
    const weights = files.find((file) => file.name.endsWith('.gguf'));
    if (rows && weights)
      sums.set(CARD, await addLoss(flags, rows, { out, file: weights.name, format, parts }, output));
    await writeWhole(join(out, SUMS), new TextEncoder().encode(sumsText(sums)));
  } finally {
    await release();
  }
}

/** Measures what the written file lost, and writes the card again with it. @returns the SHA-256 of the card */
async function addLoss(
  flags: Flags<typeof exportFlags>,
  rows: Awaited<ReturnType<typeof openMergeRows>>,
  { out, file, format, parts }: { out: string; file: string; format: ExportFormat; parts: Parts },
  output: Output,
): Promise<string> {
  const to = { file: join(out, file), type: parts.type ?? 'f16' };
  const loss = await measureMerge(flags, rows, to, output);
  for (const sentence of lossSentences(loss)) output.line(sentence);
  const again = await format.prepare({ ...parts, loss });
  const card = again.files.find((file) => file.name === CARD)!;
  let sum = '';
  await writeWhole(
    join(out, CARD),
    hashing(card.read(), (hex) => (sum = hex)),
  );
  return sum;
}

/** @throws GraftError `arguments` for a format without types, or a type that it does not have */
function typeOf(
  flags: Flags<typeof exportFlags>,
  { name, types, measurable }: ExportFormat,
): string | undefined {
  if (types) {
    const type = flags.choice('type', types);
    const measuring = measurable ? undefined : MEASURING.find((flag) => flags.isGiven(flag));
    if (measuring !== undefined)
      throw new GraftError(
        'arguments',
        `--${measuring} measures what merging costs, which Graft does for ${MEASURABLE}.`,
        'Leave it out.',
      );
    if (type === PAIR && flags.isGiven('data'))
      throw new GraftError(
        'arguments',
        `--data measures what merging costs, and --type ${PAIR} merges nothing.`,
        'Leave one of them out.',
      );
    return type;
  }
  const other = (['type', ...MEASURING] as const).find((flag) => flags.isGiven(flag));
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--${other} is for ${TYPED}, and ${name} keeps the numbers of its source.`,
      'Leave it out.',
    );
  return undefined;
}

function systemOf(flags: Flags<typeof exportFlags>, { name, takesSystem }: ExportFormat): string | undefined {
  const system = flags.text('system');
  if (system !== undefined && !takesSystem)
    throw new GraftError(
      'arguments',
      `--system is for ${WITH_SYSTEM}, and ${name} has no place for it.`,
      'Leave it out.',
    );
  return system;
}

/** How a page answers at first. @throws GraftError `arguments` for a format that does not answer, `sampling` */
function chatOf(
  flags: Flags<typeof exportFlags>,
  { name, takesChat }: ExportFormat,
): ChatDefaults | undefined {
  if (takesChat) {
    const { seed, ...answers } = readSampling(flags);
    const defaults = { ...answers, ...(flags.on('single') && { single: true }) };
    // Without a seed each answer draws its own.
    return flags.isGiven('seed') ? { ...defaults, seed } : defaults;
  }
  const other = ANSWERING.find((flag) => flags.isGiven(flag));
  if (other !== undefined)
    throw new GraftError(
      'arguments',
      `--${other} is for ${CHATS}, and ${name} has no place for it.`,
      'Leave it out.',
    );
  return undefined;
}

async function adapterFiles(path: string): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const source = folder(path);
  await checkSums(source, FILES);
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const file of FILES) {
    const found = await source.open(file);
    if (found) files[file] = Uint8Array.from(await found.read(0, found.size));
  }
  for (const file of NEEDED) if (!Object.hasOwn(files, file)) throw await missingFile(source, file);
  const measured = await measuredCard(path);
  return measured === undefined ? files : { ...files, [CARD]: new TextEncoder().encode(measured) };
}
