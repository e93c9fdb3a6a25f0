/** Cases of RFC 6455 §8.1: text that is and is not UTF-8 (RFC 3629), however it is cut, and that it fails at once. */
import { chopName, close, fragments, frame, partsOf, text, type Case } from './case.js';
import { CONTINUATION, FIN, TEXT } from './frames.js';

/** Octets in hexadecimal and what they are. */
type Sample = readonly [hex: string, what: string];

const VALID: readonly Sample[] = [
  ['00', 'U+0000'],
  ['7f', 'U+007F, the last of one octet'],
  ['c280', 'U+0080, the first of two'],
  ['dfbf', 'U+07FF, the last of two'],
  ['e0a080', 'U+0800, the first of three'],
  ['ed9fbf', 'U+D7FF, the last before the surrogates'],
  ['ee8080', 'U+E000, the first behind the surrogates'],
  ['efbbbf', 'U+FEFF, a byte order mark'],
  ['efbfbd', 'U+FFFD, the replacement character'],
  ['efbfbe', 'U+FFFE, no character'],
  ['efbfbf', 'U+FFFF, no character, the last of three'],
  ['efb790', 'U+FDD0, no character'],
  ['f0908080', 'U+10000, the first of four'],
  ['f09fbfbe', 'U+1FFFE, no character'],
  ['f48fbfbf', 'U+10FFFF, the last of all'],
  ['ceba61cc88e2828cf09f8c8a', 'one, two, three and four octets'],
];

const INVALID: readonly Sample[] = [
  ['80', 'a continuation alone'],
  ['bf', 'the last continuation alone'],
  ['80bf80', 'continuations alone'],
  ['c0', 'a lead that never stands'],
  ['c1bf', 'overlong in two octets'],
  ['c080', 'U+0000 in two octets'],
  ['e08080', 'U+0000 in three octets'],
  ['e09fbf', 'overlong in three octets'],
  ['f0808080', 'U+0000 in four octets'],
  ['f08fbfbf', 'overlong in four octets'],
  ['f880808080', 'U+0000 in five octets'],
  ['fc8080808080', 'U+0000 in six octets'],
  ['eda080', 'U+D800, a surrogate'],
  ['edafbf', 'U+DBFF, a surrogate'],
  ['edb080', 'U+DC00, a surrogate'],
  ['edbfbf', 'U+DFFF, a surrogate'],
  ['eda081edb080', 'a pair of surrogates'],
  ['f4908080', 'U+110000'],
  ['f5808080', 'a lead beyond U+10FFFF'],
  ['f7bfbfbf', 'U+1FFFFF'],
  ['f8', 'a lead of five'],
  ['fd', 'a lead of six'],
  ['fe', '0xFE'],
  ['ff', '0xFF'],
  ['c241', 'a lead of two and a letter'],
  ['e0a041', 'a lead of three, one continuation and a letter'],
  ['f0908041', 'a lead of four, two continuations and a letter'],
  ['c2c2a0', 'a lead in the place of a continuation'],
  ['e282c2a0', 'a character cut by another'],
  ['c3a9a9', 'a continuation too many'],
];

/** The heads of characters: wrong only because the message ends. */
const CUT_SHORT: readonly Sample[] = [
  ['c2', 'a lead of two'],
  ['e0', 'a lead of three'],
  ['e0a0', 'two of three'],
  ['e282', 'two of three, another'],
  ['f0', 'a lead of four'],
  ['f090', 'two of four'],
  ['f09080', 'three of four'],
  ['f48fbf', 'three of the last of all'],
];

/** The ways in which a text comes: whole, cut into writes, and cut into fragments at every place. */
function ways(octets: Buffer): readonly (readonly [string, Pick<Case, 'frames' | 'chop'>])[] {
  const cuts = Array.from({ length: octets.length + 1 }, (_, at) => at);
  return [
    ['whole', { frames: [text(octets)] }],
    [chopName('octet'), { frames: [text(octets)], chop: 'octet' }],
    ['an octet a fragment', { frames: fragments(TEXT, partsOf(octets, 1)) }],
    [
      'an octet a fragment and a write',
      { frames: fragments(TEXT, partsOf(octets, 1)), chop: 'frame' },
    ],
    ...cuts.map(
      (at) =>
        [
          `cut into fragments at ${at}`,
          { frames: fragments(TEXT, [octets.subarray(0, at), octets.subarray(at)]) },
        ] as const,
    ),
  ];
}

function texts(kind: string, samples: readonly Sample[], expected: number): Case[] {
  return samples.flatMap(([hex, what]) => {
    const octets = Buffer.from(hex, 'hex');
    const framed = Buffer.concat([Buffer.from('ab'), octets, Buffer.from('yz')]);
    const after = [text('after')];
    const ending = expected === 1000 ? {} : { ending: 'nothing' as const };
    return [
      ...ways(octets).map(([way, how]): Case => ({
        id: `§8.1 ${kind} ${what}, ${way}`,
        ...how,
        frames: [...how.frames, ...after],
        expected,
        ...ending,
      })),
      {
        id: `§8.1 ${kind} ${what}, between letters`,
        frames: [text(framed), ...after],
        expected,
        ...ending,
      },
      {
        id: `§5.5.1 ${kind} ${what}, in a reason`,
        frames: [close(1000, octets)],
        ending: 'nothing',
        expected,
      },
    ];
  });
}

/** RFC 6455 §8.1 asks for a failure; that it comes before the message does is our choice, as strict as can be. */
function atOnce(): Case[] {
  const words = Buffer.from('κόσμε');
  const bad = Buffer.concat([words, Buffer.from('eda080', 'hex'), Buffer.from('edited')]);
  const rows: readonly (readonly [string, Pick<Case, 'frames' | 'chop'>])[] = [
    ['in the first of fragments that never end', { frames: [frame(TEXT, bad)] }],
    [
      'in the second of fragments that never end',
      { frames: [frame(TEXT, words), frame(CONTINUATION, bad)] },
    ],
    ['in a frame that never ends', { frames: [{ ...text(bad), declared: 1000n }] }],
    [
      'in a frame that never ends, an octet a write',
      { frames: [{ ...text(bad), declared: 1000n }], chop: 'octet' },
    ],
    [
      'two octets after its lead, which was another fragment',
      {
        frames: [
          frame(TEXT, Buffer.of(0xf4)),
          frame(CONTINUATION, Buffer.of(0x90)),
          frame(FIN | CONTINUATION, Buffer.of(0x80, 0x80)),
        ],
      },
    ],
  ];
  return rows.map(([name, how]) => ({
    id: `§8.1 fails at once: ${name}`,
    ...how,
    expected: 1007,
    ending: 'nothing',
  }));
}

export const utf8Cases: readonly Case[] = [
  ...texts('valid', VALID, 1000),
  ...texts('invalid', INVALID, 1007),
  ...texts('cut short', CUT_SHORT, 1007).filter(({ id }) => !id.includes('between letters')),
  ...atOnce(),
];
