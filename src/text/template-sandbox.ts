/**
 * Chat templates are programs that come with a model, so they count as hostile. They run on `@huggingface/jinja`'s interpreter, which reaches only
 * the values it is given, but has no limits. This one has: a budget of work, of text and of nesting.
 *
 * Every node is evaluated through `evaluate`, which counts the work: one unit a node, and more for large values, in proportion to what the node above
 * does with them. Operations whose result can be much larger than their operands (`join`, `replace`, `indent`, `tojson`, `split`) are measured before
 * they run. Containers are measured when they are made, as printed, so that a list that holds a list that holds a list twice … twice cannot stand for
 * a gigabyte.
 *
 * Differences of the library from Python are corrected on the way (template-python.ts).
 */
import { Interpreter } from '@huggingface/jinja';
import {
  callMethod,
  checkArguments,
  checkComparison,
  checkFilterArguments,
  filter as pythonFilter,
  operate,
  pythonText,
  test,
  valueOf,
  type Node,
  type Value,
} from './template-python.ts';

type Scope = Parameters<Interpreter['evaluate']>[1];
type Call = (args: Value[], scope: Scope) => Value;

/** Thrown inside a rendering; chat-template.ts converts it to a GraftError. */
export class SandboxLimit extends Error {}

/** Characters of one string, of a container as printed, and of the whole result. Over a million tokens. */
export const MAX_TEXT = 4 * 2 ** 20;
/** Items of one list or mapping, iterations of one range. */
export const MAX_ITEMS = 20_000;
/** Nodes inside nodes. The deepest templates in use reach about 40. */
const MAX_DEPTH = 256;
const MAX_VALUE_DEPTH = 32;
/** Characters that cost as much as evaluating one node. */
const CHARS_PER_UNIT = 64;

/** The cost of an item of a loop, whatever its body does: a scope and a mapping of nine entries. */
const UNITS_PER_ITERATION = 4;

/** The work of these does not depend on the size of their operand. */
const CHEAP_PARENTS = new Set(['MemberExpression', 'UnaryExpression']);
const CHEAP_TESTS = new Set([
  'defined',
  'undefined',
  'none',
  'string',
  'mapping',
  'sequence',
  'iterable',
  'true',
  'false',
]);
const CHEAP_FILTERS = new Set(['length', 'first', 'last', 'safe']);
const PLAIN_FILTERS = new Set(['trim', 'int', 'float']);
const GROWING_FILTERS = new Set(['join', 'replace', 'indent', 'tojson', 'sort', 'dictsort']);

interface Measure {
  /** Characters as printed, at least; one more for every item. */
  chars: number;
  depth: number;
  /** It contains a namespace, which can change, so this measure is not cached. */
  mutable: boolean;
}

/** A node with a known value: an operand that was measured. */
interface Given extends Node {
  type: 'GraftGiven';
  value: Value;
}

function given(value: Value): Given {
  return { type: 'GraftGiven', value };
}

/** The items of a list or mapping; undefined for anything else. */
function itemsOf(value: Value): Iterable<Value> | undefined {
  const inner: unknown = value.value;
  if (Array.isArray(inner)) return inner as Value[];
  if (inner instanceof Map) return (inner as Map<string, Value>).values();
  return undefined;
}

function itemCount(value: Value): number {
  const inner: unknown = value.value;
  return Array.isArray(inner) ? inner.length : inner instanceof Map ? inner.size : 0;
}

function occurrences(text: string, part: string, limit: number): number {
  if (part === '') return text.length + 1;
  let count = 0;
  for (let at = text.indexOf(part); at >= 0 && count <= limit; at = text.indexOf(part, at + part.length))
    count++;
  return count;
}

/** Name of a filter node: `name` or `name(arguments)`. */
function filterName(filter: Node): string {
  const callee = filter.type === 'CallExpression' ? (filter as Node & { callee: Node }).callee : filter;
  const name: unknown = (callee as Node & { value?: unknown }).value;
  return typeof name === 'string' ? name : '';
}

function isCheap(node: Node): boolean {
  if (node.type !== 'TestExpression') return CHEAP_PARENTS.has(node.type);
  return CHEAP_TESTS.has((node as Node & { test: { value: string } }).test.value);
}

