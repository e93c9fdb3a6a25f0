/** Owns a well-behaved client of either dialect: it subscribes, sends now and then, and measures how long its answers take. */
import { clientFrame, RawConnection, text } from '../raw-connection.js';

export type Dialect = 'native' | 'stomp';

/** What the clients measured, in milliseconds. */
export interface Waits {
  readonly receiptsMs: number[];
  readonly deliveriesMs: number[];
}

interface Sent {
  readonly atMs: number;
  hasReceipt: boolean;
  isDelivered: boolean;
}

const PONG = clientFrame(0x8a);
const LINE_END = text('\n');
const HEARTBEAT_MS = 1_000;
/** One message in so many goes to everybody, the others to the client itself. */
const COMMON_EVERY = 100;
const COMMON = '/topic/fair/common';

/** Sends whether or not the last message was answered, so that a long wait does not hide the ones behind it. */
export class GoodClient {
  readonly #dialect: Dialect;
  readonly #own: string;
  readonly #connection: RawConnection;
  readonly #waits: Waits;
  readonly #sent = new Map<number, Sent>();
  #rest: Buffer = Buffer.alloc(0);
  #nextId: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  #isLeaving = false;

  private constructor(connection: RawConnection, dialect: Dialect, index: number, waits: Waits) {
    this.#connection = connection;
    this.#dialect = dialect;
    this.#own = `/topic/fair/own-${index}`;
    this.#waits = waits;
    this.#nextId = index * 1_000_000 + 1;
    connection.onChunk = (chunk) => this.#received(chunk);
    this.#heartbeat = setInterval(() => {
      if (dialect === 'stomp') void connection.write(LINE_END);
    }, HEARTBEAT_MS);
  }

  /** Resolves when both subscriptions are live. */
  static async join(port: number, index: number, waits: Waits): Promise<GoodClient> {
    const dialect = index % 2 === 0 ? 'native' : 'stomp';
    const subprotocol = dialect === 'native' ? 'tideway.v1' : 'v12.stomp';
    const connection = await RawConnection.open(port, { subprotocol });
    const client = new GoodClient(connection, dialect, index, waits);
    const isLive = connection.until('"id":2');
    const isLiveInStomp = connection.until('receipt-id:live');
    for (const message of client.#greeting()) void connection.write(text(message));
    await (dialect === 'native' ? isLive : isLiveInStomp);
    return client;
  }

  /** Whether the server has ended it, which it never should. */
  get isLost(): boolean {
    return this.#connection.isClosed && !this.#isLeaving;
  }

  /** Messages that wait for a receipt or for their delivery. */
  get waitingCount(): number {
    return this.#sent.size;
  }

  /** Sends every 100 to 500 ms. */
  begin(): void {
    this.#timer = setTimeout(
      () => {
        this.send();
        this.begin();
      },
      100 + Math.random() * 400,
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  leave(): void {
    this.#isLeaving = true;
    this.stop();
    clearInterval(this.#heartbeat);
    this.#connection.close();
  }

  send(): void {
    const id = this.#nextId++;
    const destination = id % COMMON_EVERY === 0 ? COMMON : this.#own;
    this.#sent.set(id, { atMs: performance.now(), hasReceipt: false, isDelivered: false });
    const message =
      this.#dialect === 'native'
        ? `{"type":"send","id":${id},"destination":"${destination}","body":{"n":${id}}}`
        : `SEND\ndestination:${destination}\ncontent-type:application/json\nreceipt:${id}\n\n{"n":${id}}\0`;
    void this.#connection.write(text(message));
  }

  /** What has not come counts as having waited until now. */
  giveUp(): void {
    const nowMs = performance.now();
    for (const { atMs, hasReceipt, isDelivered } of this.#sent.values()) {
      if (!hasReceipt) this.#waits.receiptsMs.push(nowMs - atMs);
      if (!isDelivered) this.#waits.deliveriesMs.push(nowMs - atMs);
    }
    this.#sent.clear();
  }

  #greeting(): readonly string[] {
    if (this.#dialect === 'native') {
      return [
        `{"type":"connect","heartbeatIntervalMs":${HEARTBEAT_MS}}`,
        `{"type":"subscribe","id":1,"destination":"${this.#own}"}`,
        `{"type":"subscribe","id":2,"destination":"${COMMON}"}`,
      ];
    }
    return [
      `CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:${HEARTBEAT_MS},${HEARTBEAT_MS}\n\n\0`,
      `SUBSCRIBE\nid:0\ndestination:${this.#own}\n\n\0`,
      `SUBSCRIBE\nid:1\ndestination:${COMMON}\nreceipt:live\n\n\0`,
    ];
  }

  #received(chunk: Buffer): void {
    const octets = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (octets.length - at >= 2) {
      let [length, from] = [octets[at + 1]! & 127, at + 2];
      if (length === 126) {
        if (octets.length - at < 4) break;
        [length, from] = [octets.readUInt16BE(at + 2), at + 4];
      }
      if (octets.length < from + length) break;
      if (octets[at] === 0x89) void this.#connection.write(PONG);
      else if (octets[at] === 0x81) this.#heard(octets.toString('latin1', from, from + length));
      at = from + length;
    }
    this.#rest = octets.subarray(at);
  }

  /** A receipt, or a delivery of what it sent itself: others count in the clients that sent them. */
  #heard(message: string): void {
    const isNative = this.#dialect === 'native';
    const receipt = (
      isNative ? /^\{"type":"receipt","id":(\d+)/ : /^RECEIPT\n(?:.*\n)*?receipt-id:(\d+)/
    ).exec(message);
    if (receipt !== null) return this.#settled(Number(receipt[1]), true);
    const delivery = /\{"n":(\d+)\}/.exec(message);
    if (delivery !== null) this.#settled(Number(delivery[1]), false);
  }

  #settled(id: number, isReceipt: boolean): void {
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    const waitedMs = performance.now() - sent.atMs;
    // Either may come first.
    if (isReceipt) {
      sent.hasReceipt = true;
      this.#waits.receiptsMs.push(waitedMs);
    } else {
      sent.isDelivered = true;
      this.#waits.deliveriesMs.push(waitedMs);
    }
    if (sent.hasReceipt && sent.isDelivered) this.#sent.delete(id);
  }
}
