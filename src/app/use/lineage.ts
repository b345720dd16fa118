/** The lineage as a graph: adapters in columns by their stage, each after the one that it was trained from. */
import type { AdapterInfo, RunSummary } from '../../worker/api.ts';

export interface LineageNode {
  readonly adapter: AdapterInfo;
  readonly children: readonly LineageNode[];
  /** 0 for the first stage. */
  readonly depth: number;
  /** Its line of the drawing. */
  readonly row: number;
}

/** The name of the base model of the trees, which full fine-tuning may have made. */
interface LineageTree {
  readonly base: string;
  /** The full fine-tuning that made the base, if it is known. */
  readonly from: RunSummary | undefined;
  readonly roots: readonly LineageNode[];
  readonly rows: number;
  readonly depth: number;
}

/** Trees in which some adapter was trained from another, or from a model that a run made; by their base. */
export function treesOf(adapters: readonly AdapterInfo[], runs: readonly RunSummary[]): LineageTree[] {
  const known = new Set(adapters.map(({ id }) => id));
  const parentOf = ({ parent }: AdapterInfo): string | undefined =>
    parent && known.has(parent.id) ? parent.id : undefined;
  const bases = [...new Set(adapters.map(({ baseModel }) => baseModel))];
  return bases.flatMap((base): LineageTree[] => {
    const own = adapters
      .filter(({ baseModel }) => baseModel === base)
      .toSorted((a, b) => a.created - b.created);
    const from = runs.find(({ keptModel }) => keptModel === base);
    let rows = 0;
    let deepest = 0;
    const nodeOf = (adapter: AdapterInfo, depth: number): LineageNode => {
      deepest = Math.max(deepest, depth);
      const row = rows;
      const children = own
        .filter((other) => parentOf(other) === adapter.id)
        .map((child) => nodeOf(child, depth + 1));
      // A node without children takes a line; others stand in that of their first child.
      if (children.length === 0) rows++;
      return { adapter, children, depth, row };
    };
    const all = own.filter((adapter) => parentOf(adapter) === undefined).map((adapter) => nodeOf(adapter, 0));
    const roots = all.filter(({ children }) => from !== undefined || children.length > 0);
    if (roots.length === 0) return [];
    // Lines of omitted roots are closed up.
    rows = 0;
    deepest = 0;
    return [{ base, from, roots: roots.map(({ adapter }) => nodeOf(adapter, 0)), rows, depth: deepest }];
  });
}

/** A node and its descendants, in order. */
export const flatten = (node: LineageNode): LineageNode[] => [node, ...node.children.flatMap(flatten)];
