/** Conventions of the source: docstrings of functions that folders share, which say what they throw, imports without circles, and titles of tests that are sentences. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The names that a file takes from other folders, as `path#name`. */
function importedNames(file: string, source: string): string[] {
  return [...source.matchAll(/import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)'/g)].flatMap(
    ([, names, from]) => {
      const path = resolve(dirname(file), from);
      if (dirname(path) === dirname(file)) return [];
      return names.split(',').map(
        (name) =>
          `${path}#${
            name
              .trim()
              .replace(/^type /, '')
              .split(' as ')[0]
          }`,
      );
    },
  );
}

interface ExportedFunction {
  readonly name: string;
  readonly docstring: string;
  readonly throws: boolean;
}

/** Whether it throws a new error itself. What it calls, and functions inside it, do not count. */
function throwsItself(body: ts.Node): boolean {
  let found = false;
  const visit = (node: ts.Node): void => {
    if (ts.isThrowStatement(node) && ts.isNewExpression(node.expression)) found = true;
    if (node === body || !ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  visit(body);
  return found;
}

/** Functions of a module. Of overloads only the first needs a docstring. */
function functionsOf(path: string, source: string): ExportedFunction[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found = new Map<string, ExportedFunction>();
  const add = (name: string, node: ts.Node, body: ts.Node | undefined): void => {
    const docstring = ts
      .getJSDocCommentsAndTags(node)
      .map((part) => part.getText())
      .join('\n');
    const before = found.get(name);
    found.set(name, {
      name,
      docstring: `${before?.docstring ?? ''}${docstring}`,
      throws: body !== undefined && throwsItself(body),
    });
  };
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name)
      add(statement.name.text, statement, statement.body);
    if (!ts.isVariableStatement(statement)) continue;
    const [{ name, initializer }] = statement.declarationList.declarations;
    if (initializer && ts.isArrowFunction(initializer)) add(name.getText(), statement, initializer.body);
  }
  return [...found.values()];
}

const filesIn = (folder: string): { path: string; source: string }[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|svelte)$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(ROOT, folder, name))
    .map((path) => ({ path, source: readFileSync(path, 'utf8') }));
const sources = filesIn('src');
const imported = new Set(sources.flatMap(({ path, source }) => importedNames(path, source)));
const shared = sources
  .filter(({ path }) => path.endsWith('.ts'))
  .flatMap(({ path, source }) =>
    functionsOf(path, source)
      .filter(({ name }) => imported.has(`${path}#${name}`))
      .map((one) => ({ ...one, place: `${path.slice(ROOT.length + 1)}#${one.name}` })),
  );

test('finds the functions that folders share', () => {
  expect(shared.length).toBeGreaterThan(1000);
  expect(shared.filter(({ throws }) => throws).length).toBeGreaterThan(100);
});

test('a function that another folder imports has a docstring', () => {
  expect(shared.filter(({ docstring }) => docstring === '').map(({ place }) => place)).toEqual([]);
});

test('a function that throws says so', () => {
  expect(
    shared
      .filter(({ throws, docstring }) => throws && !/throws?\b/i.test(docstring))
      .map(({ place }) => place),
  ).toEqual([]);
});

/** The paths of the modules whose values a file imports or exports again. Types and assets do not count. The kernels of the CPU leave the extension out. */
function valueImports(file: string, source: string): string[] {
  const statements = source.matchAll(
    /^\s*(?:im|ex)port\s+(?!type\s)([\w$*\s{},]*?)(?:from\s+)?'(\.[^'?]+)'/gm,
  );
  return [...statements]
    .filter(([, names]) => !/^\{(?:\s*type\s[^,}]*,?)+\s*\}\s*$/.test(names))
    .map(([, , from]) => resolve(dirname(file), extname(from) === '' ? `${from}.ts` : from));
}

/** The files of a circle, each of which imports the next one, and the last one the first. Empty if there is none. */
function circleOf(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const left = new Map(imports);
  const next = (file: string): string | undefined => left.get(file)?.find((other) => left.has(other));
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const file of left.keys()) if (next(file) === undefined) left.delete(file);
  }
  const way: string[] = [];
  let [file]: (string | undefined)[] = [...left.keys()];
  while (file !== undefined && !way.includes(file)) {
    way.push(file);
    file = next(file);
  }
  return file === undefined ? [] : way.slice(way.indexOf(file));
}

test('finds imports of values, and a circle among them', () => {
  const source = `import type { A } from './a.ts';
    import { type B, type C } from './b.ts';
    import shader from './c.wgsl?raw';
    import { defineD, type D } from './d.ts';
    import {
      E,
    } from '../e.ts';
    import './f.css';
    import { f } from './f';
    export * from './g.ts';
    import H from './H.svelte';`;
  const found = ['src/d.ts', 'e.ts', 'src/f.css', 'src/f.ts', 'src/g.ts', 'src/H.svelte'];
  expect(valueImports(join(ROOT, 'src/x.ts'), source)).toEqual(found.map((path) => join(ROOT, path)));
  const way = { a: ['b'], b: ['e', 'c'], c: ['d'], d: ['e', 'b'], e: [] };
  expect(circleOf(new Map(Object.entries(way)))).toEqual(['b', 'c', 'd']);
  expect(circleOf(new Map(Object.entries({ ...way, d: ['e'] })))).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const imports = new Map(sources.map(({ path, source }) => [path, valueImports(path, source)]));
  expect([...imports.values()].flat().length).toBeGreaterThan(5000);
  expect(circleOf(imports).map((path) => path.slice(ROOT.length + 1))).toEqual([]);
});

test('a title of a test does not start in the middle of a sentence', () => {
  const titles = filesIn('tests').flatMap(({ path, source }) =>
    [...source.matchAll(/\b(?:it|test)(?:\.each\([^)]*\))?\(\s*['"`](.*?)['"`],/g)].map(
      ([, title]) => `${path.slice(ROOT.length + 1)}: ${title}`,
    ),
  );
  expect(titles.length).toBeGreaterThan(2000);
  expect(titles.filter((title) => /: (?:that|of|if|but|whose|which) /.test(title))).toEqual([]);
});
