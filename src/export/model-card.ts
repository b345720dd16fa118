/** README.md of an exported adapter: what it is, how it was made, how to load it. */
import type { AdapterConfig } from '../adapters/kind.ts';
import { kindOf } from '../adapters/registry.ts';
import { weighted } from '../numbers.ts';
import { loadSection, placeOfName, type BasePlace } from './load-section.ts';

/** The facts of the card. Absent ones are left out. */
export interface CardFacts {
  /** Name or path of the base model, as it goes into adapter_config.json. */
  readonly baseModel: string;
  /** The place of the base; derived from its name if left out. */
  readonly base?: BasePlace;
  /** The licence of the base, as its folder or its repository states it. */
  readonly baseLicence?: string;
  /** What the rows taught by: the objective. */
  readonly objective?: string;
  /** SHA-256 of the training data, in hex. */
  readonly dataSha256?: string;
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
  /** What the losses are, if they are not those of supervised learning. */
  readonly lossIs?: string;
  readonly adapterName?: string;
  /** The types of the base weights while the adapter was trained, if they are not the file's. */
  readonly baseWeights?: string;
  /** The text between prompt and answer in the rows, for a base without a chat template. */
  readonly afterPrompt?: string;
  /** Whether the base is an encoder, which makes vectors of texts. */
  readonly encodes?: boolean;
  readonly how?: HowMade;
  /** For an adapter that was mixed from others. */
  readonly mixed?: MixedFrom;
}

/** What an adapter was mixed from. */
interface MixedFrom {
  readonly method: string;
  readonly parents: readonly { readonly name: string; readonly weight: number }[];
  /** The share of numbers that pruning kept, and the seed of its mask. */
  readonly density?: number | undefined;
  readonly seed?: number | undefined;
  readonly majoritySign?: string | undefined;
  /** The losses of test rows before and after, in words. */
  readonly loss?: string | undefined;
}

/** What makes the same run again. */
interface HowMade {
  /** Every setting of the run, by the names of `graft recipe`. The card leaves out those that name places on a disk. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** The version of Graft, and the number formats of the base in training: of activations, and of its frozen weights. */
  readonly made?: { readonly graft: string; readonly precision: string; readonly base: string };
}

