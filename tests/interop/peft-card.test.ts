/** The commands of model cards work, in the folder that a person has unpacked. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folder, writeFolder } from '../../src/cli/files.ts';
import { mergeCommand } from '../../src/cli/merge.ts';
import { createOutput } from '../../src/cli/output.ts';
import { addedTokens } from '../../src/adapters/tokens/tokens.ts';
import { tokenizerFiles } from '../../src/export/grown-folder.ts';
import { readPeft, withBase, writePeft, type Files } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { packZip } from '../../src/export/adapter-zip.ts';
import { writeFiles, type FolderSink } from '../../src/export/folder-sink.ts';
import { merged as mergedFormat } from '../../src/export/formats/merged.ts';
import { SUMS } from '../../src/weights/sums.ts';
import { sprigAdapter } from '../browser/adapter-files.ts';
import { SPRIG } from '../engine/sprig.ts';
import { python } from './ask.ts';

/** Written by tests/browser/train.test.ts, which runs before. */
const TAB_ADAPTER = join(import.meta.dirname, '../../test-results/adapter-of-the-tab.zip');
/** Written by tests/browser/chat.test.ts. */
const TAB_MERGED = join(import.meta.dirname, '../../test-results/merged-of-the-tab.zip');
/** As PEFT saves it: tests/reference/peft/tokens.py. */
const TOKENS = join(import.meta.dirname, '../reference/peft/tokens');
const COMMIT = '12fd25f77366fa6b3b4b768ec3050bf629380bac';
const IDS = [1, 76, 97, 300, 12, 45, 600, 3];
const BASE_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'model.safetensors',
];

interface Ran {
  /** The output of the card's own commands. */
  readonly said: string;
  /** Logits of the model that the commands made. */
  readonly logits: number[];
}

/** Runs each code in its folder, all in one process: importing torch takes longer than all of it. */
function runAll(runs: readonly { readonly cwd: string; readonly code: string }[], cache: string): Ran[] {
  const driver = `
import contextlib, io, json, os, sys
import torch
results = []
for run in json.load(sys.stdin):
    os.chdir(run["cwd"])
    names, said = {}, io.StringIO()
    # The model is one that draws its answers, and may draw none.
    torch.manual_seed(1)
    with contextlib.redirect_stdout(said):
        exec(run["code"], names)
    with torch.no_grad():
        logits = names["model"].eval()(torch.tensor([${JSON.stringify(IDS)}])).logits[0].flatten().tolist()
    results.append({"said": said.getvalue(), "logits": logits})
print("\\0" + json.dumps(results))`;
  const { status, stdout, stderr } = spawnSync(python!, ['-c', driver], {
    input: JSON.stringify(runs),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HUB_CACHE: cache },
  });
  if (status !== 0) throw new Error(`Python ended with ${status}:\n${stderr}`);
  return JSON.parse(stdout.slice(stdout.indexOf('\0') + 1)) as Ran[];
}

/** The Python code of a card, unchanged. */
function codeOf(path: string): string {
  const card = readFileSync(join(path, 'README.md'), 'utf8');
  const blocks = [...card.matchAll(/```python\n(.*?)```/gs)];
  expect(blocks).toHaveLength(1);
  return blocks[0][1];
}

const largest = (a: readonly number[], b: readonly number[]): number => {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
};

