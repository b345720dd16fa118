/** Chat pages in several files: their pieces fit static hosts, and the page knows them. */
import { expect, test } from 'vitest';
import type { ChatPageSettings } from '../../../src/export/chat-page/settings.ts';
import { chatPageFiles, MAX_SINGLE_BYTES, type SourceFile } from '../../../src/export/chat-page/write.ts';
import type { FolderFile } from '../../../src/export/folder-sink.ts';
import { greedy } from '../../../src/model/sampling.ts';
import { memorySource } from '../../../src/weights/bytes.ts';

const PROGRAM = {
  html: `<meta content="default-src 'none'; connect-src 'none'; worker-src blob:"><title>Chat</title><!-- data --><script>run()</script>`,
  offline: 'addEventListener',
};
const SETTINGS = {
  ...{ name: 'Ünï', about: '', card: '', afterPrompt: '' },
  defaults: { sampling: greedy, maxNewTokens: 8, stopStrings: [] },
};
/** The largest file that a common host takes. */
const HOST_BYTES = 25 * 2 ** 20;

const weights = (size: number): SourceFile => ({
  ...{ folder: 'model', name: 'model.safetensors', isWeights: true },
  source: memorySource('model.safetensors', new Uint8Array(size).fill(7)),
});
const config: SourceFile = {
  ...{ folder: 'model', name: 'config.json', isWeights: false },
  source: memorySource('config.json', new TextEncoder().encode('{"a":1}')),
};

async function textOf(file: FolderFile): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of file.read()) parts.push(part);
  const bytes = Buffer.concat(parts);
  expect(bytes.length, 'the size that was announced').toBe(file.size);
  return bytes.toString();
}
const settingsIn = (html: string): ChatPageSettings =>
  JSON.parse(/id="settings">(.*?)<\/script>/s.exec(html)![1]) as ChatPageSettings;

test('cuts larger weights into pieces that static hosts take, next to a page that may fetch them', async () => {
  const size = MAX_SINGLE_BYTES + 5;
  const files = chatPageFiles(PROGRAM, SETTINGS, [config, weights(size)], 'abc');
  const [first, second, offline, page] = files;
  expect(files.map(({ name }) => name)).toEqual([
    'model.safetensors.abc.001.bin',
    'model.safetensors.abc.002.bin',
    'offline.js',
    'index.html',
  ]);
  expect(first.size + second.size).toBe(size);
  for (const { size: bytes } of files) expect(bytes).toBeLessThan(HOST_BYTES);
  for await (const bytes of second.read()) expect(bytes.length).toBe(second.size);
  expect(await textOf(offline)).toBe(PROGRAM.offline);
  const html = await textOf(page);
  expect(html).toContain("connect-src 'self'; worker-src blob: 'self'");
  expect(html).toContain('data-file="model/config.json">eyJhIjoxfQ==<');
  expect(html).toContain('<title>Ünï</title>');
  expect(settingsIn(html).files).toEqual([
    { folder: 'model', name: 'config.json', size: 7, pieces: [] },
    {
      ...{ folder: 'model', name: 'model.safetensors', size },
      pieces: [first, second].map(({ name, size: bytes }) => ({ name, size: bytes })),
    },
  ]);
});

test.each([0, 1, 2, 3])('holds small weights itself, also those of 3 MiB and %i bytes', async (more) => {
  const size = 3 * 2 ** 20 + more;
  const files = chatPageFiles(PROGRAM, SETTINGS, [weights(size), config], 'abc');
  expect(files.map(({ name }) => name)).toEqual(['index.html']);
  const html = await textOf(files[0]);
  const [, text] = /data-file="model\/model\.safetensors">([^<]*)</.exec(html)!;
  const bytes = Buffer.from(text, 'base64');
  expect(bytes.equals(Buffer.alloc(size, 7))).toBe(true);
  expect(html).toContain("connect-src 'none'");
});
