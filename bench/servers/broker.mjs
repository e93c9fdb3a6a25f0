// Tideway's broker: native dialect, history, access rules and metrics on.
import { createServer } from '../../dist/server/index.js';
import { ready } from './program.mjs';

const inAnHourMs = Date.now() + 3_600_000;
const server = createServer({
  topics: { '/topic/**': { historySize: 100 } },
  // All of the load is one principal's.
  limits: { maxSessionsPerPrincipal: 100_000 },
  authenticate: () => Promise.resolve({ name: 'ada', claims: {}, expiresAtMs: inAnHourMs }),
});
server.access
  .allow(['send', 'subscribe'], '/topic/rooms/{room}', (principal, captures) => {
    return principal.name !== undefined && captures.get('room') !== 'closed';
  })
  .deny('any', '/topic/secret/**');
const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
ready(port);
