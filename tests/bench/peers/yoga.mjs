// GraphQL Yoga on Node's HTTP server.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { listening, resolvers, typeDefs } from './shop.mjs';

const server = createServer(createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, graphiql: false }));
server.listen(0, '127.0.0.1', () => listening(server));
