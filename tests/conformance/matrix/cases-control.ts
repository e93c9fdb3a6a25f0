/** Cases of RFC 6455 §5.2 and §5.5: reserved bits, reserved opcodes, pings, pongs, and what a control frame must not be. */
import {
  ascii,
  binary,
  chopName,
  close,
  fragments,
  frame,
  octets,
  ping,
  pong,
  text,
  type Case,
} from './case.js';
import { BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, type Frame } from './frames.js';

const CHOPS = ['blob', 'frame', 'octet'] as const;

const NAMES: readonly (readonly [string, number])[] = [
  ['text', TEXT],
  ['binary', BINARY],
  ['continuation', CONTINUATION],
  ['close', CLOSE],
  ['ping', PING],
  ['pong', PONG],
];

/** RFC 6455 §5.2: a reserved bit that no extension has taken fails the connection. */
function reservedBits(): Case[] {
  return [1, 2, 3, 4, 5, 6, 7].flatMap((bits) =>
    NAMES.flatMap(([name, opcode]) =>
      (['blob', 'octet'] as const).map((chop): Case => {
        // A continuation needs a message to continue, or it is wrong for another reason.
        const before = opcode === CONTINUATION ? frame(TEXT, 'begin') : text('before');
        const payload = opcode === CLOSE ? close(1000).payload : Buffer.from('bits');
        return {
          id: `§5.2 reserved bits ${bits.toString(2).padStart(3, '0')} in ${name}, ${chopName(chop)}`,
          frames: [before, frame(FIN | (bits << 4) | opcode, payload), ping('after')],
          chop,
          expected: 1002,
          ending: 'nothing',
        };
      }),
    ),
  );
}

/** RFC 6455 §5.2: an opcode that is not defined fails the connection. */
function reservedOpcodes(): Case[] {
  return [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) =>
    [Buffer.alloc(0), ascii(8)].flatMap((payload) =>
      [true, false].flatMap((isFinal) =>
        CHOPS.map((chop): Case => ({
          id: `§5.2 reserved opcode ${opcode}, ${payload.length} octets${isFinal ? '' : ', no FIN'}, ${chopName(chop)}`,
          frames: [text('before'), frame((isFinal ? FIN : 0) | opcode, payload), ping('after')],
          chop,
          expected: 1002,
          ending: 'nothing',
        })),
      ),
    ),
  );
}

/** RFC 6455 §5.5.2 and §5.5.3: a Pong for a Ping, with its payload; nothing for a Pong. */
function pings(): Case[] {
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['an empty ping', [ping()]],
    ['a ping of one octet', [ping('p')]],
    ['a ping of text', [ping('Hello, world!')]],
    ['a ping of octets that are no text', [ping(Buffer.of(0, 255, 254, 253, 252, 251, 0, 255))]],
    ['a ping of 124 octets', [ping(octets(124))]],
    ['a ping of 125 octets', [ping(octets(125))]],
    ['ten pings', Array.from({ length: 10 }, (_, index) => ping(`payload-${index}`))],
    ['a pong that nobody asked for', [pong()]],
    ['a pong with a payload that nobody asked for', [pong('unsolicited')]],
    ['a pong of 125 octets', [pong(octets(125))]],
    ['a pong that nobody asked for, then a ping', [pong('unsolicited'), ping('asked')]],
    ['pings and pongs in turn', [ping('1'), pong('2'), ping('3'), pong('4')]],
    ['a ping between two messages', [text('one'), ping('p'), text('two')]],
    ['a ping, then binary', [ping(octets(64)), binary(octets(64))]],
  ];
  return rows.flatMap(([name, frames]) =>
    CHOPS.map((chop): Case => ({
      id: `§5.5.2 ${name}, ${chopName(chop)}`,
      frames,
      chop,
      expected: 1000,
    })),
  );
}

/** RFC 6455 §5.5: 125 octets or less, never fragmented. */
function wrongControls(): Case[] {
  const long = [126, 127, 1000, 65_536].flatMap((size) =>
    [CLOSE, PING, PONG].map((opcode): readonly [string, readonly Frame[]] => [
      `a control frame of opcode ${opcode} with ${size} octets`,
      [frame(FIN | opcode, octets(size))],
    ]),
  );
  const torn = [CLOSE, PING, PONG].flatMap((opcode): (readonly [string, readonly Frame[]])[] => [
    [`opcode ${opcode} without FIN`, [frame(opcode, opcode === CLOSE ? close(1000).payload : 'x')]],
    [`opcode ${opcode} without FIN, then a continuation`, fragments(opcode, ['ab', 'cd'])],
    [
      `opcode ${opcode} without FIN inside a message`,
      [frame(TEXT, 'begin'), frame(opcode), frame(FIN | CONTINUATION)],
    ],
  ]);
  // A length that a control frame cannot have, in the form that it must not have.
  const forms = [PING, PONG, CLOSE].flatMap((opcode) =>
    ([16, 64] as const).map((lengthForm): readonly [string, readonly Frame[]] => [
      `opcode ${opcode}, a short length in ${lengthForm} bits`,
      [{ ...frame(FIN | opcode, close(1000).payload), lengthForm }],
    ]),
  );
  return [...long, ...torn, ...forms].flatMap(([name, frames]) =>
    (['blob', 'octet'] as const)
      .filter((chop) => chop === 'blob' || frames.every(({ payload }) => payload.length < 2000))
      .map((chop): Case => ({
        id: `§5.5 ${name}, ${chopName(chop)}`,
        frames: [text('before'), ...frames, ping('after')],
        chop,
        expected: 1002,
        ending: 'nothing',
      })),
  );
}

/** What the application of the endpoint sends: the frames that its API promises (RFC 6455 §5.4, §5.5, §6.1). */
function sending(): Case[] {
  const rows: readonly (readonly [string, NonNullable<Case['act']>])[] = [
    ['a ping', (socket) => socket.ping('ours')],
    ['an empty ping', (socket) => socket.ping()],
    ['a pong', (socket) => socket.pong('ours')],
    ['text', (socket) => socket.send('tëxt')],
    ['empty text', (socket) => socket.send('')],
    ['binary', (socket) => socket.send(Buffer.of(1, 2, 3))],
    ['octets as text', (socket) => socket.send(Buffer.from('as text'), { binary: false })],
    ['text as octets', (socket) => socket.send('as octets', { binary: true })],
    ['125 octets', (socket) => socket.send(octets(125))],
    ['126 octets', (socket) => socket.send(octets(126))],
    ['65,535 octets', (socket) => socket.send(octets(65_535))],
    ['65,536 octets', (socket) => socket.send(octets(65_536))],
    [
      'three fragments with a ping between',
      (socket) => {
        socket.send('one', { fin: false });
        socket.ping('between');
        socket.send('two', { fin: false });
        socket.send('three');
      },
    ],
    [
      'binary in empty fragments',
      (socket) => {
        socket.send(Buffer.alloc(0), { fin: false });
        socket.send(Buffer.alloc(0));
      },
    ],
  ];
  return rows.map(([name, act]) => ({
    id: `§6.1 sending ${name}`,
    frames: [],
    act,
    expected: 1000,
  }));
}

export const controlCases: readonly Case[] = [
  ...reservedBits(),
  ...reservedOpcodes(),
  ...pings(),
  ...wrongControls(),
  ...sending(),
];
