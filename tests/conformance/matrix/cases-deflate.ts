/** Cases of RFC 7692: sizes by window sizes by takeover by fragments, what compressed data may look like, and what it must not. */
import { deflateRawSync } from 'node:zlib';
import {
  NOTHING,
  ascii,
  binary,
  chopName,
  close,
  frame,
  octets,
  partsOf,
  ping,
  text,
  wide,
  type Case,
} from './case.js';
import { Compressor, RSV1, compressedFrames, type Direction } from './compression.js';
import { BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, type Frame } from './frames.js';

/** One agreement, the same for both directions. */
interface Agreement {
  readonly name: string;
  readonly direction: Direction;
}

const AGREEMENTS: readonly Agreement[] = [
  ['takeover, 15 bits', 15, true],
  ['takeover, 12 bits', 12, true],
  ['takeover, 9 bits', 9, true],
  ['takeover, 8 bits', 8, true],
  ['no takeover, 15 bits', 15, false],
  ['no takeover, 9 bits', 9, false],
  ['no takeover, 8 bits', 8, false],
].map(([name, windowBits, keepsContext]) => ({
  name: String(name),
  direction: { windowBits: Number(windowBits), keepsContext: keepsContext === true },
}));

/** The parts of a case that make its connection compressed. */
function agreed({ direction }: Agreement): Pick<Case, 'extension' | 'options' | 'direction'> {
  const { windowBits, keepsContext } = direction;
  const parameters = [
    'permessage-deflate',
    ...(keepsContext ? [] : ['server_no_context_takeover', 'client_no_context_takeover']),
    ...(windowBits === 15
      ? []
      : [`server_max_window_bits=${windowBits}`, `client_max_window_bits=${windowBits}`]),
  ].join('; ');
  return {
    direction,
    extension: { offer: parameters, answer: parameters },
    options: {
      perMessageDeflate: { threshold: 0, maxContextTakeoverBytes: 2 ** 30 },
      maxMessageBytes: 1 << 20,
    },
  };
}

const SIZES = [0, 1, 16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
const PAYLOADS: readonly (readonly [
  string,
  typeof TEXT | typeof BINARY,
  (size: number) => Buffer,
])[] = [
  ['text', TEXT, wide],
  ['binary', BINARY, octets],
];

/** Several messages on one connection, so that the window has something to be of use for. */
function sizes(): Case[] {
  return AGREEMENTS.flatMap((agreement) =>
    PAYLOADS.flatMap(([kind, opcode, payloadOf]) =>
      SIZES.flatMap((size) => {
        const count = size > 10_000 ? 3 : 10;
        const rows: readonly (readonly [string, number | undefined])[] = [
          ['whole', undefined],
          ...(size >= 1024 && size <= 16_384 ? ([['in fragments of 97', 97]] as const) : []),
        ];
        return rows.map(([way, fragmentBytes]): Case => {
          const compressor = new Compressor(agreement.direction);
          return {
            id: `RFC 7692 ${agreement.name}: ${count} ${kind} messages of ${size} octets ${way}`,
            ...agreed(agreement),
            frames: Array.from({ length: count }, (_, at) =>
              compressor.frames(opcode, different(payloadOf(size), at), fragmentBytes),
            ).flat(),
            expected: 1000,
          };
        });
      }),
    ),
  );
}

/** A payload that differs from its neighbours in one letter. */
function different(payload: Buffer, index: number): Buffer {
  if (payload.length > 0) payload[0] = 65 + index;
  return payload;
}

const [PLAIN, , , , SEPARATE] = AGREEMENTS as readonly [
  Agreement,
  Agreement,
  Agreement,
  Agreement,
  Agreement,
];

/** RFC 7692 §7.2.3: what a compressor may write. */
function forms(): Case[] {
  const hello = new Compressor(SEPARATE.direction).compress(Buffer.from('Hello'));
  const stored = Buffer.from('000500faff48656c6c6f00', 'hex');
  const ended = Buffer.concat([deflateRawSync(Buffer.from('Hello')), Buffer.of(0)]);
  const blocks = Buffer.from('f248050000 00ffffcac907 00'.replaceAll(' ', ''), 'hex');
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['§7.2.3.1 one block', compressedFrames(TEXT, [hello])],
    ['§7.2.3.1 in two fragments', compressedFrames(TEXT, partsOf(hello, 3))],
    ['§7.2.3.1 an octet a fragment', compressedFrames(TEXT, partsOf(hello, 1))],
    ['§7.2.3.3 a block without compression', compressedFrames(TEXT, [stored])],
    ['§7.2.3.4 a block with BFINAL', compressedFrames(TEXT, [ended])],
    ['§7.2.3.5 two blocks', compressedFrames(TEXT, [blocks])],
    ['§7.2.3.6 an empty message', compressedFrames(TEXT, [Buffer.of(0)])],
    ['§6.1 the first fragment empty', compressedFrames(TEXT, [NOTHING, hello])],
    ['§6.1 the last fragment empty', compressedFrames(TEXT, [hello, NOTHING])],
    ['§6.1 a ping between fragments', pinged(compressedFrames(TEXT, partsOf(hello, 2)))],
    [
      '§6.1 messages with and without compression in turn',
      [
        ...compressedFrames(TEXT, [hello]),
        text('plain'),
        ...compressedFrames(BINARY, [hello]),
        binary(octets(20)),
      ],
    ],
    [
      '§6.1 nothing is compressed',
      [text('plain'), frame(TEXT, 'pl'), frame(FIN | CONTINUATION, 'ain')],
    ],
  ];
  return rows.flatMap(([name, frames]) =>
    (['blob', 'frame', 'octet'] as const).map((chop): Case => ({
      id: `RFC 7692 ${name}, ${chopName(chop)}`,
      ...agreed(SEPARATE),
      frames,
      chop,
      expected: 1000,
    })),
  );
}

