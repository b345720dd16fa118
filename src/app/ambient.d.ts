/// <reference types="svelte" />
/// <reference types="vite/client" />
declare module '@fontsource-variable/*';

interface ImportMetaEnv {
  /** The version in package.json, filled in by the build. */
  readonly GRAFT_VERSION: string;
}
