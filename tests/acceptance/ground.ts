/** Owns the ground that raw clients stand on: their connections, which end together. */
import { RawConnection, text, type OpenOptions } from './raw-connection.js';

const OPEN_AT_ONCE = 200;

/** Opens connections of both dialects. */
export class Ground {
  readonly port: number;
  /** Part of a destination that no other ground uses. */
  readonly mark: string;
  readonly #connections: RawConnection[] = [];
  #isOver = false;

  constructor(port: number, mark: string) {
    this.port = port;
    this.mark = mark;
  }

  async open(options: OpenOptions = {}): Promise<RawConnection> {
    const connection = this.bare();
    await connection.upgrade(options);
    return connection;
  }

  /** A TCP connection without a handshake. Throws once it is over. */
  bare(): RawConnection {
    if (this.#isOver) throw new Error('the ground is given up');
    const connection = RawConnection.bare(this.port);
    this.#connections.push(connection);
    return connection;
  }

  async stomp(): Promise<RawConnection> {
    const connection = await this.open({ subprotocol: 'v12.stomp' });
    const connected = connection.until('CONNECTED');
    void connection.write(text('CONNECT\naccept-version:1.2\nhost:localhost\n\n\0'));
    await connected;
    return connection;
  }

  async native(): Promise<RawConnection> {
    const connection = await this.open({ subprotocol: 'tideway.v1' });
    const connected = connection.until('"connected"');
    void connection.write(text('{"type":"connect"}'));
    await connected;
    return connection;
  }

  /** Opens many, some at a time. */
  async many(
    count: number,
    open: (index: number) => Promise<RawConnection>,
  ): Promise<RawConnection[]> {
    const opened: RawConnection[] = [];
    while (opened.length < count) {
      const length = Math.min(OPEN_AT_ONCE, count - opened.length);
      const from = opened.length;
      opened.push(...(await Promise.all(Array.from({ length }, (_, index) => open(from + index)))));
    }
    return opened;
  }

  /** Whatever waits for an answer or for the kernel goes on, and finds its connection closed. */
  end(): void {
    this.#isOver = true;
    this.closeAll();
  }

  closeAll(): void {
    for (const connection of this.#connections.splice(0)) connection.close();
  }
}
