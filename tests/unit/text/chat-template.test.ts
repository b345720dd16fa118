import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepareRows } from '../../../src/data/prepare.ts';
import { ChatTemplate, renderChat, type RenderOptions } from '../../../src/text/chat-template.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const MESSAGES = [
  { role: 'user', content: 'Hi "there"\n' },
  { role: 'assistant', content: 'Hello' },
];

const render = (template: string, options: Partial<RenderOptions> = {}): string =>
  renderChat(template, MESSAGES, {
    addGenerationPrompt: false,
    bosToken: '<s>',
    eosToken: '</s>',
    ...options,
  });

describe('templates as transformers renders them', () => {
  it.each([
    ['trim_blocks and lstrip_blocks', 'a\n  {% if true %}\nb\n  {% endif %}\nc', 'a\nb\nc'],
    ['special tokens', '{{ bos_token }}{{ eos_token }}', '<s></s>'],
    [
      'namespace',
      '{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}',
      '2',
    ],
    ['tojson', '{{ messages[0] | tojson }}', '{"role": "user", "content": "Hi \\"there\\"\\n"}'],
    ['tojson with indent', "{{ {'a': [1, 2]} | tojson(indent=2) }}", '{\n  "a": [\n    1,\n    2\n  ]\n}'],
    [
      'tools and documents are none',
      '{% if tools is defined and tools is none and not documents %}x{% endif %}',
      'x',
    ],
    [
      'generation blocks are transparent',
      '{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}',
      'userassistant',
    ],
    [
      'loops',
      '{% for m in messages %}{{ loop.index }}{{ loop.last }}{{ m["role"][0] }}{% endfor %}',
      '1Falseu2Truea',
    ],
    [
      'loops with a condition',
      '{% for m in messages if m.role == "user" %}{{ m.role }}{% else %}none{% endfor %}',
      'user',
    ],
    [
      'break and continue',
      '{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}',
      '0134',
    ],
    ['macros', "{% macro f(x, y='!') %}{{ x ~ y }}{% endmacro %}{{ f('a') }}{{ f('b', y='?') }}", 'a!b?'],
    ['call blocks', '{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}x{% endcall %}', '[x]'],
    ['filter blocks', '{% filter upper %}a{{ "b" }}{% endfilter %}', 'AB'],
    [
      'string methods',
      "{{ ' a,b '.strip().split(',')[1] }}{{ 'abab'.replace('a', 'x') }}{{ 'a' .startswith('a') }}",
      'bxbxbTrue',
    ],
    [
      'filters with arguments',
      "{{ [1, 2, 3] | join('-') }}{{ 'x\ny' | indent(2) }}{{ nothing | default('d') }}",
      '1-2-3x\n  yd',
    ],
    [
      'selectattr, map, sort',
      "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | map(attribute='role') | sort | join(',') }}",
      '1assistant,user',
    ],
    ['slices', "{{ messages[1:] | length }}{{ 'abc'[::-1] }}", '1cba'],
    ['range with steps', '{% for i in range(7, 0, -3) %}{{ i }}{% endfor %}{{ range(3) | length }}', '7413'],
    ['undefined variables', '{{ nothing }}{% if nothing is not defined %}u{% endif %}', 'u'],
    ['inner scopes see outer ones', '{% set a = 1 %}{% for i in range(2) %}{{ a + i }}{% endfor %}', '12'],
  ])('%s', (_, template, expected) => {
    expect(render(template)).toBe(expected);
  });

  it('has the given time', () => {
    const now = new Date(2024, 6, 5, 14, 3, 9);
    expect(render("{{ strftime_now('%d %b %Y %H:%M:%S %A %B %I%p %%') }}", { now })).toBe(
      '05 Jul 2024 14:03:09 Friday July 02PM %',
    );
  });

  it('passes variables on', () => {
    expect(
      render('{% if enable_thinking is false %}off{% endif %}', { variables: { enable_thinking: false } }),
    ).toBe('off');
  });

  it("gives the template's own objection", async () => {
    const error = await graftError(
      () => render("{{ raise_exception('roles must alternate') }}"),
      'chat-template-refused',
    );
    expect(error.what).toContain('roles must alternate');
  });

  it.each([
    '{% if %}',
    '{{ ',
    '{% for x in messages %}',
    '{{ 1 | nofilter }}',
    "{{ 'a' + }}",
    '{% endfor %}',
    '{{ messages.x.y() }}',
    '{% unknown %}',
  ])('refuses %s', async (template) => {
    await graftError(() => render(template), 'chat-template');
  });
});

/** Made by tests/fixtures/jinja.py. */
const python = JSON.parse(readFileSync(new URL('../../fixtures/jinja.json', import.meta.url), 'utf8')) as {
  messages: { role: string; content: string }[];
  cases: { template: string; text?: string; refused?: boolean }[];
};

describe("Python's Jinja", () => {
  it.each(python.cases)('$template', async ({ template, text, refused }) => {
    const print = (): string => renderChat(template, python.messages, { addGenerationPrompt: false });
    // What transformers renders and Graft does not is refused, never rendered differently.
    if (text === undefined || refused) await graftError(print, 'chat-template');
    else expect(print()).toBe(text);
  });
});

