/** Owns a TCP link between a page and a server that a test cuts and restores, or makes lose one direction. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

type Mode = 'whole' | 'cut';

/** Listens on a loopback port of its own and passes everything on, until it is told otherwise. */
export class CuttableLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #targetPort = 0;
  #mode: Mode = 'whole';
  #losesAnswers = false;
  #losesRequests = false;
  #losesAnswersFrom: string | undefined;
  #bytesUntilCut = Infinity;
  #whenCut: () => void = () => {};
  #lostBytes = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#join(socket));
  }

  /** Made before the server, which has to know the origin of its pages; `leadTo` says where it is. */
  static async listen(): Promise<CuttableLink> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new CuttableLink(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  /** Octets of the server that never reached the page. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** Drops every connection without a farewell, and every new one until `restore`. */
  cut(): void {
    this.#mode = 'cut';
    this.#bytesUntilCut = Infinity;
    this.#losesAnswers = false;
    this.#losesAnswersFrom = undefined;
    this.#losesRequests = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets so many more octets of the server pass, wherever in a frame that ends; resolves when it is cut. */
  cutAfter(byteCount: number): Promise<void> {
    this.#bytesUntilCut = byteCount;
    return new Promise((resolve) => (this.#whenCut = resolve));
  }

  restore(): void {
    this.#mode = 'whole';
  }

  /** The server hears the page; the page hears nothing. Until it is cut. */
  loseAnswers(): void {
    this.#losesAnswers = true;
  }

  /** The page hears the server until these words are in what it says. */
  loseAnswersFrom(words: string): void {
    this.#losesAnswersFrom = words;
  }

  /** The page hears the server; the server hears nothing. Until it is cut. */
  loseRequests(): void {
    this.#losesRequests = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(page: Socket): void {
    if (this.#mode === 'cut') {
      page.destroy();
      return;
    }
    const server = connect(this.#targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [page, server],
      [server, page],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    page.on('data', (octets) => {
      if (!this.#losesRequests) server.write(octets);
    });
    server.on('data', (octets) => this.#answer(page, octets));
  }

  #answer(page: Socket, octets: Buffer): void {
    const words = this.#losesAnswersFrom;
    if (words !== undefined && octets.includes(words)) this.#losesAnswers = true;
    if (this.#losesAnswers) {
      this.#lostBytes += octets.length;
      return;
    }
    if (octets.length < this.#bytesUntilCut) {
      this.#bytesUntilCut -= octets.length;
      page.write(octets);
      return;
    }
    const last = octets.subarray(0, this.#bytesUntilCut);
    this.#lostBytes += octets.length - last.length;
    this.#mode = 'cut';
    this.#bytesUntilCut = Infinity;
    // Ended, not destroyed: what passed before the cut does arrive.
    page.end(last, () => this.cut());
    this.#whenCut();
  }
}
