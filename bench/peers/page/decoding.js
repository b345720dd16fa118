// A prompt, and an answer token by token, of one GGUF file: Graft's CPU engine and wllama (llama.cpp in WebAssembly), each with the same threads.
import { Wllama } from '@wllama/wllama';
import wllamaWasm from '@wllama/wllama/esm/wasm/wllama.wasm?url';
import { median } from './measure.js';
import { onProcessor } from './processor.js';

/** Words of a prompt. Each run has others, so that nobody goes on from what is in its cache. */
const WORDS = [
  'river',
  'stone',
  'lamp',
  'garden',
  'letter',
  'winter',
  'bread',
  'mirror',
  'harbour',
  'violin',
  'market',
];

function promptOf(words, run) {
  return Array.from({ length: words }, (_, i) => WORDS[(i * 7 + run * 5 + (i >> 3)) % WORDS.length]).join(
    ' ',
  );
}

/**
 * @param {{ files: string[], words: number, newTokens: number, runs: number, warmUps: number, threads: number[] }} options
 *   files of a model folder with one GGUF file, below /model/
 */
export async function decoding({ files, words, newTokens, runs, warmUps, threads }) {
  const results = {};
  for (const count of threads) {
    const contestants = { graft: await openGraft(files, count), wllama: await openWllama(files, count) };
    const found = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
    for (let run = 0; run < warmUps + runs; run++) {
      for (const [name, { answer }] of Object.entries(contestants)) {
        const measured = await answer(promptOf(words, run), newTokens);
        if (run >= warmUps) found[name].push(measured);
      }
    }
    for (const { close } of Object.values(contestants)) await close();
    results[count] = Object.fromEntries(
      Object.entries(found).map(([name, all]) => [
        name,
        {
          promptTokens: all[0].promptTokens,
          firstTokenMs: median(all.map(({ first }) => first)),
          tokensPerSecond: median(
            all.map(({ first, last, tokens }) => ((tokens - 1) * 1000) / (last - first)),
          ),
          text: all[0].text,
        },
      ]),
    );
  }
  return results;
}

async function openGraft(files, threads) {
  const { ask, close } = onProcessor();
  const { loadMs } = await ask('open-model', { files, threads });
  return { loadMs, answer: (prompt, newTokens) => ask('answer', { prompt, newTokens }), close };
}

async function openWllama(files, threads) {
  const file = files.find((name) => name.endsWith('.gguf'));
  const blob = await (await fetch(`/model/${file}`)).blob();
  const wllama = new Wllama({ default: wllamaWasm }, { suppressNativeLog: true });
  // No GPU: both compute on the processor.
  await wllama.loadModel([blob], { n_threads: threads, n_ctx: 2048, n_gpu_layers: 0, n_parallel: 1 });
  if (wllama.getNumThreads() !== threads)
    throw new Error(`wllama computes with ${wllama.getNumThreads()} threads, asked for ${threads}`);
  return {
    async answer(prompt, newTokens) {
      const start = performance.now();
      let first = 0;
      let last = 0;
      let tokens = 0;
      let text = '';
      let timings;
      const answer = { prompt, max_tokens: newTokens, temperature: 0, ignore_eos: true, cache_prompt: false };
      for await (const chunk of await wllama.createCompletion({ ...answer, stream: true })) {
        timings = chunk.timings ?? timings;
        const said = chunk.choices[0]?.text ?? '';
        if (said === '') continue;
        tokens++;
        text += said;
        last = performance.now() - start;
        first ||= last;
      }
      return { first, last, tokens, text, promptTokens: timings?.prompt_n };
    },
    close: () => wllama.exit(),
  };
}