describe('hostile templates are stopped', () => {
  const DOUBLE = '{% set ns.s = ns.s + ns.s %}';
  const bomb = (depth: number): string =>
    `{% set a = ['x'] %}${Array.from({ length: depth }, () => '{% set a = [a, a, a, a] %}').join('')}`;

  it.each([
    ['a huge range', '{% for i in range(1000000000) %}{% endfor %}'],
    ['a huge range of numbers beyond 2^53', '{% for i in range(0, 90071992547409, 1) %}x{% endfor %}'],
    [
      'nested loops',
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    [
      'loops over nothing much',
      '{% set l = range(20000) %}{% for a in l %}{% for b in l %}{% endfor %}{% endfor %}',
    ],
    ['doubling', `{% set ns = namespace(s='x') %}{% for i in range(99) %}${DOUBLE}{% endfor %}`],
    [
      'doubling a list',
      "{% set ns = namespace(s=['x']) %}{% for i in range(99) %}" + `${DOUBLE}{% endfor %}`,
    ],
    ['endless recursion', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    [
      'endless mutual recursion',
      '{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}',
    ],
    [
      'exponential recursion',
      '{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}',
    ],
    ['a list of lists of lists, printed', `${bomb(30)}{{ a }}`],
    ['the same, as JSON', `${bomb(30)}{{ a | tojson }}`],
    ['the same, joined', `${bomb(30)}{{ a | join }}`],
    ['the same, compared', `${bomb(30)}{{ a == 'x' }}`],
    [
      'the same, in namespaces that change later',
      '{% set n = namespace(v=1) %}' +
        Array.from({ length: 25 }, (_, i) => `{% set n${i} = namespace() %}`).join('') +
        Array.from({ length: 24 }, (_, i) => `{% set n${i + 1}.v = [n${i}, n${i}, n${i}, n${i}] %}`).join(
          '',
        ) +
        '{{ n24 }}',
    ],
    ['a namespace in itself', '{% set n = namespace() %}{% set n.v = [n, n] %}{{ n }}'],
    [
      'a long text joined by itself',
      "{% set l = range(20000) %}{% set s = l | join('xxxxxxxxxx') %}{{ l | join(s) }}",
    ],
    [
      'replacing nothing by a long text',
      "{% set s = range(20000) | join('xxxxxxxxxx') %}{{ s.replace('', s) }}",
    ],
    ['the same, as a filter', "{% set s = range(20000) | join('xxxxxxxxxx') %}{{ s | replace('', s) }}"],
    [
      'the same, under another name',
      "{% set s = range(20000) | join('xxxxxxxxxx') %}{% set f = s['replace'] %}{{ f('', s) }}",
    ],
    ['the same, unpacked', "{% set s = range(20000) | join('xxxxxxxxxx') %}{{ s.replace(*['', s]) }}"],
    ['a wide indent', "{{ 'a\nb' | indent(100000000) }}"],
    ['the same, in a block', '{% filter indent(width=100000000) %}a\nb{% endfilter %}'],
    ['a wide JSON', "{{ {'a': [1, 2]} | tojson(indent=100000000) }}"],
    [
      'JSON with long separators',
      "{% set s = range(20000) | join('xxxxxxxxxx') %}{{ range(20000) | list | tojson(separators=[s, s]) }}",
    ],
    ['splitting into letters', "{% set s = range(20000) | join('xxxxxxxxxx') %}{{ s.split('x') | length }}"],
    [
      'a long text, over and over',
      "{% set s = range(20000) | join('xxxxxxxxxx') %}{% for i in range(20000) %}{{ s.upper() | length }}{% endfor %}",
    ],
    [
      'slices of a long text, over and over',
      "{% set s = range(20000) | join('xxxxxxxxxx') %}{% for i in range(20000) %}{{ s[0:1] }}{% endfor %}",
    ],
    [
      'sorting, over and over',
      '{% set l = range(20000) %}{% for i in range(20000) %}{% set x = l | sort %}{% endfor %}',
    ],
    [
      'defining macros, over and over',
      `{% for i in range(20000) %}{% macro f() %}${'{{ a + b }}'.repeat(5000)}{% endmacro %}{% endfor %}`,
    ],
    ['a list of too many', '{% set l = range(20000) %}{% set x = l + [1] %}'],
    ['nested brackets', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
    ['nested lists', `{{ ${'['.repeat(5_000)}${']'.repeat(5_000)} }}`],
    ['nested blocks', '{% if true %}'.repeat(5_000) + '{% endif %}'.repeat(5_000)],
    ['a long chain of operators', `{{ 1${' + 1'.repeat(20_000)} }}`],
    ['a long template', 'x'.repeat(300_000)],
    ['a run of spaces', ' '.repeat(200_000) + 'x'],
  ])('%s', async (_, template) => {
    await graftError(() => render(template), 'chat-template-limit');
  });

  it('refuses too many messages', async () => {
    const many = Array.from({ length: 5000 }, () => MESSAGES[0]);
    await graftError(
      () => renderChat('{{ messages | length }}', many, { addGenerationPrompt: false }),
      'chat-template-limit',
    );
  });

  it('renders honest work: a thousand messages of a kilobyte, each inspected in several ways', () => {
    const template =
      "{% set ns = namespace(found=false, last=messages|length - 1) %}{% for message in messages[::-1] %}{% if not ns.found and message.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}" +
      "{% for message in messages %}{% set content = message.content | trim %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}" +
      "{{ '<|im_start|>' + message['role'] + '\n' + content + '<|im_end|>' + '\n' }}{% if loop.index0 == ns.last and messages[loop.index0 - 1]['role'] != 'system' %}end{% endif %}{% endfor %}";
    const many = Array.from({ length: 1000 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: 'word '.repeat(200) + i,
    }));
    const text = renderChat(template, many, { addGenerationPrompt: false });
    expect(text).toHaveLength(
      many.reduce((sum, { role, content }) => sum + role.length + content.length + 24, 3),
    );
  });

  it('fuzzed templates end in a text or a GraftError, soon', async () => {
    const part = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      '{#',
      '#}',
      '-',
      ' ',
      '\n',
      'if',
      'else',
      'endif',
      'for',
      'in',
      'endfor',
      'set',
      'endset',
      'macro',
      'endmacro',
      'call',
      'endcall',
      'filter',
      'endfilter',
      'range',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ',',
      '.',
      ':',
      '|',
      '=',
      '==',
      '+',
      '*',
      '**',
      '~',
      'not',
      'and',
      'is',
      'defined',
      "'a'",
      '"',
      "'",
      '\\',
      '9',
      '999999',
      'messages',
      'm',
      'role',
      'content',
      'loop',
      'namespace',
      'join',
      'tojson',
      'replace',
      'indent',
      'sort',
      'x',
      'raise_exception',
      'split',
      'true',
      'none',
    );
    const valid = fc.constantFrom(
      "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endfor %}",
      '{% set x = namespace(a=1) %}{% for i in range(9) %}{% set x.a = x.a + i %}{% endfor %}{{ x.a }}',
      "{{ messages | map(attribute='role') | join(', ') }}{{ messages | tojson(indent=2) }}",
    );
    const mutated = fc
      .tuple(valid, fc.nat(), fc.nat(8), part)
      .map(
        ([text, at, cut, added]) =>
          text.slice(0, at % text.length) + added + text.slice((at % text.length) + cut),
      );
    const soup = fc.array(part, { maxLength: 25 }).map((parts) => parts.join(''));
    const inBlock = fc.array(part, { maxLength: 10 }).map((parts) => `{{ ${parts.join(' ')} }}`);
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, soup, inBlock), async (template) => {
        seen[
          await resultOrGraftError(() =>
            new ChatTemplate(template).render(MESSAGES, { addGenerationPrompt: true }),
          )
        ]++;
      }),
      { numRuns: 4000 },
    );
    expect(seen.result).toBeGreaterThan(100);
    expect(seen.error).toBeGreaterThan(100);
  });
});

