/** Asks transformers and PEFT themselves: ask.py, in a Python that has them, which scripts/test.mjs finds or makes. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
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
  /** For the tokenizer alone: no model is loaded. */
  readonly texts?: readonly string[];
}
export interface Answered {
  readonly logits: number[][];
  readonly answers: { prompt_ids: number[]; new_ids: number[]; text: string }[];
  /** The ids of each text, special tokens included, and the decoded text without special tokens. */
  readonly encoded: { ids: number[][]; decoded: string[]; eos: number };
}

export const python = process.env['GRAFT_PYTHON'];
if (!python)
  console.warn(
    'SKIPPED: the tests against PEFT itself need GRAFT_PYTHON; node scripts/python.mjs prints one.',
  );

/** All answers to a list of questions, or Python's error for one that failed. */
type Reply = Answered[] | { readonly failed: string };

interface Python {
  readonly ask: (questions: string) => Promise<Reply>;
}

let started: Python | undefined;

/** The one Python of this process, whatever its files ask: importing torch takes longer than most answers. It ends with this process. */
function startPython(): Python {
  const script = fileURLToPath(new URL('./ask.py', import.meta.url));
  const child = spawn(python!, [script], {
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
  });
  const waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line) as Reply));
  child.on('close', (code) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`ask.py ended with ${code}:\n${said}`));
  });
  // It does not keep this process alive.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as Socket).unref();
  return {
    ask: (questions) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${questions}\n`);
      }),
  };
}

/** @throws Error with Python's own words where a question has no answer */
export async function askPython(questions: readonly Question[]): Promise<Answered[]> {
  const reply = await (started ??= startPython()).ask(JSON.stringify(questions));
  if ('failed' in reply) throw new Error(`ask.py failed:\n${reply.failed}`);
  return reply;
}
