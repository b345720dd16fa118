// @ts-check
/**
 * A real model against the reference: SmolLM2-135M-Instruct from its GGUF file, headless.
 *
 *   node scripts/smollm2.mjs [--steps 20] [--answers 5] [--base-weights stored] [--precision f16] [--device NAME]
 *
 * In f32 with dequantised weights unless the flags say otherwise; "stored" keeps Q4_1 and Q8_0 as they are in the file, on the GPU.
 * Tunes it on the 40 problems with the settings of the reference, answers the five prompts, and prints the largest differences from
 * transformers and PEFT, and how long each part took. Needs ../shared; downloads the model (94 MB) into .cache on the first call.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './machine.mjs';

const NAME = 'SmolLM2-135M-Instruct';
const SHARED = join(root, '..', 'shared');
const MODELS = join(root, '.cache', 'models', NAME);
export const REFERENCE = join(SHARED, 'reference', NAME);
export const GGUF = join(MODELS, `${NAME}.Q4_1.gguf`);

/** @param {string} text one JSON value a line */
export const readLines = (text) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

export function bringModel() {
  const { status } = spawnSync('bash', [join(SHARED, 'models', NAME, 'fetch'), MODELS], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${NAME} could not be brought: is ../shared there, and PyPI in reach?`);
}

/**
 * Runs `graft COMMAND` with its progress on the terminal.
 *
 * @param {string[]} parameters
 * @returns {{ output: string, seconds: number }}
 */
export function graft(...parameters) {
  const start = performance.now();
  const { status, stdout } = spawnSync('node', [join(root, 'bin', 'graft.mjs'), ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`graft ${parameters[0]} ended with ${status}`);
  return { output: stdout, seconds: (performance.now() - start) / 1000 };
}

/** @param {number[]} ours @param {number[]} theirs */
const worst = (ours, theirs) => Math.max(...ours.map((value, i) => Math.abs(value - theirs[i])));

/** @param {number} steps @param {string[]} more flags */
function train(steps, more) {
  const out = mkdtempSync(join(tmpdir(), 'graft-smollm2-'));
  try {
    const settings = JSON.parse(readFileSync(join(REFERENCE, 'curves', 'constant', 'settings.json'), 'utf8'));
    const { seconds } = graft(
      'train',
      ...['--model', GGUF, '--data', join(REFERENCE, 'messages.jsonl'), '--out', out],
      ...['--init-adapter', join(REFERENCE, 'lora', 'adapter'), '--no-shuffle', '--steps', `${steps}`],
      ...['--batch', `${settings.batch}`, '--lr', `${settings.lr}`, '--schedule', settings.schedule],
      ...['--warmup', `${settings.warmup}`, '--clip', `${settings.clip}`, ...more],
    );
    const ours = readLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8'))
      .map(({ loss }) => loss)
      .filter((loss) => loss !== undefined);
    const theirs = readLines(
      readFileSync(join(REFERENCE, 'curves', 'constant', 'metrics.jsonl'), 'utf8'),
    ).map(({ loss }) => loss);
    for (const [i, loss] of ours.entries())
      console.log(`  step ${i + 1}: ${loss.toFixed(6)}, reference ${theirs[i].toFixed(6)}`);
    console.log(
      `${ours.length} steps: loss at most ${worst(ours, theirs).toExponential(2)} from the reference; ${seconds.toFixed(0)} s with loading`,
    );
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** @param {number} count @param {string[]} more flags */
function answer(count, more) {
  const prompts = JSON.parse(readFileSync(join(REFERENCE, 'greedy.json'), 'utf8')).slice(0, count);
  for (const { prompt, new_ids, text } of prompts) {
    const flags = ['--prompt', prompt, '--max-new-tokens', `${new_ids.length}`, '--json'];
    const { output, seconds } = graft('generate', '--model', GGUF, ...flags, ...more);
    const ours = JSON.parse(output);
    const until = new_ids.findIndex(
      (/** @type {number} */ id, /** @type {number} */ i) => id !== ours.new_ids[i],
    );
    const same = until < 0 && ours.text === text;
    console.log(
      `${JSON.stringify(prompt)}: ${same ? `all ${new_ids.length} tokens equal` : `leaves the reference at token ${until}`}; ${seconds.toFixed(0)} s`,
    );
  }
}

/** The value of a flag of this script, taken out of the list. @param {string[]} flags @param {string} name @param {number} fallback */
export function take(flags, name, fallback) {
  const at = flags.indexOf(name);
  return at < 0 ? fallback : Number(flags.splice(at, 2)[1]);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const flags = process.argv.slice(2);
  const steps = take(flags, '--steps', 20);
  const answers = take(flags, '--answers', 5);
  for (const name of ['--precision', '--base-weights']) if (!flags.includes(name)) flags.push(name, 'f32');
  bringModel();
  if (answers > 0) answer(answers, flags);
  if (steps > 0) train(steps, flags);
}
