/** The page's measurement and `graft evaluate` on the same rows, model and adapter: one record, apart from times and names of places. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Adapter } from '../../src/adapters/adapter.ts';
import { folder } from '../../src/cli/files.ts';
import { openData } from '../../src/data/open-data.ts';
import { adapter as adapterMethod } from '../../src/evaluate/methods/adapter.ts';
import { base } from '../../src/evaluate/methods/base.ts';
import { RULES } from '../../src/evaluate/methods/registry.ts';
import { readEvaluation } from '../../src/evaluate/record-file.ts';
import type { Evaluation } from '../../src/evaluate/record.ts';
import { readPeft } from '../../src/export/peft.ts';
import { defaultSpec } from '../../src/settings/spec.ts';
import { openModel } from '../../src/worker/model.ts';
import { tokenizeRowsAgain } from '../../src/worker/new-tokens.ts';
import { evalSessionOf } from '../../src/worker/eval-session.ts';
import { Slices } from '../../src/worker/slices.ts';
import { describeDevice } from '../engine/adapters.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';

const sample = (name: string): string =>
  fileURLToPath(new URL(`../../public/samples/orders-json/${name}`, import.meta.url));
const ADAPTER = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const ROWS = 3;
const at = temporaryFolder();

/** Without times, and without what names the place where it was measured. */
function timeless(record: Evaluation): object {
  const { items, subjects, scorers, scores, evidence, made } = record;
  return {
    ...{ items, scorers, scores, draw: made.draw, newTokens: made.newTokens },
    subjects: subjects.map(
      ({ method, loss, general, detail, likelihoods, stopped, failed, lacks, otherText }) => ({
        ...{ method, loss, general, detail, likelihoods, stopped, failed, lacks, otherText },
      }),
    ),
    evidence: evidence.map((row) => row.map((one) => one && { ...one, seconds: undefined, took: undefined })),
  };
}

describeDevice('The record of an evaluation', (context) => {
  test('is the same from the page and from the command', { timeout: 300_000 }, async () => {
    const args = ['--model', SPRIG, '--data', sample('train.jsonl'), '--test-data', sample('test.jsonl')];
    const methods = ['--methods', 'frequent,nearest,base,adapter', '--adapter', ADAPTER];
    const asked = ['--rows', `${ROWS}`, '--out', at('out'), ...DEVICE_HERE];
    const { code, err } = await graftHere(['evaluate', ...args, ...methods, ...asked]);
    expect(code, err).toBe(0);
    const ofCommand = readEvaluation(readFileSync(at('out', 'evaluation.json'), 'utf8'), 'evaluation.json');

    const ignore = (): void => undefined;
    const open = await openModel(
      context.device,
      { name: 'sprig', bundled: true, files: sprigFolder() },
      ignore,
    );
    const { signal } = new AbortController();
    const fileOf = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(sample(name))) });
    const { seed, maxLength } = defaultSpec();
    const { data } = await openData(
      open,
      fileOf('train.jsonl'),
      { maxLength, overlong: 'truncate-end', validation: 0, test: 0, seed },
      { heldOut: fileOf('test.jsonl') },
      new Slices(ignore, signal),
    );
    const { modules, tensors } = await readPeft(folder(ADAPTER), open.model.definition);
    const adapter = await Adapter.frozen(open.model, modules, tensors);
    const sitting = evalSessionOf(
      open,
      data,
      { rows: ROWS, lossOf: 'asked' },
      { onProgress: ignore, signal },
      { grow: tokenizeRowsAgain },
    );
    const { record, failures } = await sitting.run({ time: 0, model: { name: 'sprig', bundled: true } }, [
      ...RULES.map((rule) => sitting.subject(rule, {}, 'base')),
      sitting.subject(base, {}, 'base'),
      sitting.subject(adapterMethod, { label: 'Captain' }, 'adapter', () => Promise.resolve({ adapter })),
    ]);
    expect(failures).toEqual([]);
    expect(timeless(record)).toEqual(timeless(ofCommand));
    expect(record.evidence).toHaveLength(ROWS);
    adapter.destroy();
    await open.model.destroy();
  });
});
