/** Owns which mounts a server has from the start, and at which prefixes. */
import type { AppMount } from '../mounts/app/index.js';
import { TopicsMount, type TopicRules } from '../mounts/topics/index.js';
import { UserMount } from '../mounts/user/index.js';
import { WorkMount, type WorkMountParts } from '../mounts/work/index.js';
import type { Caller, Router } from '../routing/index.js';
import type { Streams } from '../streams/index.js';

/** What the built-in mounts are made of. */
export interface MountParts {
  readonly streams: Streams;
  readonly rules: TopicRules;
  readonly app: AppMount;
  readonly work: Omit<WorkMountParts, 'sendDeadLetter'>;
  /** The server itself, in whose name dead letters are sent. */
  readonly serverCaller: Caller;
}

export function mountBuiltIn(router: Router, parts: MountParts): void {
  const { streams, rules, app, work, serverCaller } = parts;
  const topics = new TopicsMount(streams, rules);
  router.mount('/topic', topics);
  router.mount('/queue', topics);
  router.mount('/app', app);
  router.mount('/user', new UserMount(streams));
  const sendDeadLetter: WorkMountParts['sendDeadLetter'] = (destination, message) =>
    router.send(serverCaller, destination, { message });
  router.mount('/work', new WorkMount({ ...work, sendDeadLetter }));
}
