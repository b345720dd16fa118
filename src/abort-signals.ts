/**
 * Abort signals as arguments of calls between threads, which structured cloning does not take: a comlink transfer handler. Each crossing has a port of
 * its own, on which the abort is the only message; then both ends close.
 */

/** What crosses: the port of the abort, or none if the signal has aborted already. */
type Crossing = MessagePort | undefined;

/** As comlink has it. */
interface TransferHandler {
  canHandle(value: unknown): value is AbortSignal;
  serialize(signal: AbortSignal): [Crossing, Transferable[]];
  deserialize(port: Crossing): AbortSignal;
}

const handler: TransferHandler = {
  canHandle: (value): value is AbortSignal => value instanceof AbortSignal,
  serialize(signal) {
    if (signal.aborted) return [undefined, []];
    const { port1, port2 } = new MessageChannel();
    const tell = (): void => {
      port1.postMessage(undefined);
      port1.close();
    };
    signal.addEventListener('abort', tell, { once: true });
    return [port2, [port2]];
  },
  deserialize(port) {
    const controller = new AbortController();
    if (!port) controller.abort();
    else
      port.onmessage = () => {
        port.close();
        controller.abort();
      };
    return controller.signal;
  },
};

/**
 * Lets signals cross from this thread and to it. Both ends of a bridge call it; the reason of an abort does not cross.
 *
 * @param handlers comlink's `transferHandlers`
 */
export function carryAbortSignals(handlers: { set(name: string, handler: TransferHandler): unknown }): void {
  handlers.set('AbortSignal', handler);
}

/** Signals for one call. */
export interface CallSignals {
  /** One that aborts when the caller's does, and when the call has ended. */
  of(signal: AbortSignal): AbortSignal;
  /** The call has ended: its signals abort, which closes their ports at both ends. */
  end(): void;
}

/** The caller's side of one call. */
export function callSignals(): CallSignals {
  const ended = new AbortController();
  return {
    of: (signal) => AbortSignal.any([signal, ended.signal]),
    end: () => ended.abort(),
  };
}
