/** `graft embed`: a vector for each text of a file. */
import { GraftError } from '../errors.ts';
import { concatBytes, writeSafetensors } from '../weights/safetensors.ts';
import { writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { readJsonLines } from './json-lines.ts';
import { encoderFlags, openEncoder, readEncoderFolder } from './open-encoder.ts';
import { checkFile, checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { offloadFlag, reportPeak } from './session.ts';

export const embedFlags = {
  ...encoderFlags,
  data: { value: 'FILE', help: 'JSONL with a {"text": "…"} on each line' },
  out: {
    value: 'FILE',
    help: 'where to write embeddings [rows, size] f32 in the order of the file, as safetensors',
  },
  'disk-offload': offloadFlag,
  overwrite: { help: 'replace the file that is at --out' },
  json: { help: 'print a report as JSON: rows, size, cut texts, seconds' },
} as const satisfies FlagSpecs;

export async function embedCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(embedFlags, args);
  const out = flags.required('out');
  const data = flags.required('data');
  const path = flags.required('model');
  const adapter = flags.text('adapter');
  checkOutput('--out', out, [
    { what: 'the model', path },
    { what: 'the data', path: data },
    { what: 'the adapter', path: adapter },
  ]);
  checkFile('--out', out, flags.on('overwrite'));
  const folder = await readEncoderFolder(flags, output);
  const { settings, window } = folder;
  const rows = (await readTexts(data)).map(folder.idsOf);

  const offload = flags.on('disk-offload');
  const embedder = await openEncoder(folder, flags, output, { offload });
  const began = performance.now();
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
  if (offload) reportPeak(embedder.encoder.device, output);
  if (flags.on('json'))
    output.result(
      `${JSON.stringify({ rows: rows.length, size: embedder.size, cut, window, pooling: settings.pooling, normalise: settings.normalise, seconds })}\n`,
    );
}

/** @throws GraftError `embed-row` for a line without a text, `embed-empty` */
async function readTexts(path: string): Promise<string[]> {
  const remedy = 'Write {"text": "…"} on each line.';
  const texts = await readJsonLines(path, {
    code: 'embed-row',
    remedy,
    read: ({ text }, fault) => {
      if (typeof text !== 'string') throw fault('has no text');
      return text;
    },
  });
  if (texts.length === 0) throw new GraftError('embed-empty', `${path} has no texts.`, remedy);
  return texts;
}
