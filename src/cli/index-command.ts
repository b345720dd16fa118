/** `graft index`: documents → chunks → vectors, in a folder that `graft search` reads. A second call computes only what changed. */
import { resolve } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { plural } from '../numbers.ts';
import { CHUNK_BORDERS, CHUNK_DEFAULTS, checkChunkSettings } from '../retrieval/chunks.ts';
import { DOCUMENT_ENDINGS, endingOf } from '../retrieval/read-document.ts';
import { EXIT } from './exit.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import {
  checkIndexFolder,
  readIndex,
  writeIndex,
  type ChunkingFacts,
  type IndexModel,
  type StoredIndex,
} from './index-folder.ts';
import { documentChunks, givenChunks, type FoundSources } from './index-sources.ts';
import { withVectors, type Embedded } from './index-vectors.ts';
import {
  encoderContent,
  encoderFlags,
  encoderName,
  readEncoderFolder,
  readTokenCounter,
  weightsInWords,
  type EncoderFolder,
} from './open-encoder.ts';
import { checkOutput } from './output-path.ts';
import { formatSeconds, type Output } from './output.ts';

export const indexFlags = {
  ...encoderFlags,
  prefix: { value: 'TEXT', help: 'put before every chunk, such as "passage: " for e5' },
  documents: {
    value: 'DIR',
    help: `a folder of documents, searched with all folders in it, or a zip of one: ${DOCUMENT_ENDINGS.join(', ')}`,
  },
  chunks: {
    value: 'FILE',
    help: 'chunks that were made elsewhere instead: JSONL with {"file", "start", "end", "text"} and perhaps an "id"',
  },
  'chunk-tokens': { value: 'N', help: `tokens of a chunk at most (default: ${CHUNK_DEFAULTS.tokens})` },
  'chunk-overlap': {
    value: 'N',
    help: `tokens at most that a chunk shares with the one before (default: ${CHUNK_DEFAULTS.overlap})`,
  },
  'chunk-by': {
    value: CHUNK_BORDERS.join('|'),
    help: 'headings also ends chunks before each heading of Markdown, web pages and Word files, pages at the end of each page of a PDF (default: sentences)',
  },
  'words-only': {
    help: 'an index without vectors, for --method bm25 only: --model may be any model, and counts tokens',
  },
  out: {
    value: 'DIR',
    help: 'the folder of the index: new, or an index to bring up to date',
  },
  overwrite: { help: 'make an index that is at --out again, with another model or other settings' },
  json: {
    help: 'print a report as JSON: documents, chunks, how many were kept and computed, files without text, bad files, files read as Windows-1252, seconds',
  },
} as const satisfies FlagSpecs;

type IndexFlags = Flags<typeof indexFlags>;

export async function indexCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(indexFlags, args);
  const [out, model] = [flags.required('out'), flags.required('model')];
  const [folder, given] = [flags.text('documents'), flags.text('chunks')];
  if ((folder === undefined) === (given === undefined))
    throw new GraftError('arguments', 'One of --documents and --chunks is needed, and not both.', '');
  const chunking = given === undefined ? readChunking(flags) : refuseChunking(flags);
  checkOutput('--out', out, [
    { what: 'the model', path: model },
    { what: 'the adapter', path: flags.text('adapter') },
    { what: 'the documents', path: folder },
    { what: 'the chunks', path: given },
  ]);
  const encoder = await (flags.on('words-only') ? readTokenCounter(flags) : readEncoderFolder(flags, output));
  const release = await lockFolder(out, 'graft index');
  try {
    const began = performance.now();
    const about = { model: await modelFacts(encoder, flags), chunking };
    const before = await readBefore(out, about, flags.on('overwrite'));
    const found =
      chunking === null
        ? await givenChunks(given!, encoder.tokenizer)
        : await documentChunks(folder!, { chunking, before, tokenizer: encoder.tokenizer }, output);
    if (found.chunks.length === 0)
      throw new GraftError(
        'index-empty',
        `${folder ?? given} has no text to index.${found.bad.map(({ why }) => ` ${why}`).join('')}`,
        `Documents are files that end in ${DOCUMENT_ENDINGS.map((ending) => `.${ending}`).join(', ')}.`,
      );
    const embedded = await withVectors(found, { before, encoder, flags }, output);
    if (embedded.chunks.length > 0) await writeIndex(out, { ...about, ...embedded });
    const seconds = (performance.now() - began) / 1000;
    report({ found, embedded, model: about.model, out, seconds, json: flags.on('json') }, output);
  } finally {
    await release();
  }
}

/** @throws GraftError `arguments` */
function readChunking(flags: IndexFlags): ChunkingFacts {
  const chunking = {
    tokens: flags.integer('chunk-tokens') ?? CHUNK_DEFAULTS.tokens,
    overlap: flags.integer('chunk-overlap') ?? CHUNK_DEFAULTS.overlap,
    by: flags.choice('chunk-by', CHUNK_BORDERS) ?? 'sentences',
  };
  try {
    checkChunkSettings(chunking);
  } catch (cause) {
    throw new GraftError('arguments', messageOf(cause), 'Change --chunk-tokens or --chunk-overlap.', {
      cause,
    });
  }
  return chunking;
}

