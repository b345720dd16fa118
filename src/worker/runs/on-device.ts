/** The part of a run on the GPU next to the open model, and the answers to its sample prompt. */
import { learnerOf } from '../../adapters/learners.ts';
import type { Encode } from '../../adapters/kind.ts';
import { GraftError } from '../../errors.ts';
import { answer, promptOf } from '../../evaluate/answer.ts';
import { Generator } from '../../model/generator.ts';
import { LanguageModel } from '../../model/language-model.ts';
import { greedy } from '../../model/sampling.ts';
import { loadingOf } from '../../train/loading.ts';
import type { SampleSchedule } from '../../runs/run.ts';
import {
  makeTrainable,
  withReference,
  type InitialValues,
  type TrainedSubject,
} from '../../runs/trainable.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { FormSpec } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { SAMPLE_TOKENS } from '../../runs/check-run.ts';
import type { RunSeed } from './run-store.ts';
import { chatTokens, type Session } from '../session.ts';
import { specOf } from '../../settings/spec.ts';
import { asSaved } from '../../settings/table.ts';

/** The trained parameters of a run, and the model that answers the sample prompt meanwhile. */
export interface OnDevice extends TrainedSubject {
  readonly generator: () => Generator;
  /** Frees the GPU memory of the trained parameters. */
  readonly free: () => Promise<void>;
}

/**
 * An adapter of the open model; for all weights a copy of the model that can be trained, next to the open one.
 *
 * @param saved values of the state that it continues from @param report called with the progress of an adapter's start; throwing ends it
 */
export async function putOnDevice(
  { run, start, rows }: RunSeed,
  session: Session,
  open: OpenModel,
  { saved, report }: Pick<InitialValues, 'saved' | 'report'> = {},
): Promise<OnDevice> {
  const settings = asSaved(run.settings as FormSpec);
  const options = withReference(specOf(settings), settings.start !== undefined);
  if (!learnerOf(options).trainsModel) {
    const encode: Encode = (text, how) => (open.base ?? open).tokenizer.encode(text, how);
    const beginnings = { encode, rows: rows.train, saved, report };
    const subject = await makeTrainable(open.model, options, start, beginnings);
    const free = (): Promise<void> => session.free(subject.trainable.adapter!);
    return { ...subject, free, generator: () => session.chatGenerator(open) };
  }
  const { device, dtype: precision } = open.model;
  const files = await modelFolder(open.source.files);
  const model = await LanguageModel.load(device, files, {
    precision,
    ...loadingOf(options),
  });
  let generator: Generator | undefined;
  return {
    ...(await makeTrainable(model, options)),
    generator: () => (generator ??= new Generator(model, 1, chatTokens(model.definition.shape.maxPositions))),
    async free() {
      if (device.failure) return;
      await device.settle();
      generator?.destroy();
      await model.destroy();
    },
  };
}

/** The sample prompt, answered as the chat would. @param asked the prompt as the rows write it, if that differs from the person's */
export function samplesOf(
  { sampleEvery: every, samplePrompt }: FormSpec,
  asked: string | undefined,
  generatorOf: () => Generator,
  open: OpenModel,
): SampleSchedule {
  const { tokenizer } = open;
  return {
    every,
    tokens: SAMPLE_TOKENS,
    async answer({ adapter }, onToken) {
      try {
        const [{ text }] = await answer(
          generatorOf(),
          tokenizer,
          [promptOf(tokenizer, asked ?? samplePrompt)],
          {
            maxNewTokens: SAMPLE_TOKENS,
            sampling: greedy,
            seed: 0,
            adapter,
            onToken,
          },
        );
        return text;
      } catch (error) {
        // The logits are not finite: the next step finds that its loss is not, and reports it.
        if (error instanceof GraftError && error.code === 'sampling-not-finite') return undefined;
        throw error;
      }
    },
  };
}
