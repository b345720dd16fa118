/** The check of rows before a run: each finding on rows that have its fault and on rows that do not. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRows, checkRowsOf } from '../../../src/data/findings/check.ts';
import {
  FINDINGS,
  type CheckTokens,
  type FindingId,
  type RowTokens,
} from '../../../src/data/findings/finding.ts';
import { wordHash, wordHashesOf, wordsOf } from '../../../src/data/findings/texts.ts';
import { readExamples } from '../../../src/data/formats.ts';
import type { Finding } from '../../../src/data/findings/finding.ts';

const read = (rows: readonly unknown[]): ReturnType<typeof checkRowsOf> =>
  checkRowsOf(
    readExamples(new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n')), {
      fileName: 'rows.jsonl',
      mostProblems: Infinity,
    }),
  );

const check = (rows: readonly unknown[], test?: readonly unknown[]): Finding[] =>
  checkRows({ rows: read(rows), ...(test && { test: read(test) }), testFraction: 0.1 });

const rowsOf = (findings: readonly Finding[], id: FindingId): readonly number[] | undefined =>
  findings.find((finding) => finding.id === id)?.rows;

const ask = (prompt: string, completion: string): object => ({ prompt, completion });

/** Questions of a help desk that share no group of five words. */
const DESK = [
  ask('My parcel came with a broken lid, can I send it back?', 'Yes, within thirty days and free of charge.'),
  ask('How do I change the address on an order that is not shipped yet?', 'Open the order and choose Edit.'),
  ask('Which batteries does the small lamp need?', 'Two of type AA.'),
  ask('Do you deliver to the islands in winter?', 'Once a week, if the ferry sails.'),
];

describe('rows without faults', () => {
  test('give nothing but a small test part', () => {
    expect(check(DESK).map(({ id }) => id)).toEqual(['few-test-rows']);
  });

  test.each(['voice', 'orders-json', 'detail', 'lists', 'chat-log'])(
    'get no error in the sample %s',
    (sample) => {
      const rows = (part: string): unknown[] =>
        readFileSync(join(import.meta.dirname, '../../../public/samples', sample, `${part}.jsonl`), 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown);
      expect(check(rows('train'), rows('test')).filter(({ severity }) => severity === 'error')).toEqual([]);
    },
  );
});

describe('copies', () => {
  test('are the later ones of equal rows', () => {
    const findings = check([...DESK, DESK[1], DESK[1]]);
    expect(rowsOf(findings, 'exact-duplicates')).toEqual([4, 5]);
    expect(rowsOf(findings, 'near-duplicates')).toBeUndefined();
  });

  test('are near copies if they differ in a word of many, and other rows are not', () => {
    const long =
      'Please write a short and friendly note to our customers that says the shop on the harbour stays closed next Monday because the floor is being painted by the landlord';
    const findings = check([
      ask(long, 'Dear all, the shop is closed on Monday.'),
      ...DESK,
      ask(long.replace('Monday', 'Tuesday'), 'Dear all, the shop is closed on Monday.'),
    ]);
    expect(rowsOf(findings, 'near-duplicates')).toEqual([5]);
    expect(rowsOf(findings, 'exact-duplicates')).toBeUndefined();
  });

  test('are not rows that only share a long system message', () => {
    const system =
      'You are the friendly assistant of a shop on the harbour. Answer in one short sentence, name the price if you know it, and send questions about repairs to the workshop.';
    const things = [
      'anchor',
      'boat',
      'compass',
      'dinghy',
      'flag',
      'hook',
      'kettle',
      'lamp',
      'mast',
      'net',
      'oar',
    ];
    const rows = [...things, ...things.map((thing) => `blue ${thing}`)].map((thing) => ({
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: `What does the ${thing} cost?` },
        { role: 'assistant', content: `The ${thing} costs ${thing.length} coins.` },
      ],
    }));
    expect(rowsOf(check(rows), 'near-duplicates')).toBeUndefined();
  });

  test('are near copies in few words only if all words are the same', () => {
    const findings = check([
      ask('Price of lamps?', 'Two'),
      ...DESK,
      ask('Price of boats?', 'Two'),
      ask('price of lamps', 'two!'),
    ]);
    expect(rowsOf(findings, 'near-duplicates')).toEqual([6]);
  });

  test('contradict each other if their answers differ, all rows of the prompt', () => {
    const findings = check([
      ask('Is the shop open on Sunday?', 'Yes.'),
      ...DESK,
      ask('Is the shop open  on Sunday?', 'No.'),
      ask('Is the shop open on Sunday?', 'No.'),
    ]);
    expect(rowsOf(findings, 'contradictory-answers')).toEqual([0, 5, 6]);
    expect(rowsOf(findings, 'near-duplicates')).toBeUndefined();
  });

  test('do not contradict if their prompt is under another system message', () => {
    const under = (system: string, answer: string): object => ({
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: 'How are you?' },
        { role: 'assistant', content: answer },
      ],
    });
    expect(
      rowsOf(check([under('Be brief.', 'Fine.'), under('Be rude.', 'Go away.')]), 'contradictory-answers'),
    ).toBeUndefined();
  });
});

