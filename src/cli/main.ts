/** `graft COMMAND`: the entry of the headless command. */
import { GraftError, messageOf } from '../errors.ts';
import { benchCommand, benchFlags } from './bench.ts';
import { demoCommand, demoFlags } from './demo.ts';
import { describeFlags, type FlagSpecs } from './flags.ts';
import { fetchCommand, fetchFlags } from './fetch.ts';
import { generateCommand, generateFlags } from './generate.ts';
import { gradientsCommand, gradientsFlags } from './gradients.ts';
import { logitsCommand, logitsFlags } from './logits.ts';
import { mergeCommand, mergeFlags } from './merge.ts';
import { createOutput, type Output } from './output.ts';
import { planCommand, planFlags } from './plan.ts';
import { trainCommand } from './train.ts';
import { trainFlags } from './train-flags.ts';

interface Command {
  readonly help: string;
  readonly flags: FlagSpecs;
  readonly run: (args: readonly string[], output: Output) => Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  train: {
    help: 'train a LoRA adapter, or all weights, on your examples',
    flags: trainFlags,
    run: trainCommand,
  },
  generate: {
    help: 'answer a prompt, with or without an adapter',
    flags: generateFlags,
    run: generateCommand,
  },
  plan: {
    help: 'GPU memory of a run, without weights and without a GPU',
    flags: planFlags,
    run: planCommand,
  },
  fetch: {
    help: 'a model from the Hugging Face hub or any address, into a folder',
    flags: fetchFlags,
    run: fetchCommand,
  },
  merge: { help: 'base plus adapter as one model folder', flags: mergeFlags, run: mergeCommand },
  demo: {
    help: 'tune the bundled model on bundled examples and show what changed',
    flags: demoFlags,
    run: demoCommand,
  },
  bench: {
    help: 'measure this machine: matmul, attention, a training step, decoding',
    flags: benchFlags,
    run: benchCommand,
  },
  logits: { help: 'logits of token ids, as safetensors', flags: logitsFlags, run: logitsCommand },
  gradients: {
    help: 'loss and gradients of one batch, as safetensors',
    flags: gradientsFlags,
    run: gradientsCommand,
  },
};

function usage(): string {
  const list = Object.entries(commands).map(([name, { help }]) => `  ${name.padEnd(10)} ${help}`);
  return `Usage: graft COMMAND [flags]\n\n${list.join('\n')}\n\ngraft COMMAND --help lists a command's flags.`;
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(`${usage()}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new GraftError(
      'arguments',
      `There is no command ${JSON.stringify(name)}.`,
      `Commands are ${Object.keys(commands).join(', ')}.`,
    );
  if (rest.includes('--help')) {
    process.stdout.write(`graft ${name}: ${command.help}\n\n${describeFlags(command.flags)}\n`);
    return 0;
  }
  await command.run(rest, createOutput());
  return Number(process.exitCode ?? 0);
}

try {
  // Dawn keeps the process alive: leave as soon as all is written.
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof GraftError;
  process.stderr.write(`graft: ${messageOf(error).replaceAll('\n', ' ')}\n`);
  if (!known && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
  process.exit(error instanceof GraftError && error.code === 'arguments' ? 2 : 1);
}
