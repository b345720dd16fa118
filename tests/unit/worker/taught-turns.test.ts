import { expect, test } from 'vitest';
import { turnsOf } from '../../../src/data/turns.ts';
import type { Example } from '../../../src/data/example.ts';
import type { StoredDataFiles } from '../../../src/storage/records.ts';
import { previewPrompt } from '../../../src/worker/chat/chat.ts';
import type { DataSet } from '../../../src/worker/data/data.ts';
import { takesSystemPrompt } from '../../../src/text/system-prompt.ts';
import { Session, type Current } from '../../../src/worker/session.ts';
import { TurnsOfRows } from '../../../src/worker/chat/taught-turns.ts';
import { openSprig } from './open-sprig.ts';

const message = (
  role: 'system' | 'user' | 'assistant',
  content: string = role,
): { role: typeof role; content: string } => ({ role, content });
const talk = (...roles: ('system' | 'user' | 'assistant')[]): Example => ({
  kind: 'messages',
  messages: roles.map((role) => message(role)),
  line: 1,
});

test('rows are single questions, conversations, or texts', () => {
  const single = talk('system', 'user', 'assistant');
  const completion: Example = { kind: 'completion', prompt: 'a', completion: 'b', line: 2 };
  const text: Example = { kind: 'text', text: 'a', line: 3 };
  expect(turnsOf([single, completion])).toBe('single');
  expect(turnsOf([single, talk('user', 'assistant', 'user', 'assistant')])).toBe('several');
  // The last question has no answer: what was learnt is an answer in a conversation.
  expect(turnsOf([talk('user', 'assistant', 'user')])).toBe('several');
  expect(turnsOf([text, text])).toBe('text');
  expect(turnsOf([text, single])).toBe('single');
  expect(turnsOf([])).toBeUndefined();
});

const LINES = {
  single: '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
  several:
    '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}',
};
const trainedOn = (version: keyof typeof LINES): Current => ({
  live: undefined as never,
  origin: () => ({ name: 'run', runId: 'r', step: 1 }),
  trainedOn: () => ({
    projectId: 'p',
    runId: 'r',
    data: { name: 'rows', version, created: 0 },
    dataOptions: { maxLength: 10 },
  }),
});

test('the rows of the adapter decide, then the open ones; a file is read once', async () => {
  let read = 0;
  const files = (version: string): StoredDataFiles | undefined =>
    version in LINES
      ? {
          file: {
            name: 'rows.jsonl',
            bytes: new TextEncoder().encode(LINES[version as keyof typeof LINES]) as Uint8Array<ArrayBuffer>,
          },
        }
      : undefined;
  const turns = new TurnsOfRows(async (_, version) => (read++, files(version)));
  const session = new Session();
  expect(await turns.of(session, ['base', 'base'])).toBeUndefined();
  session.current = trainedOn('single');
  expect(await turns.of(session, ['base', 'current'])).toEqual({ kind: 'single', of: 'adapter' });
  expect(await turns.of(session, ['current', 'base'])).toEqual({ kind: 'single', of: 'adapter' });
  expect(read).toBe(1);
  session.current = trainedOn('several');
  expect(await turns.of(session, ['base', 'current'])).toEqual({ kind: 'several', of: 'adapter' });
  session.data = { entries: [{ example: talk('user', 'assistant') }] } as never;
  expect(await turns.of(session, ['base', 'base'])).toEqual({ kind: 'single', of: 'data' });
});

test('the prompt is shown as the model sees it, with a system prompt where the template has a place for one', async () => {
  const open = await openSprig();
  expect(takesSystemPrompt(open.tokenizer)).toBe(true);
  const messages = [message('system', 'Be brief.'), message('user', 'Who is awake?')];
  const { text, tokens } = previewPrompt(open, messages, undefined);
  expect(text).toBe(
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho is awake?<|im_end|>\n<|im_start|>assistant\n',
  );
  expect(open.tokenizer.encode(text)).toHaveLength(tokens);

  const withTemplate = (chatTemplate: string | undefined): typeof open.tokenizer =>
    ({
      chatTemplate,
      startId: 0,
      encode: (of: string) => open.tokenizer.encode(of),
      tokenOf: (id: number) => open.tokenizer.tokenOf(id),
    }) as typeof open.tokenizer;
  expect(takesSystemPrompt(withTemplate(undefined))).toBe(false);
  // Gemma 2 refuses the role; others pass over it.
  const refuses =
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}";
  expect(takesSystemPrompt(withTemplate(refuses))).toBe(false);
  const passes = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}";
  expect(takesSystemPrompt(withTemplate(passes))).toBe(false);
  const untemplated = { ...open, tokenizer: withTemplate(undefined) };
  const plain = previewPrompt(untemplated, [message('user', 'Once')], undefined);
  expect(plain.text).toBe('<|endoftext|>Once');
  expect(plain.tokens).toBe(1 + open.tokenizer.encode('Once').length);
  // Rows of a table have a new line between prompt and answer; rows that were made for another model say nothing.
  const asked = { questions: [{ prompt: 'Who?', expected: 'me', ask: 'Who?\n' }], places: [] };
  const dataFor = (modelContent: string): DataSet => ({ ...asked, modelContent }) as unknown as DataSet;
  const previewed = (content: string): string =>
    previewPrompt(untemplated, [message('user', 'Once')], dataFor(content)).text;
  expect(previewed(open.content)).toBe('<|endoftext|>Once\n');
  expect(previewed('other')).toBe('<|endoftext|>Once');
});
