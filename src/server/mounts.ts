/** Owns which mounts a server has from the start, and at which prefixes. */
import type { AppMount } from '../mounts/app/index.js';
import { TopicsMount, type TopicRules } from '../mounts/topics/index.js';
import { UserMount } from '../mounts/user/index.js';
import { WorkMount, type WorkMountParts } from '../mounts/work/index.js';
import { SERVER_CALLER, type Router } from '../routing/index.js';
import type { SessionRegistry } from '../session/index.js';
import type { Streams } from '../streams/index.js';

/** What the built-in mounts are made of. */
export interface MountParts {
  readonly streams: Streams;
  readonly rules: TopicRules;
  readonly app: AppMount;
  readonly work: Omit<WorkMountParts, 'sendDeadLetter'>;
  readonly sessions: SessionRegistry;
}

/** Where user destinations are mounted. */
export const USER_PREFIX = '/user';

export function mountBuiltIn(router: Router, parts: MountParts): void {
  const { streams, rules, app, work, sessions } = parts;
  const topics = new TopicsMount(streams, rules);
  router.mount('/topic', topics);
  router.mount('/queue', topics);
  router.mount('/app', app);
  router.mount(USER_PREFIX, new UserMount(streams, sessions));
  const sendDeadLetter: WorkMountParts['sendDeadLetter'] = (destination, message) =>
    router.send(SERVER_CALLER, destination, { message });
  router.mount('/work', new WorkMount({ ...work, sendDeadLetter }));
}
