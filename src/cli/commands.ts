/** The commands of `graft COMMAND`, and how a call of one ends. */
import { GraftError, messageOf } from '../errors.ts';
import { benchCommand, benchFlags } from './bench.ts';
import { chatCommand, chatFlags } from './chat.ts';
import { checkCommand, checkFlags } from './check.ts';
import { compareCommand, compareFlags } from './compare.ts';
import { convertCommand, convertFlags } from './convert.ts';
import { demoCommand, demoFlags } from './demo.ts';
import { describeFlags, type FlagSpecs } from './flags.ts';
import { evaluateCommand } from './evaluate.ts';
import { evaluateFlags } from './evaluate-flags.ts';
import { exportCommand, exportFlags } from './export.ts';
import { fetchCommand, fetchFlags } from './fetch.ts';
import { generateCommand, generateFlags } from './generate.ts';
import { gradientsCommand, gradientsFlags } from './gradients.ts';
import { indexCommand, indexFlags } from './index-command.ts';
import { judgeCommand, judgeFlags } from './judge.ts';
import { logitsCommand, logitsFlags } from './logits.ts';
import { observeCommand, observeFlags } from './observe.ts';
import { embedCommand, embedFlags } from './embed.ts';
import { EXIT } from './exit.ts';
import { mergeCommand, mergeFlags } from './merge.ts';
import { mixCommand, mixFlags } from './mix.ts';
import { nearestName } from '../nearest-name.ts';
import type { Output, WholeOutput } from './output.ts';
import { passageRowFlags, passageRowsCommand } from './passage-rows.ts';
import { planCommand, planFlags } from './plan.ts';
import { pushCommand, pushFlags } from './push.ts';
import { questionFlags, questionsCommand } from './questions.ts';
import { recipeCommand, recipeCommandFlags } from './recipe.ts';
import { rewardCommand, rewardFlags } from './reward.ts';
import { searchCommand, searchFlags } from './search.ts';
import { serveCommand, serveFlags } from './serve.ts';
import { trainCommand } from './train.ts';
import { trainFlags } from './train-flags.ts';
import { splitCommand, splitCommandFlags } from './split.ts';
import { sweepCommand } from './sweep.ts';
import { sweepFlags } from './sweep-flags.ts';
import { tokensCommand, tokensFlags } from './tokens.ts';
import { tuneCommand, tuneFlags } from './tune.ts';
import { useLogCommand, useLogFlags } from './use-log.ts';
import { version } from './version.ts';

export interface CliCommand {
  readonly help: string;
  /** The usage: required words, and common flags. */
  readonly usage: string;
  readonly flags: FlagSpecs;
  readonly run: (args: readonly string[], output: Output) => Promise<void>;
}

