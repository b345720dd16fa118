/** `graft push`: the folder of an adapter or a model to a repository of the hub. */
import { existsSync, openAsBlob, readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { EVALUATION_FILE } from '../evaluate/record-file.ts';
import { decodeUtf8 } from '../json.ts';
import { plural } from '../numbers.ts';
import { HUB, hubAddress } from '../weights/hub.ts';
import { checkRepo, pushFiles, type PushFile } from '../weights/hub/push.ts';
import { sharedFile } from '../weights/hub/shared-files.ts';
import { parseSums, Sum, SUMS, sumsText } from '../weights/sums.ts';
import { describeWait } from './fetch.ts';
import { readInput } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { measuredCard } from './measured-card.ts';
import { formatBytes, type Output } from './output.ts';

const TOKEN = 'HF_TOKEN';
const CARD = 'README.md';

export const pushFlags = {
  folder: {
    value: 'DIR',
    help: 'the folder of an adapter or a model: of graft train, merge, mix or export',
  },
  repo: { value: 'ORG/NAME', help: 'the repository; a new one is made if there is none' },
  'token-env': {
    value: 'NAME',
    help: `the environment variable with a token that may write (default: ${TOKEN}). The token is not stored and goes to the hub only`,
  },
  private: { help: 'only the account sees it: makes a private repository, and refuses one that is public' },
  evaluation: {
    value: 'FILE',
    help: `the ${EVALUATION_FILE} of graft evaluate, whose table goes into the card (default: that of the folder, if it has one)`,
  },
  message: { value: 'TEXT', help: 'the title of the commit (default: Upload with Graft)' },
  hub: { value: 'URL', help: `the hub or a mirror of it (default: $HF_ENDPOINT, or ${HUB})` },
  'dry-run': { help: 'list what would be sent and what would not, and send nothing' },
  json: { help: 'the commit and its files as JSON on standard output' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

export async function pushCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(pushFlags, args);
  const [folder, repo] = [flags.required('folder'), flags.required('repo')];
  checkRepo(repo);
  const hub = hubAddress(flags.text('hub') ?? (process.env['HF_ENDPOINT'] || HUB));
  const { shared, kept } = filesIn(folder);
  const changed = await changedFiles(folder, flags.text('evaluation'));
  const bytes = shared.reduce((sum, { size }) => sum + size, 0);
  output.line(
    `${plural(shared.length, 'file')}, ${formatBytes(bytes)}: ${shared.map(({ name }) => name).join(', ')}.`,
  );
  if (kept.length > 0) output.line(`Not sent, because they may name or hold your data: ${kept.join(', ')}.`);
  if (flags.on('dry-run')) return;
  const token = tokenOf(flags.text('token-env') ?? TOKEN);
  const files = await Promise.all(
    shared.map(async ({ name }): Promise<PushFile> => ({
      name,
      content: changed[name] ?? (await openAsBlob(join(folder, name))),
    })),
  );
  const stop = new AbortController();
  const onInterrupt = (): void =>
    stop.abort(
      new GraftError('hub-paused', 'Stopped.', 'The same command sends the files that are missing.'),
    );
  process.once('SIGINT', onInterrupt);
  try {
    const pushed = await pushFiles(files, {
      ...{ hub, repo, token, signal: stop.signal, private: flags.on('private') },
      message: flags.text('message') ?? 'Upload with Graft',
      onWait: (wait) => wait && output.progress(describeWait(wait), true),
      onProgress: ({ step, file, done, total }) =>
        output.progress(
          `${step === 'hashing' ? 'Checking' : 'Sending'} ${file}: ${formatBytes(done)} of ${formatBytes(total)}`,
        ),
    });
    output.clear();
    const { page, created, commit, changed, unchanged, ignored } = pushed;
    if (flags.on('json')) output.result(`${JSON.stringify(pushed, null, 2)}\n`);
    const there =
      unchanged.length === 0 ? '' : ` ${plural(unchanged.length, 'file')} had the same content there.`;
    if (ignored.length > 0)
      output.line(`Not sent, because the .gitignore of the repository names them: ${ignored.join(', ')}.`);
    output.line(
      commit === undefined
        ? `Nothing to send: ${page} has these files.`
        : `Sent ${plural(changed.length, 'file')} to ${page}${created ? ', a new repository' : ''}, as commit ${commit.slice(0, 12)}.${there}`,
    );
  } finally {
    output.clear();
    process.off('SIGINT', onInterrupt);
  }
}

/**
 * The card with the table of an evaluation, and the checksums with that of this card; nothing without an evaluation or a card.
 *
 * @param evaluation that of the folder if left out
 * @throws GraftError `file-missing`, `evaluation-file`, `evaluation-newer`
 */
async function changedFiles(
  folder: string,
  evaluation: string | undefined,
): Promise<Readonly<Record<string, Blob | undefined>>> {
  const card = await measuredCard(folder, evaluation);
  if (card === undefined) return {};
  const sums = join(folder, SUMS);
  if (!existsSync(sums)) return { [CARD]: new Blob([card]) };
  const sum = new Sum();
  sum.add(new TextEncoder().encode(card));
  const known = parseSums(decodeUtf8(await readInput(sums), sums), sums);
  return { [CARD]: new Blob([card]), [SUMS]: new Blob([sumsText(new Map([...known, [CARD, sum.hex()]]))]) };
}

/** @throws GraftError `arguments` */
function tokenOf(variable: string): string {
  const token = process.env[variable]?.trim();
  if (token) return token;
  throw new GraftError(
    'arguments',
    `There is no token in $${variable}.`,
    'Make one with write access in the settings of your account, and set it for this call: the token is not stored.',
  );
}

/** Files of a folder and its folders that a repository should have, and the others. @throws GraftError `file-missing`, `hub-nothing` */
function filesIn(folder: string): { shared: { name: string; size: number }[]; kept: string[] } {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new GraftError('file-missing', `There is no folder ${folder}.`, 'Check the path.');
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
  const shared = names.filter(sharedFile).map((name) => ({ name, size: statSync(join(folder, name)).size }));
  if (shared.some(({ name }) => name !== CARD && name !== SUMS))
    return { shared, kept: names.filter((name) => !sharedFile(name)) };
  throw new GraftError(
    'hub-nothing',
    `${basename(resolve(folder))} has no adapter and no model that could be shared.`,
    'Give the folder that graft train, merge, mix or export wrote.',
  );
}
