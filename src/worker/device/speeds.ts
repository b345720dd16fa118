/** Measured speeds of training on this device, as the browser keeps them: steps of runs, and the test of a few layers. */
import * as v from 'valibot';
import type { Device } from '../../engine/device.ts';
import { measuredSteps, type MeasuredRun, type Speeds } from '../../runs/run-forecast.ts';
import { withMeasured, type StepSpeeds } from '../../runs/step-speeds.ts';
import { readSpeed } from '../curated/speed.ts';
import { Measurement } from './measurement.ts';
import type { OpenModel } from '../models/model.ts';

const positive = v.pipe(v.number(), v.finite(), v.minValue(Number.MIN_VALUE));

const KeptSteps = v.object({
  tokens: positive,
  checkpointing: v.boolean(),
  flops: positive,
  steps: positive,
});

const KeptSpeeds = v.object({
  sizes: v.pipe(v.array(KeptSteps), v.maxLength(20)),
  answer: v.optional(positive),
});

const measurementOf = (device: Device, fingerprint: string): Measurement => {
  const { vendor, architecture, description } = device.adapter;
  return new Measurement(`step speeds ${vendor} ${architecture} ${description} ${fingerprint}`, [device]);
};

/** @param open the model of a forecast, which need not be on the device */
export async function readSpeeds({
  model: { device },
  fingerprint,
}: {
  readonly model: Pick<OpenModel['model'], 'device'>;
  readonly fingerprint: string;
}): Promise<Speeds> {
  const [own, test] = await Promise.all([readStepSpeeds(device, fingerprint), readSpeed(device)]);
  return { ...(own && { own }), ...(test && { test }) };
}

/** A run on this device, and the model that it trained. */
export interface MeasuredHere extends MeasuredRun {
  readonly open: Pick<OpenModel, 'model' | 'fingerprint'>;
}

/** Keeps the speed of a run's steps next to those of earlier runs. A browser without storage forecasts from the test. */
export async function keepSpeedOf(run: MeasuredHere): Promise<void> {
  const measured = await measuredSteps(run);
  if (!measured) return;
  const { model, fingerprint } = run.open;
  const before = await readStepSpeeds(model.device, fingerprint);
  await measurementOf(model.device, fingerprint).keep(withMeasured(before, measured.steps, measured.answer));
}

/** @param fingerprint of the model, with its precision and the types of its weights */
async function readStepSpeeds(device: Device, fingerprint: string): Promise<StepSpeeds | undefined> {
  const kept = v.safeParse(KeptSpeeds, await measurementOf(device, fingerprint).read());
  return kept.success ? kept.output : undefined;
}