function pinged(frames: readonly Frame[]): Frame[] {
  return frames.flatMap((one, index) => (index === 0 ? [one] : [ping(String(index)), one]));
}

/** What fails the connection. */
function wrong(): Case[] {
  const hello = new Compressor(PLAIN.direction).compress(Buffer.from('Hello'));
  const compress = (payload: Buffer): Buffer => new Compressor(PLAIN.direction).compress(payload);
  const bomb = compress(Buffer.alloc((1 << 20) + 1));
  const rows: readonly (readonly [string, readonly Frame[], number])[] = [
    [
      '§6.1 RSV1 in a continuation',
      [{ ...frame(RSV1 | TEXT), payload: hello }, frame(FIN | RSV1 | CONTINUATION, 'x')],
      1002,
    ],
    [
      '§6.1 RSV1 only in a continuation',
      [frame(TEXT, 'x'), frame(FIN | RSV1 | CONTINUATION, hello)],
      1002,
    ],
    ['§6 RSV1 in a ping', [frame(FIN | RSV1 | PING, 'x')], 1002],
    ['§6 RSV1 in a pong', [frame(FIN | RSV1 | PONG, 'x')], 1002],
    ['§6 RSV1 in a Close frame', [frame(FIN | RSV1 | CLOSE, close(1000).payload)], 1002],
    ['§6 RSV2 beside RSV1', [frame(FIN | RSV1 | 0x20 | TEXT, hello)], 1002],
    ['§6 RSV3', [frame(FIN | 0x10 | TEXT, 'x')], 1002],
    ['§6 RSV1 with a reserved opcode', [frame(FIN | RSV1 | 3, hello)], 1002],
    [
      '§7.2.2 octets that are no DEFLATE data',
      [frame(FIN | RSV1 | TEXT, Buffer.alloc(40, 0xff))],
      1007,
    ],
    [
      '§7.2.2 a block of the type that does not exist',
      [frame(FIN | RSV1 | BINARY, Buffer.of(0x06))],
      1007,
    ],
    [
      '§7.2.2 data that stops inside a block',
      [frame(FIN | RSV1 | BINARY, compress(octets(4000)).subarray(0, 200))],
      1007,
    ],
    ['§7.2.2 a distance beyond what was sent', [frame(FIN | RSV1 | BINARY, farReference())], 1007],
    [
      '§6.2 text that is no text once inflated',
      [frame(FIN | RSV1 | TEXT, compress(Buffer.of(0x61, 0xff)))],
      1007,
    ],
    [
      '§6.2 text that is cut once inflated',
      [frame(FIN | RSV1 | TEXT, compress(Buffer.of(0xe2, 0x82)))],
      1007,
    ],
    ['§8 a message too large once inflated', [frame(FIN | RSV1 | BINARY, bomb)], 1009],
    [
      '§8 a message too large once inflated, in fragments',
      compressedFrames(BINARY, partsOf(bomb, 100)),
      1009,
    ],
  ];
  return rows.flatMap(([name, frames, expected]) =>
    (['blob', 'octet'] as const)
      .filter((chop) => chop === 'blob' || frames.every(({ payload }) => payload.length <= 200))
      .filter((chop) => chop === 'blob' || frames.length < 5)
      .map((chop): Case => ({
        id: `RFC 7692 ${name}, ${chopName(chop)}`,
        ...agreed(PLAIN),
        frames: [...frames, text('after')],
        chop,
        ending: 'nothing',
        expected,
        // RFC 7692 names no code for data that does not inflate.
        ...(name.startsWith('§7.2.2') ? { isInformational: true } : {}),
      })),
  );
}

/** The second message of a window that is kept: alone, it refers to what was never sent. */
function farReference(): Buffer {
  const compressor = new Compressor(PLAIN.direction);
  compressor.compress(octets(200));
  return compressor.compress(octets(200));
}

export const deflateCases: readonly Case[] = [
  ...sizes(),
  ...forms(),
  ...wrong(),
  {
    id: 'RFC 7692 §6 RSV1 without an agreement',
    frames: [frame(FIN | RSV1 | TEXT, ascii(5))],
    options: { perMessageDeflate: { threshold: 0 } },
    ending: 'nothing',
    expected: 1002,
  },
];