describe('test rows', () => {
  const long =
    'a ferry that leaves at seven in the morning from the northern pier reaches the island at noon';

  test('are named by the training rows that have their prompt, and waste the run if they are many', () => {
    const findings = check(DESK, [ask('DO you deliver to the islands, in winter?', 'No.')]);
    expect(findings.find(({ id }) => id === 'test-in-train')).toMatchObject({ rows: [3], severity: 'error' });
  });

  test('are found if they share twelve words in a row with a training row', () => {
    const findings = check(
      [...DESK, ask(`Summarise: ${long}`, 'It takes five hours.')],
      [
        ask(`Is it true that ${long}?`, 'Yes.'),
        ...Array.from({ length: 9 }, (_, at) => ask(`Question ${at} about something else`, 'Yes.')),
      ],
    );
    expect(findings.find(({ id }) => id === 'test-in-train')).toMatchObject({
      rows: [4],
      severity: 'warning',
    });
  });

  test('are not found if they share only an instruction with all training rows', () => {
    const told = (text: string): object =>
      ask(`Decide which of the five teams of our company should answer the following mail: ${text}`, 'Sales');
    const names = ['lamps', 'chairs', 'boats', 'pens', 'sails', 'ropes'];
    expect(rowsOf(check(names.map(told), [told('hats')]), 'test-in-train')).toBeUndefined();
  });

  test('are named by training rows that almost repeat them, and not by those with the same prompt', () => {
    const held = [
      ask('Please tell me whether you deliver to the islands in winter', 'Once a week, if the ferry sails.'),
      DESK[0],
    ];
    const train = [
      ...DESK,
      ask('Do you deliver to the islands in winter', 'Once a week, if the ferry sails.'),
    ];
    const findings = check(train, [
      ask('Tell me, do you deliver to the islands in winter?', 'Once a week, if the ferry sails.'),
      ...held,
    ]);
    expect(rowsOf(findings, 'near-test-rows')).toEqual([3, 4]);
    expect(rowsOf(findings, 'test-in-train')).toEqual([0]);
    expect(rowsOf(check(DESK, [held[1]]), 'near-test-rows')).toBeUndefined();
  });

  test('are not copies of training rows if they share a template with one another', () => {
    const filled = (what: string, where: string): object =>
      ask(
        `How long does it take to send ${what} from our shop on the harbour to a customer in the town of ${where}?`,
        'A week.',
      );
    const towns = ['Lund', 'Riga', 'Turku'];
    const train = [
      ...Array.from({ length: 200 }, (_, at) => ask(`Number ${at}`, String(at))),
      filled('boats', 'Bergen'),
    ];
    expect(
      rowsOf(
        check(
          train,
          towns.map((town) => filled('lamps', town)),
        ),
        'test-in-train',
      ),
    ).toBeUndefined();
    expect(rowsOf(check(train, [filled('lamps', 'Lund')]), 'test-in-train')).toEqual([200]);
  });

  test('are few below twenty', () => {
    const many = Array.from({ length: 20 }, (_, at) => ask(`Number ${at}`, String(at)));
    expect(rowsOf(check(DESK, many.slice(1)), 'few-test-rows')).toEqual([]);
    expect(rowsOf(check(DESK, many), 'few-test-rows')).toBeUndefined();
  });
});

