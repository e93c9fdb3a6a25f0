/** Cases of RFC 6455 §5.1 to §5.6, data: masks, lengths and their encodings, sizes, fragments, many messages. */
import {
  ascii,
  binary,
  chopName,
  close,
  fragments,
  frame,
  octets,
  partsOf,
  ping,
  pong,
  text,
  wide,
  type Case,
  type Chop,
} from './case.js';
import { BINARY, CONTINUATION, FIN, TEXT, type Frame } from './frames.js';

const KIB = 1024;
const MIB = 1024 * 1024;

const SIZES = [0, 1, 2, 3, 7, 124, 125, 126, 127, 128, 4095, 4096, 4097, 16_383, 16_384];
const LARGE = [65_534, 65_535, 65_536, 65_537, 256 * KIB, MIB];

type Kind = readonly [name: string, opcode: number, payloadOf: (byteLength: number) => Buffer];
const KINDS: readonly Kind[] = [
  ['text', TEXT, ascii],
  ['wide text', TEXT, wide],
  ['binary', BINARY, octets],
];

/** One frame of every size, cut in every way that its size allows. */
function wholeMessages(): Case[] {
  return KINDS.flatMap(([name, opcode, payloadOf]) =>
    [...SIZES, ...LARGE].flatMap((size) => {
      const chops: Chop[] = size <= 130 ? ['blob', 'frame', 'octet'] : ['blob', 997];
      if (size > 100_000) chops.splice(1, 1, 65_521);
      return chops.map((chop) => ({
        id: `§5.6 ${name} of ${size} octets, ${chopName(chop)}`,
        frames: [frame(FIN | opcode, payloadOf(size))],
        chop,
        expected: 1000,
      }));
    }),
  );
}

/** RFC 6455 §5.3: any key, at any alignment. */
function masks(): Case[] {
  const keys: readonly (readonly [string, Buffer])[] = [
    ['of zeros', Buffer.alloc(4)],
    ['of ones', Buffer.alloc(4, 255)],
    ['with the high bit', Buffer.of(0, 0, 0, 0x80)],
    ['of a pattern', Buffer.of(1, 2, 3, 4)],
  ];
  const good = keys.flatMap(([name, key]) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 47, 48, 49, 50, 51, 52, 1000].map((size): Case => {
      const message = { ...frame(FIN | BINARY, octets(size)), key };
      return {
        id: `§5.3 mask ${name}, ${size} octets behind ${size % 4} others`,
        // What stands before it moves it in the chunk, so that every alignment is seen.
        frames: [{ ...text(ascii(size % 4)), key }, message, { ...text('next'), key }],
        role: 'server',
        expected: 1000,
      };
    }),
  );
  const bad = [text('x'), binary(octets(200)), ping('p'), pong(), close(1000), text()].flatMap(
    (wrong) =>
      (['blob', 'octet'] as const).map((chop): Case => ({
        id: `§5.1 mask wrong way round, first octet ${hex(wrong.first)}, ${wrong.payload.length} octets, ${chopName(chop)}`,
        frames: [text('before'), { ...wrong, isMaskWrong: true }, text('after')],
        chop,
        expected: 1002,
        ending: 'nothing',
      })),
  );
  return [...good, ...bad];
}

const hex = (octet: number): string => `0x${octet.toString(16).padStart(2, '0')}`;

