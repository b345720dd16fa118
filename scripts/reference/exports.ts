/** docs/reference/exports.md: every export format of the registry on the bundled model, and what it does with each kind of adapter. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writtenOf } from '../../src/export/folder-sink.ts';
import type { ExportFormat, Parts } from '../../src/export/formats/format.ts';
import { EXPORT_FORMATS } from '../../src/export/formats/registry.ts';
import type { Files } from '../../src/export/peft.ts';
import { GraftError } from '../../src/errors.ts';
import { readModel } from '../../src/model/family.ts';
import { formatBytes } from '../../src/numbers.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { code, heading, page, plain, sentence, table } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');
const BASE = 'sprig';
/** Adapters of this model as PEFT saves them. */
const KINDS: readonly (readonly [folder: string, name: string])[] = [
  ['adapter', 'LoRA'],
  ['dora', 'DoRA'],
  ['loha', 'LoHa'],
  ['ia3', 'IA3'],
  ['norms', 'norms'],
  ['prompt', 'prompt tuning'],
  ['tokens', 'new tokens'],
];

const INTRODUCTION = `Each format was prepared on the bundled model (Sprig, 1.3 million parameters in f16) with an adapter that PEFT saved, as \`graft export\` and “Other formats” under Use do it. The size is that of
the whole folder with \`SHA256SUMS\`, in the usual number format. \`tests/unit/cli/export.test.ts\` writes each format by the command, and \`tests/browser/chat.test.ts\` writes formats from the page. On the page, the sheet
of an adapter lists the same formats with what is lost and how it was tested, and the size for your model.`;

const REFUSALS = `The adapters are those of \`tests/reference/peft\`. A format that cannot hold a kind says so before anything is written:`;

const filesOf = (folder: string): Files =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  );

export async function exportsPage(): Promise<string> {
  const base = memoryFiles(filesOf(join(ROOT, 'public/models', BASE)), BASE);
  const model = await readModel(base);
  const partsOf = (folder: string): Parts => ({
    ...{ baseModel: BASE, base, model, adapterName: folder },
    adapter: filesOf(join(ROOT, 'tests/reference/peft', folder)),
    // Its size changes with every change of the engine.
    chatPage: async () => ({
      html: readFileSync(join(ROOT, 'src/chat-page/page.html'), 'utf8'),
      offline: '',
    }),
  });
  const sizeOf = async ({ name, prepare }: ExportFormat): Promise<string> => {
    const size = formatBytes(writtenOf((await prepare(partsOf(KINDS[0][0]))).files).bytes);
    return name === 'page' ? `${size}, and its program` : size;
  };
  const taken: string[][] = [];
  const refused: string[][] = [];
  for (const [folder, kind] of KINDS.filter(([path]) =>
    existsSync(join(ROOT, 'tests/reference/peft', path)),
  )) {
    const cells: string[] = [];
    for (const format of EXPORT_FORMATS) {
      const error = await refusalOf(format, partsOf(folder));
      cells.push(error ? 'no' : 'yes');
      if (error) refused.push([kind, code(format.name), plain(`${error.what} ${error.remedy}`)]);
    }
    taken.push([kind, ...cells]);
  }
  return page(
    heading('Export formats'),
    INTRODUCTION,
    table(
      ['format', 'for', 'size', 'lost', 'tested', 'number formats'],
      await Promise.all(
        EXPORT_FORMATS.map(async (format) => [
          `${code(format.name)} ${plain(format.label)}`,
          plain(sentence(format.help)),
          await sizeOf(format),
          plain(format.loses),
          plain(format.proof),
          format.types ? format.types.map(code).join(' ') : 'as the source',
        ]),
      ),
    ),
    '## Kinds of adapters',
    table(['kind', ...EXPORT_FORMATS.map(({ name }) => code(name))], taken),
    REFUSALS,
    table(['kind', 'format', 'message'], refused),
  );
}

async function refusalOf(format: ExportFormat, parts: Parts): Promise<GraftError | undefined> {
  try {
    await format.prepare(parts);
    return undefined;
  } catch (error) {
    if (error instanceof GraftError) return error;
    throw error;
  }
}
