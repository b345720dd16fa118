/** Languages of rows: which text is in which, and which rows are in another than most. */
import { describe, expect, test } from 'vitest';
import { readExamples } from '../../../src/data/formats.ts';
import { checkRows, checkRowsOf } from '../../../src/data/findings/check.ts';
import { languageOf } from '../../../src/data/findings/languages.ts';

describe('the language of a text', () => {
  test.each([
    ['English', 'What is the price of the lamp, and when can you send it to my address?'],
    ['German', 'Können Sie mir sagen, wann die Lampe bei mir ankommt und wie ich sie bezahlen kann?'],
    ['French', 'Je ne sais pas quand la lampe est arrivée, mais elle est dans le jardin avec les autres.'],
    ['Spanish', '¿Cuándo llega la lámpara que pedí por la tienda y cómo se paga con la tarjeta?'],
    ['Italian', 'Non so quando arriva la lampada che ho ordinato, ma il pagamento è per la fine del mese.'],
    ['Portuguese', 'Eu não sei quando a lâmpada que pedi vai chegar, mas o pagamento é com o meu cartão.'],
    [
      'Dutch',
      'Ik weet niet wanneer de lamp komt, maar het is een cadeau voor mijn zus en ik wil het op tijd.',
    ],
    ['Cyrillic script', 'Где находится моя посылка и когда она придёт?'],
    ['Chinese or Japanese script', '我的包裹在哪里，什么时候能够送到我的家里？'],
  ])('is %s', (language, text) => {
    expect(languageOf(text)).toBe(language);
  });

  test.each([
    ['a label', 'card_arrival'],
    ['a short text', 'El Niño'],
    ['code', 'for i in range(10): print(sum(x[i] * y[i] for i in z))'],
    ['numbers', '12 + 30 = 42'],
  ])('is not known for %s', (_, text) => {
    expect(languageOf(text)).toBeUndefined();
  });
});

describe('rows', () => {
  const english = Array.from({ length: 12 }, (_, at) => ({
    prompt: `What is the price of lamp number ${at}, and when can you send it to my address?`,
    completion: 'Soon.',
  }));
  const german = {
    prompt: 'Können Sie mir sagen, wann die Lampe bei mir ankommt und wie ich sie bezahlen kann?',
    completion: 'Bald.',
  };
  const mixOf = (rows: readonly object[]): readonly number[] | undefined =>
    checkRows({
      rows: checkRowsOf(
        readExamples(new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n')), {
          fileName: 'rows.jsonl',
        }),
      ),
      testFraction: 0.1,
    }).find(({ id }) => id === 'language-mix')?.rows;

  test('are found if their language is not that of most rows', () => {
    expect(mixOf([...english, german])).toEqual([12]);
    expect(mixOf(english)).toBeUndefined();
  });

  test('are meant as an even mix if they are one', () => {
    expect(mixOf([...english, ...Array.from({ length: 6 }, () => german)])).toBeUndefined();
  });

  test('are translations if they ask in one language and answer in another', () => {
    const rows = english.map(({ prompt }) => ({ prompt, completion: german.prompt }));
    expect(mixOf(rows)).toBeUndefined();
  });
});
