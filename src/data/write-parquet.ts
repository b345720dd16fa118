/**
 * Rows as a Parquet file: plain encoding, no compression, one page a column of a row group. The types come from the values: texts, whole numbers,
 * numbers, truth values, lists, and objects that all have the same fields. Whatever else a column holds is written as JSON, which readers know by
 * its type. The format: https://github.com/apache/parquet-format
 */
import { isObject, type JsonObject } from '../json.ts';

/** Rows of a row group: of each the writer holds one. */
const GROUP_ROWS = 10_000;
const MAGIC = new TextEncoder().encode('PAR1');
/** Lists of turns: a turn lacks what it does not need, so their fields differ. */
const TURNS = new Set(['messages', 'prompt', 'completion', 'chosen', 'rejected']);

/** Physical types. */
const [BOOLEAN, INT64, DOUBLE, BYTES] = [0, 2, 5, 6];
const UTF8 = 0;
const LIST = 3;
const JSON_TEXT = 19;
const REQUIRED = 0;
const OPTIONAL = 1;
const REPEATED = 2;
const PLAIN = 0;
const RLE = 3;

type Kind =
  | { readonly kind: 'text' | 'json' | 'whole' | 'number' | 'truth' }
  | { readonly kind: 'list'; readonly of: Kind }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [name: string, kind: Kind])[] };

function kindOf(values: readonly unknown[], isTurn = false): Kind {
  const known = values.filter((value) => value !== null && value !== undefined);
  const all = (is: (value: unknown) => boolean): boolean => known.every(is);
  if (known.length === 0 || all((value) => typeof value === 'string')) return { kind: 'text' };
  if (all((value) => typeof value === 'boolean')) return { kind: 'truth' };
  if (all((value) => Number.isSafeInteger(value) && !Object.is(value, -0))) return { kind: 'whole' };
  if (all((value) => typeof value === 'number')) return { kind: 'number' };
  if (all(Array.isArray)) {
    const items = (known as unknown[][]).flat();
    // What is empty in a list would be lost if nothing said its type.
    return items.some((item) => item === null || item === undefined)
      ? { kind: 'json' }
      : { kind: 'list', of: kindOf(items, isTurn) };
  }
  if (all(isObject)) {
    const objects = known as JsonObject[];
    const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
    const isWhole = objects.every((object) =>
      names.every((name) => Object.hasOwn(object, name) && object[name] !== null),
    );
    if (names.length > 0 && (isTurn || isWhole))
      return {
        kind: 'object',
        fields: names.map((name) => [
          name,
          isTurn && !isPlain(objects, name)
            ? { kind: 'json' }
            : kindOf(objects.map((object) => object[name])),
        ]),
      };
  }
  return { kind: 'json' };
}

const isPlain = (objects: readonly JsonObject[], name: string): boolean =>
  objects.every((object) => typeof object[name] !== 'object' || object[name] === null);

/** A column that has values: its path, how deep it may be empty and repeated, and its values of a row group. */
interface Leaf {
  readonly path: readonly string[];
  readonly kind: Exclude<Kind['kind'], 'list' | 'object'>;
  readonly most: { readonly definition: number; readonly repetition: number };
  definitions: number[];
  repetitions: number[];
  values: unknown[];
}

interface Node {
  readonly kind: Kind;
  readonly definition: number;
  readonly repetition: number;
  readonly leaf?: Leaf;
  readonly inside: readonly (readonly [name: string, node: Node])[];
}

/** Every column may be empty: its definition is one more than that of what it is in. A list has one more for its items. */
function nodeOf(kind: Kind, path: readonly string[], definition: number, repetition: number): Node {
  const here = { kind, definition: definition + 1, repetition };
  if (kind.kind === 'list') {
    const item = nodeOf(kind.of, [...path, 'list', 'element'], definition + 2, repetition + 1);
    return { ...here, inside: [['element', item]] };
  }
  if (kind.kind === 'object')
    return {
      ...here,
      inside: kind.fields.map(([name, field]) => [
        name,
        nodeOf(field, [...path, name], definition + 1, repetition),
      ]),
    };
  const max = { definition: definition + 1, repetition };
  return {
    ...here,
    inside: [],
    leaf: { path, kind: kind.kind, most: max, definitions: [], repetitions: [], values: [] },
  };
}

const leavesOf = (node: Node): Leaf[] =>
  node.leaf ? [node.leaf] : node.inside.flatMap(([, inner]) => leavesOf(inner));