describe.skipIf(!python)('model cards', () => {
  let out: string;
  let merged: {
    sizes: Record<string, number>;
    told: number;
    files: Record<string, Buffer>;
    byCommand: string;
  };
  const ran = new Map<string, Ran>();

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), 'graft-cards-'));
    const adapter = await sprigAdapter(1);
    const runs: { name: string; cwd: string; code: string }[] = [];
    const add = (name: string, cwd: string, code = codeOf(cwd)): void => void runs.push({ name, cwd, code });

    // The expected values.
    const plain = `from transformers import AutoModelForCausalLM\nmodel = AutoModelForCausalLM.from_pretrained(${JSON.stringify(SPRIG)})\n`;
    await writeFolder(join(out, 'adapter'), adapter);
    add('base', out, plain);
    add(
      'peft',
      out,
      `${plain}from peft import PeftModel\nmodel = PeftModel.from_pretrained(model, "adapter")`,
    );

    const base = Object.fromEntries(
      BASE_FILES.map((name) => [`sprig/${name}`, Uint8Array.from(readFileSync(join(SPRIG, name)))]),
    );
    const zip = await packZip('Bosun', {
      ...withBase(adapter, { kind: 'beside', folder: 'sprig' }),
      ...base,
    });
    await writeFolder(join(out, 'zip'), unzipSync(new Uint8Array(await zip.arrayBuffer())));
    add('beside', join(out, 'zip', 'Bosun'));

    await writeFolder(join(out, 'hub'), withBase(adapter, { kind: 'hub', id: 'acme/Oak', revision: COMMIT }));
    // In the cache layout of the hub's own client.
    cpSync(SPRIG, join(out, 'cache', 'models--acme--Oak', 'snapshots', COMMIT), { recursive: true });
    add('hub', join(out, 'hub'));

    const code = codeOf(join(out, 'adapter'));
    expect(code).toContain('base = "sprig"');
    add('filled in', join(out, 'adapter'), code.replace('base = "sprig"', `base = ${JSON.stringify(SPRIG)}`));
    await writeFolder(join(out, 'copied'), { ...adapter, ...base });
    add('copied', join(out, 'copied'));

    const tokens = join(out, 'tokens');
    const model = await readModel(folder(SPRIG));
    const grown = await readPeft(folder(TOKENS), model);
    await writeFolder(tokens, {
      ...writePeft(grown, { baseModel: 'sprig' }),
      ...(await tokenizerFiles(folder(SPRIG), addedTokens(grown.modules)!)),
      ...base,
    });
    add('added tokens', tokens);
    add(
      'added tokens by hand',
      out,
      `${plain}model.resize_token_embeddings(1027)\nfrom peft import PeftModel\nmodel = PeftModel.from_pretrained(model, ${JSON.stringify(TOKENS)})`,
    );

    if (existsSync(TAB_ADAPTER)) {
      const files = unzipSync(readFileSync(TAB_ADAPTER));
      await writeFolder(join(out, 'tab'), files);
      add('tab', join(out, 'tab', Object.keys(files)[0].split('/')[0]));
    }

    merged = await merge(adapter);
    await writeFolder(join(out, 'merged'), merged.files);
    add('merged', join(out, 'merged'));

    runAll(runs, join(out, 'cache')).forEach((result, at) => ran.set(runs[at].name, result));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  /** Merges as the page does, and as the command does. */
  async function merge(adapter: Files): Promise<typeof merged> {
    const files: Record<string, Uint8Array[]> = {};
    let open = '';
    const sink: FolderSink = {
      begin: async (file) => void (files[(open = file)] = []),
      append: async (bytes) => void files[open].push(bytes),
      finish: async () => undefined,
      abort: async () => undefined,
    };
    const prepared = await mergedFormat.prepare({
      ...{ baseModel: 'sprig', adapterName: 'Bosun', adapter },
      base: folder(SPRIG),
      model: await readModel(folder(SPRIG)),
    });
    let told = 0;
    await writeFiles(prepared.files, sink, (done) => void (told = done));
    const byCommand = join(out, 'by-command');
    await mergeCommand(
      ['--model', SPRIG, '--adapter', join(out, 'adapter'), '--out', byCommand],
      createOutput(),
    );
    const whole = Object.entries(files).map(([name, chunks]) => [name, Buffer.concat(chunks)] as const);
    const sizes = Object.fromEntries(prepared.files.map(({ name, size }) => [name, size]));
    return { sizes, told, files: Object.fromEntries(whole), byCommand };
  }

  test('say how to load an adapter with its base next to it, on the hub, or at a path', () => {
    const [base, peft] = [ran.get('base')!.logits, ran.get('peft')!.logits];
    expect(largest(base, peft)).toBeGreaterThan(1);
    for (const name of ['beside', 'hub', 'filled in', 'copied']) {
      const { said, logits } = ran.get(name)!;
      expect(largest(logits, peft), name).toBe(0);
      expect(said.trim(), name).not.toBe('');
    }
  });

  test('say how to load an adapter with added tokens, whose base gets rows for them', () => {
    const { said, logits } = ran.get('added tokens')!;
    expect(logits).toHaveLength(IDS.length * 1027);
    expect(largest(logits, ran.get('added tokens by hand')!.logits)).toBe(0);
    expect(said.trim()).not.toBe('');
  });

  test('say how to load the adapter that the tab trained and exported', (context) => {
    const tab = ran.get('tab');
    if (!tab) {
      console.warn(`SKIPPED: ${TAB_ADAPTER} is not there; the browser tests write it.`);
      return context.skip();
    }
    expect(tab.said.trim()).not.toBe('');
    expect(largest(tab.logits, ran.get('base')!.logits)).toBeGreaterThan(0.1);
  });

  test('say how to load a merged model, whose tensors are those of graft merge, bit for bit', () => {
    const { sizes, told, files, byCommand } = merged;
    expect(Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length]))).toEqual({
      ...sizes,
      [SUMS]: expect.any(Number) as number,
    });
    expect(told).toBe(Object.values(files).reduce((sum, { length }) => sum + length, 0));
    const theirs = readFileSync(join(byCommand, 'model.safetensors'));
    expect(theirs.equals(files['model.safetensors'])).toBe(true);
    // Rounded once more to half precision, and computed in it.
    expect(largest(ran.get('merged')!.logits, ran.get('peft')!.logits)).toBeLessThan(0.5);
  });

  test('the model that the tab merged has the same tensors', (context) => {
    if (!existsSync(TAB_MERGED)) {
      console.warn(`SKIPPED: ${TAB_MERGED} is not there; the browser tests write it.`);
      return context.skip();
    }
    const files = unzipSync(readFileSync(TAB_MERGED));
    const path = Object.keys(files).find((name) => name.endsWith('/model.safetensors'))!;
    expect(merged.files['model.safetensors'].equals(files[path])).toBe(true);
    const names = Object.keys(files).map((name) => name.split('/')[1]);
    expect(names).toEqual(Object.keys(merged.files));
  });
});
