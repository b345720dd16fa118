// @ts-check
/**
 * Whether two checkouts of Graft compute the same bits: logits, gradients, curves with their adapters, and greedy texts of the bundled model, on
 * software adapters. For rebuilding the engine: run it on the commit before and on the one after.
 *
 *   node scripts/same-numbers.mjs BEFORE AFTER [--devices llvmpipe,swiftshader]
 *
 * BEFORE and AFTER are folders with a checkout in which `npm ci` has run. Both are given the model and the data of BEFORE. Prints a line for each
 * case, and ends with an error if one differs.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [before, after, ...rest] = process.argv.slice(2);
if (!before || !after) {
  console.error(
    'Give two folders: node scripts/same-numbers.mjs BEFORE AFTER [--devices llvmpipe,swiftshader]',
  );
  process.exit(2);
}
const at = rest.indexOf('--devices');
const devices = (at < 0 ? 'llvmpipe,swiftshader' : rest[at + 1]).split(',');
const model = resolve(before, 'public/models/sprig');
const data = resolve(before, 'public/samples/orders-json/train.jsonl');

const RUN = ['train', '--model', model, '--data', data, '--steps', '8', '--batch', '4', '--eval-every', '4'];
const SPLIT = ['--val-fraction', '0.02', '--max-length', '96'];

/** @type {Record<string, string[]>} OUT stands for where the case writes. */
const CASES = {
  logits: ['logits', '--model', model, '--ids', '1,5,9,44,101,7,7,12,30', '--out', 'OUT/logits'],
  'logits, 4-bit': [
    ...['logits', '--model', model, '--ids', '1,5,9,44,101', '--base-weights', 'q4_0', '--out', 'OUT/logits'],
  ],
  gradients: ['gradients', '--model', model, '--data', data, '--rows', '3', '--out', 'OUT/gradients'],
  'gradients, all weights': [
    ...['gradients', '--model', model, '--data', data, '--rows', '2', '--method', 'full', '--out', 'OUT/g'],
  ],
  curve: [...RUN, ...SPLIT, '--out', 'OUT/run'],
  'curve, dropout, checkpointing, packing': [
    ...[...RUN, ...SPLIT, '--dropout', '0.1', '--checkpointing', '--packing', '--accumulate', '2'],
    ...['--weight-decay', '0.1', '--lr-ratio', '4', '--rslora', '--out', 'OUT/run'],
  ],
  'curve, 8-bit base': [...RUN, ...SPLIT, '--base-weights', 'q8_0', '--out', 'OUT/run'],
  'curve, all weights': [...RUN, ...SPLIT, '--method', 'full', '--out', 'OUT/run'],
  'greedy text': [
    ...['generate', '--model', model, '--prompt', 'two large coffees to go', '--json'],
    ...['--max-new-tokens', '48'],
  ],
  'sampled text': [
    ...['generate', '--model', model, '--prompt', 'a small tea', '--json', '--temperature', '0.8'],
    ...['--top-p', '0.95', '--repetition-penalty', '1.1', '--max-new-tokens', '48'],
  ],
};
/** Half precision, if the adapter has it. */
for (const name of ['logits', 'gradients', 'curve', 'greedy text'])
  CASES[`${name}, f16`] = [...CASES[name], '--precision', 'f16'];

/**
 * Runs one case and gives a hash of what it computed.
 *
 * @param {string} checkout
 * @param {string} device
 * @param {string[]} parameters
 */
function outcome(checkout, device, parameters) {
  const out = mkdtempSync(join(tmpdir(), 'graft-numbers-'));
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        resolve(checkout, 'bin/graft.mjs'),
        ...parameters.map((word) => word.replace('OUT', out)),
        '--device',
        device,
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) return `error: ${stderr.trim().split('\n').at(-1)}`;
    const hash = createHash('sha256').update(stdout.replaceAll(out, 'OUT'));
    for (const file of filesOf(out)) hash.update(file.slice(out.length)).update(contentOf(file));
    return hash.digest('hex').slice(0, 16);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** @param {string} folder @returns {string[]} */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(safetensors|jsonl)$|^(logits|gradients|g)$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

/** Times are not results of the engine. @param {string} file */
function contentOf(file) {
  const bytes = readFileSync(file);
  return file.endsWith('.jsonl')
    ? bytes
        .toString()
        .replace(
          /"(seconds|tokens_per_second|tokensPerSecond|secondsLeft|gpuBytes|gpu_bytes)":[\d.e+-]+,?/g,
          '',
        )
    : bytes;
}

let different = 0;
for (const device of devices) {
  for (const [name, parameters] of Object.entries(CASES)) {
    const [one, other] = [before, after].map((checkout) =>
      existsSync(checkout) ? outcome(checkout, device, parameters) : 'error: there is no such folder',
    );
    const same = one === other && !one.startsWith('error');
    // An adapter without half precision refuses it in both.
    const refused = one.startsWith('error') && name.endsWith('f16') && other.startsWith('error');
    if (!same && !refused) different++;
    console.log(
      `${device}  ${same ? 'same' : refused ? 'refused by both' : 'DIFFERENT'}  ${name}  ${one}${same ? '' : `  ${other}`}`,
    );
  }
}
console.log(different === 0 ? 'All the same.' : `${different} differ.`);
process.exitCode = different === 0 ? 0 : 1;
