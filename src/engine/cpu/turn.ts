/**
 * Ends the current turn of the event loop and continues in a later one. A promise alone is not enough: its continuation runs before every timer,
 * signal and message, so a run on this thread would never let them through.
 *
 * @param why what is waited for; it is the message itself, so that it shows when a worker is inspected
 */
export function nextTurn(why: string): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(why);
  });
}
