/** README.md of a model or an adapter in another program's format: what it is made of, what merging and rounding cost, and how to run it. */
import { lossTable, type MergeLoss } from './gguf/loss.ts';
import { withArticle } from '../numbers.ts';
import { aboutAdapter, escapeCell, testedSection, type Tested } from './model-card.ts';
import type { Files } from './peft.ts';

const CARD = 'README.md';

/** The card of the adapter that is exported; '' if it has none. */
export const cardIn = (adapter: Files): string =>
  Object.hasOwn(adapter, CARD) ? new TextDecoder().decode(adapter[CARD]) : '';

export interface ConvertedFacts {
  readonly baseModel: string;
  /** The adapter's name, or the tuned model's. */
  readonly name: string;
  /** The tag of the format on the hub. */
  readonly tag: string;
  readonly type: string;
  /** Types of its tensors, in words. */
  readonly stored: string;
  readonly note: string | undefined;
  readonly adapter?: { readonly layers: number; readonly formula: string };
  readonly adapterCard?: string;
  readonly baseWeights?: string;
  readonly loss?: MergeLoss;
  readonly format: Tested;
  /** How to run it, in Markdown. */
  readonly run: string;
}

/** The card as Markdown, with the front matter that the hub reads. */
export function convertedCard(facts: ConvertedFacts): string {
  const {
    baseModel,
    name,
    tag,
    type,
    stored,
    note,
    adapter,
    adapterCard = '',
    baseWeights,
    loss,
    format,
    run,
  } = facts;
  const title = adapter ? `${escapeCell(baseModel)} with ${escapeCell(name)}` : escapeCell(name);
  return [
    `---
base_model: ${JSON.stringify(baseModel)}
tags:
  - ${adapter ? 'merge' : tag}
  - graft
---

# ${title}, ${type}
`,
    adapter
      ? `Merged with Graft: ${adapter.formula} in ${adapter.layers} layers, then rounded once to ${type} (${stored}).`
      : `Written by Graft, rounded once to ${type} (${stored}).`,
    ...(baseWeights === undefined
      ? []
      : [
          `The adapter was trained on quantised base weights (${baseWeights}). The merged weights are those quantised numbers plus the adapter, not the original numbers.`,
        ]),
    ...(note === undefined ? [] : [note]),
    ...(loss ? [`## What merging cost\n\n${lossTable(loss)}`] : []),
    ...aboutAdapter(adapterCard),
    testedSection(format),
    `## Run it\n\n${run}`,
  ]
    .map((part) => part.trimEnd())
    .join('\n\n')
    .concat('\n');
}

/** @param facts.kind of the adapter @param facts.run how to run it with its base, in Markdown */
export function adapterCard({
  baseModel,
  name,
  tag,
  kind,
  adapter,
  format,
  run,
}: Pick<ConvertedFacts, 'baseModel' | 'name' | 'tag' | 'format' | 'run'> & {
  readonly kind: string;
  readonly adapter: Files;
}): string {
  return [
    `---
base_model: ${JSON.stringify(baseModel)}
tags:
  - ${tag}
  - graft
---

# ${escapeCell(name)}

Written by Graft: ${withArticle(kind)} adapter of ${escapeCell(baseModel)}. Base and adapter stay apart.`,
    ...aboutAdapter(cardIn(adapter)),
    testedSection(format).trimEnd(),
    `## Run it\n\n${run}`,
  ]
    .join('\n\n')
    .concat('\n');
}
