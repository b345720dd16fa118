/**
 * A file of kernels as the engine sees it. The file is the single source of truth: the fields of its class of arguments and the kernels that it
 * exports are read from it, so that a command can name them and a mismatch is an error before anything runs.
 */

/** `Read` and `Write` are tensors by address, the others numbers; four bytes each. */
type FieldType = 'Read' | 'Write' | 'i32' | 'u32' | 'f32';

interface Field {
  readonly name: string;
  readonly type: FieldType;
}

export interface KernelFile {
  readonly name: string;
  /** The arguments of its kernels, in order. */
  readonly fields: readonly Field[];
  /** The functions that take them. */
  readonly kernels: ReadonlySet<string>;
}

const ARGUMENTS = /class\s+(\w+Arguments)(?:\s+extends\s+\w+)?\s*\{([^}]*)\}/;
const FIELD = /(\w+)\s*:\s*(Read|Write|i32|u32|f32)\s*;/g;

/**
 * Reads arguments and kernels from a source in AssemblyScript.
 *
 * @param name the file's name without ending, used in labels and errors
 * @param inherited fields of the class that the class of arguments extends
 * @throws Error if the source has no class of arguments
 */
export function parseKernels(name: string, source: string, inherited: readonly Field[] = []): KernelFile {
  const code = source.replace(/\/\/.*$/gm, '').replace(/\/\*.*?\*\//gs, '');
  const [, type, body] = ARGUMENTS.exec(code) ?? [];
  if (!type) throw new Error(`${name}.ts has no class of arguments`);
  const fields = [...body.matchAll(FIELD)].map(([, field, of]) => ({ name: field, type: of as FieldType }));
  const kernel = new RegExp(`export function (\\w+)\\(\\s*\\w+: ${type}\\b`, 'g');
  return {
    name,
    fields: [...inherited, ...fields],
    kernels: new Set([...code.matchAll(kernel)].map(([, found]) => found)),
  };
}
