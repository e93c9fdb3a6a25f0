/** Owns how names and values of headers are escaped, which differs from version to version. */
import type { StompVersion } from './version.js';

/** STOMP 1.2, "Value Encoding": these frames are never escaped, so that 1.0 can read them. */
export function isEscapedIn(version: StompVersion, command: string): boolean {
  return (
    version !== '1.0' && command !== 'CONNECT' && command !== 'STOMP' && command !== 'CONNECTED'
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\r': '\\r',
  '\n': '\\n',
  ':': '\\c',
};

/**
 * A header line without its end, or undefined when the version has no way to say it: NUL in any of them, CR in 1.1, line ends and
 * a colon in a name in 1.0. It is left out then, because written as it stands it would become something else.
 */
export function headerLine(
  name: string,
  value: string,
  version: StompVersion,
  isEscaped: boolean,
): string | undefined {
  if (name === '') return undefined;
  if (!SPECIAL.test(name) && !SPECIAL.test(value)) return `${name}:${value}`;
  const isSayable = !isEscaped
    ? !/[\0\r\n:]/.test(name) && !/[\0\r\n]/.test(value)
    : !(version === '1.2' ? /\0/ : /[\0\r]/).test(name + value);
  if (!isSayable) return undefined;
  return isEscaped ? `${escaped(name)}:${escaped(value)}` : `${name}:${value}`;
}

/** Nearly no header has one of these. */
const SPECIAL = /[\0\r\n:\\]/;

function escaped(text: string): string {
  return text.replace(/[\\\r\n:]/g, (character) => ESCAPES[character] ?? character);
}

/** The text that an escaped one stands for; undefined for a sequence that the version does not know, which is fatal. */
export function unescaped(text: string, version: StompVersion): string | undefined {
  if (!text.includes('\\')) return text;
  let isKnown = true;
  const plain = text.replace(/\\([\s\S]?)/g, (_, letter: string) => {
    switch (letter) {
      case '\\':
        return '\\';
      case 'n':
        return '\n';
      case 'c':
        return ':';
      case 'r':
        // STOMP 1.2 added it; 1.1: "undefined escape sequences such as \r MUST be treated as a fatal protocol error".
        if (version === '1.2') return '\r';
    }
    isKnown = false;
    return '';
  });
  return isKnown ? plain : undefined;
}
