/** Owns memory whose octets are masked 64 at a time, by the vector instructions that WebAssembly has and JavaScript has not. */
import type { VectorMasking } from '../../../protocol/websocket/index.js';

/** What is used of WebAssembly, which the types of Node 20 leave out. */
interface WebAssemblyNamespace {
  readonly Module: new (octets: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

interface MaskingExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly mask: (start: number, end: number, key: number) => number;
}

const PAGE_BYTES = 65_536;

/**
 * Memory of so many octets, a multiple of 64 KiB, and the way to mask in it; undefined where there is no WebAssembly,
 * such as with `--jitless`, or no address space for it.
 */
export function allocateMaskingMemory(byteLength: number): VectorMasking | undefined {
  try {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace };
    const module = new WebAssembly.Module(moduleOctets(byteLength / PAGE_BYTES));
    const { memory, mask } = new WebAssembly.Instance(module).exports as MaskingExports;
    return { octets: Buffer.from(memory.buffer), apply: mask };
  } catch {
    return undefined;
  }
}

// Names of instructions and sections as in the WebAssembly core specification, chapter 5.
const [I32, V128, VOID] = [0x7f, 0x7b, 0x40];
const [FUNCTION, MEMORY] = [0x00, 0x02];
const [LOOP, END, BRANCH_IF, LOCAL_GET, LOCAL_SET, LOCAL_TEE] = [3, 0x0b, 0x0d, 0x20, 0x21, 0x22];
const [I32_CONST, I32_LESS_UNSIGNED, I32_ADD, VECTOR] = [0x41, 0x49, 0x6a, 0xfd];
const [V128_LOAD, V128_STORE, I32X4_SPLAT, V128_OR, V128_XOR, I8X16_BITMASK] = [
  0x00, 0x0b, 0x11, 0x50, 0x51, 0x64,
];

/** Parameters and locals of the function. */
const [AT, STOP, KEY, KEYS, SEEN, PLAIN] = [0, 1, 2, 3, 4, 5];

/** `mask(at, end, key)`: a round for each 64 octets, at least one; answers a bit for each column that was not ASCII. */
function maskInstructions(): number[] {
  return [
    [LOCAL_GET, KEY, VECTOR, I32X4_SPLAT, LOCAL_SET, KEYS],
    [LOOP, VOID],
    [0, 16, 32, 48].flatMap(maskVector),
    // 64, as a signed LEB128.
    [LOCAL_GET, AT, I32_CONST, 0xc0, 0x00, I32_ADD, LOCAL_TEE, AT],
    [LOCAL_GET, STOP, I32_LESS_UNSIGNED, BRANCH_IF, 0, END],
    [LOCAL_GET, SEEN, VECTOR, I8X16_BITMASK, END],
  ].flat();
}

/** Masks the 16 octets at `AT + offset` and adds them to what was seen. */
function maskVector(offset: number): number[] {
  return [
    [LOCAL_GET, AT],
    [LOCAL_GET, AT, VECTOR, V128_LOAD, 0, offset],
    [LOCAL_GET, KEYS, VECTOR, V128_XOR, LOCAL_TEE, PLAIN],
    [VECTOR, V128_STORE, 0, offset],
    [LOCAL_GET, SEEN, LOCAL_GET, PLAIN, VECTOR, V128_OR, LOCAL_SET, SEEN],
  ].flat();
}

function moduleOctets(pageCount: number): Uint8Array {
  const body = [1, 3, V128, ...maskInstructions()];
  const sections = [
    section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
    section(3, [1, 0]),
    // As large as it will ever be: growing it would take the octets away from whoever holds them.
    section(5, [1, 1, ...unsigned(pageCount), ...unsigned(pageCount)]),
    section(7, [2, ...name('memory'), MEMORY, 0, ...name('mask'), FUNCTION, 0]),
    section(10, [1, ...unsigned(body.length), ...body]),
  ];
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