describe('labels', () => {
  const words: Readonly<Record<string, readonly string[]>> = {
    refund: ['money', 'refund', 'account', 'paid', 'return'],
    delivery: ['parcel', 'driver', 'late', 'address', 'street'],
  };
  /** Mails that use words of their label. */
  const mails = (label: string, count: number, said = label): object[] =>
    Array.from({ length: count }, (_, at) =>
      ask(
        `${words[label].map((word, i) => (i === at % 5 ? `case${label}` : word)).join(' ')} number ${at}`,
        said,
      ),
    );

  test('are unbalanced if they are rare', () => {
    const findings = check([...mails('refund', 30), ...mails('delivery', 10)]);
    expect(rowsOf(findings, 'label-imbalance')).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    expect(
      rowsOf(check([...mails('refund', 20), ...mails('delivery', 10)]), 'label-imbalance'),
    ).toBeUndefined();
  });

  test('are likely wrong if all similar rows contradict them', () => {
    const rows = [...mails('refund', 15), ...mails('delivery', 15)];
    expect(rowsOf(check(rows), 'likely-wrong-label')).toBeUndefined();
    const wrong = ask('parcel driver late address street', 'refund');
    expect(rowsOf(check([...rows, wrong]), 'likely-wrong-label')).toEqual([30]);
  });

  test('are likely wrong among two if the words speak for the other one, though no row is similar', () => {
    // Words that half of so many rows have find no similar rows.
    const words = ['money back', 'parcel late'];
    const rows = Array.from({ length: 440 }, (_, at) =>
      ask(`${words[at % 2]} ${[0, 1, 2].map((i) => `own${at}x${i}`).join(' ')}`, `label${at % 2}`),
    );
    expect(rowsOf(check(rows), 'likely-wrong-label')).toBeUndefined();
    expect(rowsOf(check([...rows, ask(words[1], 'label0')]), 'likely-wrong-label')).toEqual([440]);
  });

  /** Thirty labels with words of their own and one that a neighbour has, in rows that have little else in common. */
  const many = (): object[] =>
    Array.from({ length: 360 }, (_, at) => {
      const label = at % 30;
      const said = [0, 1, 2, 3].map((i) => `w${label}x${(at * 7 + i * 5) % 9}`);
      return ask([...said, `w${(label + 1) % 30}x${at % 9}`, `own${at}`].join(' '), `label${label}`);
    });

  test('are likely wrong among many if the words fit the label of most similar rows, though not all agree', () => {
    const rows = many();
    expect(rowsOf(check(rows), 'likely-wrong-label')).toBeUndefined();
    // Not all of the most similar rows have the label of most of its words.
    const wrong = ask('w3x0 w3x1 w3x2 w9x0 w9x5 w9x1', 'label17');
    expect(rowsOf(check([...rows, wrong]), 'likely-wrong-label')).toEqual([360]);
  });

  test('are not likely wrong among many because five similar rows disagree, if the words fit', () => {
    const alike = Array.from({ length: 5 }, (_, at) => ask(`please w3x1 w3x2 today number${at}`, 'label8'));
    const own = Array.from({ length: 40 }, (_, at) => ask(`w3x1 w3x2 ${'z'.repeat(at + 1)}`, 'label3'));
    const right = ask('please w3x1 w3x2 today', 'label3');
    expect(rowsOf(check([...many(), ...own, ...alike, right]), 'likely-wrong-label') ?? []).not.toContain(
      405,
    );
  });
});

describe('answers', () => {
  test('are found if they are empty, though their rows cannot be read', () => {
    const empty = {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: ' ' },
      ],
    };
    const findings = check([DESK[0], ask('Are you there?', ''), DESK[1], empty]);
    expect(findings.find(({ id }) => id === 'empty-answers')).toMatchObject({
      rows: [1, 3],
      severity: 'warning',
    });
  });

  test('waste the run if all are empty', () => {
    expect(check([ask('Hi', ''), ask('Ho', ' ')])[0]).toMatchObject({
      id: 'empty-answers',
      severity: 'error',
    });
  });

  test('are found if they are far longer than others', () => {
    const rows = Array.from({ length: 12 }, (_, at) => ask(`Question ${at}`, `Answer ${at} in a line.`));
    expect(rowsOf(check(rows), 'very-long-answers')).toBeUndefined();
    expect(
      rowsOf(check([...rows, ask('All?', 'Everything at once. '.repeat(90))]), 'very-long-answers'),
    ).toEqual([12]);
  });
});

describe('rows that teach nothing', () => {
  test('have no answer, or no label', () => {
    const findings = check([
      ...DESK,
      { messages: [{ role: 'user', content: 'Hello?' }] },
      { ids: [1, 2, 3], labels: [-100, -100, -100] },
      { ids: [1, 2, 3], labels: [-100, 2, 3] },
    ]);
    expect(findings.find(({ id }) => id === 'nothing-supervised')).toMatchObject({
      rows: [4, 5],
      severity: 'warning',
    });
    expect(check([{ ids: [1, 2], labels: [-100, -100] }])[0]).toMatchObject({
      id: 'nothing-supervised',
      severity: 'error',
    });
  });

  test('have a role that is not learned', () => {
    const robot = {
      messages: [
        { role: 'robot', content: '4' },
        { role: 'assistant', content: 'It is 4.' },
      ],
    };
    expect(rowsOf(check([...DESK, robot]), 'unknown-role')).toEqual([4]);
  });

  test('cannot be read', () => {
    expect(rowsOf(check([DESK[0], { prompt: 7, completion: 'x' }]), 'unreadable-rows')).toEqual([1]);
  });
});

