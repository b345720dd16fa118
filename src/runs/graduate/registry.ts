/** All programs that a run can continue in. */
import { axolotl } from './axolotl.ts';
import type { GraduateFormat } from './graduated-run.ts';
import { llamaFactory } from './llama-factory.ts';
import { trl } from './trl/trl.ts';

export const GRADUATE_FORMATS: readonly GraduateFormat[] = [trl, axolotl, llamaFactory];
