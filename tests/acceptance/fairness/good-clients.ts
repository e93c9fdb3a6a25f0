/** Owns the process of the well-behaved clients: half of them native, half STOMP, and what they measured. */
import { answer } from '../child.js';
import { GoodClient, type Waits } from './good-client.js';
import { RawConnection, text } from '../raw-connection.js';

export interface ClientsReport {
  readonly receiptCount: number;
  readonly longestReceiptMs: number;
  readonly p999ReceiptMs: number;
  readonly p50ReceiptMs: number;
  readonly p999DeliveryMs: number;
  /** Clients that the server ended. */
  readonly lostCount: number;
}

const waits: Waits = { receiptsMs: [], deliveriesMs: [] };
const clients: GoodClient[] = [];
let port = 0;
let newcomerCount = 0;

async function join(argument: { port: number; count: number }): Promise<number> {
  port = argument.port;
  for (let index = 0; index < argument.count; index++) {
    clients.push(await GoodClient.join(port, index + 1, waits));
  }
  for (const client of clients) client.begin();
  return clients.length;
}

function begin(): void {
  waits.receiptsMs.length = 0;
  waits.deliveriesMs.length = 0;
}

/** Stops sending, and reports once all that was sent is answered or the time is over. */
async function report({ withinMs }: { withinMs: number }): Promise<ClientsReport> {
  const untilMs = performance.now() + withinMs;
  for (const client of clients) client.stop();
  const isWaiting = (): boolean =>
    clients.some((client) => client.waitingCount > 0 && !client.isLost);
  while (isWaiting() && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const client of clients) client.giveUp();
  const receipts = waits.receiptsMs.toSorted((a, b) => a - b);
  const deliveries = waits.deliveriesMs.toSorted((a, b) => a - b);
  return {
    receiptCount: receipts.length,
    longestReceiptMs: receipts.at(-1) ?? Infinity,
    p999ReceiptMs: quantile(receipts, 0.999),
    p50ReceiptMs: quantile(receipts, 0.5),
    p999DeliveryMs: quantile(deliveries, 0.999),
    lostCount: clients.filter((client) => client.isLost).length,
  };
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Infinity;
}

/** Whether somebody new can connect, open a topic that nobody knows, send to it and receive. */
async function newcomer(): Promise<boolean> {
  newcomerCount += 1;
  const topic = `/topic/new/${process.pid}-${newcomerCount}`;
  const connection = await RawConnection.open(port, { subprotocol: 'tideway.v1' });
  const publication = connection.until('"type":"publication"', 8_000);
  const receipt = connection.until('"type":"receipt"', 8_000);
  void connection.write(text(`{"type":"subscribe","id":1,"destination":"${topic}"}`));
  void connection.write(text(`{"type":"send","id":2,"destination":"${topic}","body":1}`));
  const seen = await Promise.all([publication, receipt]);
  connection.close();
  return seen.every((one) => one === 'seen');
}

function leave(): void {
  for (const client of clients.splice(0)) client.leave();
}

answer({ join, begin, report, newcomer, leave });