describe('private text', () => {
  const CASES: readonly (readonly [FindingId, yes: string, no: string])[] = [
    [
      'secret',
      `use gh${'p'}_16C7e42F292c6912E7710c838347Ae178B4a`,
      'see https://shop.test/orders/lamps/two/of/them/in/the/list',
    ],
    ['secret', 'The password is: h7Kp2!xQ9z', 'Your password: please choose something'],
    ['secret', 'v9Xc2LmQ8rT4wYz1BnK6sDf3GhJ5pVa7', 'd41d8cd98f00b204e9800998ecf8427e is the hash'],
    ['card-number', 'Charge 4111 1111 1111 1111 please', 'Charge 4111 1111 1111 1112 please'],
    ['card-number', 'Amex 378282246310005', 'Order 1234567890123'],
    ['card-number', 'Card no. 5555-5555-5555-4444.', 'order_5555555555554444, id=4111111111111111a'],
    ['card-number', 'My Visa is 4012888888881881', 'https://shop.test/orders/4012888888881881'],
    ['card-number', 'Pay with 4222222222222.', 'Your order number is 4012888888881881'],
    ['card-number', '{"card": "3530111333300000"}', '{"tracking_id": "4012888888881881"}'],
    ['secret', 'AKIAIOSFODNN7EXAMPLE', 'commit 9fceb02d0ae598e95dc970b74767f19372d61af8'],
    [
      'secret',
      'key wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY',
      '"integrity": "sha512-oRhTHcCTZeqPP1aWbqFyR5gxYy3xVvPKHkBQ9vbNnKDgwS4Jr1tVc0kQ8nAzLmXu"',
    ],
    ['secret', 'password = Sommer2026!x', 'def testThatUsersCanResetTheirPassword2TimesWithOAuth(self)'],
    ['secret', 'token=9aX-77cQ-p1', 'id 123e4567-e89b-12d3-a456-426614174000'],
    ['secret', 'api_key: "q8Zt3LmV0pYx"', 'token = tokenizer.encode(text1)'],
    ['e-mail-address', 'Write to jane.doe@harbour-shop.com today', 'We meet @noon at pier 4.com'],
  ];

  test.each(CASES)('is found as the kind %s in “%s” and not in “%s”', (id, yes, no) => {
    const findings = check([ask('What now?', yes), ask('And then?', no)]);
    expect(rowsOf(findings, id)).toEqual([0]);
  });
});

describe('pairs', () => {
  const pair = (at: number, chosen: string, rejected: string): object => ({
    prompt: `Question ${at}`,
    chosen,
    rejected,
  });

  test('have nothing to prefer if their answers are equal', () => {
    expect(
      rowsOf(
        check([pair(0, 'Yes', 'No'), pair(1, 'Yes', 'Yes'), pair(2, 'Yes  sir', 'Yes sir')]),
        'identical-pairs',
      ),
    ).toEqual([1, 2]);
  });

  test('oppose an earlier one if they prefer what it rejects', () => {
    expect(rowsOf(check([pair(0, 'Yes', 'No'), pair(0, 'No', 'Yes')]), 'opposed-pairs')).toEqual([1]);
  });

  test('have a bias if their chosen answers are far longer', () => {
    const biased = Array.from({ length: 12 }, (_, at) =>
      pair(at, `A long answer ${'word '.repeat(9 + (at % 3))}`, `No ${at}`),
    );
    expect(rowsOf(check(biased), 'length-bias')).toHaveLength(12);
    const fair = Array.from({ length: 12 }, (_, at) => pair(at, `Good ${at * 3}`, `Poor ${at * 3}`));
    expect(rowsOf(check(fair), 'length-bias')).toBeUndefined();
    expect(rowsOf(check(fair), 'one-sided')).toBeUndefined();
  });

  test('are one-sided if they always reject the same text', () => {
    const rows = Array.from({ length: 12 }, (_, at) => pair(at, `Answer ${at}`, 'I cannot.'));
    expect(rowsOf(check(rows), 'one-sided')).toHaveLength(12);
  });

  test('waste the run if they have only one kind of mark', () => {
    const votes = (label: boolean): object[] =>
      Array.from({ length: 3 }, (_, at) => ({
        prompt: `Question ${at}`,
        completion: `Answer ${at} ${label}`,
        label,
      }));
    expect(check(votes(true))[0]).toMatchObject({ id: 'one-sided', severity: 'error', rows: [0, 1, 2] });
    expect(rowsOf(check([...votes(true), ...votes(false)]), 'one-sided')).toBeUndefined();
  });
});

