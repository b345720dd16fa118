/** The layout of choices: every token once, and every prediction once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choiceTree } from '../../../src/model/choice-tree.ts';

test('computes a common beginning once, and no token that only ends choices', () => {
  const tree = choiceTree([[1, 2, 3], [1, 2, 4], [1], [5]]);
  expect(tree).toEqual({
    ids: [1, 2],
    before: [-1, 0],
    ranges: 1,
    predicted: [[1, 5], [2], [3, 4]],
    paths: [
      [
        { row: 0, at: 0 },
        { row: 1, at: 0 },
        { row: 2, at: 0 },
      ],
      [
        { row: 0, at: 0 },
        { row: 1, at: 0 },
        { row: 2, at: 1 },
      ],
      [{ row: 0, at: 0 }],
      [{ row: 0, at: 1 }],
    ],
  });
});

test('puts the branch first that needs the most ranges', () => {
  // After 1 comes the chain 2 3, and 4 with two branches of its own.
  const tree = choiceTree([
    [1, 2, 3, 9],
    [1, 4, 5, 9],
    [1, 4, 6, 9],
  ]);
  expect(tree.ids).toEqual([1, 4, 5, 6, 2, 3]);
  expect(tree.before).toEqual([-1, 0, 1, 1, 0, 4]);
  expect(tree.ranges).toBe(2);
});

test('lets each token see the tokens of its choice before it, and computes and predicts each once', () => {
  const choice = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(choice, { minLength: 1, maxLength: 9 }), (choices) => {
      const { ids, before, ranges, predicted, paths } = choiceTree(choices);
      /** The places of the tokens up to one. */
      const wayTo = (place: number): number[] => (place < 0 ? [] : [...wayTo(before[place]), place]);
      choices.forEach((wanted, at) => {
        expect(paths[at].map(({ row, at: index }) => predicted[row][index])).toEqual(wanted);
        paths[at].forEach(({ row }, index) =>
          expect(wayTo(row - 1).map((place) => ids[place])).toEqual(wanted.slice(0, index)),
        );
      });
      // A place that does not follow the one before it begins a range.
      ids.forEach((_, place) => {
        expect(before[place]).toBeLessThan(place);
        const begun = wayTo(place).filter((one) => before[one] !== one - 1);
        expect(1 + begun.length).toBeLessThanOrEqual(ranges);
      });
      expect(ranges).toBeLessThanOrEqual(1 + Math.log2(new Set(choices.map((one) => one.join())).size));
      const prefixes = new Set(choices.flatMap((one) => one.map((_, at) => one.slice(0, at + 1).join())));
      expect(predicted.flat()).toHaveLength(prefixes.size);
      const starts = new Set(
        choices.flatMap((one) => one.slice(1).map((_, at) => one.slice(0, at + 1).join())),
      );
      expect(ids).toHaveLength(starts.size);
    }),
  );
});
