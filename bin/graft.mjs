#!/usr/bin/env node
// Runs the TypeScript sources as they are: tsx strips types, and the hook lets `x.wgsl?raw` mean the same as in Vite.
import { register } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';

register('./wgsl-loader.mjs', import.meta.url);
registerTypeScript();
await import('../src/cli/main.ts');