/** Dremel's levels: https://research.google/pubs/dremel-interactive-analysis-of-web-scale-datasets/ */
function shred(node: Node, value: unknown, definition: number, repetition: number): void {
  const isEmpty = value === null || value === undefined;
  if (node.leaf) {
    node.leaf.definitions.push(isEmpty ? definition : node.definition);
    node.leaf.repetitions.push(repetition);
    if (!isEmpty) node.leaf.values.push(value);
  } else if (isEmpty || (Array.isArray(value) && value.length === 0)) {
    for (const [, inner] of node.inside)
      shred(inner, undefined, isEmpty ? definition : node.definition, repetition);
  } else if (node.kind.kind === 'list') {
    const [[, item]] = node.inside;
    for (const [at, inner] of (value as unknown[]).entries())
      shred(item, inner, node.definition + 1, at === 0 ? repetition : node.repetition + 1);
  } else {
    for (const [name, inner] of node.inside)
      shred(inner, (value as JsonObject)[name], node.definition, repetition);
  }
}

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(1024);
  length = 0;

  #room(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const next = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more));
    next.set(this.#bytes.subarray(0, this.length));
    this.#bytes = next;
  }
  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.length++] = value;
  }
  all(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  view(size: number, write: (view: DataView) => void): void {
    this.#room(size);
    write(new DataView(this.#bytes.buffer, this.length, size));
    this.length += size;
  }
  /** Seven bits a byte, the lowest first. */
  varint(value: number): void {
    let rest = BigInt(value);
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }
  get result(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }
}

/** A struct of Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
class Struct {
  readonly bytes = new Bytes();
  #last = 0;

  #field(id: number, type: number): void {
    this.bytes.byte(((id - this.#last) << 4) | type);
    this.#last = id;
  }
  i32(id: number, value: number): this {
    this.#field(id, 5);
    this.bytes.varint(2 * value);
    return this;
  }
  i64(id: number, value: number): this {
    this.#field(id, 6);
    this.bytes.varint(2 * value);
    return this;
  }
  text(id: number, value: string): this {
    this.#field(id, 8);
    putText(this.bytes, value);
    return this;
  }
  struct(id: number, value: Struct): this {
    this.#field(id, 12);
    this.bytes.all(value.end());
    return this;
  }
  list(id: number, type: 'i32' | 'text' | 'struct', items: readonly (number | string | Struct)[]): this {
    this.#field(id, 9);
    const code = { i32: 5, text: 8, struct: 12 }[type];
    if (items.length < 15) this.bytes.byte((items.length << 4) | code);
    else {
      this.bytes.byte(0xf0 | code);
      this.bytes.varint(items.length);
    }
    for (const item of items) {
      if (typeof item === 'number') this.bytes.varint(2 * item);
      else if (typeof item === 'string') putText(this.bytes, item);
      else this.bytes.all(item.end());
    }
    return this;
  }
  end(): Uint8Array<ArrayBuffer> {
    this.bytes.byte(0);
    return this.bytes.result;
  }
}

function putText(bytes: Bytes, text: string): void {
  const encoded = new TextEncoder().encode(text);
  bytes.varint(encoded.length);
  bytes.all(encoded);
}

const PHYSICAL: Readonly<Record<Leaf['kind'], number>> = {
  text: BYTES,
  json: BYTES,
  whole: INT64,
  number: DOUBLE,
  truth: BOOLEAN,
};

/** The elements of the schema, parents first. */
function schemaOf(name: string, { kind, leaf, inside }: Node): Struct[] {
  if (leaf) {
    const element = new Struct().i32(1, PHYSICAL[leaf.kind]).i32(3, OPTIONAL).text(4, name);
    return [
      leaf.kind === 'text'
        ? element.i32(6, UTF8)
        : leaf.kind === 'json'
          ? element.i32(6, JSON_TEXT)
          : element,
    ];
  }
  const rest = inside.flatMap(([inner, node]) => schemaOf(inner, node));
  const group = new Struct()
    .i32(3, OPTIONAL)
    .text(4, name)
    .i32(5, kind.kind === 'list' ? 1 : inside.length);
  return kind.kind === 'list'
    ? [group.i32(6, LIST), new Struct().i32(3, REPEATED).text(4, 'list').i32(5, 1), ...rest]
    : [group, ...rest];
}

/** Levels as runs of equal ones, after the bytes that they take. */
function putLevels(page: Bytes, levels: readonly number[], max: number): void {
  if (max === 0) return;
  const runs = new Bytes();
  for (let at = 0; at < levels.length;) {
    let end = at + 1;
    while (end < levels.length && levels[end] === levels[at]) end++;
    runs.varint(2 * (end - at));
    // No row has 256 levels.
    runs.byte(levels[at]);
    at = end;
  }
  page.view(4, (view) => view.setUint32(0, runs.length, true));
  page.all(runs.result);
}

function putValues(page: Bytes, { kind, values }: Leaf): void {
  const encoder = new TextEncoder();
  if (kind === 'truth') {
    for (let at = 0; at < values.length; at += 8)
      page.byte(
        values.slice(at, at + 8).reduce<number>((byte, value, bit) => byte | (value ? 1 << bit : 0), 0),
      );
    return;
  }
  for (const value of values) {
    if (kind === 'whole') page.view(8, (view) => view.setBigInt64(0, BigInt(value as number), true));
    else if (kind === 'number') page.view(8, (view) => view.setFloat64(0, value as number, true));
    else {
      const bytes = encoder.encode(kind === 'json' ? JSON.stringify(value) : (value as string));
      page.view(4, (view) => view.setUint32(0, bytes.length, true));
      page.all(bytes);
    }
  }
}

/** One column of a row group, at a place of the file. */
function chunkOf(
  leaf: Leaf,
  place: number,
): { readonly bytes: readonly Uint8Array<ArrayBuffer>[]; readonly about: Struct; readonly size: number } {
  const page = new Bytes();
  putLevels(page, leaf.repetitions, leaf.most.repetition);
  putLevels(page, leaf.definitions, leaf.most.definition);
  putValues(page, leaf);
  const count = leaf.definitions.length;
  const body = page.result;
  const header = new Struct()
    .i32(1, 0)
    .i32(2, body.length)
    .i32(3, body.length)
    .struct(5, new Struct().i32(1, count).i32(2, PLAIN).i32(3, RLE).i32(4, RLE))
    .end();
  const size = header.length + body.length;
  const about = new Struct()
    .i64(2, place)
    .struct(
      3,
      new Struct()
        .i32(1, PHYSICAL[leaf.kind])
        .list(2, 'i32', [PLAIN, RLE])
        .list(3, 'text', leaf.path)
        .i32(4, 0)
        .i64(5, count)
        .i64(6, size)
        .i64(7, size)
        .i64(9, place),
    );
  return { bytes: [header, body], about, size };
}

/**
 * @param rows objects of JSON; a field that a row lacks is empty in it, as one that is null
 * @returns the file in pieces
 */
export function writeParquet(rows: readonly JsonObject[]): Uint8Array<ArrayBuffer>[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name) => {
    const kind = kindOf(
      rows.map((row) => row[name]),
      TURNS.has(name),
    );
    return [name, nodeOf(kind, [name], 0, 0)] as const;
  });
  const pieces: Uint8Array<ArrayBuffer>[] = [MAGIC];
  let place = MAGIC.length;
  const groups: Struct[] = [];
  for (let from = 0; from < rows.length; from += GROUP_ROWS) {
    const group = rows.slice(from, from + GROUP_ROWS);
    const chunks: Struct[] = [];
    let size = 0;
    for (const [name, node] of columns) {
      for (const row of group) shred(node, row[name], 0, 0);
      for (const leaf of leavesOf(node)) {
        const chunk = chunkOf(leaf, place);
        pieces.push(...chunk.bytes);
        chunks.push(chunk.about);
        place += chunk.size;
        size += chunk.size;
        leaf.definitions = [];
        leaf.repetitions = [];
        leaf.values = [];
      }
    }
    groups.push(new Struct().list(1, 'struct', chunks).i64(2, size).i64(3, group.length));
  }
  const root = new Struct().i32(3, REQUIRED).text(4, 'schema').i32(5, columns.length);
  const footer = new Struct()
    .i32(1, 1)
    .list(2, 'struct', [root, ...columns.flatMap(([name, node]) => schemaOf(name, node))])
    .i64(3, rows.length)
    .list(4, 'struct', groups)
    .text(6, 'graft')
    .end();
  const tail = new Uint8Array(4);
  new DataView(tail.buffer).setUint32(0, footer.length, true);
  return [...pieces, footer, tail, MAGIC];
}
