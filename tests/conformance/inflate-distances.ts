/** Owns an inflater for tests that tells how far back DEFLATE data refers: zlib does not say whether a small window was kept to. */

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const LENGTH_EXTRA = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Reads bits, the lowest first (RFC 1951 §3.1.1). */
class BitReader {
  readonly #octets: Uint8Array;
  #bit = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get isAtEnd(): boolean {
    return this.#bit >= this.#octets.length * 8;
  }

  bits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++, this.#bit++) {
      const octet = this.#octets[this.#bit >> 3];
      if (octet === undefined) throw new Error('the data ends too soon');
      value |= ((octet >> (this.#bit & 7)) & 1) << index;
    }
    return value;
  }

  align(): void {
    this.#bit = (this.#bit + 7) & ~7;
  }
}

/** A Huffman code as a map from `length:code` to its symbol (RFC 1951 §3.2.2). */
function huffman(lengths: readonly number[]): (reader: BitReader) => number {
  const symbols = new Map<string, number>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    code <<= 1;
    lengths.forEach((own, symbol) => {
      if (own === length) symbols.set(`${length}:${code++}`, symbol);
    });
  }
  return (reader) => {
    let value = 0;
    for (let length = 1; length <= 15; length++) {
      value = (value << 1) | reader.bits(1);
      const symbol = symbols.get(`${length}:${value}`);
      if (symbol !== undefined) return symbol;
    }
    throw new Error('no such code');
  };
}

type Codes = readonly [literals: ReturnType<typeof huffman>, distances: ReturnType<typeof huffman>];

function fixedCodes(): Codes {
  const lengths = Array.from({ length: 288 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  );
  return [huffman(lengths), huffman(Array<number>(30).fill(5))];
}

function dynamicCodes(reader: BitReader): Codes {
  const literalCount = reader.bits(5) + 257;
  const distanceCount = reader.bits(5) + 1;
  const codeCount = reader.bits(4) + 4;
  const codeLengths = Array<number>(19).fill(0);
  for (const symbol of CODE_LENGTH_ORDER.slice(0, codeCount)) codeLengths[symbol] = reader.bits(3);
  const next = huffman(codeLengths);
  const lengths: number[] = [];
  while (lengths.length < literalCount + distanceCount) {
    const symbol = next(reader);
    if (symbol < 16) lengths.push(symbol);
    else {
      const value = symbol === 16 ? lengths.at(-1)! : 0;
      const count =
        symbol === 16
          ? reader.bits(2) + 3
          : symbol === 17
            ? reader.bits(3) + 3
            : reader.bits(7) + 11;
      for (let index = 0; index < count; index++) lengths.push(value);
    }
  }
  return [huffman(lengths.slice(0, literalCount)), huffman(lengths.slice(literalCount))];
}

/** The largest distance in DEFLATE data that ends with a whole block. */
export function largestDistance(octets: Uint8Array): number {
  const reader = new BitReader(octets);
  let largest = 0;
  let isFinal = false;
  while (!isFinal && !reader.isAtEnd) {
    isFinal = reader.bits(1) === 1;
    const type = reader.bits(2);
    if (type === 0) {
      reader.align();
      const length = reader.bits(16);
      reader.bits(16);
      for (let index = 0; index < length; index++) reader.bits(8);
      continue;
    }
    const [literals, distances] = type === 1 ? fixedCodes() : dynamicCodes(reader);
    for (let symbol = literals(reader); symbol !== 256; symbol = literals(reader)) {
      if (symbol < 256) continue;
      reader.bits(LENGTH_EXTRA[symbol - 257]!);
      if (LENGTH_BASE[symbol - 257] === undefined) throw new Error('no such length');
      const distance = distances(reader);
      const extra = distance < 4 ? 0 : (distance >> 1) - 1;
      const base = distance < 4 ? distance + 1 : ((2 + (distance & 1)) << extra) + 1;
      largest = Math.max(largest, base + reader.bits(extra));
    }
  }
  return largest;
}
