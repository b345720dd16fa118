/** `graft push` on a folder: which files go, which stay, and where the token comes from. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { pushCommand } from '../../../src/cli/push.ts';
import { sharedFile } from '../../../src/weights/hub/shared-files.ts';
import { HubServer, TOKEN } from '../../hub-server.ts';
import { graftError } from '../expect-graft-error.ts';

const root = mkdtempSync(join(tmpdir(), 'graft-push-'));
const FILES = {
  'README.md': '# Card',
  'adapter_config.json': '{}',
  'adapter_model.safetensors': 'weights',
  SHA256SUMS: 'sums',
  'lineage.json': '{"data":"/home/somebody"}',
  'metrics.jsonl': '{}',
  'state/adapter_model.safetensors': 'earlier',
};

let server: HubServer;
beforeAll(async () => {
  server = await HubServer.start();
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, 'run', name)), { recursive: true });
    writeFileSync(join(root, 'run', name), text);
  }
  mkdirSync(join(root, 'empty'));
  writeFileSync(join(root, 'empty', 'README.md'), '# Nothing');
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await server.close();
});
afterEach(() => vi.unstubAllEnvs());

async function push(...args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const output = { line: say, result: say, progress: say, clear: () => undefined };
  await pushCommand(
    ['--folder', join(root, 'run'), '--repo', 'org/run', '--hub', server.address, ...args],
    output,
  );
  return said.join('\n');
}

test('sends weights, configuration and card, and names what stays', async () => {
  vi.stubEnv('MY_TOKEN', ` ${TOKEN}\n`);
  const said = await push('--token-env', 'MY_TOKEN', '--json');
  expect(Object.keys(server.repos.get('org/run')!.files).sort()).toEqual([
    'README.md',
    'SHA256SUMS',
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  expect(said).toContain('lineage.json, metrics.jsonl, state/adapter_model.safetensors.');
  expect(said).toContain(`Sent 4 files to ${server.address}/org/run, a new repository`);
  expect(said).not.toContain(TOKEN);
  expect(await push('--token-env', 'MY_TOKEN')).toContain('Nothing to send');
});

test('needs no token to say what it would send, and asks nobody', async () => {
  server.reset();
  vi.stubEnv('HF_TOKEN', '');
  expect(await push('--dry-run')).toContain('4 files');
  expect(server.requests).toEqual([]);
});

test.each([
  ['without a token', [], 'arguments', /no token in \$HF_TOKEN/],
  [
    'of a folder without weights',
    ['--folder', join(root, 'empty')],
    'hub-nothing',
    /no adapter and no model/,
  ],
  ['of a folder that is not there', ['--folder', join(root, 'none')], 'file-missing', /no folder/],
  ['to a name that is no repository', ['--repo', '../x'], 'hub-address', /not the name of a repository/],
])('refuses a push %s', async (_, args, code, words) => {
  vi.stubEnv('HF_TOKEN', '');
  expect((await graftError(() => push(...args), code)).what).toMatch(words);
});

test.each([
  ['model-00001-of-00002.safetensors', true],
  ['model.safetensors.index.json', true],
  ['1_Pooling/config.json', true],
  ['onnx/model.onnx', true],
  ['tuned-q4_k_m.gguf', true],
  ['Modelfile', true],
  ['train.jsonl', false],
  ['predictions.jsonl', false],
  ['optimizer.safetensors', false],
  ['.env', false],
  ['.cache/config.json', false],
])('decides about %s: %s', (name, expected) => {
  expect(sharedFile(name)).toBe(expected);
});
