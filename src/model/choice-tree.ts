/**
 * Where the tokens of choices lie after a prompt, so that what choices have in common is computed once. The tokens form a tree whose root is the end of
 * the prompt: each node is predicted by the one above it, and a token that only ends choices is predicted but never computed.
 *
 * A token sees the prompt and one range of tokens up to itself, so every branch has its own path from the root. Paths that start another one are part
 * of it, and a node that is on several paths predicts once.
 */

export interface ChoiceTree {
  /** The computed tokens, path by path. */
  readonly ids: readonly number[];
  /** For each of them, where its path starts. */
  readonly starts: readonly number[];
  /** The predicted tokens, each with the place of the token that predicts it; −1 is the last token of the prompt. */
  readonly predicted: readonly { readonly from: number; readonly id: number }[];
  /** For each choice, indices of `predicted`, in its order. */
  readonly paths: readonly (readonly number[])[];
}

interface Node {
  readonly id: number;
  readonly parent: Node | undefined;
  readonly children: Map<number, Node>;
  /** Its index in `predicted`; −1 for the root. */
  readonly index: number;
  /** Its first place in `ids`; −1 for the root. */
  place: number;
}

/** @param choices token ids of each choice @throws Error for a choice without tokens */
export function choiceTree(choices: readonly (readonly number[])[]): ChoiceTree {
  const root: Node = { id: -1, parent: undefined, children: new Map(), index: -1, place: -1 };
  const nodes: Node[] = [];
  const paths = choices.map((choice) => {
    if (choice.length === 0) throw new Error('A choice has no tokens');
    let node = root;
    return choice.map((id) => {
      let next = node.children.get(id);
      if (!next) {
        next = { id, parent: node, children: new Map(), index: nodes.length, place: -1 };
        node.children.set(id, next);
        nodes.push(next);
      }
      node = next;
      return node.index;
    });
  });
  const ids: number[] = [];
  const starts: number[] = [];
  for (const node of nodes) {
    const isComputed = ({ children }: Node): boolean => children.size > 0;
    // The deepest computed nodes: the others are on the way to one of them.
    if (!isComputed(node) || [...node.children.values()].some(isComputed)) continue;
    const path: Node[] = [];
    for (let one = node; one.parent; one = one.parent) path.unshift(one);
    const start = ids.length;
    for (const one of path) {
      if (one.place < 0) one.place = ids.length;
      ids.push(one.id);
      starts.push(start);
    }
  }
  return {
    ids,
    starts,
    predicted: nodes.map(({ id, parent }) => ({ id, from: parent!.place })),
    paths,
  };
}
