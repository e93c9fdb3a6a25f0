/** Owns forwarding to one HTTP back end: in its turn, within its time, to an address that is allowed. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { Cancellation, RequestError } from '../foundation/index.js';
import type { CancellationSignal, Clock, Log, Metrics, Timers } from '../foundation/index.js';
import type { Message } from '../message/index.js';
import type { ForwardedMessage, Forwarder } from '../mounts/app/index.js';
import {
  AddressGuard,
  guardedLookup,
  RefusedAddress,
  requireAllowed,
  systemResolve,
  type Resolve,
} from './forward-address.js';
import { forwardFailure, valueOf, type HttpAnswer } from './forward-answer.js';
import { post, type Exchange } from './forward-exchange.js';
import { ForwardGate } from './forward-gate.js';
import { forwardTargetOf, type ForwardOptions, type ForwardTarget } from './forward-options.js';
import { forwardHeadersOf, signatureOf } from './forward-request.js';

/** What all forwarders of a server share. */
export interface ForwardEnvironment {
  readonly time: Clock & Timers;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Octets of an answer; a longer one is `forward/failed`. */
  readonly maxMessageBytes: number;
  /** Default: the operating system's. */
  readonly resolve?: Resolve;
}

/**
 * A connection that nobody uses is closed after so long, before the back end does: a message that meets a closing one is lost.
 * Node closes them after five seconds, gunicorn after two.
 */
const FREE_CONNECTION_MS = 1_000;

/** How a forwarded message came out, as it is counted. */
type Outcome = 'answered' | 'refused' | 'failed' | 'timeout' | 'busy' | 'cancelled';

/** One back end. */
export class HttpForwarder implements Forwarder {
  readonly #target: ForwardTarget;
  readonly #environment: ForwardEnvironment;
  readonly #gate: ForwardGate;
  readonly #agent: HttpAgent;
  readonly #closing = new Cancellation();

  /** Throws a RangeError for options that cannot be meant, an address that is refused among them. */
  constructor(options: ForwardOptions, environment: ForwardEnvironment) {
    const target = forwardTargetOf(options);
    const { url, allowPrivate, maxConcurrency, maxWaitingCount } = target;
    const guard = new AddressGuard();
    requireAllowedLiteral(guard, url, allowPrivate);
    this.#target = target;
    this.#environment = environment;
    this.#gate = new ForwardGate(maxConcurrency, maxWaitingCount);
    const Agent = url.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: maxConcurrency,
      timeout: FREE_CONNECTION_MS,
      lookup: guardedLookup(guard, allowPrivate, environment.resolve ?? systemResolve),
    });
  }

  async forward(
    message: ForwardedMessage,
    cancellation: CancellationSignal | undefined,
  ): Promise<Message | undefined> {
    let outcome: Outcome = 'failed';
    try {
      const exchange = this.#exchangeOf(message);
      const value = valueOf(await this.#run(exchange, cancellation));
      outcome = 'answered';
      return value;
    } catch (error) {
      const refusal = this.#refusalOf(error, message.destination);
      outcome = outcomeOf(refusal);
      throw refusal;
    } finally {
      this.#environment.metrics.count('forwards', { outcome });
    }
  }

  close(): void {
    this.#closing.cancel();
    this.#agent.destroy();
  }

  #exchangeOf(message: ForwardedMessage): Exchange {
    const { url, secret, headers } = this.#target;
    const { body } = message.message;
    const isEmpty = message.operation === 'subscribe';
    const octets = isEmpty ? new Uint8Array() : body;
    const own = forwardHeadersOf(message, this.#environment.time.nowMs());
    return {
      url,
      request: url.protocol === 'https:' ? httpsRequest : httpRequest,
      options: {
        agent: this.#agent,
        headers: {
          'user-agent': 'tideway',
          'accept-encoding': 'identity',
          ...headers,
          ...own,
          ...(secret !== undefined && { 'tideway-signature': signatureOf(own, octets, secret) }),
          'content-length': octets.length,
        },
      },
      body: octets,
      maxAnswerBytes: this.#environment.maxMessageBytes,
    };
  }

  /** Waits for a turn, then for the answer. Whatever ends it, everything that it holds is given back. */
  #run(exchange: Exchange, cancellation: CancellationSignal | undefined): Promise<HttpAnswer> {
    const { time, metrics } = this.#environment;
    const { timeoutMs } = this.#target;
    return new Promise((resolve, reject) => {
      const endings: (() => void)[] = [];
      let isOver = false;
      const end = (): void => {
        isOver = true;
        for (const ending of endings.splice(0)) ending();
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const answered = (answer: HttpAnswer): void => {
        end();
        resolve(answer);
      };
      const start = (): void => {
        try {
          // Ended before the place is given up, so that there are never more exchanges than places.
          endings.unshift(post(exchange, { answered, failed: fail }));
        } catch (error) {
          fail(error);
        }
      };
      if (this.#closing.isCancelled) return fail(forwardFailure());
      if (this.#gate.isFull) metrics.count('limit_reached', { limit: 'maxConcurrency' });
      const leave = this.#gate.enter(start);
      if (leave === undefined) return fail(this.#busy());
      if (isOver) return leave();
      endings.push(
        leave,
        time.after(timeoutMs, () => fail(this.#timeout())),
        this.#closing.onCancelled(() => fail(forwardFailure())),
      );
      if (cancellation === undefined) return;
      const gone = new RequestError('request/cancelled', 'nobody waits for this any more');
      endings.push(cancellation.onCancelled(() => fail(gone)));
    });
  }

  #busy(): RequestError {
    this.#environment.metrics.count('limit_reached', { limit: 'maxWaitingCount' });
    const { maxConcurrency, maxWaitingCount } = this.#target;
    return new RequestError(
      'app/busy',
      `the back end has ${maxConcurrency} messages, and ${maxWaitingCount} wait (maxWaitingCount)`,
    );
  }

  #timeout(): RequestError {
    this.#environment.metrics.count('limit_reached', { limit: 'timeoutMs' });
    const { timeoutMs } = this.#target;
    return new RequestError(
      'forward/timeout',
      `the back end of this destination did not answer within ${timeoutMs} ms; try again`,
    );
  }

  /** The words of sockets and of name servers stay in the log. */
  #refusalOf(error: unknown, destination: string): RequestError {
    const refusal = error instanceof RequestError ? error : this.#failureOf(error);
    const outcome = outcomeOf(refusal);
    if (outcome === 'failed' || outcome === 'timeout') {
      const { origin, pathname } = this.#target.url;
      const fields = { destination, backEnd: origin + pathname, error: refusal.cause ?? refusal };
      this.#environment.log.warn('a message could not be forwarded', fields);
    }
    return refusal;
  }

  #failureOf(cause: unknown): RequestError {
    if (!(cause instanceof RefusedAddress)) return forwardFailure(cause);
    return new RequestError(
      'forward/refused-address',
      'the back end of this destination is at an address that the server does not forward to',
      { cause },
    );
  }
}

/** A name is judged when it has been resolved; an address can be at once, whichever way it was spelled. */
function requireAllowedLiteral(guard: AddressGuard, url: URL, allowPrivate: boolean): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0) return;
  try {
    requireAllowed(guard, [host], url.host, allowPrivate);
  } catch (cause) {
    throw new RangeError(`url: ${(cause as RefusedAddress).message}`, { cause });
  }
}

function outcomeOf({ code, number }: RequestError): Outcome {
  if (code === 'forward/timeout') return 'timeout';
  if (code === 'app/busy') return 'busy';
  if (code === 'request/cancelled') return 'cancelled';
  return number < 500 ? 'refused' : 'failed';
}