export const commands: Readonly<Record<string, CliCommand>> = {
  check: {
    help: 'what is wrong with rows, before a run on them',
    usage: '--data FILE [--test-data FILE] [--model PATH] [--json]',
    flags: checkFlags,
    run: checkCommand,
  },
  split: {
    help: 'rows as files for training, validation and test, or as folds',
    usage: '--data FILE [--stratify COLUMN] [--group COLUMN] [--parts NAME=SHARE,… | --folds K] --out DIR',
    flags: splitCommandFlags,
    run: splitCommand,
  },
  convert: {
    help: 'rows of any format as JSONL or Parquet',
    usage: '--data FILE --out FILE.jsonl|FILE.parquet [--form messages|completion]',
    flags: convertFlags,
    run: convertCommand,
  },
  train: {
    help: 'train a LoRA adapter, or by full fine-tuning, on your examples',
    usage: '--model PATH --data FILE --out DIR',
    flags: trainFlags,
    run: trainCommand,
  },
  sweep: {
    help: 'several runs over a grid, random draws or seeds, and the best by validation',
    usage: '--model PATH --data FILE --val-fraction X --grid "lr=1e-4,3e-4;rank=4,8" --out DIR',
    flags: sweepFlags,
    run: sweepCommand,
  },
  evaluate: {
    help: 'compare adapters with the base model, prompts and rules on held-out rows',
    usage:
      '--model PATH [--adapter DIR …] [--index DIR] --data FILE [--test-data FILE] [--out DIR], or --predictions FILE',
    flags: evaluateFlags,
    run: evaluateCommand,
  },
  compare: {
    help: 'the difference of two files of predictions on the same rows, and whether it may be chance',
    usage: 'A.jsonl B.jsonl --metric NAME',
    flags: compareFlags,
    run: compareCommand,
  },
  judge: {
    help: 'which of two answers a model finds better, in both orders, and whether a person agrees',
    usage: '--model PATH (--predictions A.jsonl B.jsonl | --evaluation FILE) [--rubric TEXT] [--out FILE]',
    flags: judgeFlags,
    run: judgeCommand,
  },
  generate: {
    help: 'answer a prompt, with or without an adapter',
    usage: '--model PATH [--adapter DIR] [--index DIR [--encoder DIR]] --prompt TEXT',
    flags: generateFlags,
    run: generateCommand,
  },
  chat: {
    help: 'talk with a model, with or without an adapter',
    usage: '--model PATH [--adapter DIR] [--index DIR [--encoder DIR]]',
    flags: chatFlags,
    run: chatCommand,
  },
  serve: {
    help: 'an OpenAI-compatible server on this machine, for a model and adapters of it',
    usage: '--model PATH [--adapter DIR …] [--port N]',
    flags: serveFlags,
    run: serveCommand,
  },
  log: {
    help: 'what a log of graft serve says about real use, next to the training rows',
    usage: '--file FILE [--data FILE] [--out FILE]',
    flags: useLogFlags,
    run: useLogCommand,
  },
  reward: {
    help: 'score texts by rewards, to try these before a run learns from them',
    usage: '--reward NAME[:W]|FILE … --predictions FILE, or --data FILE for its own answers',
    flags: rewardFlags,
    run: rewardCommand,
  },
  plan: {
    help: 'memory of a run, from its configuration: no weights and no GPU needed',
    usage: '--model PATH [--memory SIZE]',
    flags: planFlags,
    run: planCommand,
  },
  recipe: {
    help: 'every setting that a run would have, its defaults among them, without running it',
    usage: '--model PATH --data FILE [--json]',
    flags: recipeCommandFlags,
    run: recipeCommand,
  },
  fetch: {
    help: 'a model or a data set from the Hugging Face hub, or a model from any address, into a folder',
    usage: '[datasets/]ORG/NAME [--to DIR]',
    flags: fetchFlags,
    run: fetchCommand,
  },
  push: {
    help: 'an adapter or a model to a repository of the Hugging Face hub',
    usage: '--folder DIR --repo ORG/NAME [--private]',
    flags: pushFlags,
    run: pushCommand,
  },
  embed: {
    help: 'a vector for each text of a file, by an encoder such as all-MiniLM-L6-v2',
    usage: '--model DIR --data FILE --out FILE.safetensors',
    flags: embedFlags,
    run: embedCommand,
  },
  index: {
    help: 'documents as chunks with their vectors, to be searched',
    usage: '--model DIR (--documents DIR | --chunks FILE) --out DIR',
    flags: indexFlags,
    run: indexCommand,
  },
  search: {
    help: 'the passages of an index that fit questions best, by meaning, by words or by both',
    usage: '--index DIR --model DIR (--queries FILE | --query TEXT) [--method NAME]',
    flags: searchFlags,
    run: searchCommand,
  },
  questions: {
    help: 'questions for documents with answers and quotes, drafted by a language model for a person to look at',
    usage: '--model PATH (--documents DIR | --index DIR) --out FILE',
    flags: questionFlags,
    run: questionsCommand,
  },
  passages: {
    help: 'rows of questions with passages of an index and their answers, to train a model that answers from passages, or with hard negatives for a retriever',
    usage: '--index DIR [--encoder DIR] --questions FILE --out FILE',
    flags: passageRowFlags,
    run: passageRowsCommand,
  },
  merge: {
    help: 'base plus adapter as one model folder',
    usage: '--model PATH --adapter DIR --out DIR, or --delta FILE for the adapter',
    flags: mergeFlags,
    run: mergeCommand,
  },
  mix: {
    help: 'several LoRA adapters as one, or one with a smaller rank',
    usage: '--model PATH --adapter DIR DIR … --weights 0.7,0.3 [--method NAME] --out DIR',
    flags: mixFlags,
    run: mixCommand,
  },
  export: {
    help: 'an adapter in the format of another tool',
    usage: '--model PATH --adapter DIR --format NAME --out DIR, or --tuned DIR --format delta',
    flags: exportFlags,
    run: exportCommand,
  },
  demo: {
    help: 'tune the bundled model on bundled examples and show what changed',
    usage: '[--sample ID]',
    flags: demoFlags,
    run: demoCommand,
  },
  bench: {
    help: 'measure this machine: matmul, attention, a training step, decoding',
    usage: '[--model MODEL]',
    flags: benchFlags,
    run: benchCommand,
  },
  tune: {
    help: 'measure kernels for the matmuls of a model on your GPU, and keep the faster ones',
    usage: '--model PATH [--json] [--out FILE]',
    flags: tuneFlags,
    run: tuneCommand,
  },
  tokens: {
    help: "the loss of each token of a row's answer, base against adapter, with the likeliest tokens",
    usage: '--model PATH [--adapter DIR] --data FILE --row N',
    flags: tokensFlags,
    run: tokensCommand,
  },
  logits: {
    help: 'logits of token ids, as safetensors',
    usage: '--model PATH --ids 1,2,3 --out FILE',
    flags: logitsFlags,
    run: logitsCommand,
  },
  observe: {
    help: 'hidden states, attention maps and other results inside of a model, as safetensors',
    usage: "--model PATH --ids 1,2,3 --names 'hidden.*,attention.0' --out FILE",
    flags: observeFlags,
    run: observeCommand,
  },
  gradients: {
    help: 'loss and gradients of one batch, as safetensors',
    usage: '--model PATH --data FILE --out FILE',
    flags: gradientsFlags,
    run: gradientsCommand,
  },
};