export class SandboxedInterpreter extends Interpreter {
  #budget: number;
  #depth = 0;
  #parentIsCheap = false;
  readonly #definitionCost: number;
  readonly #printed: WeakSet<object>;
  readonly #measures = new WeakMap<object, Measure>();
  readonly #guarded = new WeakSet<object>();

  /**
   * @param budget units of work: about a million a second.
   * @param templateChars length of the template: what defining a macro costs at most (the library looks through its body each time).
   * @param printed nodes whose values become text
   */
  constructor(scope: Scope, budget: number, templateChars: number, printed: WeakSet<object>) {
    super(scope);
    this.#printed = printed;
    this.#budget = budget;
    this.#definitionCost = Math.ceil(templateChars / 4);
  }

  /** Units of work left; below 0 if the budget was too small. */
  get left(): number {
    return this.#budget;
  }

  #charge(units: number): void {
    this.#budget -= units;
    if (this.#budget < 0) throw new SandboxLimit('it does too much work');
  }

  #chars(count: number): void {
    if (count > MAX_TEXT) throw new SandboxLimit(`it makes a text of more than ${MAX_TEXT} characters`);
  }

  #measure(value: Value, depth = 0): Measure {
    const inner: unknown = value.value;
    if (typeof inner === 'string') return { chars: inner.length + 1, depth: 0, mutable: false };
    const items = itemsOf(value);
    if (!items) return { chars: 8, depth: 0, mutable: false };
    const known = this.#measures.get(value);
    if (known) return known;
    if (depth > MAX_VALUE_DEPTH) throw new SandboxLimit('it nests values too deeply');
    const count = itemCount(value);
    if (count > MAX_ITEMS) throw new SandboxLimit(`it makes a list of more than ${MAX_ITEMS} items`);
    this.#charge(count / 8);
    const measure: Measure = { chars: 2, depth: 0, mutable: value.type === 'NamespaceValue' };
    if (inner instanceof Map)
      for (const key of (inner as Map<string, Value>).keys()) measure.chars += key.length + 4;
    for (const item of items) {
      const part = this.#measure(item, depth + 1);
      measure.chars += part.chars + 2;
      measure.depth = Math.max(measure.depth, part.depth + 1);
      measure.mutable ||= part.mutable;
      this.#chars(measure.chars);
    }
    if (measure.depth > MAX_VALUE_DEPTH) throw new SandboxLimit('it nests values too deeply');
    if (!measure.mutable) this.#measures.set(value, measure);
    return measure;
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node?.type === 'GraftGiven') return (node as Given).value;
    const parentIsCheap = this.#parentIsCheap;
    if (++this.#depth > MAX_DEPTH) throw new SandboxLimit('it nests or recurses too deeply');
    this.#parentIsCheap = node !== undefined && isCheap(node);
    this.#charge(1);
    try {
      const value = node ? this.#step(node, scope) : super.evaluate(node, scope);
      const { chars } = this.#measure(value);
      this.#chars(chars);
      if (!parentIsCheap) this.#charge(chars / CHARS_PER_UNIT);
      if (!node || value.type === 'StringValue' || !this.#printed.has(node)) return value;
      const text = pythonText(value);
      this.#chars(text.length);
      this.#charge(text.length / CHARS_PER_UNIT);
      return valueOf(text);
    } finally {
      this.#depth--;
      this.#parentIsCheap = parentIsCheap;
    }
  }

  #step(node: Node, scope: Scope): Value {
    switch (node.type) {
      case 'MemberExpression':
        return this.#member(node as Node & { object: Node; property: Node; computed: boolean }, scope);
      case 'FilterExpression': {
        const { operand, filter } = node as Node & { operand: Node; filter: Node };
        return this.#filter(operand, filter, scope);
      }
      case 'FilterStatement': {
        // {% filter f %}…{% endfilter %} is (…)|f.
        const { body, filter } = node as Node & { body: Node[]; filter: Node };
        return this.#filter({ type: 'Program', body } as Node, filter, scope);
      }
      case 'Macro':
      case 'CallStatement':
        this.#charge(this.#definitionCost);
        return super.evaluate(node, scope);
      case 'For':
        return this.#loop(node as Node & { iterable: Node }, scope);
      case 'BinaryExpression':
        return this.#operation(
          node as Node & { operator: { value: string }; left: Node; right: Node },
          scope,
        );
      case 'TestExpression':
        return this.#test(node as Node & { operand: Node; test: { value: string }; negate: boolean }, scope);
      case 'Identifier':
        return this.#variable(node as Node & { value: string }, scope);
      default:
        return super.evaluate(node, scope);
    }
  }

  #loop(node: Node & { iterable: Node }, scope: Scope): Value {
    // `for x in list if test`: only the list is evaluated here.
    const select =
      node.iterable.type === 'SelectExpression' ? (node.iterable as Node & { lhs: Node }) : undefined;
    const list = this.evaluate(select ? select.lhs : node.iterable, scope);
    this.#charge(itemCount(list) * UNITS_PER_ITERATION);
    const iterable = select ? ({ ...select, lhs: given(list) } as Node) : given(list);
    return super.evaluate({ ...node, iterable } as Node, scope);
  }

  /** The library looks a missing variable up by throwing, which costs ten times as much as any other node. */
  #variable(node: Node & { value: string }, scope: Scope): Value {
    for (let at: Scope | undefined = scope; at; at = at.parent) {
      const value = at.variables.get(node.value);
      if (value) return value;
    }
    return super.evaluate(undefined, scope);
  }

  #operation(node: Node & { operator: { value: string }; left: Node; right: Node }, scope: Scope): Value {
    const operator = node.operator.value;
    if (operator === 'and' || operator === 'or') return super.evaluate(node, scope);
    checkComparison(node);
    const left = this.evaluate(node.left, scope);
    const right = this.evaluate(node.right, scope);
    const value = operate(operator, left, right);
    return value ?? super.evaluate({ ...node, left: given(left), right: given(right) } as Node, scope);
  }

  #test(node: Node & { operand: Node; test: { value: string }; negate: boolean }, scope: Scope): Value {
    const operand = this.evaluate(node.operand, scope);
    const result = test(node.test.value, operand);
    if (result !== undefined) return valueOf(result !== node.negate);
    return super.evaluate({ ...node, operand: given(operand) } as Node, scope);
  }

  /** `text.method`: methods of a string are measured when they are called. */
  #member(node: Node & { object: Node; property: Node; computed: boolean }, scope: Scope): Value {
    const object = this.evaluate(node.object, scope);
    if (object.type === 'UndefinedValue') throw new Error('something undefined has no members');
    const text = object.type === 'StringValue' ? (object.value as string) : undefined;
    if (node.property.type === 'SliceExpression') {
      // A slice of a text splits all of it into characters.
      this.#charge((this.#measure(object).chars * 4) / CHARS_PER_UNIT);
      const slice: Node = this.#slice(node.property, scope);
      return super.evaluate({ ...node, object: given(object), property: slice } as Node, scope);
    }
    const property = node.computed ? this.evaluate(node.property, scope) : undefined;
    const name = property ? property.value : (node.property as Node & { value: unknown }).value;
    if (text !== undefined && typeof name === 'number') return this.#letter(text, name);
    // A property of JavaScript, not of Python.
    if (name === 'length' && (text !== undefined || Array.isArray(object.value))) return valueOf(undefined);
    const known: Node = property ? given(property) : node.property;
    const value = super.evaluate({ ...node, property: known, object: given(object) } as Node, scope);
    const isMethod = value.type === 'FunctionValue' && typeof name === 'string';
    if (isMethod && (text !== undefined || object.type === 'ObjectValue') && !this.#guarded.has(value)) {
      const method = value as Value & { value: Call };
      const unguarded = method.value;
      method.value = (args, callScope) => {
        checkArguments(name, args);
        if (text === undefined) return unguarded(args, callScope);
        this.#checkMethod(text, args);
        return callMethod(name, text, args) ?? unguarded(args, callScope);
      };
      this.#guarded.add(value);
    }
    return value;
  }

  /** A character by Python's index; nothing beyond the ends. */
  #letter(text: string, index: number): Value {
    this.#charge(text.length / CHARS_PER_UNIT);
    return valueOf(Array.from(text).at(index));
  }

  /** The library treats a stop of -1 with a negative step as the start. */
  #slice(node: Node, scope: Scope): Node {
    const { start, stop, step } = node as Node & Record<'start' | 'stop' | 'step', Node | undefined>;
    if (!stop || !step) return node;
    const [last, by] = [this.evaluate(stop, scope), this.evaluate(step, scope)];
    if (by.value === 0 || (Number(by.value) < 0 && last.value === -1)) {
      throw new Error('a slice with this step is not supported');
    }
    return { ...node, start, stop: given(last), step: given(by) } as Node;
  }

  /** `replace(old, new)` and `split(separator)`, told apart by their arguments: no other method of a string can grow much. */
  #checkMethod(text: string, args: readonly Value[]): void {
    const [first, second] = args.map((arg): unknown => arg.value);
    this.#charge(text.length / CHARS_PER_UNIT);
    if (typeof first === 'string' && typeof second === 'string') {
      this.#chars(text.length + occurrences(text, first, MAX_TEXT) * second.length);
    } else if (typeof first === 'string') {
      if (first !== '' && occurrences(text, first, MAX_ITEMS) > MAX_ITEMS) {
        throw new SandboxLimit(`it splits a text into more than ${MAX_ITEMS} parts`);
      }
    } else if (text.length > MAX_ITEMS && (text.match(/\S+/g)?.length ?? 0) > MAX_ITEMS) {
      throw new SandboxLimit(`it splits a text into more than ${MAX_ITEMS} parts`);
    }
  }

  #filter(operandNode: Node, filter: Node, scope: Scope): Value {
    const name = filterName(filter);
    this.#parentIsCheap = CHEAP_FILTERS.has(name);
    const operand = this.evaluate(operandNode, scope);
    this.#parentIsCheap = false;
    const nodes = filter.type === 'CallExpression' ? (filter as Node & { args: Node[] }).args : [];
    checkFilterArguments(name, nodes);
    let checked = filter;
    let positional: readonly Value[] = [];
    if (GROWING_FILTERS.has(name)) {
      const { chars, depth } = this.#measure(operand);
      const count = Math.max(itemCount(operand), 1);
      const args = this.#arguments(filter, scope);
      positional = args.positional;
      // Python breaks lines for an indent of nothing, too.
      if (name === 'tojson' && args.values.some(({ value }) => typeof value === 'number' && value <= 0))
        throw new Error('this indent of JSON is not supported');
      const longest = Math.max(0, ...args.values.map((arg) => this.#argumentSize(arg)));
      if (name === 'sort' || name === 'dictsort')
        this.#charge((chars * Math.log2(count + 1)) / CHARS_PER_UNIT);
      else if (name === 'replace') this.#checkMethod(String(operand.value), args.values);
      else {
        const text: unknown = operand.value;
        const seams =
          typeof text === 'string'
            ? name === 'join'
              ? text.length
              : occurrences(text, '\n', MAX_TEXT) + 1
            : chars;
        this.#chars(chars + seams * longest * (name === 'tojson' ? depth : 1));
      }
      checked = args.filter;
    } else if (PLAIN_FILTERS.has(name)) {
      const args = this.#arguments(filter, scope);
      positional = args.positional;
      checked = args.filter;
    }
    const value = pythonFilter(name, operand, positional);
    if (value) return value;
    return super.evaluate(
      { type: 'FilterExpression', operand: given(operand), filter: checked } as Node,
      scope,
    );
  }

  /** The length of the text that an argument puts between items: a separator's length, or a number of spaces. */
  #argumentSize(value: Value): number {
    if (typeof value.value === 'number') return Math.abs(value.value);
    return itemsOf(value) || typeof value.value === 'string' ? this.#measure(value).chars : 0;
  }

  /** A filter's arguments, evaluated once, and the filter with them in place. */
  #arguments(filter: Node, scope: Scope): { values: Value[]; positional: Value[]; filter: Node } {
    if (filter.type !== 'CallExpression') return { values: [], positional: [], filter };
    const values: Value[] = [];
    const positional: Value[] = [];
    const evaluated = (node: Node): Given => {
      const value = this.evaluate(node, scope);
      values.push(value);
      return given(value);
    };
    const args = (filter as Node & { args: Node[] }).args.map((arg): Node => {
      if (arg.type === 'SpreadExpression' || arg.type === 'KeywordSpreadExpression') {
        return { ...arg, argument: evaluated((arg as Node & { argument: Node }).argument) } as Node;
      }
      if (arg.type === 'KeywordArgumentExpression') {
        return { ...arg, value: evaluated((arg as Node & { value: Node }).value) } as Node;
      }
      const argument = evaluated(arg);
      positional.push(argument.value);
      return argument;
    });
    return { values, positional, filter: { ...filter, args } as Node };
  }
}
