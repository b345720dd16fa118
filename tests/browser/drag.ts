/** Files and folders of the disk, dragged into the page as a person does it: by the browser's own input, so that folders are entered. */
import type { Locator } from 'playwright-core';

export async function dragInto(target: Locator, ...paths: readonly string[]): Promise<void> {
  await target.waitFor();
  // In one go: the page may replace an element between two questions about it.
  const place = await target.evaluate((element) => {
    element.scrollIntoView({ block: 'nearest' });
    const { x, y } = element.getBoundingClientRect();
    return { x, y };
  });
  const devtools = await target.page().context().newCDPSession(target.page());
  const send = (type: 'dragEnter' | 'dragOver' | 'drop') =>
    devtools.send('Input.dispatchDragEvent', {
      type,
      x: place.x + 100,
      y: place.y + 20,
      data: { items: [], files: [...paths], dragOperationsMask: 1 },
    });
  await send('dragEnter');
  await send('dragOver');
  // A person sees that the page takes them. A drop before its answer makes the browser open the files itself.
  await target.page().locator('[data-over]').first().waitFor({ state: 'attached' });
  await send('dragOver');
  await send('drop');
  await devtools.detach();
}
