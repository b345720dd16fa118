import { expect, test } from 'vitest';
import { poolingFiles, readPooling, readWindow } from '../../../src/model/pooling.ts';
import { memorySource, type FileSet } from '../../../src/weights/bytes.ts';
import { graftError } from '../expect-graft-error.ts';

function folderOf(files: Readonly<Record<string, unknown>>): FileSet {
  return {
    name: 'encoder',
    list: () => Object.keys(files),
    open: (name) =>
      Promise.resolve(
        Object.hasOwn(files, name)
          ? memorySource(name, new TextEncoder().encode(JSON.stringify(files[name])))
          : undefined,
      ),
  };
}

const step = (type: string, path = ''): object => ({ type: `sentence_transformers.models.${type}`, path });
const modules = [step('Transformer'), step('Pooling', '1_Pooling'), step('Normalize', '2_Normalize')];
const pooled = (mode: object): Record<string, unknown> => ({
  'modules.json': modules,
  '1_Pooling/config.json': mode,
});

test('reads the mean and the first token, with and without a length of 1', async () => {
  const mean = pooled({ pooling_mode_mean_tokens: true, pooling_mode_cls_token: false });
  expect(await readPooling(folderOf(mean))).toEqual({ pooling: 'mean', normalise: true, known: true });
  const cls = { ...pooled({ pooling_mode_cls_token: true }), 'modules.json': modules.slice(0, 2) };
  expect(await readPooling(folderOf(cls))).toEqual({ pooling: 'cls', normalise: false, known: true });
});

test('takes the usual pooling for a folder that does not say, and one that a person chose for any', async () => {
  expect(await readPooling(folderOf({}))).toEqual({ pooling: 'mean', normalise: true, known: false });
  expect(await readPooling(folderOf({}), 'cls')).toEqual({ pooling: 'cls', normalise: true, known: true });
  const broken = folderOf({ 'modules.json': modules });
  expect(await readPooling(broken, 'mean')).toEqual({ pooling: 'mean', normalise: true, known: true });
});

test.each([
  [
    'another kind of pooling',
    pooled({ pooling_mode_max_tokens: true }),
    'config-unsupported',
    'pooling by pooling_mode_max_tokens',
  ],
  [
    'two kinds at once',
    pooled({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: true }),
    'config-unsupported',
    'pooling by',
  ],
  ['a pooling without a mode', pooled({}), 'config-unsupported', 'pooling without a mode'],
  [
    'another step',
    { 'modules.json': [step('Transformer'), step('Dense', '2_Dense')] },
    'config-unsupported',
    'the module Dense',
  ],
  [
    'no step that pools',
    { 'modules.json': [step('Transformer')] },
    'config-missing',
    'has no module that pools tokens',
  ],
  [
    'a pooling without its file',
    { 'modules.json': modules },
    'config-missing',
    '1_Pooling/config.json, which modules.json names, is not there',
  ],
  ['modules that are no list', { 'modules.json': { a: 1 } }, 'config-field', 'is not a list of modules'],
])('refuses %s', async (_, files, code, what) => {
  expect((await graftError(() => readPooling(folderOf(files)), code)).message).toContain(what);
});

test('reads as many tokens as the folder says, and never more than there are positions', async () => {
  const tokenizer = { 'tokenizer_config.json': { model_max_length: 128 } };
  const sentence = { 'sentence_bert_config.json': { max_seq_length: 256 } };
  expect(await readWindow(folderOf({ ...tokenizer, ...sentence }), 512)).toBe(256);
  expect(await readWindow(folderOf(tokenizer), 512)).toBe(128);
  expect(await readWindow(folderOf({ 'tokenizer_config.json': { model_max_length: 1e30 } }), 512)).toBe(512);
  expect(await readWindow(folderOf({}), 512)).toBe(512);
  await graftError(
    () => readWindow(folderOf({ 'sentence_bert_config.json': { max_seq_length: 2 } }), 512),
    'config-field',
  );
});

test.each([
  { pooling: 'mean', normalise: true },
  { pooling: 'cls', normalise: false },
] as const)('writes files that say $pooling again, and the window', async (settings) => {
  const files = folderOf(poolingFiles(settings, { size: 32, window: 24 }));
  expect(await readPooling(files)).toEqual({ ...settings, known: true });
  expect(await readWindow(files, 512)).toBe(24);
});
