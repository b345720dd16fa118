/** Forgetting of a run of the command: measured before its first step and with its result, printed, and kept as forgetting.json. */
import { join } from 'node:path';
import type { PreparedRow } from '../data/prepare.ts';
import {
  answerGeneral,
  driftFrom,
  forgettingNumbers,
  marked,
  sampleBase,
  type AskedModel,
  type BaseAnswers,
} from '../evaluate/forgetting-check.ts';
import {
  forgettingSentences,
  forgettingVerdict,
  type AskedPrompt,
  type Forgetting,
} from '../evaluate/forgetting.ts';
import { promptsFileOf, readPrompts, type GeneralPrompt } from '../evaluate/general-prompts.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { readJson } from '../weights/bytes.ts';
import { folder, writeWhole } from './files.ts';
import { generalLoss, readGeneral, TEXTS } from './general-text.ts';
import type { Output } from './output.ts';
import { requiredTokenizer, type Session } from './session.ts';

export const FORGETTING = 'forgetting.json';

/** The inputs of the measurement. */
export interface GeneralCheck {
  readonly text: readonly PreparedRow[];
  readonly prompts: readonly GeneralPrompt[];
  /** Rows whose prompts the base answers. */
  readonly own: readonly LabelledTokens[];
  readonly tokenizer: AskedModel['tokenizer'];
}

/** @param text as `--forgetting` gives it. @throws GraftError of reading it */
export async function openCheck(
  text: string,
  session: Session,
  own: readonly LabelledTokens[],
): Promise<GeneralCheck> {
  const name = promptsFileOf(session.model.definition.shape);
  return {
    text: await readGeneral(text, session),
    prompts: readPrompts(await readJson(folder(TEXTS), name, 1 << 20)),
    own,
    tokenizer: await requiredTokenizer(session.files),
  };
}

/** What was measured before the first step. */
interface Before {
  readonly loss: number;
  readonly answers: readonly string[];
  readonly base?: BaseAnswers;
  readonly kl: number;
}

export class ForgettingWatch {
  private constructor(
    private readonly check: GeneralCheck,
    private readonly session: Session,
    private readonly output: Output,
    private readonly before: Before,
  ) {}

  /**
   * Measures what the run starts from.
   *
   * @param adapter that the run starts from; none for the base model alone
   */
  static async begin(
    check: GeneralCheck,
    session: Session,
    output: Output,
    adapter: AskedModel['adapter'],
  ): Promise<ForgettingWatch> {
    const { model } = session;
    const { tokenizer } = check;
    const loss = await generalLoss(session, check.text, adapter, output);
    output.progress('General prompts: answering');
    const answers = await answerGeneral({ model, tokenizer, adapter }, check.prompts);
    const base = await sampleBase({ model, tokenizer }, check.own);
    const kl = base && adapter ? await driftFrom(base, { model, tokenizer, adapter }) : 0;
    output.clear();
    return new ForgettingWatch(check, session, output, { loss, answers, kl, ...(base && { base }) });
  }

  /** The base's measurement before the run. */
  get start(): Forgetting {
    const { loss, answers } = this.before;
    return { before: loss, prompts: marked(this.check.prompts, answers) };
  }

  /** The loss on general text just now. */
  loss(adapter: AskedModel['adapter'], model = this.session.model): Promise<number> {
    return generalLoss({ model }, this.check.text, adapter, this.output);
  }

  /** Measures the current values on the device. It may be called more than once. @param model in place of the base */
  async end(adapter: AskedModel['adapter'], model = this.session.model): Promise<Forgetting> {
    const { tokenizer, prompts } = this.check;
    const { loss, answers, base, kl } = this.before;
    const after = await this.loss(adapter, model);
    this.output.progress('General prompts: answering');
    const now = await answerGeneral({ model, tokenizer, adapter }, prompts);
    const drift = base && (await driftFrom(base, { model, tokenizer, adapter }));
    this.output.clear();
    return {
      before: loss,
      after,
      ...(drift !== undefined && { kl: { before: kl, after: drift } }),
      prompts: marked(prompts, answers, now),
    };
  }
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
