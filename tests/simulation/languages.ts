/** Owns the two languages in which a client of the simulation speaks: its frames are those of the native dialect in both. */

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

/** Writes what a client says and reads what it is told. */
export interface Language {
  readonly name: 'native' | 'stomp';
  readonly subprotocol: string;
  readonly write: (frame: Frame) => string;
  /** Undefined for what is no frame, such as a heartbeat. */
  readonly read: (octets: Uint8Array) => Frame | undefined;
}

const decoder = new TextDecoder();

export const NATIVE: Language = {
  name: 'native',
  subprotocol: 'tideway.v1',
  write: (frame) => JSON.stringify(frame),
  read: (octets) => JSON.parse(decoder.decode(octets)) as Frame,
};

/** STOMP 1.2; what a receipt is about stands in its name. */
export const STOMP: Language = {
  name: 'stomp',
  subprotocol: 'v12.stomp',
  write: writeStomp,
  read: (octets) => readStomp(decoder.decode(octets)),
};

function stomp(command: string, headers: Readonly<Record<string, unknown>>, body = ''): string {
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:${String(value).replaceAll(':', '\\c')}\n`);
  return `${command}\n${lines.join('')}\n${body}\0`;
}

function writeStomp(frame: Frame): string {
  const { destination, cursor, messageId, id } = frame;
  const receipt = `${frame.type} ${String(frame.type === 'send' ? id : destination)}`;
  switch (frame.type) {
    case 'connect':
      return stomp('CONNECT', { 'accept-version': '1.2', host: 'localhost' });
    case 'subscribe':
      return stomp('SUBSCRIBE', {
        id: destination,
        destination,
        'tideway-cursor': cursor,
        receipt,
      });
    case 'unsubscribe':
      return stomp('UNSUBSCRIBE', { id: destination, receipt });
    case 'send': {
      const type = { 'content-type': 'application/json', 'tideway-message-id': messageId };
      return stomp('SEND', { destination, receipt, ...type }, JSON.stringify(frame['body']));
    }
    default:
      throw new Error(`no word for ${frame.type}`);
  }
}

function readStomp(text: string): Frame | undefined {
  if (text.trim() === '') return undefined;
  const head = text.slice(0, text.indexOf('\n\n'));
  const body = text.slice(head.length + 2, text.lastIndexOf('\0'));
  const [command = '', ...lines] = head.split('\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replaceAll('\\c', ':')] as const;
    }),
  );
  const position = {
    epoch: headers.get('tideway-epoch'),
    offset: numberOf(headers.get('tideway-offset')),
  };
  switch (command) {
    case 'CONNECTED':
      return { type: 'connected' };
    case 'RECEIPT':
      return receiptOf(headers, position);
    case 'MESSAGE': {
      const destination = headers.get('destination');
      const subscription = headers.get('subscription');
      const frame = {
        type: 'publication',
        destination,
        ...position,
        body: JSON.parse(body) as unknown,
      };
      return subscription === destination ? frame : { ...frame, subscription };
    }
    case 'ERROR':
      // Whether it may come back, the close code says.
      return { type: 'disconnect', code: headers.get('tideway-code'), mayReconnect: true };
    default:
      throw new Error(`the server said ${command}`);
  }
}

function receiptOf(headers: ReadonlyMap<string, string>, position: object): Frame {
  const [word = '', what = ''] = (headers.get('receipt-id') ?? '').split(' ');
  if (word === 'send') return { type: 'receipt', id: Number(what), ...position };
  if (word === 'unsubscribe') return { type: 'unsubscribed', destination: what };
  const recovered = headers.get('tideway-recovered');
  const frame = { type: 'subscribed', destination: what, cursor: headers.get('tideway-cursor') };
  return recovered === undefined ? frame : { ...frame, recovered: recovered === 'true' };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
