/** Owns at which prefixes the built-in mounts stand: the defaults, what a configuration may say, and what is wrong with it. */
import { destinationFault, quoted } from '../message/index.js';

/** The built-in mounts by name, and where they stand when nobody says otherwise. */
export const DEFAULT_PREFIXES = {
  app: ['/app'],
  topic: ['/topic', '/queue'],
  user: ['/user'],
  work: ['/work'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type MountName = keyof typeof DEFAULT_PREFIXES;

/** One prefix, or a list of them; an empty list leaves the mount out. Each prefix of a mount is a space of its own. */
export type PrefixOptions = { readonly [N in MountName]?: string | readonly string[] };

export type Prefixes = Readonly<Record<MountName, readonly string[]>>;

/** What is wrong with a part of a configuration, and where: keys and places from the configuration's root. */
export interface ConfigurationFault {
  readonly path: readonly (string | number)[];
  readonly words: string;
}

/** The prefixes with their defaults. Throws a RangeError for what is wrong with them. */
export function prefixesOf(given: PrefixOptions = {}): Prefixes {
  throwFirst(prefixFaults(given));
  return withDefaults(given);
}

/** Prefixes that are none, mounts that are not known, and prefixes that two mounts have. */
export function prefixFaults(given: PrefixOptions): readonly ConfigurationFault[] {
  const known = Object.keys(DEFAULT_PREFIXES);
  const faults: ConfigurationFault[] = [];
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    faults.push({
      path: ['prefixes', name],
      words: `there is no mount of this name; there are ${known.join(', ')}`,
    });
  }
  const owners = new Map<string, string>();
  for (const [name, prefixes] of Object.entries(withDefaults(given))) {
    for (const prefix of prefixes) {
      const fault = typeof prefix === 'string' ? destinationFault(prefix) : 'it is no text';
      if (fault !== undefined) {
        const words = `${quoted(String(prefix))} is no prefix: ${fault}`;
        faults.push({ path: ['prefixes', name], words });
        continue;
      }
      const owner = owners.get(prefix);
      if (owner !== undefined) faults.push(sharedPrefix(prefix, owner, name, given));
      owners.set(prefix, name);
    }
  }
  return faults;
}

/** Throws a RangeError that says where the first fault is. */
export function throwFirst(faults: readonly ConfigurationFault[]): void {
  const [fault] = faults;
  if (fault === undefined) return;
  const [first, ...rest] = fault.path;
  const steps = rest.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  throw new RangeError(`${String(first)}${steps.join('')}: ${fault.words}`);
}

function withDefaults(given: PrefixOptions): Prefixes {
  const listOf = (name: MountName): readonly string[] => {
    const value = given[name] ?? DEFAULT_PREFIXES[name];
    return typeof value === 'string' ? [value] : value;
  };
  return { app: listOf('app'), topic: listOf('topic'), user: listOf('user'), work: listOf('work') };
}

function sharedPrefix(
  prefix: string,
  owner: string,
  name: string,
  given: PrefixOptions,
): ConfigurationFault {
  if (owner === name) {
    return { path: ['prefixes', name], words: `${quoted(prefix)} stands there twice` };
  }
  // One that stands where it does by default has to be named to lose a prefix.
  const [mine, other] = isDefault(name, given) ? [owner, name] : [name, owner];
  const words = isDefault(other, given)
    ? `${quoted(prefix)} is a prefix of "${other}" by default; set prefixes.${other} without it`
    : `${quoted(prefix)} is a prefix of "${other}" too; leave it out of one`;
  return { path: ['prefixes', mine], words };
}

function isDefault(name: string, given: PrefixOptions): boolean {
  const mount = name as MountName;
  return String(withDefaults(given)[mount]) === String(DEFAULT_PREFIXES[mount]);
}
