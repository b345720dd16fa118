/** A name that src/ exports has one home: whoever searches for it finds one thing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

type Kind = 'value' | 'type' | 'schema';

interface Home {
  readonly file: string;
  readonly kind: Kind;
}

/** AssemblyScript: the kernels of the CPU are modules of another program, and have the names of the operations that they compute. */
const isKernel = (file: string): boolean => file.endsWith('.kernel.ts') || file.includes('/cpu/kernels/');

/** The names that a module imports: exported again, they are the same things. */
function importsOf({ statements }: ts.SourceFile): Set<string> {
  return new Set(
    statements.flatMap((node) => {
      const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : undefined;
      return bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : [];
    }),
  );
}

function namesOf(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesOf(element.name)));
}

/** `v.object(…)`: a Valibot schema. */
const isSchema = (value: ts.Expression | undefined, source: string): boolean =>
  value !== undefined && /^\s*v\./.test(source.slice(value.pos, value.end));

/** The exported names of a module with their kinds. A name for a value and its type counts once. */
function exportsOf(file: string, source: string): Map<string, Kind> {
  const found = new Map<string, Kind>();
  const module = ts.createSourceFile(file, source, ts.ScriptTarget.Latest);
  const imported = importsOf(module);
  for (const node of module.statements) {
    if (ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier || !node.exportClause || !ts.isNamedExports(node.exportClause)) continue;
      for (const { name, propertyName = name } of node.exportClause.elements)
        if (!imported.has(propertyName.text)) found.set(name.text, 'value');
    } else if (
      ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    ) {
      if (ts.isVariableStatement(node)) {
        for (const { name, initializer } of node.declarationList.declarations)
          for (const one of namesOf(name)) found.set(one, isSchema(initializer, source) ? 'schema' : 'value');
      } else if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) {
        if (!found.has(node.name.text)) found.set(node.name.text, 'type');
      } else if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) && node.name) {
        found.set(node.name.text, 'value');
      }
    }
  }
  return found;
}

/** What is one thing twice by design: a backend's part of what both backends do, and a schema with the type of the records that it reads. */
function isTwin([first, second, ...more]: readonly Home[]): boolean {
  if (more.length > 0) return false;
  const files = [first.file, second.file];
  if (['cpu', 'webgpu'].every((backend) => files.some((file) => file.startsWith(`src/engine/${backend}/`))))
    return true;
  const kinds = [first.kind, second.kind];
  return kinds.includes('schema') && kinds.includes('type');
}

/** The names with more than one home, each with its files. @param sources the text of each file by its path */
function sharedNames(sources: Iterable<readonly [file: string, source: string]>): Record<string, string[]> {
  const homes = new Map<string, Home[]>();
  for (const [file, source] of sources) {
    if (isKernel(file)) continue;
    for (const [name, kind] of exportsOf(file, source))
      homes.set(name, [...(homes.get(name) ?? []), { file, kind }]);
  }
  return Object.fromEntries(
    [...homes]
      .filter(([, found]) => found.length > 1 && !isTwin(found))
      .map(([name, found]) => [name, found.map(({ file }) => file)]),
  );
}

test('finds a name with two homes, and no twin', () => {
  const twins = {
    'src/engine/cpu/lower/add.ts': 'export const addLowerings = lowers();',
    'src/engine/webgpu/lower/add.ts': 'export const addLowerings = lowers();',
    'src/engine/cpu/kernels/add.ts': 'export function add(): void {}',
    'src/engine/ops/add.ts': 'export function add(): void {}',
    'src/evaluate/record.ts': 'export interface Draw { readonly seed: number }',
    'src/evaluate/record-file.ts': 'export const Draw = v.object({ seed: v.number() });',
    'src/worker/api/rows.ts': `export type { Draw } from '../../evaluate/record.ts';`,
    'src/data/rows.ts': 'const add = 1; interface Draw { readonly row: number }',
  };
  expect(sharedNames(Object.entries(twins))).toEqual({});
  const shared = {
    'src/cli/a.ts':
      'export const [one, { two }] = list; export class Three {} export async function four() {}',
    'src/cli/b.ts': `const one = 1; export { one }; export { two } from './a.ts'; export interface Three {}`,
    'src/cli/c.ts': `import { one } from './a.ts'; export { one }; export type four = 4; export const Draw = draw();`,
  };
  const both = ['src/cli/a.ts', 'src/cli/b.ts'];
  expect(sharedNames(Object.entries({ ...twins, ...shared }))).toEqual({
    ...{ one: both, Three: both, four: ['src/cli/a.ts', 'src/cli/c.ts'] },
    Draw: ['src/evaluate/record.ts', 'src/evaluate/record-file.ts', 'src/cli/c.ts'],
  });
});

test('a name is exported by one file of src/', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path))
    .map((path) => [`src/${path}`, readFileSync(join(ROOT, 'src', path), 'utf8')] as const);
  expect(sharedNames(sources)).toEqual({});
});
