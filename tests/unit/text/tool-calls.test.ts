/** Calls of tools in answers: the form is the template's, and what is no call stays text. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CallReader, callFormOf, readCalls, type CallForm } from '../../../src/text/tool-calls.ts';

/** Made by tests/fixtures/tool-calls.py. */
const { templates } = JSON.parse(
  readFileSync(new URL('../../fixtures/tool-calls.json', import.meta.url), 'utf8'),
) as { templates: Record<'marks' | 'headers', string> };

const formOf = (chatTemplate: string, specialTokens: readonly string[] = ['<|im_end|>', '<|eot_id|>']) =>
  callFormOf({ chatTemplate, specialTokens });
const TOOLS = new Set(['weather', 'time_now']);
const LIST =
  '{% for m in messages %}{% if m.role == \'user\' %}{% if tools %}[TOOLS]{{ tools | tojson }}{% endif %}[INST]{{ m.content }}[/INST]{% elif m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}, "id": "{{ c.id }}"}{% endfor %}]</s>{% else %}{{ m.content }}</s>{% endif %}{% endfor %}';
const NAMED =
  "{% for m in messages %}{% if m.role == 'user' %}{{ tools | tojson if tools }}U{{ m.content }}A{% elif m.tool_calls %}{% for c in m.tool_calls %}<function={{ c.function.name }}>{{ c.function.arguments | tojson }}</function>{% endfor %}E{% else %}{{ m.content }}E{% endif %}{% endfor %}";

const FORMS: Readonly<Record<string, CallForm>> = {
  marks: {
    ...{ kind: 'object', open: '<tool_call>', close: '</tool_call>' },
    ...{ nameKey: 'name', argumentsKey: 'arguments' },
  },
  headers: { kind: 'object', open: '', close: '', nameKey: 'name', argumentsKey: 'parameters' },
  list: { kind: 'object', open: '[', close: ']', nameKey: 'name', argumentsKey: 'arguments' },
  named: { kind: 'named', open: '<function=', between: '>', close: '</function>' },
};

describe('the form of calls', () => {
  test('is what the template writes around a call, without special tokens', () => {
    expect(formOf(templates.marks)).toEqual(FORMS['marks']);
    expect(formOf(templates.headers)).toEqual(FORMS['headers']);
    expect(formOf(LIST, ['[TOOL_CALLS]', '</s>'])).toEqual(FORMS['list']);
    expect(formOf(NAMED, [])).toEqual(FORMS['named']);
  });

  test('is unknown for a template without tools, and for one that writes no calls', () => {
    expect(formOf('{% for m in messages %}{{ m.content }}{% endfor %}')).toBeUndefined();
    expect(formOf('{{ tools | tojson if tools }}{% for m in messages %}{{ m.content }}\n{% endfor %}')).toBe(
      undefined,
    );
    expect(callFormOf({ chatTemplate: undefined, specialTokens: [] })).toBeUndefined();
  });
});

describe('an answer', () => {
  test.each([
    ['marks', '<tool_call>\n{"name": "weather", "arguments": {"place": "a}\\"b"}}\n</tool_call>'],
    ['marks', '<tool_call>{"arguments":{"place":"a}\\"b"},"name":"weather"}</tool_call>'],
    ['headers', ' {"name": "weather", "parameters": "{\\"place\\": \\"a}\\\\\\"b\\"}"}'],
    ['list', '[{"name": "weather", "arguments": {"place": "a}\\"b"}}]'],
    ['named', '<function=weather>{"place": "a}\\"b"}</function>'],
  ])('in the form %s calls a tool', (form, text) => {
    expect(readCalls(text, FORMS[form], TOOLS)).toEqual({
      content: '',
      calls: [{ name: 'weather', arguments: { place: 'a}"b' } }],
    });
  });

  test('may call several tools, with text before and after them', () => {
    const call = (name: string): string => `<tool_call>{"name": "${name}", "arguments": {}}</tool_call>`;
    expect(
      readCalls(`Let me see.\n${call('weather')}\n${call('time_now')}\nSo.`, FORMS['marks'], TOOLS),
    ).toEqual({
      content: 'Let me see.\nSo.',
      calls: ['weather', 'time_now'].map((name) => ({ name, arguments: {} })),
    });
    const list = '[{"name": "weather", "arguments": {}}, {"name": "time_now"}]';
    expect(readCalls(list, FORMS['list'], TOOLS).calls.map(({ name }) => name)).toEqual([
      'weather',
      'time_now',
    ]);
  });

  test.each([
    ['marks', 'Plain text.'],
    ['marks', '<tool_call>{"name": "weather", "arguments": {"pl'],
    ['marks', '<tool_call>{"name": "other", "arguments": {}}</tool_call>'],
    ['marks', '<tool_call>{"name": "weather", "arguments": 3}</tool_call>'],
    ['headers', 'See {"name": "weather", "parameters": {}}'],
    ['headers', ''],
    ['named', '<function=weather{}'],
  ])('in the form %s that is no call stays text: %s', (form, text) => {
    expect(readCalls(text, FORMS[form], TOOLS)).toEqual({ content: text, calls: [] });
  });

  test.each(Object.keys(FORMS))('in the form %s streams its text, and no part of a call', (name) => {
    const form = FORMS[name];
    const body =
      form.kind === 'named'
        ? `weather${form.between}{}`
        : `{"${form.nameKey}": "weather", "${form.argumentsKey}": {}}`;
    const call = `${form.open}${body}${form.close}`;
    // Without a mark only an answer that begins with an object is a call.
    for (const text of [call, ...(form.open === '' ? [] : [`Wait. ${call}`]), 'Wait. < [ not a call']) {
      const reader = new CallReader(form, TOOLS);
      let sent = '';
      for (const letter of text) sent += reader.push(letter);
      const { content, calls } = reader.end();
      expect(sent + content).toBe(text.includes(call) ? text.slice(0, text.indexOf(call)).trimEnd() : text);
      expect(calls).toHaveLength(text.includes(call) ? 1 : 0);
    }
  });
});
