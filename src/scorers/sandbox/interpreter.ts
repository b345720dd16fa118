/**
 * Runs JavaScript that a person wrote or a recipe contains, in a separate interpreter: QuickJS, compiled to WebAssembly (quickjs-emscripten). It sees
 * only the attempt and the language: no network, no page, no files, no clock and no random numbers, so that a run is repeatable. The limit is counted
 * in steps of the interpreter, not in seconds, so that it is the same on every machine. Regular expressions count as well.
 *
 * A thread of the sandbox runs it (sandbox.ts).
 */
import type { QuickJSContext, QuickJSHandle, QuickJSWASMModule } from 'quickjs-emscripten-core';
import { messageOf } from '../../errors.ts';
import { count } from '../../numbers.ts';
import { LATE, MAX_SECONDS, type SandboxAnswer, type SandboxQuestion } from './sandbox.ts';

/** The interpreter asks after this many steps whether to continue. */
const STEPS_BETWEEN = 10_000;
/** A step is a turn of a loop, a call or a move of a regular expression. Usual rewards take thousands. */
const MAX_STEPS = 2_000_000;
/** The interpreter's own limit counts large blocks only. Its whole memory is bounded, and that holds for everything. */
const MEMORY_PAGES = { initial: 256, maximum: 1024 };
const STACK_BYTES = 128 * 1024;
const LONGEST_MESSAGE = 200;

/** Without Date and Math.random, which differ in each run. */
const INTRINSICS = {
  BaseObjects: true,
  Eval: true,
  RegExp: true,
  JSON: true,
  StringNormalize: true,
  MapSet: true,
  TypedArrays: true,
  Proxy: true,
  Promise: true,
  BigInt: true,
} as const;
const PRELUDE = 'delete Math.random;';

const limitedMemory = (): Promise<WebAssembly.Memory> =>
  Promise.resolve(new WebAssembly.Memory(MEMORY_PAGES));

let loading: Promise<QuickJSWASMModule> | undefined;

/** The interpreter, loaded when it is first used. */
export async function loadInterpreter(): Promise<QuickJSWASMModule> {
  loading ??= Promise.all([
    import('quickjs-emscripten-core'),
    import('@jitl/quickjs-wasmfile-release-sync'),
  ]).then(([{ newQuickJSWASMModuleFromVariant, newVariant }, variant]) =>
    newQuickJSWASMModuleFromVariant(newVariant(variant.default, { wasmMemory: limitedMemory })),
  );
  try {
    return await loading;
  } catch (error) {
    // Offline, before it was kept: the next use tries again.
    loading = undefined;
    throw error;
  }
}

/** Scripts whose value is a function of the attempt, the likeliest first. */
function readings(code: string, fields: readonly string[]): string[] {
  const exported = /^\s*export\s+default\s/m;
  if (exported.test(code)) return [`${code.replace(exported, '\nconst reward = ')}\n;reward`];
  // An expression, which may be a function itself; and statements that define one.
  return [`(({ ${fields.join(', ')} }) => (${code}\n))`, `${code}\n;reward`];
}

/** Calls that function, and its result if that is a function, and converts the result to a number. */
const CALL = `(make, text) => {
  const given = JSON.parse(text);
  let value = make(given);
  if (typeof value === 'function') value = value(given);
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'number') throw 'it gives ' + (value === null ? 'null' : typeof value) + ' instead of a number';
  if (!Number.isFinite(value)) throw 'it gives ' + value + ' instead of a number';
  return value;
}`;

/** Answers the questions to a thread of the sandbox. */
export function answerTo(question: SandboxQuestion): Promise<SandboxAnswer> {
  return 'code' in question ? understand(question) : inWorld((context) => call(context, question));
}

/** Finds the reading of the code that is a function. */
async function understand({
  code,
  fields,
}: Extract<SandboxQuestion, { code: string }>): Promise<SandboxAnswer> {
  const problems: string[] = [];
  for (const script of readings(code, fields)) {
    const answer = await inWorld((context) => {
      const made = evaluate(context, script);
      if (typeof made === 'string') return { problem: made };
      const type = context.typeof(made);
      made.dispose();
      return type === 'function' ? { value: script } : { problem: `it is ${type} and no function` };
    });
    if ('value' in answer || answer.chance) return answer;
    problems.push(answer.problem);
  }
  // Where it does not define `reward`, it was meant to be an expression.
  return { problem: problems.findLast((problem) => !problem.startsWith('ReferenceError')) ?? problems[0] };
}

function call(
  context: QuickJSContext,
  { script, given: text }: Extract<SandboxQuestion, { script: string }>,
): SandboxAnswer {
  const make = evaluate(context, script);
  if (typeof make === 'string') return { problem: make };
  const caller = evaluate(context, CALL);
  if (typeof caller === 'string') return { problem: caller };
  const given = context.newString(text);
  const result = context.callFunction(caller, context.undefined, make, given);
  const answer = result.error
    ? { problem: thrown(context, result.error) }
    : { value: context.getNumber(result.value) };
  if (!result.error) result.value.dispose();
  for (const handle of [make, caller, given]) handle.dispose();
  return answer;
}

/** @returns the result, or why it was stopped */
async function inWorld(use: (context: QuickJSContext) => SandboxAnswer): Promise<SandboxAnswer> {
  const quickJs = await loadInterpreter();
  try {
    const runtime = quickJs.newRuntime();
    const start = performance.now();
    let asked = 0;
    let stopped: SandboxAnswer | undefined;
    runtime.setMaxStackSize(STACK_BYTES);
    runtime.setInterruptHandler(() => {
      if (++asked > MAX_STEPS / STEPS_BETWEEN)
        stopped = { problem: `it does not end within ${count(MAX_STEPS)} steps` };
      else if (performance.now() - start > MAX_SECONDS * 1000) stopped = LATE;
      return stopped !== undefined;
    });
    const context = runtime.newContext({ intrinsics: INTRINSICS });
    const prelude = evaluate(context, PRELUDE);
    if (typeof prelude !== 'string') prelude.dispose();
    const found = use(context);
    context.dispose();
    runtime.dispose();
    return stopped ?? found;
  } catch (error) {
    // WebAssembly itself stopped, such as at the end of its stack: the interpreter's memory may be half written.
    loading = undefined;
    return { problem: `it breaks the interpreter (${messageOf(error)})` };
  }
}

/** Runs a script. @returns its value, or what it threw */
function evaluate(context: QuickJSContext, script: string): QuickJSHandle | string {
  const result = context.evalCode(script, 'reward.js');
  return result.error ? thrown(context, result.error) : result.value;
}

/** The thrown value, in words. Frees it. */
function thrown(context: QuickJSContext, error: QuickJSHandle): string {
  const read = (name: string): string | undefined => {
    const part = context.getProp(error, name);
    const text = context.typeof(part) === 'string' ? context.getString(part) : undefined;
    part.dispose();
    return text;
  };
  const isText = context.typeof(error) === 'string';
  // Without memory there is none for an Error.
  const isNull = context.eq(error, context.null);
  const [name, message] = isText
    ? [undefined, context.getString(error)]
    : isNull
      ? [undefined, 'it throws null, or is out of memory']
      : [read('name'), read('message')];
  error.dispose();
  const text = `${name === undefined ? '' : `${name}: `}${message ?? 'it throws no Error'}`;
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}
