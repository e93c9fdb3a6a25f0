/** Owns the mappings of a server whose handlers are HTTP back ends. */
import { HttpForwarder, type ForwardEnvironment, type ForwardOptions } from '../http/index.js';
import {
  forwardingHandler,
  type AppMount,
  type Forwarder,
  type MappingOptions,
} from '../mounts/app/index.js';

/** Makes them, and ends them all. */
export class Forwards {
  readonly #app: AppMount;
  readonly #environment: ForwardEnvironment;
  readonly #forwarders: Forwarder[] = [];

  constructor(app: AppMount, environment: ForwardEnvironment) {
    this.#app = app;
    this.#environment = environment;
  }

  /** Throws a RangeError for options that cannot be meant, a RequestError for a pattern that is none. */
  map(pattern: string, options: ForwardOptions): void {
    const forwarder = new HttpForwarder(options, this.#environment);
    const { concurrency, sendTo, sendToUser } = options;
    const mapping: MappingOptions<undefined> = {
      ...(concurrency !== undefined && { concurrency }),
      ...(sendTo !== undefined && { sendTo }),
      ...(sendToUser !== undefined && { sendToUser }),
    };
    this.#app.map(pattern, mapping, forwardingHandler(forwarder));
    this.#forwarders.push(forwarder);
  }

  close(): void {
    for (const forwarder of this.#forwarders) forwarder.close();
  }
}
