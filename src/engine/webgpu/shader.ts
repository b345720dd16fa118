/**
 * A WGSL file as the engine sees it. The file is the single source of truth: bindings, their access and the fields of `struct Params`
 * are read from it, so that a dispatch can name them and a mismatch is an error before anything runs.
 */

type Access = 'uniform' | 'read' | 'read_write';

interface Binding {
  readonly name: string;
  readonly index: number;
  readonly access: Access;
}

interface Field {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
}

export interface Shader {
  readonly name: string;
  readonly source: string;
  readonly bindings: readonly Binding[];
  /** Fields of `struct Params`, four bytes each, in order; empty if the file has none. A field of an array of structs is named `array.0.field`. */
  readonly params: readonly Field[];
}

/** The names and sources of all shaders that were read. */
const parsed = new Set<string>();

/** A short text that differs if any shader that was read by now differs. */
export function shadersHash(): string {
  return shortHash([...parsed].sort().join(''));
}

/** Eight hexadecimal digits of a text (FNV-1a, 32 bits): not for what somebody may have made up. */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

const BINDING =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:\s*,\s*(read_write|read))?>\s*(\w+)/g;
const STRUCT = /struct\s+(\w+)\s*\{([^}]*)\}/g;
const FIELD = /(\w+)\s*:\s*(?:(u32|i32|f32)\b|array<(\w+), (\d+)>)/g;

/**
 * Reads bindings and parameters from a WGSL source.
 *
 * @param name the file's name without ending, used in labels and errors
 * @param source WGSL as written, without the header of type aliases
 */
export function parseShader(name: string, source: string): Shader {
  parsed.add(`${name}\n${source}\n`);
  const code = source.replace(/\/\/.*$/gm, '');
  const bindings: Binding[] = [];
  for (const [, index, space, access, binding] of code.matchAll(BINDING)) {
    bindings.push({
      name: binding,
      index: Number(index),
      access: space === 'uniform' ? 'uniform' : access === 'read_write' ? 'read_write' : 'read',
    });
  }
  const structs = new Map([...code.matchAll(STRUCT)].map(([, struct, body]) => [struct, body]));
  const params = fieldsOf(structs.get('Params') ?? '', structs);
  return { name, source, bindings, params };
}

/** The fields of a struct by its body, those of an array's elements in its place. */
function fieldsOf(body: string, structs: ReadonlyMap<string, string>): Field[] {
  return [...body.matchAll(FIELD)].flatMap(([, name, type, element, count]): Field[] => {
    if (type) return [{ name, type: type as Field['type'] }];
    const inner = fieldsOf(structs.get(element) ?? '', structs);
    return Array.from({ length: Number(count) }, (_, i) =>
      inner.map((field) => ({ ...field, name: `${name}.${i}.${field.name}` })),
    ).flat();
  });
}

/** The element types that a shader's aliases can stand for. */
export type ElementType = 'f32' | 'f16' | 'u32';

const OVERRIDE = /^override (\w+): (bool|u32|f32) = (.+);$/gm;

/**
 * The complete WGSL of one variant: features, type aliases, then the file with its `override` constants as numbers. Overrides themselves would do in
 * Dawn, but naga 29 panics at pipelines of matmul_tiled that have them, and Safari reports workgroup arrays sized by them as empty
 * (WebGPU-Radix-Sort 10).
 *
 * @param constants values by name; others keep their default
 */
export function shaderCode(
  shader: Shader,
  types: Readonly<Record<string, ElementType>>,
  constants: Readonly<Record<string, number>>,
  subgroups: boolean,
): string {
  const lines: string[] = [];
  if (Object.values(types).includes('f16')) lines.push('enable f16;');
  if (subgroups) lines.push('enable subgroups;');
  for (const [alias, type] of Object.entries(types)) lines.push(`alias ${alias} = ${type};`);
  const left = new Set(Object.keys(constants));
  const source = shader.source.replace(OVERRIDE, (_, name: string, type: string, fallback: string) => {
    const value = left.delete(name) ? constants[name] : undefined;
    const text = value === undefined ? fallback : type === 'bool' ? String(value !== 0) : String(value);
    return `const ${name}: ${type} = ${text};`;
  });
  if (left.size > 0) throw new Error(`${shader.name}.wgsl has no constant named ${[...left].join(', ')}`);
  return `${lines.join('\n')}\n${source}`;
}