/** README.md of an adapter's folder, as Markdown with the front matter that the hub reads. @throws Error as `kindOf` */
export function modelCard(config: AdapterConfig, facts: CardFacts): string {
  const kind = kindOf(config);
  const grows = 'addTokens' in config;
  const rows: (readonly [string, string | number | undefined])[] = [
    ['Base model', facts.baseModel],
    ['Licence of the base', facts.baseLicence],
    ['Method', facts.objective && `${kind.label}, ${facts.objective}`],
    ...kind.facts(config),
    ['Target modules', kind.layers ? undefined : config.targets.join(', ')],
    ['Training rows', facts.rows],
    ['Training data, SHA-256', facts.dataSha256],
    ['Steps', facts.steps],
    ['Rows per step', facts.batch],
    [
      'Learning rate',
      facts.lr === undefined ? undefined : `${facts.lr}${facts.schedule ? `, ${facts.schedule}` : ''}`,
    ],
    ['Seed', facts.seed],
    ['Loss, first step', facts.firstLoss?.toFixed(4)],
    [LAST_LOSS, facts.lastLoss?.toFixed(4)],
    [EVAL_LOSS, facts.evalLoss?.toFixed(4)],
    ['Base weights', facts.baseWeights],
    ['Between prompt and answer', facts.afterPrompt && JSON.stringify(facts.afterPrompt)],
    ['Trained on', facts.adapterName],
    ['Mixed by', facts.mixed?.method],
    ['Mixed from', facts.mixed?.parents.map(weighted).join(', ')],
    ['Density', facts.mixed?.density],
    ['Majority sign', facts.mixed?.majoritySign],
    ['Seed of the mask', facts.mixed?.seed],
    ['Loss of test rows', facts.mixed?.loss],
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

${facts.mixed ? MIXED : `${OWN}Losses are ${facts.lossIs ?? 'mean cross-entropy in nats per supervised token'}.`}

| | |
|---|---|
${table.join('\n')}
${kind.note === undefined ? '' : `\n${kind.note}\n`}
${facts.how ? `${howSection(facts.how)}\n` : ''}${testedSection(PEFT_FORMAT)}
${loadSection(facts.base ?? placeOfName(facts.baseModel), { grows, encodes: facts.encodes })}`;
}

const LAST_LOSS = 'Loss, last step';
const EVAL_LOSS = 'Loss, validation';
const HOW = '## How it was made';
const OWN = 'Trained with Graft. ';
const MIXED = 'Mixed with Graft from other adapters, without training.';
const MEASURED = '## Measured';

/** What a format loses, and how the project's own tests hold it against the program that reads it. Both are sentences. */
export interface Tested {
  readonly loses: string;
  readonly proof: string;
}

export const PEFT_FORMAT: Tested = {
  loses: 'Nothing.',
  proof: 'PEFT gives the logits of Graft.',
};
export const MERGED_FORMAT: Tested = {
  loses: 'Each number is rounded once to the type that the base has.',
  proof: 'transformers gives the logits of Graft with base and adapter.',
};

/** What a card says of its format, as a section. */
export const testedSection = ({ loses, proof }: Tested): string => `## How the format is tested

Tests of Graft check the format, with other files than these: ${proof}

What is lost: ${loses}
`;

/** The losses that a card of Graft has, after the last step and on validation rows: nothing for a card of others. */
export function lossesOfCard(card: string): { readonly finalLoss?: number; readonly evalLoss?: number } {
  if (!card.includes(OWN)) return {};
  const lossIn = (name: string): number | undefined => {
    const cell = new RegExp(`^\\| ${name} \\| (\\d+(?:\\.\\d+)?) \\|$`, 'm').exec(card)?.[1];
    return cell === undefined ? undefined : Number(cell);
  };
  const [finalLoss, evalLoss] = [lossIn(LAST_LOSS), lossIn(EVAL_LOSS)];
  return { ...(finalLoss !== undefined && { finalLoss }), ...(evalLoss !== undefined && { evalLoss }) };
}
/** Settings that name places on a person's disk. A card is shared, so they stay out of it. */
const PLACES = new Set(['data', 'moreData', 'testData', 'rowChanges', 'initAdapter']);

/** The recipe is a file for `graft train --recipe`. In JSON no line can end the block early. */
function howSection({ recipe, made }: HowMade): string {
  const by = made
    ? `Made with Graft ${made.graft}. The base computed in ${made.precision}, its weights in ${made.base}.\n\n`
    : '';
  const shared = Object.fromEntries(Object.entries(recipe).filter(([name]) => !PLACES.has(name)));
  return `${HOW}

${by}The settings of the run, without its files, for \`graft train --recipe FILE\`:

\`\`\`json
${JSON.stringify(shared, null, 2)}
\`\`\`
`;
}

const ROW = /^\| (.+?) \| .* \|$/;

/** The card with rows of its table that it does not have yet. A card of another program, without such a table, stays as it is. */
export function withRows(card: string, rows: readonly (readonly [string, string | undefined])[]): string {
  const lines = card.split('\n');
  const head = lines.indexOf('| | |');
  if (head < 0 || lines.at(head + 1) !== '|---|---|') return card;
  let end = head + 2;
  while (ROW.test(lines.at(end) ?? '')) end++;
  const known = new Set(lines.slice(head + 2, end).map((line) => ROW.exec(line)?.[1]));
  const fresh = rows.flatMap(([name, value]) =>
    value === undefined || known.has(name) ? [] : [`| ${name} | ${escapeCell(value)} |`],
  );
  return [...lines.slice(0, end), ...fresh, ...lines.slice(end)].join('\n');
}

/** The card with a section before the one that says how to load it, in the place of an earlier one with the same heading. @param section ends with a line break */
export function withSection(card: string, section: string): string {
  const [heading] = section.split('\n');
  const from = card.indexOf(`\n${heading}\n`);
  const next = from < 0 ? -1 : card.indexOf('\n## ', from + 1);
  const rest = from < 0 ? card : card.slice(0, from + 1) + (next < 0 ? '' : card.slice(next + 1));
  const load = rest.lastIndexOf('\n## Load it\n');
  const at = load < 0 ? rest.length : load + 1;
  return `${rest.slice(0, at)}${at > 0 && !rest.slice(0, at).endsWith('\n\n') ? '\n' : ''}${section}${load < 0 ? '' : `\n${rest.slice(at)}`}`;
}

/**
 * What the card of a converted adapter, or of a model that it was merged into, takes over of the adapter's own card: the table with the licence of the
 * base and the hash of the data, what was measured, and how it was made. A card of another program has none of these sections.
 */
export function aboutAdapter(card: string): string[] {
  if (!card.includes(OWN) && !card.includes(MIXED)) return [];
  const table = /^\| \| \|\n\|---\|---\|\n(?:\|.*\|\n)*/m.exec(card)?.[0];
  const section = (heading: string): string[] => {
    const at = card.indexOf(`\n${heading}\n`);
    const end = card.indexOf('\n## ', at + 1);
    return at < 0 || end < 0 ? [] : [card.slice(at + 1, end)];
  };
  return [
    ...(table === undefined ? [] : [`## The adapter\n\n${table}`]),
    ...section(MEASURED),
    ...section(HOW).map((how) => how.replace(HOW, '## How the adapter was made')),
  ].map((text) => text.trimEnd());
}

interface MergeFacts {
  readonly baseModel: string;
  readonly adapter: string;
  /** Layers that the adapter changed, and how. */
  readonly layers: number;
  readonly formula: string;
  /** Quantised types that the base's numbers went through. */
  readonly baseWeights?: string;
  /** The card of the adapter, if it has one. */
  readonly adapterCard?: string;
  /** Whether the model is an encoder. */
  readonly encodes?: boolean;
}

/** README.md of a merged model. */
export function mergedCard({
  baseModel,
  adapter,
  layers,
  formula,
  baseWeights,
  adapterCard = '',
  encodes = false,
}: MergeFacts): string {
  const quantised =
    baseWeights === undefined
      ? ''
      : `\nThe adapter was trained on quantised base weights (${baseWeights}). The merged weights are those quantised numbers plus the adapter, not the original numbers.\n`;
  const about = aboutAdapter(adapterCard).map((text) => `${text}\n\n`);
  const loader = encodes ? 'AutoModel' : 'AutoModelForCausalLM';
  return `---
base_model: ${JSON.stringify(baseModel)}
tags:
  - merge
  - graft
---

# ${escapeCell(baseModel)} with ${escapeCell(adapter)}

Merged with Graft: ${formula} in ${layers} layers, everything else as in the base.
${quantised}
${about.join('')}${testedSection(MERGED_FORMAT)}
## Load it

Start Python in the folder of this file.

\`\`\`sh
pip install torch transformers
\`\`\`

\`\`\`python
from transformers import ${loader}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = ${loader}.from_pretrained(".")
\`\`\`
`;
}

/** A text for a cell of a Markdown table: on one line, with bars escaped. */
export function escapeCell(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/\|/g, '\\|');
}
