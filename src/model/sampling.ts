/**
 * How the next token is chosen from logits: as transformers' generate does, in its order: penalty, temperature, top-k, top-p, min-p. The
 * choice itself is made on the device, in shaders/sampling.wgsl and engine/cpu/kernels/sampling.ts; among some tokens only, in allowed-tokens.ts.
 */
import { GraftError } from '../errors.ts';

export interface Sampling {
  /** 0 is greedy: the most likely token, always. */
  readonly temperature: number;
  /** Only the k most likely tokens; 0 for all. */
  readonly topK: number;
  /** Only the smallest set of tokens whose probabilities add up to this; 1 for all. */
  readonly topP: number;
  /** Only tokens at least this fraction as likely as the most likely one; 0 for all. */
  readonly minP: number;
  /** Logits of tokens that occurred are divided (if positive) or multiplied by this; 1 for none (Keskar et al., 2019). */
  readonly repetitionPenalty: number;
}

export const greedy: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

/** @throws GraftError `sampling` naming the setting that is out of range */
export function checkSampling({ temperature, topK, topP, minP, repetitionPenalty }: Sampling): void {
  const wrong = (name: string, value: number, range: string): GraftError =>
    new GraftError('sampling', `${name} is ${value}.`, `Choose ${range}.`);
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    throw wrong('Temperature', temperature, '0 or more');
  if (!(Number.isInteger(topK) && topK >= 0)) throw wrong('Top-k', topK, 'a whole number, 0 for all tokens');
  if (!(topP > 0 && topP <= 1)) throw wrong('Top-p', topP, 'more than 0 and at most 1');
  if (!(minP >= 0 && minP <= 1)) throw wrong('Min-p', minP, 'a number from 0 to 1');
  if (!(repetitionPenalty > 0 && Number.isFinite(repetitionPenalty)))
    throw wrong('The repetition penalty', repetitionPenalty, 'a number above 0');
}

/** A token and its probability. */
export interface Candidate {
  readonly id: number;
  readonly probability: number;
}
