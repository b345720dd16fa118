/** Asks transformers and PEFT themselves: ask.py, in a Python that has them, which scripts/test.mjs finds or makes. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}
export interface Question {
  readonly model: string;
  /** A GGUF file of the folder, which has the weights. */
  readonly gguf?: string;
  /** Makes `model`, with random weights. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Rows of embedding and head, where the adapter adds tokens. */
  readonly vocabulary?: number;
  readonly adapter?: string;
  /** The folder of the tokenizer, if not the model's. */
  readonly tokenizer?: string;
  /** Whether the adapter has parts of modules only: PEFT takes the rest from the base. */
  readonly partial?: boolean;
  /** Where PEFT saves the adapter again. */
  readonly save?: string;
  readonly ids?: readonly number[];
  readonly messages?: readonly (readonly Message[])[];
  readonly max_new_tokens?: number;
  /** Rows of equal length, for the gradients of all weights, which are written to `out` as safetensors. */
  readonly gradients?: {
    readonly ids: readonly number[][];
    readonly labels: readonly number[][];
    readonly out: string;
  };
}
export interface Answered {
  readonly logits: number[][];
  readonly answers: { prompt_ids: number[]; new_ids: number[]; text: string }[];
}

export const python = process.env['GRAFT_PYTHON'];
if (!python)
  console.warn(
    'SKIPPED: the tests against PEFT itself need GRAFT_PYTHON; node scripts/python.mjs prints one.',
  );

/** All questions in one process: importing torch takes longer than answering. */
export function askPython(questions: readonly Question[]): Answered[] {
  const script = fileURLToPath(new URL('./ask.py', import.meta.url));
  const { status, stdout, stderr } = spawnSync(python!, [script], {
    input: JSON.stringify(questions),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
  });
  if (status !== 0) throw new Error(`ask.py ended with ${status}:\n${stderr}`);
  return JSON.parse(stdout) as Answered[];
}
