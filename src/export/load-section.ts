/** How to load an exported adapter in transformers and PEFT: commands that work unchanged, wherever its base model is. */
import { isObject } from '../json.ts';

/** Where the base model of an adapter is found. */
export type BasePlace =
  /** In a folder of its own next to the adapter's files. */
  | { readonly kind: 'beside'; readonly folder: string }
  /** On the Hugging Face hub, or on another one at `hub`. */
  | {
      readonly kind: 'hub';
      readonly id: string;
      /** A commit, tag or branch. */
      readonly revision?: string;
      /** Address of a hub that is not Hugging Face's own. */
      readonly hub?: string;
      /** The file of the repository that has the weights, if they are GGUF. */
      readonly gguf?: string;
    }
  /** A folder or a GGUF file on a computer. */
  | { readonly kind: 'local'; readonly folder: string; readonly gguf?: string };

/** The place that a name tells: `org/model` is an id of the hub, as PEFT takes it; anything else is a folder or a GGUF file. */
export function placeOfName(baseModel: string): BasePlace {
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(baseModel)) return { kind: 'hub', id: baseModel };
  const last = lastPart(baseModel);
  return /\.gguf$/i.test(last)
    ? { kind: 'local', folder: 'base', gguf: last }
    : { kind: 'local', folder: last };
}

const lastPart = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? 'base';

/** The base's name in adapter_config.json, so that AutoPeftModel finds it. */
export function baseFields(place: BasePlace): { base_model_name_or_path: string; revision?: string } {
  if (place.kind !== 'hub') return { base_model_name_or_path: place.folder };
  return {
    base_model_name_or_path: place.id,
    ...(place.revision !== undefined && { revision: place.revision }),
  };
}

const HEADING = '## Load it';
/** What loads an encoder and nothing else. */
const ENCODER = 'import AutoModel,';
/** The step for a base before an adapter with new tokens is loaded. */
const RESIZE = 'resize_token_embeddings';
/** The last section of cards of earlier versions, which had no heading. */
const EARLIER =
  /\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n[\s\S]*$/;

/**
 * The last section of a model card.
 *
 * @param grows whether the adapter has new tokens: the base then gets rows for them first, by the tokenizer next to the adapter
 * @param encodes whether the base is an encoder
 */
export function loadSection(
  place: BasePlace,
  { grows = false, encodes = false }: { grows?: boolean | undefined; encodes?: boolean | undefined } = {},
): string {
  const packages = ['torch', 'transformers', 'peft', ...(ggufOf(place) === undefined ? [] : ['gguf'])];
  return `${HEADING}

${whereBase(place)}

\`\`\`sh
pip install ${packages.join(' ')}
\`\`\`

\`\`\`python
${loadLines(place, grows, encodes).join('\n')}

${encodes ? VECTORS : ANSWER}
\`\`\`
`;
}

const ANSWER = `text = "Hello"
if tokenizer.chat_template:
    messages = [{"role": "user", "content": text}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
inputs = tokenizer(text, add_special_tokens=not tokenizer.chat_template, return_tensors="pt")
output = model.generate(inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=64)
print(tokenizer.decode(output[0, inputs.input_ids.shape[1] :], skip_special_tokens=True))`;

/** The vectors of all tokens, which the base's own files say how to pool. */
const VECTORS = `inputs = tokenizer("Hello", return_tensors="pt")
print(model(**inputs).last_hidden_state)`;

const ggufOf = (place: BasePlace): string | undefined => (place.kind === 'beside' ? undefined : place.gguf);

function whereBase(place: BasePlace): string {
  const here = 'Start Python in the folder of this file: `.` is the adapter.';
  switch (place.kind) {
    case 'beside':
      return `${here} The base model is next to it, in \`${place.folder}\`; nothing is downloaded.`;
    case 'hub':
      return `${here} The base model, \`${place.id}\`, is downloaded from ${place.hub ?? 'the Hugging Face hub'} the first time.`;
    case 'local':
      return place.gguf === undefined
        ? `${here} The base model is not part of it. Copy the base model's folder here under the name \`${place.folder}\`, or write its path in place of that name.`
        : `${here} The base model is not part of it. Copy \`${place.gguf}\` into a folder \`${place.folder}\` here, or write the path of the folder that holds it in place of that name.`;
  }
}

function loadLines(place: BasePlace, grows: boolean, encodes: boolean): string[] {
  const name = python(place.kind === 'hub' ? place.id : place.folder);
  const more = [
    ...(place.kind === 'hub' && place.revision !== undefined ? [`revision=${python(place.revision)}`] : []),
    ...(ggufOf(place) === undefined ? [] : [`gguf_file=${python(ggufOf(place)!)}`]),
  ];
  const hub =
    place.kind === 'hub' && place.hub !== undefined
      ? ['import os', '', `os.environ["HF_ENDPOINT"] = ${python(place.hub)}`, '']
      : [];
  const from = ['base', ...more].join(', ');
  if (grows)
    return [
      ...hub,
      'from peft import PeftModel',
      'from transformers import AutoModelForCausalLM, AutoTokenizer',
      '',
      `base = ${name}`,
      'tokenizer = AutoTokenizer.from_pretrained(".")',
      `model = AutoModelForCausalLM.from_pretrained(${from})`,
      'if len(tokenizer) > model.get_input_embeddings().num_embeddings:',
      `    model.${RESIZE}(len(tokenizer))`,
      'model = PeftModel.from_pretrained(model, ".")',
    ];
  if (encodes)
    return [
      ...hub,
      'from peft import PeftModel',
      `from transformers ${ENCODER} AutoTokenizer`,
      '',
      `base = ${name}`,
      `tokenizer = AutoTokenizer.from_pretrained(${from})`,
      `model = PeftModel.from_pretrained(AutoModel.from_pretrained(${from}), ".")`,
    ];
  // AutoPeftModel cannot pass the name of a GGUF file on, and knows no path but the one of adapter_config.json.
  if (place.kind === 'local' || more.some((argument) => argument.startsWith('gguf_file')))
    return [
      ...hub,
      'from peft import PeftModel',
      'from transformers import AutoModelForCausalLM, AutoTokenizer',
      '',
      `base = ${name}`,
      `tokenizer = AutoTokenizer.from_pretrained(${from})`,
      `model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${from}), ".")`,
    ];
  return [
    ...hub,
    'from peft import AutoPeftModelForCausalLM',
    'from transformers import AutoTokenizer',
    '',
    `tokenizer = AutoTokenizer.from_pretrained(${[name, ...more].join(', ')})`,
    'model = AutoPeftModelForCausalLM.from_pretrained(".")',
  ];
}

/** A string literal: JSON's are Python's, too. */
const python = (text: string): string => JSON.stringify(text);

/** A card with another last section. A card that Graft did not write is returned unchanged. */
export function withLoadSection(card: string, place: BasePlace): string {
  const at = card.indexOf(`\n${HEADING}\n`);
  const has = (mark: string): boolean => card.includes(mark, at);
  if (at >= 0)
    return card.slice(0, at + 1) + loadSection(place, { grows: has(RESIZE), encodes: has(ENCODER) });
  return EARLIER.test(card) ? card.replace(EARLIER, () => `\n${loadSection(place)}`) : card;
}

/** adapter_config.json with another place of its base. Another file is returned unchanged. */
export function withBasePlace(config: string, place: BasePlace): string {
  let json: unknown;
  try {
    json = JSON.parse(config);
  } catch {
    return config;
  }
  if (!isObject(json)) return config;
  const { revision: _, ...rest } = json;
  return `${JSON.stringify({ ...rest, ...baseFields(place) }, null, 2)}\n`;
}
