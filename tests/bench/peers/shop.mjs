// The shop in memory: the same as in ../graphql_shop.c.
export const typeDefs = `
type Query { products(first: Int = 20): [Product!]! groups: [Group!]! product(id: ID!): Product }
"Something for sale."
type Product implements Node { id: ID! name: String! price: Float! stock: Int! currency: String! description: String status: Status! similar(first: Int = 5): [Product!]! }
type Group implements Node { id: ID! name: String! items: [Product!]! }
interface Node { id: ID! }
enum Status { AVAILABLE SOLD_OUT }
`;

const products = Array.from({ length: 100 }, (_, i) => ({
  number: i, id: `product-${i}`, name: `Product number ${i}`, description: `What number ${i} is for`,
  currency: 'EUR', status: i % 7 ? 'AVAILABLE' : 'SOLD_OUT', price: (199 + i * 10) / 100, stock: i,
}));
const some = (from, n) => Array.from({ length: Math.min(100, Math.max(0, n)) }, (_, i) => products[(from + i) % 100]);
const groups = Array.from({ length: 20 }, (_, i) => ({ number: i, id: `product-${i}`, name: `product-${i}` }));

export const resolvers = {
  Query: {
    products: (_, { first }) => some(0, first),
    groups: () => groups,
    product: (_, { id }) => products.find((p) => p.id === id) ?? null,
  },
  Group: { items: (group) => some(group.number, 49) },
  Product: { similar: (product, { first }) => some(product.number + 1, first) },
  Node: { __resolveType: () => 'Product' },
};
export const listening = (server) => console.log(server.address().port);
