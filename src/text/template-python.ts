/**
 * Templates are written for Python's Jinja. Where `@huggingface/jinja` silently computes something else, this has Python's meaning: methods of texts,
 * printing, operators, equality, some filters and tests. What is not worth computing is refused by name.
 */
import { withArticle } from '../numbers.ts';
import { Environment, type Interpreter } from '@huggingface/jinja';

export type Node = NonNullable<Parameters<Interpreter['evaluate']>[0]>;
export type Value = ReturnType<Interpreter['evaluate']>;

/** The library does not export the classes of its values; it makes values of JavaScript's. */
export function valueOf(inner: unknown): Value {
  return new Environment().set('x', inner);
}

const FloatValue = valueOf(0.5).constructor as new (value: number) => Value;

/** Python's white space, which has separators 1C to 1F and U+0085, and no U+FEFF. */
const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WORD = new RegExp(`[^${SPACES}]+`, 'g');
const IS_SPACE = new RegExp(`^[${SPACES}]$`);
/** Letters whose title case is not their upper case. */
const OWN_TITLE = /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff]/;

function nameOf({ type }: Value): string {
  return type.replace(/Value$/, '').toLowerCase();
}

/** `strip`, `lstrip` and `rstrip`: of any of `chars`, or of white space. */
function strip(text: string, chars: string | undefined, left = true, right = true): string {
  const letters = [...text];
  const set = chars === undefined ? undefined : new Set(chars);
  const goes = (letter: string): boolean => (set ? set.has(letter) : IS_SPACE.test(letter));
  let start = 0;
  let end = letters.length;
  while (left && start < end && goes(letters[start])) start++;
  while (right && end > start && goes(letters[end - 1])) end--;
  return letters.slice(start, end).join('');
}

function titled(word: string): string {
  const [first = '', ...rest] = word;
  const upper = first.toUpperCase();
  if ([...upper].length > 1 || OWN_TITLE.test(first)) throw new Error(`no title case of ${first} is known`);
  return upper + rest.join('').toLowerCase();
}

/** `|title` and `.title()` take other characters for the beginnings of words. */
function filterTitle(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map(titled)
    .join('');
}

type Method = (text: string, args: readonly (string | number | null | undefined)[]) => unknown;

/** Methods that differ in the library. */
const METHODS: Readonly<Record<string, Method>> = {
  strip: (text, [chars]) => strip(text, charsOf(chars)),
  lstrip: (text, [chars]) => strip(text, charsOf(chars), true, false),
  rstrip: (text, [chars]) => strip(text, charsOf(chars), false, true),
  capitalize: (text) => titled(text),
  title: (text) => text.replace(/\p{L}+/gu, titled),
};

/** The most arguments of methods, the library's included, which ignores further ones. */
const METHOD_ARGUMENTS: Readonly<Record<string, number>> = {
  strip: 1,
  lstrip: 1,
  rstrip: 1,
  capitalize: 0,
  title: 0,
  upper: 0,
  lower: 0,
  startswith: 1,
  endswith: 1,
  split: 2,
  replace: 3,
  get: 2,
  items: 0,
  keys: 0,
  values: 0,
};

function charsOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new Error('strip takes a text');
}

/** Throws for arguments that the library would ignore. */
export function checkArguments(method: string, args: readonly Value[]): void {
  const max = Object.hasOwn(METHOD_ARGUMENTS, method) ? METHOD_ARGUMENTS[method] : args.length;
  const named = args.some(({ type }) => type === 'KeywordArgumentsValue');
  if (args.length > max || (named && method !== 'replace')) {
    throw new Error(`the arguments of ${method}() are not supported`);
  }
}

