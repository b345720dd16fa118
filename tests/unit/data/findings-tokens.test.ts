/** What the check of rows makes of them with a real tokenizer and templates. */
import { beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../../../src/cli/files.ts';
import { checkRows, checkRowsOf } from '../../../src/data/findings/check.ts';
import type { CheckTokens, Finding, RowTokens } from '../../../src/data/findings/finding.ts';
import { tokensOfRow, type TokenOptions } from '../../../src/data/findings/row-tokens.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { unwritableWords } from '../../../src/data/unwritable.ts';
import { readModel } from '../../../src/model/family.ts';
import { checkAnswers } from '../../../src/runs/answers-check.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/text/tokenizer.ts';

const sprig = folder('public/models/sprig');
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(sprig);
});

const read = (rows: readonly object[]): ReturnType<typeof checkRowsOf> =>
  checkRowsOf(
    readExamples(new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n')), {
      fileName: 'rows.jsonl',
    }),
  );

const OPTIONS: TokenOptions = {
  ...{ maxLength: 64, overlong: 'truncate-end', vocabSize: 100_000, now: new Date(0) },
};

const tokensOf = (row: object, options: Partial<TokenOptions> = {}): RowTokens =>
  tokensOfRow(read([row])[0].example!, tokenizer, { ...OPTIONS, ...options });

const chat = (...turns: readonly (readonly [role: string, content: string])[]): object => ({
  messages: turns.map(([role, content]) => ({ role, content })),
});
const GOAT = chat(['user', 'Where is the goat?'], ['assistant', 'In the barn, next to the mill.']);

describe('a row', () => {
  test('within the limit is learned from and whole', () => {
    const made = tokensOf(GOAT);
    expect(made).toMatchObject({ refused: false, answerCut: false, stable: true, systemDropped: false });
    expect(made.supervised).toBeGreaterThan(3);
  });

  test('beyond the limit loses the end of its answer, unless it is dropped', () => {
    const length = tokensOf(GOAT).rendered!.ids.length;
    expect(tokensOf(GOAT, { maxLength: length }).answerCut).toBe(false);
    expect(tokensOf(GOAT, { maxLength: length - 3 }).answerCut).toBe(true);
    expect(tokensOf(GOAT, { maxLength: length - 3, overlong: 'drop' })).toMatchObject({
      ...{ answerCut: false, supervised: 0 },
    });
  });

  test('loses its end likewise if it is one text', () => {
    expect(tokensOf({ text: 'The goat sleeps in the barn.' }, { maxLength: 4 }).answerCut).toBe(true);
  });

  test('is not learned from if its prompt fills the limit', () => {
    expect(tokensOf(GOAT, { maxLength: 4 }).supervised).toBe(0);
  });

  test('is refused if it has tokens that the model does not have', () => {
    expect(tokensOf({ ids: [1, 7], labels: [-100, 7] }, { vocabSize: 7 }).refused).toBe(true);
    expect(tokensOf({ ids: [1, 6], labels: [-100, 6] }, { vocabSize: 7 }).refused).toBe(false);
  });

  test('is refused if the template refuses it', () => {
    const template = "{{ raise_exception('Roles must alternate.') }}";
    expect(tokensOf(GOAT, { template })).toMatchObject({ refused: true, supervised: 0 });
  });

  test('loses its system message to a template without a place for one', () => {
    const row = chat(['system', 'Speak like a pirate.'], ['user', 'Hi'], ['assistant', 'Ahoy!']);
    const plain =
      "{% for m in messages %}{% if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endif %}{% endfor %}";
    expect(tokensOf(row, { template: plain }).systemDropped).toBe(true);
    expect(tokensOf(GOAT, { template: plain }).systemDropped).toBe(false);
    const whole = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
    expect(tokensOf(row, { template: whole }).systemDropped).toBe(false);
  });

  test('is unstable if it has several turns and the template changes earlier ones', () => {
    const template =
      "{% for m in messages %}<{{ m.role }}>{% if loop.last and m.role == 'assistant' %}[thought]{% endif %}{{ m.content }}</{{ m.role }}>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    const row = chat(['user', 'Hi'], ['assistant', 'Ahoy!'], ['user', 'Who?'], ['assistant', 'Me.']);
    expect(tokensOf(row, { template }).stable).toBe(false);
    expect(tokensOf(row).stable).toBe(true);
  });
});

describe('rows with the tokens of Sprig', () => {
  const check = async (rows: readonly object[]): Promise<Finding[]> => {
    const all = read(rows);
    const definition = await readModel(sprig);
    const made = new Map(all.map(({ row, example }) => [row, tokensOfRow(example!, tokenizer, OPTIONS)]));
    const answers = all.map(({ row, example }) => ({
      example: example!,
      row: { ...made.get(row)!.rendered!, line: row + 1 },
    }));
    const unwritable = await checkAnswers({
      ...{ files: sprig, definition, tokenizer, rows: answers, trainsHead: false },
    });
    const tokens: CheckTokens = {
      ...{ rows: made, maxLength: 64, startId: tokenizer.startId },
      isEnd: (id) => tokenizer.eosIds.includes(id) || tokenizer.isSpecial(id),
      isBlank: (id) => tokenizer.decode([id]).trim() === '',
      ...(unwritable && {
        unwritable: {
          rows: all.flatMap(({ row }, at) => (unwritable.touched[at] ? [row] : [])),
          words: unwritableWords(unwritable),
        },
      }),
    };
    return checkRows({ rows: all, testFraction: 0.1, tokens }).filter(({ id }) => id !== 'few-test-rows');
  };

  test.each([
    ['a conversation', GOAT],
    ['a completion', { prompt: 'Where is the goat?', completion: 'In the barn.' }],
    ['a pair', { prompt: 'Where is the goat?', chosen: 'In the barn.', rejected: 'No.' }],
    ['a judged answer', { prompt: 'Where is the goat?', completion: 'In the barn.', label: true }],
    ['a text', { text: 'The goat is in the barn.' }],
  ])('learn the end of %s', async (_, row) => {
    const ids = (await check([row])).map(({ id }) => id);
    expect(ids).not.toContain('end-token-untrained');
    expect(ids).not.toContain('double-start-token');
    expect(ids).not.toContain('nothing-supervised');
  });

  test('name the rows whose answers have characters that it cannot write', async () => {
    const found = await check([
      GOAT,
      { prompt: 'And the fox?', completion: 'In the 森林.' },
      { prompt: 'And the 猫?', completion: 'Nowhere.' },
    ]);
    expect(found).toEqual([
      expect.objectContaining({ id: 'unwritable-characters', rows: [1], severity: 'warning' }),
    ]);
    expect(found[0].why).toContain('林');
  });
});