/** RFC 6455 §5.2: the fewest octets, the highest bit clear, and our limit seen in the header. */
function lengths(): Case[] {
  const cases: (readonly [string, Partial<Frame>, number])[] = [
    ...[0, 1, 125].map((n) => [`${n} in 16 bits`, sized(n, 16), 1002] as const),
    ...[0, 1, 125, 126, 65_535].map((n) => [`${n} in 64 bits`, sized(n, 64), 1002] as const),
    ['16 bits at their least', sized(126, 16), 1000],
    ['64 bits at their least', sized(65_536, 64), 1000],
    ['2^63, its highest bit set', { declared: 1n << 63n }, 1002],
    ['2^64 - 1', { declared: (1n << 64n) - 1n }, 1002],
    ['2^63 - 1', { declared: (1n << 63n) - 1n }, 1009],
    ['2^53', { declared: 1n << 53n }, 1009],
    ['2^53 + 1', { declared: (1n << 53n) + 1n }, 1009],
    ['2^32', { declared: 1n << 32n }, 1009],
    ['2^31', { declared: 1n << 31n }, 1009],
    ['one above the limit', { declared: BigInt(16 * MIB + 1) }, 1009],
  ];
  return cases.flatMap(([name, parts, expected]) =>
    [TEXT, BINARY].flatMap((opcode) =>
      (['blob', 'octet'] as const)
        .filter((chop) => chop === 'blob' || (parts.payload?.length ?? 0) < 100)
        .map((chop): Case => ({
          id: `§5.2 length ${name}, ${opcode === TEXT ? 'text' : 'binary'}, ${chopName(chop)}`,
          frames: [{ ...frame(FIN | opcode), ...parts }],
          chop,
          expected,
          ...(expected === 1000 ? {} : { ending: 'nothing' as const }),
        })),
    ),
  );
}

function sized(byteLength: number, lengthForm: 16 | 64): Partial<Frame> {
  return { payload: ascii(byteLength), lengthForm };
}

/** RFC 6455 §10.4: limits of a message and of its fragments, exactly and one beyond. */
function limits(): Case[] {
  const options = { maxMessageBytes: 100, maxFragmentCount: 8 };
  const rows: readonly (readonly [string, readonly Frame[], number])[] = [
    ['a message at the limit', [binary(octets(100))], 1000],
    ['a message one beyond', [binary(octets(101))], 1009],
    ['fragments at the limit', fragments(BINARY, partsOf(octets(100), 13)), 1000],
    ['a fragment one beyond', fragments(BINARY, [...partsOf(octets(100), 25), Buffer.of(1)]), 1009],
    ['as many fragments as may be', fragments(TEXT, Array<string>(8).fill('a')), 1000],
    ['one fragment too many', fragments(TEXT, Array<string>(9).fill('a')), 1008],
    ['one empty fragment too many', fragments(TEXT, Array<string>(9).fill('')), 1008],
    [
      'pings between count as no fragments',
      pinged(fragments(TEXT, Array<string>(8).fill('a'))),
      1000,
    ],
    ['two messages that are too large together', [text(ascii(60)), text(ascii(60))], 1000],
    [
      'a message after a fragmented one at the limit',
      [...fragments(TEXT, Array<string>(8).fill('a')), text(ascii(100))],
      1000,
    ],
  ];
  return rows.flatMap(([name, frames, expected]) =>
    (['blob', 'frame', 'octet'] as const).map((chop): Case => ({
      id: `§10.4 ${name}, ${chopName(chop)}`,
      frames,
      chop,
      options,
      expected,
      ...(expected === 1000 ? {} : { ending: 'nothing' as const }),
    })),
  );
}

function pinged(frames: readonly Frame[]): Frame[] {
  return frames.flatMap((one, index) => (index === 0 ? [one] : [ping(String(index)), one]));
}

/** Large messages in fragments of every size, and in writes of every size. */
function large(): Case[] {
  const total = 256 * KIB;
  return KINDS.flatMap(([name, opcode, payloadOf]) => [
    ...[64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB].map((size): Case => ({
      id: `§5.4 ${name} of ${total} octets in fragments of ${size}`,
      frames: fragments(opcode, partsOf(payloadOf(total), size)),
      expected: 1000,
    })),
    ...[1024, 1460, 8192, 32_768].map((chop): Case => ({
      id: `§5.6 ${name} of ${total} octets, ${chopName(chop)}`,
      frames: [frame(FIN | opcode, payloadOf(total))],
      chop,
      expected: 1000,
    })),
    {
      id: `§5.6 ${name} of 4 MiB`,
      frames: [frame(FIN | opcode, payloadOf(4 * MIB))],
      expected: 1000,
    },
  ]);
}

