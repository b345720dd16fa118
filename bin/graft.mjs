#!/usr/bin/env node
// The command as one file or, if that cannot be kept, its TypeScript sources as they are: tsx strips types, and the hook lets
// `x.wgsl?raw` mean the same as in Vite.
import { register } from 'node:module';
import { bundle } from './bundle.mjs';

const bundled = await bundle().catch(() => undefined);
if (bundled === undefined) {
  const { register: registerTypeScript } = await import('tsx/esm/api');
  register('./wgsl-loader.mjs', import.meta.url);
  registerTypeScript();
} else process.setSourceMapsEnabled(true);
await import(bundled ?? '../src/cli/main.ts');
