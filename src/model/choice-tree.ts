/**
 * Where the tokens of choices lie after a prompt, so that what choices have in common is computed once. The tokens form a tree whose root is the end of
 * the prompt: each token is predicted by the one above it, and a token that only ends choices is predicted but never computed.
 *
 * Branches lie behind what they share, as those of rows do (shared-prefixes.ts): a token sees the prompt and what is on its way from there, in few
 * ranges.
 */
import { mostRangesFirst } from './shared-prefixes.ts';

export interface ChoiceTree {
  /** The computed tokens. */
  readonly ids: readonly number[];
  /** For each of them, the place of the token before it; −1 for the last token of the prompt. */
  readonly before: readonly number[];
  /** Into how many ranges the prompt and the tokens fall that a token sees, at most. */
  readonly ranges: number;
  /** The different tokens that the last token of the prompt predicts, then those that each computed token predicts. */
  readonly predicted: readonly (readonly number[])[];
  /** For each choice, where its tokens are predicted: indices of `predicted` and there. */
  readonly paths: readonly (readonly Prediction[])[];
}

interface Prediction {
  readonly row: number;
  readonly at: number;
}

interface Node {
  readonly id: number;
  readonly children: Map<number, Node>;
  /** Where it is in `ids`, if it is computed; −1 for the root. */
  place: number;
  ranges: number;
}

const newNode = (id: number): Node => ({ id, children: new Map(), place: -1, ranges: 1 });

/** @param choices token ids of each choice @throws Error for a choice without tokens */
export function choiceTree(choices: readonly (readonly number[])[]): ChoiceTree {
  const root = newNode(-1);
  for (const choice of choices) {
    if (choice.length === 0) throw new Error('A choice has no tokens');
    let node = root;
    for (const id of choice) {
      const next = node.children.get(id) ?? newNode(id);
      node.children.set(id, next);
      node = next;
    }
  }
  const ids: number[] = [];
  const before: number[] = [];
  const predicted: number[][] = [[...root.children.keys()]];
  /** Branches that are computed, the one first that needs the most ranges. */
  const branchesOf = new Map<Node, readonly Node[]>();
  const count = (node: Node): void => {
    const branches = [...node.children.values()].filter(({ children }) => children.size > 0);
    branches.forEach(count);
    const { ordered, ranges } = mostRangesFirst(branches);
    node.ranges = ranges;
    branchesOf.set(node, ordered);
  };
  const place = (node: Node): void => {
    for (const branch of branchesOf.get(node)!) {
      branch.place = ids.length;
      ids.push(branch.id);
      before.push(node.place);
      predicted.push([...branch.children.keys()]);
      place(branch);
    }
  };
  count(root);
  place(root);
  const paths = choices.map((choice) => {
    let node = root;
    return choice.map((id): Prediction => {
      const row = node.place + 1;
      node = node.children.get(id)!;
      return { row, at: predicted[row].indexOf(id) };
    });
  });
  return { ids, before, ranges: root.ranges, predicted, paths };
}
