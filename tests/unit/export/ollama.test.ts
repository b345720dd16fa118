/** A folder for Ollama: its Modelfile says what the chat template does. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Parts, PreparedExport } from '../../../src/export/formats/format.ts';
import { ollama } from '../../../src/export/formats/ollama.ts';
import { ollamaTemplate } from '../../../src/export/ollama/template.ts';
import { readModel } from '../../../src/model/family.ts';
import { referencePath } from '../../engine/reference-file.ts';
import { sprigFolder } from '../../engine/sprig.ts';
import { graftError } from '../expect-graft-error.ts';

const NOW = new Date('2026-05-01T12:00:00Z');

interface Message {
  readonly role: string;
  readonly content: string;
}

/** The little of Go's templates that a Modelfile uses, read by its own rules: nothing here knows what the export means. */
function renderGo(template: string, messages: readonly Message[]): string {
  const [, body, end] =
    /^\{\{ \$first := true \}\}\{\{ \$system := false \}\}\{\{ range \.Messages \}\}(.*)\{\{ end \}\}(.*?)$/s.exec(
      template,
    )!;
  const variables = new Map([
    ['$first', true],
    ['$system', false],
  ]);
  let out = '';
  for (const message of messages) {
    const pieces = body.split(/(\{\{ .*? \}\})/s);
    // Each open condition: whether its present branch runs, and whether one has run.
    const open: { runs: boolean; ran: boolean }[] = [];
    const holds = (text: string): boolean => {
      const role = /^eq \.Role "(\w+)"$/.exec(text);
      return role ? message.role === role[1] : variables.get(text)!;
    };
    for (const piece of pieces) {
      const active = open.every(({ runs }) => runs);
      const action = /^\{\{ (.*) \}\}$/s.exec(piece)?.[1];
      if (action === undefined) out += active ? piece : '';
      else if (action.startsWith('if ')) {
        const runs = active && holds(action.slice(3));
        open.push({ runs, ran: runs });
      } else if (action.startsWith('else')) {
        const last = open.at(-1)!;
        const outer = open.slice(0, -1).every(({ runs }) => runs);
        last.runs = outer && !last.ran && (action === 'else' || holds(action.slice('else if '.length)));
        last.ran ||= last.runs;
      } else if (action === 'end') open.pop();
      else if (action === '.Content') out += active ? message.content : '';
      else {
        const [, name, value] = /^(\$\w+) = (true|false)$/.exec(action)!;
        if (active) variables.set(name, value === 'true');
      }
    }
  }
  return out + end;
}

const turns: readonly Message[] = [
  { role: 'user', content: 'How?' },
  { role: 'assistant', content: 'So.' },
  { role: 'user', content: 'Why?' },
];
const asked: readonly Message[] = [{ role: 'system', content: 'Be brief.' }, ...turns];
const source = (chatTemplate: string, more: object = {}) => ({
  ...{ chatTemplate, bosToken: '<s>', eosToken: '</s>', startId: 1 },
  ...more,
});

const LLAMA2 =
  "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";
const WITH_DEFAULT =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

describe('a chat template', () => {
  test('puts the system prompt of Llama 2 into the first question', () => {
    const { template, notes } = ollamaTemplate(source(LLAMA2), NOW)!;
    expect(notes).toEqual([]);
    expect(renderGo(template, turns)).toBe('[INST] How? [/INST] So. </s><s>[INST] Why? [/INST]');
    expect(renderGo(template, asked)).toBe(
      '[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHow? [/INST] So. </s><s>[INST] Why? [/INST]',
    );
  });

  test('keeps a system prompt of its own if none is given', () => {
    const { template } = ollamaTemplate(source(WITH_DEFAULT), NOW)!;
    const end =
      'How?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n';
    expect(renderGo(template, turns)).toBe(
      `<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n${end}`,
    );
    expect(renderGo(template, asked)).toBe(
      `<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n${end}`,
    );
  });

  test('says so if it refuses a system prompt', () => {
    const refusing = `{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}${LLAMA2}`;
    const { template, notes } = ollamaTemplate(source(refusing), NOW)!;
    expect(notes.join()).toMatch(/takes no system prompt/);
    expect(template).not.toContain('SYS');
  });

  test('is not translated if it counts its turns', () => {
    const counting = "{% for m in messages %}{{ loop.index }}: {{ m['content'] }}\n{% endfor %}";
    expect(ollamaTemplate(source(counting), NOW)).toBeUndefined();
  });

  test('says which date it writes', () => {
    const dated = `{{ strftime_now('%Y') }}${LLAMA2}`;
    const { template, notes } = ollamaTemplate(source(dated), NOW)!;
    expect(template).toContain('2026');
    expect(notes.join()).toMatch(/has that of the export/);
  });

  test('keeps a first token that programs do not add', () => {
    expect(ollamaTemplate(source(LLAMA2, { startId: undefined }), NOW)!.template).toContain(
      '<s>[INST] {{ end }}',
    );
  });
});

async function prepared(more: Partial<Parts> = {}, adapter = 'adapter'): Promise<PreparedExport> {
  const place = referencePath('peft', adapter);
  const files = readdirSync(place).map((name) => [name, new Uint8Array(readFileSync(join(place, name)))]);
  const base = sprigFolder();
  return ollama.prepare({
    ...{ baseModel: 'sprig', base, model: await readModel(base), adapterName: 'pirate' },
    ...{ adapter: Object.fromEntries(files) as Parts['adapter'], type: 'q8_0', ...more },
  });
}

async function textOf({ files }: PreparedExport, name: string): Promise<string> {
  let text = '';
  for await (const bytes of files.find((file) => file.name === name)!.read())
    text += new TextDecoder().decode(bytes);
  return text;
}

describe('a Modelfile', () => {
  test('has the merged file, template, system prompt and stops', async () => {
    const folder = await prepared({ system: 'Be a pirate.' });
    expect(folder.files.map(({ name }) => name)).toEqual(['pirate-q8_0.gguf', 'Modelfile', 'README.md']);
    const text = await textOf(folder, 'Modelfile');
    expect(text).toMatch(/^FROM \.\/pirate-q8_0\.gguf\nTEMPLATE """/);
    expect(text).toContain('SYSTEM """Be a pirate."""\nPARAMETER stop "<|im_end|>"\n');
    expect(await textOf(folder, 'README.md')).toContain('ollama create pirate -f Modelfile');
    const template = /TEMPLATE """(.*?)"""/s.exec(text)![1];
    expect(renderGo(template, turns.slice(0, 1))).toBe(
      '<|im_start|>user\nHow?<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  test('names base and adapter of a pair apart', async () => {
    const folder = await prepared({ type: 'pair' });
    expect(folder.files.map(({ name }) => name).slice(0, 2)).toEqual(['sprig-f16.gguf', 'pirate.gguf']);
    expect(await textOf(folder, 'Modelfile')).toMatch(
      /^FROM \.\/sprig-f16\.gguf\nADAPTER \.\/pirate\.gguf\n/,
    );
  });

  test('refuses a pair for DoRA, which llama.cpp has only merged', async () => {
    const { what, remedy } = await graftError(() => prepared({ type: 'pair' }, 'dora'), 'export-format');
    expect(`${what} ${remedy}`).toMatch(/DoRA adapter, and llama\.cpp has LoRA\. Export a merged model/);
  });

  test('cannot hold a system prompt with three quotes', async () => {
    await graftError(() => prepared({ system: 'a """ b' }), 'export-format');
  });
});
