/** The requests of a page or a worker as the browser recorded them: the code that makes them counts nothing. */

export interface NetworkRequest {
  readonly url: string;
  /** `kept`: answered on this device, by the browser's cache or by the app's own store of its files. */
  readonly answer: 'network' | 'kept';
  /** Bytes over the network, as far as the browser says. */
  readonly bytes: number;
}

/** Calls `report` for every request of this page or worker, from its start. A page's own document is one of them. */
export function observeRequests(report: (asked: NetworkRequest) => void): void {
  const tell = (entry: PerformanceEntry): void => {
    if (entry instanceof PerformanceResourceTiming && /^https?:/.test(entry.name)) report(asked(entry));
  };
  performance.getEntriesByType('navigation').forEach(tell);
  new PerformanceObserver((list) => list.getEntries().forEach(tell)).observe({
    type: 'resource',
    buffered: true,
  });
}

function asked({
  name,
  workerStart,
  transferSize,
  decodedBodySize,
}: Pick<
  PerformanceResourceTiming,
  'name' | 'workerStart' | 'transferSize' | 'decodedBodySize'
>): NetworkRequest {
  const own = new URL(name).origin === location.origin;
  // The service worker answers for our own origin, and reports itself what it has to ask the network for. The browser's cache has a
  // body and no transfer. The browser does not tell this for other origins, so each counts as the network.
  const kept = own && (workerStart > 0 || (transferSize === 0 && decodedBodySize > 0));
  return { url: name.replace(/#.*$/, ''), answer: kept ? 'kept' : 'network', bytes: kept ? 0 : transferSize };
}
