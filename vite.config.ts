import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import project from './package.json' with { type: 'json' };
import { HUB_UPLOADS, hubOrigins } from './scripts/hub-origins.mjs';
import { chatPage } from './scripts/chat-page.ts';
import { cpuKernels } from './scripts/cpu-kernels.ts';
import { LIST, pageNotices } from './scripts/notices.ts';
import { KEPT_ON_USE, onnxRuntime, withoutMjs } from './scripts/onnxruntime.ts';

/**
 * Where models come from and adapters go to, when somebody asks for it: the Hugging Face hub and its file servers. GRAFT_HUBS names more, separated by
 * spaces: mirrors, or a server of one's own, each by its origin and without wildcards.
 */
const HUBS = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];
const MORE_HUBS = hubOrigins(process.env['GRAFT_HUBS'] ?? '');

/**
 * What the page may load and reach: its own origin and the hubs, and nothing else. The header covers the worker, which alone asks a hub (a
 * worker obeys the policy of its own response, not its page's); the meta element covers any static host.
 */
function policy(hubs: readonly string[]): string {
  return [
    "default-src 'none'",
    // Compiled kernels of the CPU engine are scripts to a policy, and no eval.
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' data: blob:",
    ["connect-src 'self'", ...HUBS, ...HUB_UPLOADS, ...hubs].join(' '),
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** --paper and --well of src/app/ui/tokens.css, in the light theme. */
const PAPER = '#fbfaf6';
const WELL = '#f2f1ec';

/**
 * A page that shares no window and no unasked file with other sites may share memory between its threads. The service worker sends the same
 * where a host does not.
 */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
} as const;

/** What every server of the built page should send with its files. @param hubs origins that models may come from, beside the usual ones */
export function headers(hubs = MORE_HUBS): Record<string, string> {
  return {
    'Content-Security-Policy': `${policy(hubs)}; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...ISOLATION,
  };
}

/** Only in the build: the development server needs inline styles for hot replacement. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'graft-content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: policy(MORE_HUBS) },
        injectTo: 'head-prepend',
      },
    ],
  };
}

/** The faces of the first screen come with the script, so that no line of text moves when they are there. */
function preloadFonts(): Plugin {
  return {
    name: 'graft-preload-fonts',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle }) =>
        Object.keys(bundle ?? {})
          .filter((name) => /-latin-wght-normal.*\.woff2$/.test(name))
          .map((name) => ({
            tag: 'link',
            attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `./${name}`, crossorigin: true },
            injectTo: 'head',
          })),
    },
  };
}

/**
 * The page reads optimisers and objectives for their settings and words, and computes nothing: the kernels that they bring are the worker's, which
 * has plugins of its own, and empty texts here.
 */
function withoutKernels(): Plugin {
  return {
    name: 'graft-without-kernels',
    apply: 'build',
    enforce: 'pre',
    load: (id) => (/\.(?:wgsl|kernel\.ts)\?raw$/.test(id) ? "export default '';" : undefined),
  };
}

/** The entry of the worker, and all of a thread: that is one file. */
const STAYS_IN_ENTRY = /\/src\/worker\/(?:main|device\/cpu-thread)\.ts$|\/engine\/cpu\/serve\.mjs$/;

/** The bundled model is the largest file that is kept at once, by far. */
const MAX_FILE_BYTES = 8 * 2 ** 20;
/** ONNX Runtime, which is kept when it is first used. */
const MAX_KEPT_ON_USE_BYTES = 16 * 2 ** 20;

interface ListedFile {
  readonly url: string;
  readonly revision: string | null;
  readonly size: number;
}

/** Marks files that are kept when they are first used. */
function markKeptOnUse(files: readonly ListedFile[]): { manifest: ListedFile[]; warnings: string[] } {
  const tooLarge = files.filter(({ url, size }) => size > MAX_FILE_BYTES && !KEPT_ON_USE.test(url));
  if (tooLarge.length > 0)
    throw new Error(`Too large to be kept by every visitor: ${tooLarge.map(({ url }) => url).join(', ')}`);
  const manifest = files.map((file) => ({ ...file, ...(KEPT_ON_USE.test(file.url) && { onUse: true }) }));
  return { manifest, warnings: [] };
}

/** The installable app. Its service worker is our own and keeps every built file; the plugin compiles it and lists the files. */
function installable(): Plugin[] {
  return VitePWA({
    strategies: 'injectManifest',
    srcDir: 'src/app/offline',
    filename: 'service-worker.ts',
    // The page registers it, when its first moments are over.
    injectRegister: false,
    registerType: 'prompt',
    includeManifestIcons: false,
    injectManifest: {
      rollupFormat: 'iife',
      globPatterns: ['**/*.{html,js,css,wasm,woff2,svg,png,json,jsonl,csv,txt,safetensors,zip,md}'],
      maximumFileSizeToCacheInBytes: MAX_KEPT_ON_USE_BYTES,
      manifestTransforms: [markKeptOnUse],
      dontCacheBustURLsMatching: /^assets\//,
    },
    manifest: {
      name: 'Graft',
      short_name: 'Graft',
      description: 'Fine-tunes small language models on your own computer, with nothing uploaded.',
      lang: 'en',
      categories: ['developer', 'education', 'productivity'],
      start_url: './',
      scope: './',
      display: 'standalone',
      background_color: PAPER,
      theme_color: WELL,
      icons: [
        { src: 'icons/icon-192.png', sizes: '192x192', type: 'image/png' },
        { src: 'icons/icon-512.png', sizes: '512x512', type: 'image/png' },
        { src: 'icons/maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        { src: 'favicon.svg', sizes: 'any', type: 'image/svg+xml' },
      ],
      // One window: a second one could not train.
      launch_handler: { client_mode: 'focus-existing' },
      file_handlers: [
        {
          action: './',
          accept: {
            'application/jsonl': ['.jsonl', '.ndjson'],
            'application/json': ['.json'],
            'text/csv': ['.csv'],
            'application/vnd.apache.parquet': ['.parquet'],
            'text/tab-separated-values': ['.tsv', '.tab'],
            'text/plain': ['.txt'],
            'text/markdown': ['.md'],
            'text/html': ['.html', '.htm'],
            'application/zip': ['.zip'],
            'application/octet-stream': ['.safetensors', '.gguf'],
          },
        },
      ],
    },
  });
}

const notices = pageNotices();

/** What the first screen fetches as soon as it is there; with it goes all that it imports. */
const SOON = /\/src\/(?:answers\.ts|app\/(?:start\/Below\.svelte|state\/equipment\.ts))$/;

export default defineConfig({
  // The worker asks for the kernels and the chat page: the development server resolves that here, and the build among the worker's plugins.
  plugins: [
    svelte(),
    cpuKernels(),
    chatPage(),
    onnxRuntime(),
    withoutKernels(),
    contentSecurityPolicy(),
    preloadFonts(),
    notices.page,
    installable(),
  ],
  define: { 'import.meta.env.GRAFT_VERSION': JSON.stringify(project.version) },
  // A missing file is a 404, not the page again.
  appType: 'mpa',
  // Relative, so that the built page works under any path.
  base: './',
  build: {
    // The first versions with light-dark(). Older ones would not draw the page right.
    target: ['chrome123', 'edge123', 'firefox121', 'safari17.5'],
    modulePreload: { polyfill: false },
    // No data: URLs: the policy has no place for inlined fonts and scripts.
    assetsInlineLimit: 0,
    license: { fileName: LIST },
    // On a slow machine it takes twenty lines between the command and the address.
    rolldownOptions: {
      checks: { pluginTimings: false },
      output: {
        // The first screen is one file, and what it fetches then is another. What several stages need is one more: in 95 small ones a load took half as much
        // of the processor again.
        codeSplitting: {
          groups: [
            { name: 'first', tags: ['$initial'], priority: 3 },
            { name: 'soon', test: SOON, priority: 2 },
            { name: 'shared', minShareCount: 2, priority: 1 },
          ],
        },
      },
    },
  },
  worker: {
    format: 'es',
    plugins: () => [cpuKernels(), chatPage(), onnxRuntime(), notices.worker],
    // What the worker loads later imports nothing from its entry: WebKit would run the entry again for that, as a second worker in the first.
    rolldownOptions: {
      checks: { pluginTimings: false },
      output: {
        assetFileNames: withoutMjs,
        codeSplitting: {
          groups: [{ name: 'worker', tags: ['$initial'], test: (id) => !STAYS_IN_ENTRY.test(id) }],
        },
      },
    },
  },
  server: { port: 5173, strictPort: true, headers: ISOLATION },
  preview: {
    port: 4173,
    strictPort: true,
    headers: headers(),
  },
});
