// async-graphql on axum. The shop in memory: the same as in ../../graphql_shop.c.
use async_graphql::{ComplexObject, EmptyMutation, EmptySubscription, Enum, Object, Schema, SimpleObject, ID};
use async_graphql_axum::GraphQL;
use axum::{routing::post_service, Router};
use std::sync::LazyLock;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum Status {
    Available,
    SoldOut,
}

/// Something for sale.
#[derive(SimpleObject)]
#[graphql(complex)]
struct Product {
    #[graphql(skip)]
    number: usize,
    id: ID,
    name: String,
    price: f64,
    stock: i32,
    currency: String,
    description: Option<String>,
    status: Status,
}

static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
    (0..100)
        .map(|i| Product {
            number: i,
            id: format!("product-{i}").into(),
            name: format!("Product number {i}"),
            price: (199 + i * 10) as f64 / 100.0,
            stock: i as i32,
            currency: "EUR".into(),
            description: Some(format!("What number {i} is for")),
            status: if i % 7 == 0 { Status::SoldOut } else { Status::Available },
        })
        .collect()
});

fn some(from: usize, n: i32) -> Vec<&'static Product> {
    (0..n.clamp(0, 100) as usize).map(|i| &PRODUCTS[(from + i) % 100]).collect()
}

#[ComplexObject]
impl Product {
    async fn similar(&self, #[graphql(default = 5)] first: i32) -> Vec<&'static Product> {
        some(self.number + 1, first)
    }
}

struct Group(usize);

#[Object]
impl Group {
    async fn id(&self) -> &ID {
        &PRODUCTS[self.0].id
    }
    async fn name(&self) -> &str {
        PRODUCTS[self.0].id.as_str()
    }
    async fn items(&self) -> Vec<&'static Product> {
        some(self.0, 49)
    }
}

struct Query;

#[Object]
impl Query {
    async fn products(&self, #[graphql(default = 20)] first: i32) -> Vec<&'static Product> {
        some(0, first)
    }
    async fn groups(&self) -> Vec<Group> {
        (0..20).map(Group).collect()
    }
    async fn product(&self, id: ID) -> Option<&'static Product> {
        PRODUCTS.iter().find(|p| p.id == id)
    }
}

#[tokio::main(worker_threads = 1)]
async fn main() {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let app = Router::new().route("/graphql", post_service(GraphQL::new(schema)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, app).await.unwrap();
}