/** @throws GraftError `arguments` */
function refuseChunking(flags: IndexFlags): null {
  const idle = (['chunk-tokens', 'chunk-overlap', 'chunk-by'] as const).find((name) => flags.isGiven(name));
  if (idle)
    throw new GraftError('arguments', `--${idle} is for --documents, and --chunks are divided already.`, '');
  return null;
}

async function modelFacts(encoder: EncoderFolder, flags: IndexFlags): Promise<IndexModel> {
  const { settings, size, window, prefix } = encoder;
  return {
    name: encoderName(flags),
    content: await encoderContent(encoder, flags),
    size,
    window,
    pooling: size === 0 ? 'none' : settings.pooling,
    normalise: settings.normalise,
    prefix,
    weights: weightsInWords(flags),
  };
}

type About = Pick<StoredIndex, 'model' | 'chunking'>;

/**
 * The index that is at --out, if it is one that this call continues.
 *
 * @throws GraftError `folder-used`, `index-model` and `index-settings` for an index of another model or other settings
 */
async function readBefore(out: string, about: About, overwrite: boolean): Promise<StoredIndex | undefined> {
  if (!checkIndexFolder(out) || overwrite) return undefined;
  const before = await readIndex(out, { vectors: true });
  if (before.model.content !== about.model.content)
    throw new GraftError(
      'index-model',
      `${out} was made with ${before.model.name}, and ${about.model.name} is another model: their vectors cannot be in one index.`,
      'Choose another --out, or make the index again with --overwrite.',
    );
  const other = settingsOf(before).find(
    ([name, value], i) => value !== settingsOf(about)[i][1] && name !== '',
  );
  if (other)
    throw new GraftError(
      'index-settings',
      `${out} was made with ${other[0]} ${other[1]}, and this call has ${new Map(settingsOf(about)).get(other[0])}.`,
      'Give the same settings, choose another --out, or make the index again with --overwrite.',
    );
  return before;
}

/** All that chunks and vectors depend on besides documents and weights, in words. */
function settingsOf({ model, chunking }: About): [name: string, value: string][] {
  return [
    ['chunks of', chunking ? 'documents' : 'a file'],
    ['--chunk-tokens', String(chunking?.tokens)],
    ['--chunk-overlap', String(chunking?.overlap)],
    ['--chunk-by', String(chunking?.by)],
    ['--prefix', JSON.stringify(model.prefix)],
    ['--pooling', model.pooling],
    ['vectors of length 1', String(model.normalise)],
    ['a window of tokens of', String(model.window)],
    ['weights', model.weights],
  ];
}

interface Reported {
  readonly found: FoundSources;
  readonly embedded: Embedded;
  readonly model: IndexModel;
  readonly out: string;
  readonly seconds: number;
  readonly json: boolean;
}

function report({ found, embedded, model, out, seconds, json }: Reported, output: Output): void {
  const { chunks, documents, kept, computed, cut, stopped } = embedded;
  const withText = new Set(found.chunks.map(({ file }) => file));
  const empty = found.documents.map(({ file }) => file).filter((file) => !withText.has(file));
  if (json)
    output.result(
      `${JSON.stringify({
        out: resolve(out),
        documents: documents.length,
        documents_kept: found.same,
        chunks: chunks.length,
        kept,
        computed,
        cut,
        size: model.size,
        complete: !stopped,
        empty,
        bad: found.bad,
        windows_1252: found.guessed,
        others: found.others,
        seconds,
      })}\n`,
    );
  output.line(
    `Wrote ${plural(chunks.length, 'chunk')}${documents.length > 0 ? ` of ${plural(documents.length, 'document')}` : ''} to ${out} after ${formatSeconds(seconds)}: ${kept} kept, ${computed} computed`,
  );
  if (cut > 0)
    output.line(
      `${plural(cut, 'chunk is', 'chunks are')} longer than the ${model.window} tokens that the model reads, and the vectors are those of the first ones.`,
    );
  if (empty.length > 0) output.line(`No text in: ${namesOf(empty)}`);
  if (found.guessed.length > 0)
    output.line(
      `Read as Windows-1252, since they are not UTF-8 and do not say what they are: ${namesOf(found.guessed)}`,
    );
  if (found.others.length > 0)
    output.line(`Not read, since Graft reads no files of these kinds: ${namesOf(found.others)}`);
  if (found.others.some((file) => endingOf(file) === 'zip'))
    output.line('A zip inside is not opened: unpack it, or make an index of it by --documents.');
  for (const { why } of found.bad) output.line(`Not read: ${why}`);
  if (found.bad.length > 0) process.exitCode = EXIT.couldNot;
  if (stopped) {
    output.line('Stopped: the index holds what was computed. The same command continues it.');
    process.exitCode = EXIT.interrupted;
  }
}

const MAX_NAMES = 5;

/** The first names of a list, and how many more there are. */
function namesOf(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
