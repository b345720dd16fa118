/** Forgetting of a run of the command: measured before its first step and with its result, printed, and kept as forgetting.json. */
import { join } from 'node:path';
import {
  forgettingNumbers,
  forgettingSentences,
  forgettingVerdict,
  type AskedPrompt,
  type Forgetting,
} from '../evaluate/forgetting.ts';
import type { AskedModel } from '../evaluate/forgetting-check.ts';
import { promptsFileOf, readPrompts } from '../evaluate/general-prompts.ts';
import type { LabelledTokens } from '../model/batch.ts';
import {
  generalTextLoss,
  forgettingAfter,
  forgettingBefore,
  type Before,
  type GeneralCheck as Measured,
} from '../runs/forgetting.ts';
import { readJson } from '../weights/bytes.ts';
import { folder, writeWhole } from './files.ts';
import { readGeneral, TEXTS } from './general-text.ts';
import type { Output } from './output.ts';
import { requiredTokenizer, type LoadedModel } from './session.ts';

export const FORGETTING = 'forgetting.json';

/** The inputs of the measurement. */
export interface ForgettingInputs extends Measured {
  readonly tokenizer: AskedModel['tokenizer'];
}

/** @param text as `--forgetting` gives it. @throws GraftError of reading it */
export async function openCheck(
  text: string,
  session: LoadedModel,
  own: readonly LabelledTokens[],
): Promise<ForgettingInputs> {
  const name = promptsFileOf(session.model.definition.shape);
  return {
    text: await readGeneral(text, session),
    prompts: readPrompts(await readJson(folder(TEXTS), name, 1 << 20)),
    own,
    tokenizer: await requiredTokenizer(session.files),
  };
}

export class ForgettingWatch {
  private constructor(
    private readonly check: ForgettingInputs,
    private readonly session: Pick<LoadedModel, 'model'>,
    private readonly output: Output,
    private readonly before: Before,
  ) {}

  /**
   * Measures what the run starts from.
   *
   * @param adapter that the run starts from; none for the base model alone
   */
  static async begin(
    check: ForgettingInputs,
    session: Pick<LoadedModel, 'model'>,
    output: Output,
    adapter: AskedModel['adapter'],
  ): Promise<ForgettingWatch> {
    const base = askedModel(check, output, session.model);
    // Full fine-tuning changes the base.
    const before = await forgettingBefore(check, { ...base, adapter }, base);
    output.clear();
    return new ForgettingWatch(check, session, output, before);
  }

  /** The base's measurement before the run. */
  get start(): Forgetting {
    const { before, prompts } = this.before.forgetting;
    return { before, prompts };
  }

  /** The loss on general text just now. */
  async loss(adapter: AskedModel['adapter'], model = this.session.model): Promise<number> {
    const { loss } = await generalTextLoss(this.check, askedModel(this.check, this.output, model, adapter));
    this.output.clear();
    return loss;
  }

  /** Measures the current values on the device. It may be called more than once. @param model in place of the base */
  async end(adapter: AskedModel['adapter'], model = this.session.model): Promise<Forgetting> {
    const tuned = askedModel(this.check, this.output, model, adapter);
    const forgetting = await forgettingAfter(this.check, tuned, this.before);
    this.output.clear();
    return forgetting;
  }
}

const DOING = { answering: 'General prompts: answered', evaluating: 'General text: loss of' } as const;

function askedModel(
  { tokenizer }: ForgettingInputs,
  output: Output,
  model: AskedModel['model'],
  adapter?: AskedModel['adapter'],
): AskedModel {
  return {
    ...{ model, tokenizer, adapter },
    onDone: (what, done, total) => output.progress(`${DOING[what]} ${done} of ${total}`),
  };
}

/** Prints it in sentences, with every changed answer, and keeps all of it. @returns numbers for the last line of the log */
export async function tellForgetting(
  forgetting: Forgetting,
  out: string,
  output: Output,
): Promise<Record<string, number>> {
  const { prompts = [] } = forgetting;
  const { sentence = '' } = forgettingVerdict(forgetting) ?? {};
  output.line(`Forgetting: ${sentence}`);
  for (const sentence of forgettingSentences(forgetting)) output.line(sentence);
  for (const one of prompts) if (one.after?.trim() !== one.before.trim()) output.line(describe(one));
  await writeWhole(
    join(out, FORGETTING),
    new TextEncoder().encode(`${JSON.stringify(forgetting, null, 2)}\n`),
  );
  return forgettingNumbers(forgetting);
}

const LONGEST = 100;

function describe({ prompt, before, after = '', rightBefore, rightAfter }: AskedPrompt): string {
  const short = (text: string): string => {
    const line = text.trim().replaceAll(/\s+/g, ' ');
    return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
  };
  const mark = (right: boolean | undefined): string => (right ? '' : ' (wrong)');
  return `  ${prompt} “${short(before)}”${mark(rightBefore)} → “${short(after)}”${mark(rightAfter)}`;
}