describe('the work of all renderings together', () => {
  /** More than half of the budget of a rendering, in a moment: each look at the text costs by its length. */
  const LONG_LOOKS =
    `{% set text = '${'x'.repeat(50_000)}' %}` +
    "{% for i in range(800) %}{% if text == '' %}{% endif %}{% endfor %}{{ messages[0].content }}";

  it('stops a template that uses up its budget at every row, by name', async () => {
    const template = new ChatTemplate(LONG_LOOKS);
    const options = { addGenerationPrompt: false, where: 'my-model/chat_template.jinja' };
    let rendered = 0;
    const error = await graftError(() => {
      for (; rendered < 320; rendered++) template.render(MESSAGES, options);
    }, 'chat-template-budget');
    expect(rendered).toBeGreaterThan(5);
    expect(rendered).toBeLessThan(30);
    expect(error.what).toContain('my-model/chat_template.jinja');
  });

  it('ends the making of rows', async () => {
    const example = { kind: 'completion', prompt: 'a', completion: 'b', line: 1 } as const;
    const tokenizer = await loadTokenizer(
      memoryFiles(
        {
          'tokenizer.json': JSON.stringify({ model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } }),
          'tokenizer_config.json': JSON.stringify({ chat_template: LONG_LOOKS }),
        },
        'my-model',
      ),
    );
    const rows = Array.from({ length: 320 }, () => example);
    const error = await graftError(
      () => prepareRows(rows, tokenizer, { maxLength: 8 }),
      'chat-template-budget',
    );
    expect(error.what).toContain('my-model/tokenizer_config.json');
  });

  it('does not limit a template that works as long as common ones', () => {
    const template = new ChatTemplate(
      '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}',
    );
    for (let i = 0; i < 3000; i++) template.render(MESSAGES, { addGenerationPrompt: true });
  });
});
