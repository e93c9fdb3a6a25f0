/** Cases of RFC 6455 §7: the closing handshake from either side, every class of close codes, and ends without one. */
import {
  ascii,
  binary,
  chopName,
  close,
  frame,
  octets,
  ping,
  pong,
  text,
  wide,
  type Case,
} from './case.js';
import { CLOSE, CONTINUATION, FIN, TEXT, type Frame } from './frames.js';

const CHOPS = ['blob', 'frame', 'octet'] as const;

const GOOD_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3003, 3008,
  3999, 4000, 4001, 4999,
];
const BAD_CODES = [
  0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 32_768, 65_535,
];

/** RFC 6455 §7.4: what may stand in a Close frame is echoed, what must not fails the connection. */
function codes(): Case[] {
  const good = GOOD_CODES.flatMap((code) =>
    ['', 'reason'].flatMap((reason) =>
      (['blob', 'octet'] as const).map((chop): Case => ({
        id: `§7.4 code ${code}${reason === '' ? '' : ' with a reason'}, ${chopName(chop)}`,
        frames: [close(code, reason)],
        chop,
        ending: 'nothing',
        expected: code,
      })),
    ),
  );
  const bad = BAD_CODES.flatMap((code) =>
    ['', 'reason'].flatMap((reason) =>
      (['blob', 'octet'] as const).map((chop): Case => ({
        id: `§7.4 code ${code}${reason === '' ? '' : ' with a reason'}, ${chopName(chop)}`,
        frames: [close(code, reason)],
        chop,
        ending: 'nothing',
        expected: 1002,
      })),
    ),
  );
  return [...good, ...bad];
}

/** RFC 6455 §5.5.1: the body of a Close frame. */
function bodies(): Case[] {
  const rows: readonly (readonly [string, Frame, Case['expected']])[] = [
    ['no body', close(), 'empty'],
    ['a body of one octet', frame(FIN | CLOSE, Buffer.of(3)), 1002],
    ['a reason of 1 octet', close(1000, 'r'), 1000],
    ['a reason of 122 octets', close(1000, ascii(122)), 1000],
    ['a reason of 123 octets', close(1000, ascii(123)), 1000],
    ['a reason of 123 octets of wide text', close(1000, wide(123)), 1000],
    ['a reason of 124 octets', close(1000, ascii(124)), 1002],
    ['a reason that is no text', close(1000, octets(123)), 1007],
    // The code is looked at first: whoever sends a wrong one does not speak the protocol at all.
    ['a wrong code and a reason that is no text', close(1005, Buffer.of(255)), 1002],
  ];
  return rows.flatMap(([name, body, expected]) =>
    CHOPS.map((chop): Case => ({
      id: `§5.5.1 ${name}, ${chopName(chop)}`,
      frames: [text('before'), body],
      chop,
      ending: 'nothing',
      expected,
    })),
  );
}

/** RFC 6455 §5.5.1 and §1.4: what comes after a Close frame is not looked at. */
function afterwards(): Case[] {
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['text', [text('late')]],
    ['binary', [binary(octets(1000))]],
    ['a ping', [ping('late')]],
    ['a pong', [pong('late')]],
    ['another Close frame', [close(3000, 'second')]],
    ['a frame with reserved bits', [frame(0xf1, 'late')]],
    ['a frame with a wrong mask', [{ ...text('late'), isMaskWrong: true }]],
    ['half a frame', [{ ...text('late'), declared: 100n }]],
    ['a message too large', [{ ...binary(), declared: 1n << 40n }]],
    ['a flood', Array.from({ length: 200 }, () => ping('late'))],
  ];
  return rows.map(([name, late]) => ({
    id: `§7.1.4 after the peer's Close frame: ${name}`,
    frames: [text('before'), close(1000, 'bye'), ...late],
    ending: 'nothing',
    expected: 1000,
  }));
}

