/** Owns the page's one connection: the only file that knows the client library. */
import { Client, ClientError } from 'tideway/client';
import type { Reach } from './kept-messages.js';

export interface ConnectionChange {
  readonly state: 'disconnected' | 'connecting' | 'connected';
  /** For people; empty when there is nothing to say. */
  readonly reason: string;
  /** When the next attempt begins; absent when there will be none, or one is under way. */
  readonly retryInMs: number | undefined;
}

/** Whether something can be sent: now, later, or never again on this page. */
export function reachOf({ state, retryInMs }: ConnectionChange): Reach {
  if (state === 'connected') return 'there';
  return state === 'connecting' || retryInMs !== undefined ? 'away' : 'gone';
}

export interface Delivery {
  readonly body: unknown;
  /** Names the publication's place in its topic; undefined where it has none. */
  readonly position: string | undefined;
  readonly publishedAtMs: number | undefined;
}

export interface Listener {
  onDelivery(delivery: Delivery): void;
  /** Live from here on. `undefined`: there was nothing to catch up with. */
  onLive?(recovered: boolean | undefined): void;
  onRefused?(reason: string): void;
}

/**
 * What became of a send. `unknown`: the connection was cut before the answer; it is not repeated. `draining`: a server that
 * is about to close did not take it; the next one may.
 */
export type SendOutcome =
  | { readonly outcome: 'accepted'; readonly position: string | undefined }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'draining' }
  | { readonly outcome: 'refused'; readonly reason: string };

export class Connection {
  readonly url: string;
  readonly #client: Client;
  readonly #door = new Door();
  readonly #deliveryListeners: (() => void)[] = [];

  constructor(location: Location) {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.url = `${scheme}//${location.host}/ws`;
    this.#client = new Client({ url: this.url, WebSocket: this.#door.webSocket });
  }

  /** Connects and stays so; `onChange` tells how it goes. */
  open(): void {
    void this.#client.connect();
  }

  onChange(listener: (change: ConnectionChange) => void): void {
    this.#client.onState(({ state, reason, retryInMs }) => listener({ state, reason, retryInMs }));
  }

  /** Called at every delivery to any subscription. */
  onAnyDelivery(listener: () => void): void {
    this.#deliveryListeners.push(listener);
  }

  /** Answers a function that ends the subscription. */
  subscribe(destination: string, listener: Listener): () => void {
    const subscription = this.#client.subscribe(destination, {
      onPublication: ({ body, epoch, offset, publishedAtMs }) => {
        for (const counted of this.#deliveryListeners) counted();
        listener.onDelivery({ body, position: positionName({ epoch, offset }), publishedAtMs });
      },
      onSubscribed: ({ recovered }) => listener.onLive?.(recovered),
      onError: (error) => listener.onRefused?.(words(error)),
    });
    return () => subscription.unsubscribe();
  }

  async send(destination: string, body: unknown): Promise<SendOutcome> {
    try {
      const receipt = await this.#client.send(destination, body);
      return { outcome: 'accepted', position: positionName(receipt) };
    } catch (error) {
      if (error instanceof ClientError && error.isOutcomeUnknown) return { outcome: 'unknown' };
      if (error instanceof ClientError && error.code === 'server/draining') {
        return { outcome: 'draining' };
      }
      return { outcome: 'refused', reason: words(error) };
    }
  }

  async request(destination: string, body: unknown): Promise<unknown> {
    const reply = await this.#client.request(destination, body);
    return reply.body;
  }

  /** Breaks the connection under the client's feet, and keeps it broken for a while. */
  cutFor(durationMs: number): void {
    this.#door.shut();
    setTimeout(() => this.#door.open(), durationMs);
  }
}

/** The way to the network, which the visitor may shut to see what happens then. */
class Door {
  #isShut = false;
  #socket: WebSocket | undefined;

  /** The browser's own WebSocket, except that it comes to nothing while the door is shut. */
  get webSocket(): typeof WebSocket {
    const pass = (socket: WebSocket): void => {
      this.#socket = socket;
      if (this.#isShut) socket.close();
    };
    return class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        pass(this);
      }
    };
  }

  shut(): void {
    this.#isShut = true;
    this.#socket?.close();
  }

  open(): void {
    this.#isShut = false;
  }
}

function positionName(position: {
  epoch?: string | undefined;
  offset?: number | undefined;
}): string | undefined {
  const { epoch, offset } = position;
  return epoch === undefined || offset === undefined ? undefined : `${epoch}:${offset}`;
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
