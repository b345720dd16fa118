/** `graft embed`: a vector for each text of a file. */
import { GraftError } from '../errors.ts';
import { parseWritten, isObject } from '../json.ts';
import { linesOf } from '../data/lines.ts';
import { Embedder } from '../model/embedder.ts';
import { Encoder } from '../model/encoder.ts';
import { readEncoder } from '../model/family.ts';
import { POOLINGS, readPooling, readWindow } from '../model/pooling.ts';
import { textIds } from '../text/text-ids.ts';
import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { modelOf, openBytes, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { openDevice } from './open-device.ts';
import { checkFile, checkOutput } from './output-path.ts';
import { formatBytes, type Output } from './output.ts';
import { modelFlags, PRECISIONS, readWeightChoices, requiredTokenizer } from './session.ts';

export const embedFlags = {
  ...modelFlags,
  model: { value: 'DIR', help: 'an encoder: a Hugging Face folder of the BERT family' },
  data: { value: 'FILE', help: 'JSONL with a {"text": "…"} on each line' },
  out: {
    value: 'FILE',
    help: 'where to write embeddings [rows, size] f32 in the order of the file, as safetensors',
  },
  prefix: { value: 'TEXT', help: 'put before every text, such as "query: " for e5' },
  pooling: {
    value: POOLINGS.join('|'),
    help: "how the vectors of tokens become one, if the folder's own choice is not wanted or not there",
  },
  overwrite: { help: 'replace the file that is at --out' },
  json: { help: 'print a report as JSON: rows, size, cut texts, seconds' },
} as const satisfies FlagSpecs;

export async function embedCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(embedFlags, args);
  const out = flags.required('out');
  const data = flags.required('data');
  const path = flags.required('model');
  checkOutput('--out', out, [
    { what: 'the model', path },
    { what: 'the data', path: data },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const files = await modelOf(path);
  // Before the weights: these say what is wrong with a folder at once.
  const { maxPositions } = (await readEncoder(files)).shape;
  const asked = flags.choice('pooling', POOLINGS);
  const settings = await readPooling(files, asked);
  if (!settings.known)
    output.line(
      `${files.name} has no modules.json, which says how tokens are pooled: their mean is taken (--pooling cls takes the first token), and every vector has length 1.`,
    );
  const window = await readWindow(files, maxPositions);
  const tokenizer = await requiredTokenizer(files);
  const prefix = flags.text('prefix') ?? '';
  const rows = (await readTexts(data)).map((text) => textIds(tokenizer, prefix + text, window));

  const device = await openDevice(flags, output);
  const encoder = await Encoder.load(device, files, {
    precision: flags.choice('precision', PRECISIONS) ?? 'f32',
    weights: readWeightChoices(flags),
    onProgress: (done, total) =>
      output.progress(`Loading weights: ${formatBytes(done)} of ${formatBytes(total)}`),
  });
  const began = performance.now();
  const embedder = new Embedder(encoder, settings);
  const embeddings = await embedder.embed(
    rows.map(({ ids }) => ids),
    { onProgress: (done, total) => output.progress(`Embedded ${done} of ${total} texts`) },
  );
  const seconds = (performance.now() - began) / 1000;
  const shape = [rows.length, embedder.size];
  const tensors = [{ name: 'embeddings', dtype: 'F32' as const, shape, data: embeddings }];
  await writeWhole(out, concatBytes(writeSafetensors(tensors)));
  const cut = rows.filter((row) => row.cut).length;
  const cutInWords =
    cut > 0 ? `; ${cut} ${cut === 1 ? 'text was' : 'texts were'} cut to ${window} tokens` : '';
  output.line(`Wrote embeddings [${shape.join(', ')}] to ${out} after ${seconds.toFixed(1)} s${cutInWords}`);
  if (flags.on('json'))
    output.result(
      `${JSON.stringify({ rows: rows.length, size: embedder.size, cut, window, pooling: settings.pooling, normalise: settings.normalise, seconds })}\n`,
    );
}

/** @throws GraftError `embed-row` for a line without a text, `embed-empty` */
async function readTexts(path: string): Promise<string[]> {
  const texts: string[] = [];
  for (const { number, text, problem } of linesOf(await openBytes(path))) {
    if (problem === undefined && text.trim() === '') continue;
    const where = `Line ${number} of ${path}`;
    const row: unknown = problem === undefined ? parseWritten(text, where) : undefined;
    if (!isObject(row) || typeof row.text !== 'string')
      throw new GraftError(
        'embed-row',
        `${where} ${problem === undefined ? 'has no text' : `cannot be read: ${problem}`}.`,
        'Write {"text": "…"} on each line.',
      );
    texts.push(row.text);
  }
  if (texts.length === 0)
    throw new GraftError('embed-empty', `${path} has no texts.`, 'Write {"text": "…"} on each line.');
  return texts;
}
