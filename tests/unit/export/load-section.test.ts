import { expect, test } from 'vitest';
import {
  baseFields,
  loadSection,
  placeOfName,
  withLoadSection,
  type BasePlace,
} from '../../../src/export/load-section.ts';
import { lossesOfCard, mergedCard, modelCard } from '../../../src/export/model-card.ts';
import { withBase, type Files } from '../../../src/export/peft.ts';
import { Bases } from '../../../src/worker/models/bases.ts';
import type { StoredModel } from '../../../src/storage/model-writer.ts';

const config = {
  ...{ rank: 4, alpha: 8, dropout: 0, rsLora: false, targets: ['q_proj'] },
  ...{ rankPattern: {}, alphaPattern: {} },
};
const COMMIT = '12fd25f77366fa6b3b4b768ec3050bf629380bac';

test('a name says where a base is: an id of the hub, a folder, or a GGUF file', () => {
  expect(placeOfName('HuggingFaceTB/SmolLM2-135M')).toEqual({
    kind: 'hub',
    id: 'HuggingFaceTB/SmolLM2-135M',
  });
  expect(placeOfName('sprig')).toEqual({ kind: 'local', folder: 'sprig' });
  expect(placeOfName('/home/me/models/My model')).toEqual({ kind: 'local', folder: 'My model' });
  expect(placeOfName('C:\\models\\oak')).toEqual({ kind: 'local', folder: 'oak' });
  expect(placeOfName('oak.Q4_0.gguf')).toEqual({ kind: 'local', folder: 'base', gguf: 'oak.Q4_0.gguf' });
});

