/**
 * Ends the current turn of the event loop and goes on in a later one. A promise alone would not do: its continuation comes before every timer,
 * signal and message, so that a run on this thread would never let them through.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
