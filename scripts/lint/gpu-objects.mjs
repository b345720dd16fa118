// @ts-check
/**
 * Only src/engine/webgpu may touch the objects of WebGPU, whatever they are called: an expression is known by its type, which TypeScript 7 computes natively.
 * Run as a program it reads every TypeScript file of src/. In components ESLint has the same rule: rooms.mjs.
 */
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isElementAccessExpression, isPropertyAccessExpression } from '@typescript/native/unstable/ast/is';
import { API } from '@typescript/native/unstable/sync';
import { GPU_NAME, ownsGpu, touches } from './rooms.mjs';

/** @import { Node } from '@typescript/native/unstable/ast' */

const root = resolve(import.meta.dirname, '../..');
const source = join(root, 'src') + '/';

/**
 * What touches an object of WebGPU outside of src/engine/webgpu.
 *
 * @param {string} config path of a tsconfig.json: the files in src/ that it reaches are read
 * @param {(path: string) => string | undefined} [readFile] text that stands for a file's
 * @returns {{ file: string, line: number, message: string }[]}
 */
export function gpuObjects(config, readFile = () => undefined) {
  const api = new API({ cwd: root, fs: { readFile } });
  try {
    const [project] = api.updateSnapshot({ openProjects: [config] }).getProjects();
    const paths = project.program
      .getSourceFileNames()
      .filter((path) => path.startsWith(source) && !ownsGpu(path));
    if (paths.length === 0) throw new Error(`${config} names no file of src/`);
    return paths.flatMap((path) => {
      const file = project.program.getSourceFile(path);
      if (!file) throw new Error(`TypeScript did not read ${path}`);
      /** @type {Node[]} */
      const objects = [];
      const visit = (/** @type {Node} */ node) => {
        if (isPropertyAccessExpression(node) || isElementAccessExpression(node))
          objects.push(node.expression);
        node.forEachChild(visit);
      };
      visit(file);
      const types = objects.length > 0 ? project.checker.getTypeAtLocation(objects) : [];
      return objects.flatMap((object, at) => {
        if (!GPU_NAME.test(types[at]?.getSymbol()?.name ?? '')) return [];
        const line = file.text.slice(0, object.end).split('\n').length;
        return [{ file: relative(root, path), line, message: touches(object.parent.getText(file)) }];
      });
    });
  } finally {
    api.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = gpuObjects(join(root, 'tsconfig.json'));
  for (const { file, line, message } of found) console.log(`${file}:${line}: ${message}`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
