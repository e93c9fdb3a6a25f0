/** Owns which mounts a server has from the start, and mounts them at their prefixes. */
import type { AppMount, MappingPrefixes } from '../mounts/app/index.js';
import { TopicsMount, type TopicRules } from '../mounts/topics/index.js';
import { UserMount } from '../mounts/user/index.js';
import { WorkMount, type WorkMountParts } from '../mounts/work/index.js';
import { DestinationPattern, quoted } from '../message/index.js';
import { SERVER_CALLER, type Mount, type Router } from '../routing/index.js';
import type { SessionRegistry } from '../session/index.js';
import type { Streams } from '../streams/index.js';
import type { MountName, Prefixes } from './prefixes.js';

/** What the built-in mounts are made of. */
export interface MountParts {
  readonly streams: Streams;
  readonly rules: TopicRules;
  readonly app: AppMount;
  readonly work: Omit<WorkMountParts, 'sendDeadLetter'>;
  readonly sessions: SessionRegistry;
}

export function mountBuiltIn(router: Router, prefixes: Prefixes, parts: MountParts): void {
  const { streams, rules, app, work, sessions } = parts;
  const sendDeadLetter: WorkMountParts['sendDeadLetter'] = (destination, message) =>
    router.send(SERVER_CALLER, destination, { message });
  const mounts: Readonly<Record<MountName, Mount>> = {
    app,
    topic: new TopicsMount(streams, rules),
    user: new UserMount(streams, sessions),
    work: new WorkMount({ ...work, sendDeadLetter }),
  };
  for (const [name, mount] of Object.entries(mounts)) {
    for (const prefix of prefixes[name as MountName]) router.mount(prefix, mount);
  }
}

/** Where the values of mappings go that say nothing else: the first prefix of each mount. */
export function mappingPrefixesOf(
  prefixes: Prefixes,
  given: MappingPrefixes = {},
): MappingPrefixes {
  const [replyPrefix] = prefixes.topic;
  const [userPrefix] = prefixes.user;
  return {
    ...(replyPrefix !== undefined && { replyPrefix }),
    ...(userPrefix !== undefined && { userPrefix }),
    ...given,
  };
}

/** Throws a RangeError for a rule whose pattern can match nothing below these prefixes, and `destination/invalid` for no pattern. */
export function requireBelow(what: string, pattern: string, prefixes: readonly string[]): void {
  const { text } = DestinationPattern.parse(pattern);
  if (prefixes.some((prefix) => reachesBelow(text, prefix))) return;
  const known = prefixes.length === 0 ? 'it has none' : `there are ${prefixes.join(', ')}`;
  throw new RangeError(`${what}: ${quoted(pattern)} lies below no prefix of its mount; ${known}`);
}

/** Whether a destination below the prefix can match: a segment that is no wildcard has to be the prefix's own. */
function reachesBelow(pattern: string, prefix: string): boolean {
  const segments = pattern.split('/');
  const names = prefix.split('/');
  if (segments.at(-1) !== '**' && segments.length <= names.length) return false;
  const end = segments.at(-1) === '**' ? segments.length - 1 : segments.length;
  return names.every((name, index) => {
    const segment = index < end ? segments[index] : '*';
    return segment === name || segment === '*' || segment?.startsWith('{') === true;
  });
}
