/** A Modelfile (https://docs.ollama.com/modelfile): `ollama create NAME -f Modelfile` makes a model of the files next to it. */
import { GraftError } from '../../errors.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { ollamaTemplate } from './template.ts';

interface ModelfileParts {
  /** The GGUF file of the model, and of the adapter if they are apart. */
  readonly from: string;
  readonly adapter?: string;
  readonly tokenizer: Tokenizer;
  /** The text between prompt and answer, for a model without a chat template. */
  readonly afterPrompt: string;
  readonly system?: string;
  readonly now: Date;
}

interface Modelfile {
  readonly text: string;
  /** What a person should know, in sentences. */
  readonly notes: readonly string[];
}

const UNTRANSLATED =
  'The chat template is more than fixed texts between messages, so the Modelfile has no TEMPLATE: Ollama then takes one that it knows from the GGUF file, or none. Compare its answers, and write a TEMPLATE by https://docs.ollama.com/template if they differ.';

/** @throws GraftError `export-format` for a system prompt that a Modelfile cannot hold */
export function modelfile({ from, adapter, tokenizer, afterPrompt, system, now }: ModelfileParts): Modelfile {
  if (system?.includes('"""'))
    throw new GraftError(
      'export-format',
      'The system prompt has """ in it, which ends a text in a Modelfile.',
      'Write it with other quotes.',
    );
  const translated =
    tokenizer.chatTemplate === undefined
      ? { template: `{{ .Prompt }}${afterPrompt}`, notes: [] }
      : ollamaTemplate(tokenizer, now);
  const stops = tokenizer.eosIds.map((id) => tokenizer.tokenOf(id)).filter((token) => token !== undefined);
  const notes = translated?.notes ?? [UNTRANSLATED];
  return {
    text: [
      ...notes.map((note) => `# ${note}`),
      `FROM ./${from}`,
      ...(adapter === undefined ? [] : [`ADAPTER ./${adapter}`]),
      ...(translated ? [`TEMPLATE """${translated.template}"""`] : []),
      ...(system === undefined ? [] : [`SYSTEM """${system}"""`]),
      ...stops.map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`),
    ]
      .join('\n')
      .concat('\n'),
    notes,
  };
}
