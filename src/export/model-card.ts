/** README.md of an exported adapter: what it is, how it was made, how to use it. */
import type { LoraConfig } from '../model/lora.ts';

/** What the card tells. Absent facts are left out. */
export interface CardFacts {
  /** Name or path of the base model, as it goes into adapter_config.json. */
  readonly baseModel: string;
  readonly steps?: number;
  readonly rows?: number;
  readonly lr?: number;
  readonly schedule?: string;
  readonly batch?: number;
  readonly seed?: number;
  /** Mean loss of the first and the last step, in nats per supervised token. */
  readonly firstLoss?: number;
  readonly lastLoss?: number;
  readonly evalLoss?: number;
  readonly adapterName?: string;
}

export function modelCard(config: LoraConfig, facts: CardFacts): string {
  const rows: [string, string | number | undefined][] = [
    ['Base model', facts.baseModel],
    ['Rank', config.rank],
    ['Alpha', config.alpha],
    ['Scaling', config.rsLora ? 'alpha / √rank (rsLoRA)' : 'alpha / rank'],
    ['Dropout', config.dropout],
    ['Target modules', config.targets.join(', ')],
    ['Training rows', facts.rows],
    ['Steps', facts.steps],
    ['Rows a step', facts.batch],
    [
      'Learning rate',
      facts.lr === undefined ? undefined : `${facts.lr}${facts.schedule ? `, ${facts.schedule}` : ''}`,
    ],
    ['Seed', facts.seed],
    ['Loss, first step', facts.firstLoss?.toFixed(4)],
    ['Loss, last step', facts.lastLoss?.toFixed(4)],
    ['Loss, validation', facts.evalLoss?.toFixed(4)],
    ['Trained on', facts.adapterName],
  ];
  const table = rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `| ${name} | ${escapeCell(String(value))} |`);
  return `---
library_name: peft
base_model: ${JSON.stringify(facts.baseModel)}
tags:
  - lora
  - graft
---

# LoRA adapter

Trained with Graft. Losses are mean cross-entropy in nats per supervised token.

| | |
|---|---|
${table.join('\n')}

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(facts.baseModel)})
model = PeftModel.from_pretrained(base, "path/to/this/folder")
\`\`\`
`;
}

function escapeCell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/\|/g, '\\|');
}
