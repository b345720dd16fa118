/** Settings belong to rows and a model, and survive storage. */
import { expect, test } from 'vitest';
import {
  settingsKey,
  readOptions,
  readSettingsKey,
  readKeyedSettings,
  settingsAt,
  START,
  addKeptSettings,
  type KeyedSettings,
} from '../../../src/app/train/kept-settings.ts';

const OWN = settingsKey('a'.repeat(64), undefined, 'sprig');
const SAMPLE = settingsKey('b'.repeat(64), undefined, 'sprig');
const own = { ...START, name: 'own 1', steps: 123, samplePrompt: 'Mine?' };
const sample = { ...START, name: 'captain 1', steps: 60, samplePrompt: 'Ahoy?' };

test('each set of rows has its own settings again, also after a reload', () => {
  const kept = addKeptSettings(addKeptSettings([], OWN, own), SAMPLE, sample);
  const read = readKeyedSettings(JSON.parse(JSON.stringify(kept)));
  expect(settingsAt(read, OWN)).toEqual(own);
  expect(settingsAt(read, SAMPLE)).toEqual(sample);
});

test('other columns and another model are another place', () => {
  const kept = addKeptSettings([], OWN, own);
  const mapping = { prompt: '{{q}}', answer: '{{a}}' };
  expect(settingsAt(kept, settingsKey('a'.repeat(64), mapping, 'sprig'))).toBeUndefined();
  expect(settingsAt(kept, settingsKey('a'.repeat(64), undefined, 'smol'))).toBeUndefined();
});

test('a new entry replaces the old one, and the oldest are dropped first', () => {
  let kept: readonly KeyedSettings[] = [];
  for (let i = 0; i < 30; i++) kept = addKeptSettings(kept, settingsKey(`${i}`), { ...START, steps: i + 1 });
  kept = addKeptSettings(kept, settingsKey('12'), { ...START, steps: 500 });
  expect(kept).toHaveLength(20);
  expect(settingsAt(kept, settingsKey('12'))?.steps).toBe(500);
  expect(settingsAt(kept, settingsKey('9'))).toBeUndefined();
});

test('the adapter that a run starts from and the measurement of forgetting are restored', () => {
  const start = { id: 'a1', name: 'general' };
  const options = { ...START, start, forgetting: true, forgettingEvery: 10 };
  expect(readOptions(JSON.parse(JSON.stringify(options)))).toEqual(options);
  for (const wrong of [null, 'a1', {}, { id: 1, name: 'general' }])
    expect(readOptions({ start: wrong })).toEqual(START);
});

test('settings from storage are checked field by field', () => {
  expect(readOptions({ steps: 'many', batch: 3, targets: [1], lr: 0.5 })).toEqual({
    ...START,
    batch: 3,
    lr: 0.5,
  });
  expect(readOptions(null)).toEqual(START);
  expect(readSettingsKey({ rows: 1, model: '' })).toBeUndefined();
  expect(readKeyedSettings([{ rows: 'r', model: 'm' }, 'x', { rows: 2 }])).toEqual([
    { rows: 'r', model: 'm', options: START },
  ]);
  expect(readKeyedSettings('x')).toEqual([]);
});