/** A method of a text as in Python; undefined if the library is right. */
export function callMethod(method: string, text: string, args: readonly Value[]): Value | undefined {
  if (method === 'split' && (args.length === 0 || args[0].type === 'NullValue') && args.length < 2) {
    return valueOf(text.match(WORD) ?? []);
  }
  if (!Object.hasOwn(METHODS, method)) return undefined;
  return valueOf(
    METHODS[method](
      text,
      args.map(({ value }): string | null => value as string | null),
    ),
  );
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits, exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 16) {
    const text = Object.is(value, -0) ? '-0' : String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function hex(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`;
}

function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\\'\p{C}\p{Z}]/gu, (letter) => {
    if (letter === ' ') return letter;
    if (letter === "'") return quote === "'" ? "\\'" : letter;
    return ESCAPES[letter] ?? hex(letter.codePointAt(0)!);
  });
  return quote + inner + quote;
}

function isList({ type }: Value): boolean {
  return type === 'ArrayValue' || type === 'TupleValue';
}

function repr(value: Value): string {
  if (value.type === 'StringValue') return textRepr(value.value as string);
  if (value.type === 'UndefinedValue') return 'Undefined';
  return pythonText(value);
}

/** The result of Python's `str`, which `{{ … }}` prints. */
export function pythonText(value: Value): string {
  const inner: unknown = value.value;
  switch (value.type) {
    case 'StringValue':
      return inner as string;
    case 'UndefinedValue':
      return '';
    case 'NullValue':
      return 'None';
    case 'BooleanValue':
      return inner ? 'True' : 'False';
    case 'IntegerValue':
      if (!Number.isSafeInteger(inner)) throw new Error('numbers beyond 2^53 are not supported');
      return String(inner);
    case 'FloatValue':
      return floatText(inner as number);
    case 'ArrayValue':
      return `[${(inner as Value[]).map(repr).join(', ')}]`;
    case 'TupleValue': {
      const items = (inner as Value[]).map(repr);
      return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    }
    case 'ObjectValue':
      return `{${[...(inner as Map<string, Value>)].map(([key, item]) => `${textRepr(key)}: ${repr(item)}`).join(', ')}}`;
    default:
      throw new Error(`printing ${withArticle(nameOf(value))} is not supported`);
  }
}

function numberIn({ type, value }: Value): number | undefined {
  return type === 'IntegerValue' || type === 'FloatValue' || type === 'BooleanValue'
    ? Number(value)
    : undefined;
}

/** Python's `==`: no conversions except between numbers and booleans; lists and mappings by content. */
function equal(a: Value, b: Value): boolean {
  const number = numberIn(a);
  if (number !== undefined) return number === numberIn(b);
  if (a.type !== b.type) return false;
  if (isList(a)) {
    const [left, right] = [a.value as Value[], b.value as Value[]];
    return left.length === right.length && left.every((item, i) => equal(item, right[i]));
  }
  if (a.type === 'ObjectValue') {
    const [left, right] = [a.value as Map<string, Value>, b.value as Map<string, Value>];
    if (left.size !== right.size) return false;
    return [...left].every(([key, item]) => {
      const other = right.get(key);
      return other !== undefined && equal(item, other);
    });
  }
  return a.value === b.value;
}

const ORDERS = new Set(['<', '>', '<=', '>=']);

function operatorOf(node: Node): string | undefined {
  return node.type === 'BinaryExpression'
    ? (node as Node & { operator: { value: string } }).operator.value
    : undefined;
}

/**
 * `a < b < c` compares neighbours in Python, but the library compares the result of the first two. Brackets are lost by here: `(a == b) != (c == d)`,
 * which occurs in templates, looks like a chain but is none.
 *
 * @throws Error for a chain of orders, which brackets would make no sense of
 */
export function checkComparison(node: Node & { left: Node; right: Node }): void {
  const isOrder = (one: Node): boolean => ORDERS.has(operatorOf(one) ?? '');
  if (isOrder(node) && isOrder(node.left)) throw new Error('chains of comparisons are not supported');
}

/** An operator as in Python; undefined if the library is right, or fails as Python does. */
export function operate(operator: string, left: Value, right: Value): Value | undefined {
  switch (operator) {
    case '==':
    case '!=':
      return valueOf(equal(left, right) === (operator === '=='));
    case '~':
      return valueOf(pythonText(left) + pythonText(right));
    case 'in':
    case 'not in':
      if (!isList(right)) return undefined;
      return valueOf((right.value as Value[]).some((item) => equal(left, item)) === (operator === 'in'));
    case '+':
      if ((left.type === 'StringValue') !== (right.type === 'StringValue') || left.type === 'TupleValue')
        throw new Error(`${withArticle(nameOf(left))} and ${withArticle(nameOf(right))} cannot be added`);
      return undefined;
    case '/':
    case '//':
    case '%': {
      const [a, b] = [numberIn(left), numberIn(right)];
      if (a === undefined || b === undefined) return undefined;
      if (b === 0) throw new Error('a division by zero');
      if (operator !== '%') return undefined;
      const rest = a - b * Math.floor(a / b);
      return left.type === 'FloatValue' || right.type === 'FloatValue' ? new FloatValue(rest) : valueOf(rest);
    }
    default:
      return undefined;
  }
}

/** A test as in Python; undefined if the library is right. */
export function test(name: string, operand: Value): boolean | undefined {
  const text = operand.type === 'StringValue' ? (operand.value as string) : undefined;
  switch (name) {
    case 'iterable':
    case 'sequence':
      return (
        text !== undefined ||
        isList(operand) ||
        operand.type === 'ObjectValue' ||
        operand.type === 'UndefinedValue'
      );
    case 'callable':
      return operand.type === 'FunctionValue' || operand.type === 'UndefinedValue';
    case 'number':
      return numberIn(operand) !== undefined;
    case 'lower':
    case 'upper':
      if (text === undefined)
        throw new Error(`the test ${name} of ${withArticle(nameOf(operand))} is not supported`);
      return name === 'lower'
        ? text === text.toLowerCase() && text !== text.toUpperCase()
        : text === text.toUpperCase() && text !== text.toLowerCase();
    default:
      return undefined;
  }
}

/** The most positional arguments of filters, and the named ones, if the library ignores others. */
const FILTER_ARGUMENTS: Readonly<Record<string, readonly [number, ...string[]]>> = {
  tojson: [0, 'indent', 'ensure_ascii', 'separators'],
  join: [1],
  trim: [1],
  int: [1],
  float: [1],
  unique: [0],
  default: [2, 'boolean'],
  sort: [3, 'reverse', 'case_sensitive', 'attribute'],
  dictsort: [3, 'reverse', 'case_sensitive', 'by'],
  indent: [3, 'width', 'first', 'blank'],
  replace: [3, 'count'],
};

/** @throws Error for arguments of a filter that the library would ignore */
export function checkFilterArguments(name: string, args: readonly Node[]): void {
  if (!Object.hasOwn(FILTER_ARGUMENTS, name)) return;
  const [positional, ...named] = FILTER_ARGUMENTS[name];
  let count = 0;
  for (const arg of args) {
    if (arg.type === 'SpreadExpression' || arg.type === 'KeywordSpreadExpression')
      throw new Error(`unpacked arguments of the filter ${name} are not supported`);
    const key = (arg as Node & { key?: { value: string } }).key?.value;
    if (arg.type !== 'KeywordArgumentExpression') count++;
    else if (key === undefined || !named.includes(key))
      throw new Error(`the argument ${key} of the filter ${name} is not supported`);
  }
  if (count > positional) throw new Error(`the arguments of the filter ${name} are not supported`);
}

/** A filter as in Python; undefined if the library is right. `args` are the positional ones. */
export function filter(name: string, operand: Value, args: readonly Value[]): Value | undefined {
  const text = operand.type === 'StringValue' ? (operand.value as string) : undefined;
  switch (name) {
    case 'string':
      return valueOf(pythonText(operand));
    case 'length':
      return text === undefined ? undefined : valueOf([...text].length);
    case 'capitalize':
      return text === undefined ? undefined : valueOf(titled(text));
    case 'title':
      return text === undefined ? undefined : valueOf(filterTitle(text));
    case 'trim':
      return text === undefined ? undefined : valueOf(strip(text, charsOf(args[0]?.value)));
    case 'join': {
      const items = text === undefined ? operand.value : [...text].map(valueOf);
      if (!Array.isArray(items)) return undefined;
      return valueOf((items as Value[]).map(pythonText).join(args.length > 0 ? pythonText(args[0]) : ''));
    }
    case 'int':
      return toInteger(operand, args);
    case 'float':
      return toFloat(operand);
    case 'unique':
      checkUnique(operand);
      return undefined;
    case 'tojson':
      checkJson(operand);
      return undefined;
    default:
      return undefined;
  }
}

function toInteger(operand: Value, [fallback]: readonly Value[]): Value | undefined {
  if (operand.type === 'FloatValue') return valueOf(Math.trunc(operand.value as number));
  if (operand.type !== 'StringValue') return undefined;
  const text = strip(operand.value as string, undefined);
  if (/^[-+]?\d+(\.\d*)?$/.test(text)) return valueOf(Math.trunc(Number(text)));
  if (/^[-+.\d]/.test(text))
    throw new Error(`the filter int of ${JSON.stringify(text.slice(0, 20))} is not supported`);
  return fallback ?? valueOf(0);
}

function toFloat(operand: Value): Value | undefined {
  const number = numberIn(operand);
  if (number !== undefined) return new FloatValue(number);
  if (operand.type !== 'StringValue') return undefined;
  const text = strip(operand.value as string, undefined);
  if (/^[-+]?\d+(\.\d*)?$/.test(text)) return new FloatValue(Number(text));
  throw new Error(`the filter float of ${JSON.stringify(text.slice(0, 20))} is not supported`);
}

/** Jinja ignores case here, and the library does not. */
function checkUnique(operand: Value): void {
  const items = Array.isArray(operand.value) ? (operand.value as Value[]) : [];
  const texts = new Set(items.map(({ value }): unknown => value));
  const folded = new Set([...texts].map((item) => (typeof item === 'string' ? item.toLowerCase() : item)));
  if (folded.size < texts.size || items.some(({ type }) => type !== 'StringValue' && type !== 'IntegerValue'))
    throw new Error('the filter unique is not supported for these items');
}

/** The library writes 1.0 as 1, and what is undefined as null. */
function checkJson(value: Value): void {
  if (value.type === 'FloatValue' && floatText(value.value as number) !== JSON.stringify(value.value)) {
    throw new Error('this number as JSON is not supported');
  }
  if (value.type === 'UndefinedValue') throw new Error('something undefined is not JSON');
  const inner: unknown = value.value;
  if (Array.isArray(inner)) (inner as Value[]).forEach(checkJson);
  else if (inner instanceof Map) [...(inner as Map<string, Value>).values()].forEach(checkJson);
}

/** Nodes that print nothing themselves. */
const STATEMENTS = new Set([
  'Program',
  'If',
  'For',
  'Set',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
]);

/** The nodes of a program whose values are printed: the library prints some of them in JavaScript's way, and None not at all. */
export function printedNodes(program: object): WeakSet<object> {
  const printed = new WeakSet<object>();
  const visit = (node: object): void => {
    for (const field of ['body', 'alternate', 'defaultBlock']) {
      const block = (node as Record<string, unknown>)[field];
      if (!Array.isArray(block)) continue;
      for (const statement of block as Node[]) {
        if (STATEMENTS.has(statement.type)) visit(statement);
        else printed.add(statement);
      }
    }
  };
  visit(program);
  return printed;
}