function usage(): string {
  const list = Object.entries(commands).map(([name, { help }]) => `  ${name.padEnd(10)} ${help}`);
  return [
    'Usage: graft COMMAND [flags]',
    '',
    ...list,
    '',
    "graft COMMAND --help lists a command's flags; graft --version names the version.",
    'Exit status: 0 it worked, 1 it could not, 2 the call is wrong, 3 plan: the run does not fit; 130 after Ctrl-C.',
  ].join('\n');
}

function helpOf(name: string, columns: number | undefined): string {
  const { help, usage: call, flags } = commands[name];
  return `graft ${name}: ${help}\n\nUsage: graft ${name} ${call}\n\n${describeFlags(flags, columns)}`;
}

/** @throws GraftError `arguments` */
function knownCommand(name: string): CliCommand {
  if (Object.hasOwn(commands, name)) return commands[name];
  if (name.startsWith('-')) {
    const flag = nearestName(name, ['--help', '--version']);
    throw new GraftError(
      'arguments',
      `There is no flag ${name} without a command.${flag ? ` Did you mean ${flag}?` : ''}`,
      'Write the command first, as in graft train --steps 60.',
    );
  }
  const near = nearestName(name, Object.keys(commands));
  throw new GraftError(
    'arguments',
    `There is no command ${JSON.stringify(name)}.${near ? ` Did you mean graft ${near}?` : ''}`,
    `Commands are ${Object.keys(commands).join(', ')}.`,
  );
}

/** Errors of the call, not of the files or the device. */
const WRONG_CALL = ['arguments', 'train-option', 'reward', 'reward-code', 'metric'];
const HELP = ['--help', '-h', 'help'];

/** @returns the exit status @throws GraftError what the command throws */
async function call([name, ...rest]: readonly string[], output: Output): Promise<number> {
  if (name === '--version' || name === '-V' || name === 'version') {
    output.result(`${version()}\n`);
    return EXIT.fine;
  }
  if (name === undefined || HELP.includes(name)) {
    const about = name === 'help' ? rest.at(0) : undefined;
    if (about !== undefined) knownCommand(about);
    output.result(`${about === undefined ? usage() : helpOf(about, output.columns)}\n`);
    return name === undefined ? EXIT.wrongCall : EXIT.fine;
  }
  const command = knownCommand(name);
  if (rest.includes('--help') || rest.includes('-h')) {
    output.result(`${helpOf(name, output.columns)}\n`);
    return EXIT.fine;
  }
  try {
    await command.run(rest, output);
    return Number(process.exitCode ?? EXIT.fine);
  } catch (error) {
    if (error instanceof GraftError && error.code === 'arguments' && error.remedy === '')
      throw new GraftError(error.code, error.what, `See graft ${name} --help.`, { cause: error });
    throw error;
  }
}

/** Prints an error. @returns the exit status */
function report(error: unknown, output: Output): number {
  const known = error instanceof GraftError;
  output.line(`graft: ${messageOf(error).replaceAll('\n', ' ')}`);
  if (!known && error instanceof Error && error.stack) output.line(error.stack);
  return known && WRONG_CALL.includes(error.code) ? EXIT.wrongCall : EXIT.couldNot;
}

/** Whether an error is another one, or was made of it. */
function isBecauseOf(error: unknown, cause: unknown): boolean {
  return error === cause || (error instanceof Error && isBecauseOf(error.cause, cause));
}

/** Runs a command, prints its error if it fails, waits until everything is written, and returns the exit status. */
export async function runCommand(args: readonly string[], output: WholeOutput): Promise<number> {
  let first: unknown;
  let status: number;
  try {
    status = await call(args, output);
  } catch (error) {
    first = error;
    status = report(error, output);
  }
  try {
    await output.flush();
  } catch (error) {
    // A result that could not be written may have ended the command: that error was reported, perhaps with what is left of the work.
    if (!isBecauseOf(first, error)) status = report(error, output);
  }
  return status;
}
