/** Owns which mappings of a server are forwarded to back ends. */
import { HttpForwarder, type ForwardEnvironment, type ForwardOptions } from '../http/index.js';
import { forwardingHandler, type AppMount, type Forwarder } from '../mounts/app/index.js';

/** Maps each pattern, and answers what is to be closed. Throws for a pattern or for options that are none, naming the pattern. */
export function mapForwards(
  app: AppMount,
  forwards: Readonly<Record<string, ForwardOptions>>,
  environment: ForwardEnvironment,
): readonly Forwarder[] {
  return Object.entries(forwards).map(([pattern, options]) => {
    const forwarder = forwarderFor(pattern, options, environment);
    app.map(
      pattern,
      { concurrency: options.concurrency ?? 'serial' },
      forwardingHandler(forwarder),
    );
    return forwarder;
  });
}

function forwarderFor(
  pattern: string,
  options: ForwardOptions,
  environment: ForwardEnvironment,
): Forwarder {
  try {
    return new HttpForwarder(options, environment);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`app[${JSON.stringify(pattern)}]: ${error.message}`, { cause: error });
  }
}
