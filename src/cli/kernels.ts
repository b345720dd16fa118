/**
 * The CPU engine's kernels as WebAssembly. Compiling takes seconds: `npm ci` does it, the published package
 * contains them, and missing ones are compiled when they are first needed. They are kept under the hash of their sources.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraftError } from '../errors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(ROOT, 'src');
const KERNELS = join(SOURCES, 'engine', 'cpu', 'kernels');
/** Folders whose subfolders have kernels of their own. */
const BRING_KERNELS = ['adapters', 'optimisers', 'objectives'];
/** Ignored by git, and part of the package. */
const COMPILED = join(ROOT, '.cache', 'kernels');

/** `relaxed` uses relaxed SIMD (fused multiply-add), `simd` what every engine has. */
export type KernelBuild = 'relaxed' | 'simd';
export const KERNEL_BUILDS: readonly KernelBuild[] = ['relaxed', 'simd'];

const FLAGS = [
  '-O3',
  '--runtime=stub',
  '--noAssert',
  '--importMemory',
  '--noExportMemory',
  '--sharedMemory',
  '--initialMemory=1',
  '--maximumMemory=65536',
  '--importTable',
  // Constants of the kernels: below CONTROL in src/engine/cpu/serve.mjs.
  '--memoryBase=1024',
  // Vectors among the parameters of functions, which only kernels call.
  '--disableWarning=112',
];

/** The compiled kernels, from an earlier call if there was one. @throws GraftError `engine-kernels` */
export async function compiledKernels(build: KernelBuild): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(await kernelFile(build)));
}

/** The path of the compiled kernels, compiled now if they are missing. @throws GraftError `engine-kernels` */
export async function kernelFile(build: KernelBuild): Promise<string> {
  const path = join(COMPILED, `${build}-${hashOfSources()}.wasm`);
  if (existsSync(path)) return path;
  const bytes = await compile(build);
  await mkdir(dirname(path), { recursive: true });
  // Written whole or not at all: another process, or another thread of this one, may do the same.
  const part = `${path}.${randomUUID()}`;
  await writeFile(part, bytes);
  await rename(part, path);
  return path;
}

/** Changes with every source and with how they are compiled. */
function hashOfSources(): string {
  const hash = createHash('sha256').update(FLAGS.join(' '));
  const names = readdirSync(KERNELS).filter((name) => name.endsWith('.ts'));
  for (const path of [...names.sort().map((name) => join(KERNELS, name)), ...broughtKernels()])
    hash.update(relative(SOURCES, path)).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

/** What brings kernels has them in its own folder. */
function broughtKernels(): string[] {
  return BRING_KERNELS.flatMap((room) => {
    const names = readdirSync(join(SOURCES, room), { recursive: true, encoding: 'utf8' });
    return names
      .filter((name) => name.endsWith('.kernel.ts'))
      .sort()
      .map((name) => join(SOURCES, room, name));
  });
}

async function compile(build: KernelBuild): Promise<Uint8Array<ArrayBuffer>> {
  const asc = await import('assemblyscript/asc').catch(() => {
    throw failed('AssemblyScript, which compiles them, is not installed.', 'Run: npm ci');
  });
  const features = build === 'relaxed' ? 'simd,relaxed-simd,threads' : 'simd,threads';
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [
      ...[join(KERNELS, 'index.ts'), ...broughtKernels()].map((path) => relative(SOURCES, path)),
      '--outFile=kernels.wasm',
      '--baseDir',
      SOURCES,
      `--enable=${features}`,
      ...FLAGS,
    ],
    {
      writeFile: (_name, contents) => {
        bytes = Uint8Array.from(contents as Uint8Array);
      },
    },
  );
  if (error || !bytes) throw failed(`${error?.message ?? 'There is no output'}\n${stderr.toString()}`, '');
  return bytes;
}

function failed(why: string, remedy: string): GraftError {
  return new GraftError(
    'engine-kernels',
    `The kernels of the CPU engine could not be compiled: ${why}`,
    remedy,
  );
}
