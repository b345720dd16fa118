/**
 * Tools in conversations. OpenAI writes the arguments of a call as a text of JSON, chat templates read an object: a text is parsed. Definitions are
 * `{"type": "function", "function": {"name", "description", "parameters"}}`, or bare functions.
 */
import { isObject, type JsonObject } from '../../json.ts';
import type { ToolCall } from '../../text/trainable.ts';
import { BadRow, shown, textOf } from './row.ts';

function argumentsOf(value: unknown, field: string): JsonObject {
  if (value === undefined || value === null || value === '') return {};
  let read: unknown = value;
  if (typeof value === 'string')
    try {
      read = JSON.parse(value) as unknown;
    } catch {
      throw new BadRow(`${field} is ${shown(value)}, which is not JSON`);
    }
  if (!isObject(read)) throw new BadRow(`${field} is ${shown(value)}, but an object is needed`);
  return read;
}

/** One call: OpenAI's, or only its name and arguments. @throws BadRow */
function callOf(value: unknown, field: string): ToolCall {
  if (!isObject(value)) throw new BadRow(`${field} is ${shown(value)}, but a call is needed`);
  const { id, type = 'function', function: called = value } = value;
  if (type !== 'function')
    throw new BadRow(`${field} has the type ${shown(type)}; only functions are called`);
  if (!isObject(called)) throw new BadRow(`${field}.function is ${shown(called)}, but a function is needed`);
  const name = textOf(called.name, `${field}.function.name`);
  if (name.trim() === '') throw new BadRow(`${field}.function.name is empty`);
  return {
    type: 'function',
    ...(typeof id === 'string' && { id }),
    function: { name, arguments: argumentsOf(called.arguments, `${field}.function.arguments`) },
  };
}

/** The calls of a message; undefined if it has none. @throws BadRow */
export function callsOf(message: JsonObject, field: string): readonly ToolCall[] | undefined {
  const { tool_calls: calls, function_call: single } = message;
  if (single !== undefined && single !== null) return [callOf(single, `${field}.function_call`)];
  if (calls === undefined || calls === null) return undefined;
  if (!Array.isArray(calls)) throw new BadRow(`${field}.tool_calls is ${shown(calls)}, but a list is needed`);
  return calls.length === 0
    ? undefined
    : calls.map((call: unknown, at) => callOf(call, `${field}.tool_calls[${at}]`));
}

/** The definitions of a row's tools: a list, or a text of JSON with one; undefined if there are none. @throws BadRow */
export function toolsOf(value: unknown): readonly JsonObject[] | undefined {
  let tools = value;
  if (typeof value === 'string' && value.trim() !== '')
    try {
      tools = JSON.parse(value) as unknown;
    } catch {
      throw new BadRow(`tools is ${shown(value)}, which is not JSON`);
    }
  if (tools === undefined || tools === null || tools === '') return undefined;
  if (!Array.isArray(tools)) throw new BadRow(`tools is ${shown(value)}, but a list is needed`);
  const read = tools.map((tool: unknown, at): JsonObject => {
    if (!isObject(tool)) throw new BadRow(`tools[${at}] is ${shown(tool)}, but a definition is needed`);
    const own = tool.function ?? tool;
    if (!isObject(own) || typeof own.name !== 'string')
      throw new BadRow(`tools[${at}] has no name: a definition has "function" with "name"`);
    return tool.function === undefined ? { type: 'function', function: tool } : tool;
  });
  return read.length === 0 ? undefined : read;
}
