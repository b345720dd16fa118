/** The chat page: loads the model into a worker, asks it, and shows what it says. */
import { GraftError, messageOf } from '../errors.ts';
import { plural, took } from '../numbers.ts';
import type { ChatMessage } from '../text/chat-template.ts';
import { ModelClient } from './client.ts';
import { element, readPageSettings, unpacked } from './embedded.ts';
import { loadFiles } from './files.ts';
import { LogView } from './log-view.ts';
import type { PageAnswered, ChatPageDevice, LoadedFile } from './protocol.ts';
import { keptDevice, keepDevice } from './kept.ts';
import { keepPage } from './offline-pieces.ts';
import { AnswerView, clearTurns, make, showQuestion } from './turns.ts';

const settings = readPageSettings();
const { defaults } = settings;

const status = element('status');
const progress = element<HTMLProgressElement>('progress');
const problem = element('problem');
const question = element<HTMLTextAreaElement>('question');
const send = element<HTMLButtonElement>('send');
const stop = element<HTMLButtonElement>('stop');
const clear = element<HTMLButtonElement>('clear');
const input = (id: string): HTMLInputElement => element<HTMLInputElement>(id);
const system = element<HTMLTextAreaElement>('system');
const device = element<HTMLSelectElement>('device');

const log = new LogView(settings.name, (error) => showProblem(error));

let files: readonly LoadedFile[] | undefined;
let client: ModelClient | undefined;
let turns: ChatMessage[] = [];
let isReady = false;
let answering = false;

function showStart(): void {
  element('name').textContent = settings.name;
  element('about').textContent = settings.about;
  element('card').textContent = settings.card || 'The model came without a card.';
  input('temperature').value = String(defaults.sampling.temperature);
  input('top-p').value = String(defaults.sampling.topP);
  input('max-tokens').value = String(defaults.maxNewTokens);
  system.value = settings.system ?? '';
  input('remember').checked = !defaults.single;
  device.value = keptDevice();
}

/** Opens the model, again after another choice of the device. */
async function open(): Promise<void> {
  client?.end();
  client = undefined;
  problem.replaceChildren();
  showState();
  element('loading').hidden = false;
  report('Loading the model');
  try {
    files ??= await loadFiles(settings, (done, total) => report('Fetching the model', done, total));
    const opened = new ModelClient(await unpacked('worker'));
    client = opened;
    const ready = await opened.open(
      {
        kind: 'open',
        ...{ settings, files, device: device.value as ChatPageDevice },
        kernels: { relaxed: await unpacked('relaxed'), simd: await unpacked('simd') },
      },
      report,
    );
    // The person may have chosen another device meanwhile.
    if (client !== opened) return;
    input('max-tokens').max = String(ready.context - 1);
    element('system-field').hidden = !ready.takesSystem;
    element('computes').textContent = `It computes on ${ready.device}.`;
    status.textContent = 'The model is ready.';
    progress.hidden = true;
    isReady = true;
    showState();
  } catch (error) {
    element('loading').hidden = true;
    showProblem(error, 'Try again', () => void open());
  }
}

function report(what: string, done = 0, total = 0): void {
  status.textContent = total > 0 ? `${what}: ${Math.floor((100 * done) / total)}%` : what;
  progress.hidden = false;
  if (total > 0) {
    progress.max = total;
    progress.value = done;
  } else progress.removeAttribute('value');
}

function showProblem(error: unknown, word?: string, again?: () => void): void {
  const known = error instanceof GraftError;
  problem.replaceChildren(make('p', '', known ? error.what : messageOf(error)));
  if (known && error.remedy !== '') problem.append(make('p', 'soft', error.remedy));
  if (word === undefined || !again) return;
  const button = make('button', 'small', word);
  button.type = 'button';
  button.addEventListener('click', again);
  problem.append(button);
}

function showState(): void {
  send.disabled = !isReady || answering;
  stop.hidden = !answering;
  send.hidden = answering;
  clear.disabled = answering || turns.length === 0;
  element('empty').hidden = turns.length > 0;
  device.disabled = answering;
}

async function ask(): Promise<void> {
  const text = question.value.trim();
  if (text === '' || !client || !isReady || answering) return;
  answering = true;
  problem.replaceChildren();
  element('loading').hidden = true;
  const asked: ChatMessage = { role: 'user', content: text };
  turns = [...turns, asked];
  const takeBack = showQuestion(text);
  question.value = '';
  const view = new AnswerView();
  showState();
  // The button that had the focus is hidden now.
  if (document.activeElement === document.body) stop.focus();
  scrollDown(true);
  try {
    const prompt = {
      system: element('system-field').hidden ? '' : system.value.trim(),
      turns: input('remember').checked ? turns : [asked],
    };
    const answered = await client.ask(
      {
        kind: 'ask',
        ...prompt,
        sampling: {
          ...defaults.sampling,
          temperature: input('temperature').valueAsNumber,
          topP: input('top-p').valueAsNumber,
        },
        maxNewTokens: input('max-tokens').valueAsNumber,
        seed: defaults.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
      },
      (piece) => {
        const follows = isAtEnd();
        view.add(piece);
        scrollDown(follows);
      },
    );
    const answer = { role: 'assistant', content: answered.text };
    turns = [...turns, answer];
    const before = prompt.system === '' ? [] : [{ role: 'system', content: prompt.system }];
    const given = prompt.turns.slice(2 * answered.dropped);
    const messages = [...before, ...given, answer];
    // A text that ends answers is an end like any other.
    const finish_reason = answered.reason === 'caller' ? 'stop' : answered.reason;
    const kept = log.keep({ messages, finish_reason, time: new Date().toISOString() });
    view.end(answered.text, noteOf(answered), kept);
  } catch (error) {
    turns = turns.slice(0, -1);
    view.remove();
    takeBack();
    if (question.value === '') question.value = text;
    showProblem(error);
  }
  answering = false;
  const focused = document.activeElement === stop || document.activeElement === document.body;
  showState();
  if (focused) question.focus();
  scrollDown(true);
}

function noteOf({ tokens, seconds, reason, dropped }: PageAnswered): string {
  const ends: Partial<Record<PageAnswered['reason'], string>> = {
    aborted: ', stopped',
    length: ', ended at the most tokens',
  };
  const left = dropped > 0 ? `; ${plural(dropped, 'earlier question')} left out, for want of room` : '';
  return `${plural(tokens, 'token')} in ${took(seconds)}${ends[reason] ?? ''}${left}`;
}

const isAtEnd = (): boolean => innerHeight + scrollY >= document.documentElement.scrollHeight - 48;

function scrollDown(follows: boolean): void {
  if (follows) scrollTo({ top: document.documentElement.scrollHeight });
}

element('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  void ask();
});
question.addEventListener('keydown', (event) => {
  // Enter also chooses a word of an input method.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  void ask();
});
stop.addEventListener('click', () => client?.stop());
clear.addEventListener('click', () => {
  turns = [];
  clearTurns();
  problem.replaceChildren();
  showState();
  question.focus();
});
device.addEventListener('change', () => {
  keepDevice(device.value as ChatPageDevice);
  isReady = false;
  void open();
});
element('licences-fold').addEventListener('toggle', () => void showLicences());

async function showLicences(): Promise<void> {
  const shown = element('licences');
  if (shown.textContent === '') shown.textContent = new TextDecoder().decode(await unpacked('licences'));
}

showStart();
void open()
  .then(() => keepPage(settings))
  .catch(() => {
    // The page works without it, as long as there is a network.
  });
