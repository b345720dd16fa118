/** The layout of choices: every token once where one path allows it, and every prediction once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choiceTree } from '../../../src/model/choice-tree.ts';

test('computes a common beginning once, and no token that only ends choices', () => {
  const tree = choiceTree([[1, 2, 3], [1, 2, 4], [1], [5]]);
  expect(tree.ids).toEqual([1, 2]);
  expect(tree.starts).toEqual([0, 0]);
  expect(tree.predicted).toEqual([
    { id: 1, from: -1 },
    { id: 2, from: 0 },
    { id: 3, from: 1 },
    { id: 4, from: 1 },
    { id: 5, from: -1 },
  ]);
  expect(tree.paths).toEqual([[0, 1, 2], [0, 1, 3], [0], [4]]);
});

test('lets each token see the tokens of its choice before it, and nothing else', () => {
  const choice = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(choice, { minLength: 1, maxLength: 9 }), (choices) => {
      const { ids, starts, predicted, paths } = choiceTree(choices);
      choices.forEach((wanted, at) => {
        expect(paths[at].map((index) => predicted[index].id)).toEqual(wanted);
        paths[at].forEach((index, before) => {
          const { from } = predicted[index];
          expect(from < 0 ? [] : ids.slice(starts[from], from + 1)).toEqual(wanted.slice(0, before));
        });
      });
      const prefixes = choices.flatMap((one) => one.map((_, at) => one.slice(0, at + 1).join()));
      expect(predicted).toHaveLength(new Set(prefixes).size);
    }),
  );
});