test('the commands name the base by its id and revision, by the folder next to it, or by a path to fill in', () => {
  const hub = loadSection({ kind: 'hub', id: 'acme/Oak-1B', revision: COMMIT });
  expect(hub).toContain(`AutoTokenizer.from_pretrained("acme/Oak-1B", revision="${COMMIT}")`);
  expect(hub).toContain('AutoPeftModelForCausalLM.from_pretrained(".")');
  expect(loadSection({ kind: 'hub', id: 'a/b', hub: 'https://mirror.example' })).toContain(
    'os.environ["HF_ENDPOINT"] = "https://mirror.example"',
  );
  const quantised = loadSection({ kind: 'hub', id: 'acme/Oak-GGUF', revision: COMMIT, gguf: 'oak.gguf' });
  expect(quantised).toContain('base = "acme/Oak-GGUF"');
  expect(quantised).toContain(`from_pretrained(base, revision="${COMMIT}", gguf_file="oak.gguf")`);
  expect(quantised).toContain('pip install torch transformers peft gguf');
  const local = loadSection({ kind: 'local', folder: 'oak "1"' });
  expect(local).toContain('base = "oak \\"1\\""');
  expect(local).toMatch(/Copy the base model's folder here under the name/);
});

test('a card of any version gets another last section; a card of others stays unchanged', () => {
  const place: BasePlace = { kind: 'beside', folder: 'sprig' };
  const card = modelCard(config, { baseModel: 'sprig' });
  expect(card).toContain('Losses are mean cross-entropy in nats per supervised token.');
  expect(modelCard(config, { baseModel: 'sprig', lossIs: 'those of pairs' })).toContain(
    'Losses are those of pairs.',
  );
  expect(card).toContain("Copy the base model's folder");
  const beside = withLoadSection(card, place);
  expect(beside).toMatch(/\| Rank \| 4 \|/);
  expect(beside).toMatch(/is next to it, in `sprig`/);
  expect(beside).not.toContain("Copy the base model's folder");
  expect(withLoadSection(beside, place)).toBe(beside);
  // The form before there was a heading.
  const earlier = `# LoRA adapter\n\n| Rank | 4 |\n\n\`\`\`python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\nbase = AutoModelForCausalLM.from_pretrained("sprig")\nmodel = PeftModel.from_pretrained(base, "path/to/this/folder")\n\`\`\`\n`;
  expect(withLoadSection(earlier, place)).toBe(`# LoRA adapter\n\n| Rank | 4 |\n\n${loadSection(place)}`);
  expect(withLoadSection('# Mine\n', place)).toBe('# Mine\n');
});

test('the configuration names the same base as the card, if PEFT can find it there', () => {
  const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
  const files: Files = {
    'adapter_config.json': text('{"r": 4, "base_model_name_or_path": "Oak-1B", "revision": "old"}'),
    'README.md': text(modelCard(config, { baseModel: 'Oak-1B' })),
    'adapter_model.safetensors': text('weights'),
  };
  const read = (of: Files): unknown => JSON.parse(new TextDecoder().decode(of['adapter_config.json']));
  const hub = withBase(files, { kind: 'hub', id: 'acme/Oak-1B', revision: COMMIT });
  expect(read(hub)).toEqual({ r: 4, base_model_name_or_path: 'acme/Oak-1B', revision: COMMIT });
  expect(hub['adapter_model.safetensors']).toBe(files['adapter_model.safetensors']);
  expect(read(withBase(files, { kind: 'beside', folder: 'sprig' }))).toEqual({
    r: 4,
    base_model_name_or_path: 'sprig',
  });
  // A folder that does not exist yet makes no difference.
  expect(read(withBase(files, { kind: 'local', folder: 'Oak-1B' }))).toEqual(read(files));
  expect(baseFields({ kind: 'hub', id: 'a/b' })).toEqual({ base_model_name_or_path: 'a/b' });
});

test('the place of a kept base is where it was downloaded from', async () => {
  const kept: StoredModel[] = [
    {
      ...{ name: 'acme/Oak-1B', created: 0, bytes: 1 },
      source: `https://huggingface.co/acme/Oak-1B/tree/${COMMIT}`,
      files: [{ name: 'model.safetensors', size: 1 }],
    },
    {
      ...{ name: 'oak.Q4_0', created: 0, bytes: 1 },
      source: `https://mirror.example/acme/Oak-GGUF/resolve/${COMMIT}/oak.Q4_0.gguf`,
      files: [{ name: 'oak.Q4_0.gguf', size: 1 }],
    },
    { name: 'brought', created: 0, bytes: 1, files: [{ name: 'x.gguf', size: 1 }] },
  ];
  const bases = new Bases(
    () => Promise.reject(new Error('not asked')),
    async () => kept,
    () => Promise.reject(new Error('not asked')),
  );
  expect(await bases.placeOf('sprig', true)).toEqual({ kind: 'beside', folder: 'sprig' });
  expect(await bases.placeOf('sprig', false)).toEqual({ kind: 'local', folder: 'sprig' });
  expect(await bases.placeOf('acme/Oak-1B', true)).toEqual({
    ...{ kind: 'hub', id: 'acme/Oak-1B', revision: COMMIT },
  });
  expect(await bases.placeOf('oak.Q4_0', true)).toEqual({
    ...{ kind: 'hub', id: 'acme/Oak-GGUF', revision: COMMIT },
    ...{ hub: 'https://mirror.example', gguf: 'oak.Q4_0.gguf' },
  });
  expect(await bases.placeOf('brought', true)).toEqual({ kind: 'local', folder: 'brought', gguf: 'x.gguf' });
  expect(await bases.placeOf('gone', true)).toEqual({ kind: 'local', folder: 'gone' });
  expect(await bases.find('/home/me/SPRIG')).toEqual({ name: 'sprig', bundled: true });
  expect(await bases.find('oak-1b')).toEqual({ name: 'acme/Oak-1B', bundled: false });
  expect(await bases.find('gone')).toBeUndefined();
});

test('a card shows how the run was made, without places on a disk, before how to load it', () => {
  const recipe = { data: '/home/ada/rows.jsonl', lr: 0.004, steps: 3, promptTemplate: 'a\n```\nb' };
  const made = { graft: '1.2.3', precision: 'f16', base: 'q4_0' };
  const card = modelCard(config, { baseModel: 'sprig', how: { recipe, made } });
  expect(card).toContain('Made with Graft 1.2.3. The base computed in f16, its weights in q4_0.');
  expect(card).not.toContain('rows.jsonl');
  const { data: _, ...shared } = recipe;
  expect(JSON.parse(/```json\n(.+?)\n```\n\n## How the format/s.exec(card)![1])).toEqual(shared);

  const merge = { baseModel: 'sprig', adapter: 'mine', layers: 2, formula: 'W + BA' };
  const how = card.slice(card.indexOf('Made with'), card.indexOf('## How the format'));
  expect(mergedCard({ ...merge, adapterCard: card })).toContain(`## How the adapter was made\n\n${how}`);
  const foreign = card.replace('Trained with Graft. ', 'Trained with another program. ');
  for (const adapterCard of [foreign, modelCard(config, { baseModel: 'sprig' }), undefined])
    expect(mergedCard({ ...merge, ...(adapterCard !== undefined && { adapterCard }) })).not.toContain('made');
});

test('an adapter that is imported has the losses of its card, and a card of others gives none', () => {
  const card = modelCard(config, { baseModel: 'sprig', firstLoss: 3, lastLoss: 0.51237, evalLoss: 0.75 });
  expect(lossesOfCard(card)).toEqual({ finalLoss: 0.5124, evalLoss: 0.75 });
  expect(lossesOfCard(modelCard(config, { baseModel: 'sprig' }))).toEqual({});
  expect(lossesOfCard('| Loss, validation | 0.1 |')).toEqual({});
});