/** Many messages on one connection, whole and in fragments. */
function many(): Case[] {
  return KINDS.flatMap(([name, opcode, payloadOf]) =>
    [0, 16, 64, 256, 1024, 4096].flatMap((size) => {
      const count = size > 1000 ? 100 : 500;
      const one = frame(FIN | opcode, payloadOf(size));
      const parts = fragments(opcode, partsOf(payloadOf(size), Math.max(1, size >> 2)));
      return [
        {
          id: `§6.2 ${count} ${name} messages of ${size} octets`,
          frames: Array<Frame>(count).fill(one),
          expected: 1000,
        },
        {
          id: `§6.2 ${count} ${name} messages of ${size} octets in four fragments`,
          frames: Array.from({ length: count }, () => parts).flat(),
          chop: 4093,
          expected: 1000,
        },
      ];
    }),
  );
}

/** Every order of first, continuing and last frames that is wrong (RFC 6455 §5.4). */
function disorder(): Case[] {
  const begin = frame(TEXT, 'begin');
  const more = frame(CONTINUATION, 'more');
  const end = frame(FIN | CONTINUATION, 'end');
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['a last fragment without a first', [end]],
    ['a fragment without a first', [more, end]],
    ['an empty continuation without a first', [frame(FIN | CONTINUATION)]],
    ['a last fragment after a whole message', [text('whole'), end]],
    ['two last fragments', [begin, end, end]],
    ['a message inside a message', [begin, text('inside')]],
    ['a message of another kind inside a message', [begin, more, binary(octets(3))]],
    ['a first fragment inside a message', [begin, frame(BINARY, 'inside'), end]],
    ['a first fragment after a first fragment', [begin, begin, end]],
    ['an empty message inside a message', [begin, text()]],
  ];
  return rows.flatMap(([name, frames]) =>
    (['blob', 'frame', 'octet'] as const).map((chop): Case => ({
      id: `§5.4 ${name}, ${chopName(chop)}`,
      frames: [...frames, text('after')],
      chop,
      expected: 1002,
      ending: 'nothing',
    })),
  );
}

/** Messages in fragments, empty ones too, with control frames between them (RFC 6455 §5.4). */
function fragmented(): Case[] {
  const shapes: readonly (readonly [string, readonly (string | Buffer)[]])[] = [
    ['two', ['frag', 'ment']],
    ['two, the first empty', ['', 'ment']],
    ['two, the last empty', ['frag', '']],
    ['two, both empty', ['', '']],
    ['three', ['fr', 'ag', 'ment']],
    ['three, the middle empty', ['fr', '', 'ment']],
    ['three empty', ['', '', '']],
    ['of one octet each', partsOf(Buffer.from('fragments'), 1)],
    ['around the border of 125', ['a'.repeat(125), 'b'.repeat(126), 'c'.repeat(127)]],
    ['with characters cut', []],
  ];
  const between: readonly (readonly [string, readonly Frame[]])[] = [
    ['', []],
    [', pings between', [ping('p')]],
    [', pongs between', [pong('unasked')]],
    [', empty pings and pongs between', [ping(), pong(), ping()]],
    [', long pings between', [ping(ascii(125))]],
  ];
  return [TEXT, BINARY].flatMap((opcode) =>
    shapes.flatMap(([shape, given]) =>
      between.flatMap(([controls, inserted]) =>
        (['blob', 'frame', 'octet'] as const).map((chop): Case => {
          const parts = given.length > 0 ? given : partsOf(Buffer.from('Ü水😀'), 1);
          return {
            id: `§5.4 ${opcode === TEXT ? 'text' : 'binary'}, fragments: ${shape}${controls}, ${chopName(chop)}`,
            frames: [
              ...fragments(opcode, parts).flatMap((one, at) =>
                at === 0 ? [one] : [...inserted, one],
              ),
              text('after'),
            ],
            chop,
            expected: 1000,
          };
        }),
      ),
    ),
  );
}

export const dataCases: readonly Case[] = [
  ...wholeMessages(),
  ...masks(),
  ...lengths(),
  ...limits(),
  ...large(),
  ...many(),
  ...disorder(),
  ...fragmented(),
];
