// Mercurius on Fastify, compiling each query (JIT) from its first use on.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { listening, resolvers, typeDefs } from './shop.mjs';

const { Node, ...own } = resolvers;
const app = Fastify({ logger: false });
app.register(mercurius, { schema: typeDefs, resolvers: { ...own, Node: { resolveType: Node.__resolveType } }, jit: 1 });
await app.listen({ port: 0, host: '127.0.0.1' });
listening(app.server);
