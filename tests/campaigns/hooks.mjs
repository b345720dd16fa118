// @ts-check
// As bin/graft.mjs: TypeScript runs as it is, and `x.wgsl?raw` means the same as in Vite. For `node --import`.
import { register } from 'node:module';
import { register as registerTypeScript } from 'tsx/esm/api';

register('../../bin/wgsl-loader.mjs', import.meta.url);
registerTypeScript();
