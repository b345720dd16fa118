/** Files that the system opens with the installed app. */
import type { Studio } from '../state/studio.svelte.ts';

/** The File Handling API, which TypeScript does not know yet: https://wicg.github.io/web-app-launch/#launchqueue-interface */
interface LaunchQueue {
  setConsumer(consumer: (launch: { readonly files: readonly { getFile(): Promise<File> }[] }) => void): void;
}
declare global {
  interface Window {
    readonly launchQueue?: LaunchQueue;
  }
}

/** Imports the files that the installed app is opened with, now and later. */
export function openLaunched(studio: Studio): void {
  window.launchQueue?.setConsumer(({ files: handles }) => {
    void Promise.all(handles.map((handle) => handle.getFile())).then(async (files) => {
      const { importFiles } = await import('../data/import-files.ts');
      await importFiles(studio, files);
    });
  });
}
