/** README.md of an exported adapter: what it is, how it was made, how to load it. */
import type { AdapterConfig } from '../adapters/kind.ts';
import { kindOf } from '../adapters/registry.ts';
import { loadSection, placeOfName, type BasePlace } from './load-section.ts';

/** The facts of the card. Absent ones are left out. */
export interface CardFacts {
  /** Name or path of the base model, as it goes into adapter_config.json. */
  readonly baseModel: string;
  /** The place of the base; derived from its name if left out. */
  readonly base?: BasePlace;
  readonly steps?: number;
  readonly rows?: number;
  readonly lr?: number;
  readonly schedule?: string;
  readonly batch?: number;
  readonly seed?: number;
  /** Loss of the first and the last step; mean cross-entropy in nats per supervised token unless `lossIs` says otherwise. */
  readonly firstLoss?: number;
  readonly lastLoss?: number;
  readonly evalLoss?: number;
  /** What the losses are, where they are not those of supervised learning. */
  readonly lossIs?: string;
  readonly adapterName?: string;
  /** The types of the base weights while the adapter was trained, where they are not the file's. */
  readonly baseWeights?: string;
  /** The text between prompt and answer in the rows, for a base without a chat template. */
  readonly afterPrompt?: string;
}

export function modelCard(config: AdapterConfig, facts: CardFacts): string {
  const kind = kindOf(config);
  const grows = 'addTokens' in config;
  const rows: (readonly [string, string | number | undefined])[] = [
    ['Base model', facts.baseModel],
    ...kind.facts(config),
    ['Target modules', kind.layers ? undefined : config.targets.join(', ')],
    ['Training rows', facts.rows],
    ['Steps', facts.steps],
    ['Rows per step', facts.batch],
    [
      'Learning rate',
      facts.lr === undefined ? undefined : `${facts.lr}${facts.schedule ? `, ${facts.schedule}` : ''}`,
    ],
    ['Seed', facts.seed],
    ['Loss, first step', facts.firstLoss?.toFixed(4)],
    ['Loss, last step', facts.lastLoss?.toFixed(4)],
    ['Loss, validation', facts.evalLoss?.toFixed(4)],
    ['Base weights', facts.baseWeights],
    ['Between prompt and answer', facts.afterPrompt && JSON.stringify(facts.afterPrompt)],
    ['Trained on', facts.adapterName],
  ];
  const table = rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `| ${name} | ${escapeCell(String(value))} |`);
  return `---
library_name: peft
base_model: ${JSON.stringify(facts.baseModel)}
tags:
  - ${kind.name}
  - graft
---

# ${kind.label} adapter

Trained with Graft. Losses are ${facts.lossIs ?? 'mean cross-entropy in nats per supervised token'}.

| | |
|---|---|
${table.join('\n')}
${kind.note === undefined ? '' : `\n${kind.note}\n`}
${loadSection(facts.base ?? placeOfName(facts.baseModel), grows)}`;
}

export interface MergeFacts {
  readonly baseModel: string;
  readonly adapter: string;
  /** Layers that the adapter changed, and how. */
  readonly layers: number;
  readonly formula: string;
  /** Quantised types that the base's numbers went through. */
  readonly baseWeights?: string;
}

/** README.md of a merged model. */
export function mergedCard({ baseModel, adapter, layers, formula, baseWeights }: MergeFacts): string {
  const quantised =
    baseWeights === undefined
      ? ''
      : `\nThe adapter was trained on quantised base weights (${baseWeights}). The merged weights are those quantised numbers plus the adapter, not the original numbers.\n`;
  return `---
base_model: ${JSON.stringify(baseModel)}
tags:
  - merge
  - graft
---

# ${escapeCell(baseModel)} with ${escapeCell(adapter)}

Merged with Graft: ${formula} in ${layers} layers, everything else as in the base.
${quantised}
## Load it

Start Python in the folder of this file.

\`\`\`sh
pip install torch transformers
\`\`\`

\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".")
\`\`\`
`;
}

function escapeCell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/\|/g, '\\|');
}