/** RFC 6455 §5.4: a message that a Close frame cuts is gone. */
function inside(): Case[] {
  return CHOPS.flatMap((chop): Case[] => [
    {
      id: `§7.1.4 a Close frame inside a fragmented message, ${chopName(chop)}`,
      frames: [frame(TEXT, 'begin'), frame(CONTINUATION, 'more'), close(1000)],
      chop,
      ending: 'nothing',
      expected: 1000,
    },
    {
      id: `§7.1.4 a Close frame inside a fragmented message that goes on, ${chopName(chop)}`,
      frames: [frame(TEXT, 'begin'), close(1000), frame(FIN | CONTINUATION, 'end')],
      chop,
      ending: 'nothing',
      expected: 1000,
    },
  ]);
}

/** The endpoint begins (RFC 6455 §7.1.2): what it sends, and what it makes of every kind of answer. */
function begun(): Case[] {
  const ours = [undefined, 1000, 1001, 1008, 1011, 1012, 3000, 4999].flatMap((code) =>
    (code === undefined ? [''] : ['', 'tschüß', 'r'.repeat(123)]).map((reason): Case => ({
      id:
        `§7.1.2 the endpoint closes with ${code ?? 'no code'}` +
        (reason === '' ? '' : ` and a reason of ${Buffer.byteLength(reason)} octets`),
      frames: [],
      act: (socket) => (code === undefined ? socket.close() : socket.close(code, reason)),
      afterClose: [close(code === undefined || code < 3000 ? undefined : code, reason.slice(0, 0))],
      ending: 'nothing',
      expected: code ?? 'empty',
    })),
  );
  const answers: readonly (readonly [string, readonly Frame[]])[] = [
    ['the same code', [close(3000)]],
    ['another code', [close(4000, 'another')]],
    ['no code', [close()]],
    ['a wrong code', [close(1005)]],
    ['a body of one octet', [frame(FIN | CLOSE, Buffer.of(1))]],
    ['a reason that is no text', [close(3000, Buffer.of(0xff))]],
    ['messages, then the same code', [text('late'), binary(octets(200)), close(3000)]],
    ['a ping, then the same code', [ping('late'), close(3000)]],
    ['a violation', [frame(0xf1, 'late')]],
    ['text that is no text', [text(Buffer.of(0xff))]],
  ];
  return [
    ...ours,
    ...answers.map(([name, afterClose]): Case => ({
      id: `§7.1.2 the endpoint closes with 3000, the peer answers with ${name}`,
      frames: [],
      act: (socket) => socket.close(3000),
      afterClose,
      ending: 'nothing',
      expected: 3000,
    })),
    {
      id: '§5.5.1 nothing is sent behind a Close frame',
      frames: [],
      act: (socket) => {
        socket.send('before');
        socket.close(3000);
        socket.send('behind');
        socket.ping('behind');
        socket.close(4000);
      },
      afterClose: [close(3000)],
      ending: 'nothing',
      expected: 3000,
    },
    {
      id: '§7.1.1 the peer never answers a Close frame',
      frames: [],
      act: (socket) => socket.close(3000),
      options: { closeTimeoutMs: 50 },
      ending: 'nothing',
      expected: 3000,
    },
    {
      id: '§7.1.7 terminate ends without a Close frame',
      frames: [],
      act: (socket) => socket.terminate(),
      ending: 'nothing',
      expected: 'none',
    },
  ];
}

/** RFC 6455 §7.1.5: an end without a Close frame is 1006 and unclean. */
function lost(): Case[] {
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['at once', []],
    ['after a message', [text('before')]],
    ['inside a fragmented message', [frame(TEXT, 'begin')]],
    ['inside a payload', [{ ...text('half'), declared: 8n }]],
    ['inside the payload of a ping', [{ ...ping('half'), declared: 8n }]],
    ['inside the payload of a Close frame', [{ ...close(1000), declared: 8n }]],
  ];
  return rows.flatMap(([name, frames]) =>
    // What a reset overtakes may be lost, so what came before it is nobody's to tell.
    (frames.some(({ first }) => first === (FIN | TEXT))
      ? (['end'] as const)
      : (['end', 'reset'] as const)
    ).map((ending): Case => ({
      id: `§7.1.5 the peer's TCP ${ending} ${name}`,
      frames,
      ending,
      expected: 'none',
    })),
  );
}

export const closingCases: readonly Case[] = [
  ...codes(),
  ...bodies(),
  ...afterwards(),
  ...inside(),
  ...begun(),
  ...lost(),
];