describe('tokens', () => {
  const fine: RowTokens = {
    rendered: { ids: [1, 5, 6, 2], labels: [-100, -100, 6, 2] },
    ...{ refused: false, supervised: 2, answerCut: false, stable: true, systemDropped: false },
  };
  const inTokens = (changes: readonly Partial<RowTokens>[]): Finding[] => {
    const tokens: CheckTokens = {
      rows: new Map(changes.map((change, at) => [at, { ...fine, ...change }])),
      ...{ maxLength: 8, startId: 1, isEnd: (id: number) => id === 2, isBlank: (id: number) => id === 3 },
    };
    return checkRows({ rows: read(DESK), testFraction: 0.1, tokens }).filter(
      ({ id }) => id !== 'few-test-rows',
    );
  };

  test('give nothing for plain rows', () => {
    expect(inTokens([{}, {}, {}, {}])).toEqual([]);
  });

  const CASES: readonly (readonly [FindingId, Partial<RowTokens>])[] = [
    ['nothing-supervised', { supervised: 0 }],
    ['end-token-untrained', { rendered: { ids: [1, 5, 6, 2], labels: [-100, -100, 6, -100] } }],
    ['double-start-token', { rendered: { ids: [1, 1, 6, 2], labels: [-100, -100, 6, 2] } }],
    ['answers-cut', { answerCut: true }],
    ['unstable-template', { stable: false }],
    ['template-refuses', { refused: true, supervised: 0, rendered: undefined }],
    ['system-message-dropped', { systemDropped: true }],
  ];

  test.each(CASES)('show %s', (id, change) => {
    expect(inTokens([{}, {}, change, {}])).toEqual([
      expect.objectContaining({ id, rows: [2], severity: 'warning' }),
    ]);
  });

  test('end an answer though a line break follows its end', () => {
    const labels = [-100, -100, 6, 2, 3];
    expect(inTokens([{ rendered: { ids: [1, 5, 6, 2, 3], labels } }])).toEqual([]);
  });

  test('waste the run if most answers are cut, and the share is shown', () => {
    const [finding] = inTokens([{ answerCut: true }, { answerCut: true }, {}, {}]);
    expect(finding).toMatchObject({ id: 'answers-cut', severity: 'error' });
    expect(finding.why).toMatch(/2 of 4 answers \(50%\) are truncated at 8 tokens/);
  });
});

test('words have the same hashes whether their text is ASCII or not', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '7', ' ', ',', '-', '\n', 'z', 'é', '字') });
  fc.assert(
    fc.property(text, (one) => {
      expect([...wordHashesOf(one)]).toEqual(wordsOf(one).map(wordHash));
    }),
  );
});

test('rows of any shape are checked, and findings name rows that are there', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('', 'yes', 'no', '4111 1111 1111 1111', 'a@b.com', 'one two three four five six'),
  );
  const message = fc.record({ role: fc.constantFrom('system', 'user', 'assistant', 'tool'), content: text });
  const row = fc.oneof(
    fc.record({ prompt: text, completion: text }),
    fc.record({ messages: fc.array(message, { maxLength: 4 }) }),
    fc.record({ prompt: text, chosen: text, rejected: text }),
    fc.record({ prompt: text, completion: text, label: fc.boolean() }),
    fc.record({ ids: fc.array(fc.nat(9)), labels: fc.array(fc.nat(9)) }),
    fc.record({ text }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      fc.array(row, { maxLength: 5 }),
      (rows, held) => {
        const all = read(rows);
        expect(all.map((one) => one.row)).toEqual(rows.map((_, at) => at));
        for (const { id, rows: found } of checkRows({
          rows: all,
          test: read([...held, DESK[0]]),
          testFraction: 0.1,
        })) {
          expect(FINDINGS).toHaveProperty(id);
          for (const at of found) expect(rows.at(at)).toBeDefined();
          expect([...found].sort((a, b) => a - b)).toEqual(found);
        }
      },
    ),
  );
});
