// gqlgen on net/http. The shop in memory: the same as in ../../graphql_shop.c.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
)

//go:generate go tool gqlgen generate

type Product struct {
	number             int32
	ID, Name, Currency string
	Price              float64
	Stock              int32
	Description        *string
	Status             Status
}

func (*Product) IsNode()         {}
func (p *Product) GetID() string { return p.ID }

type Group struct {
	number   int32
	ID, Name string
}

func (*Group) IsNode()         {}
func (g *Group) GetID() string { return g.ID }

var (
	products [100]*Product
	groups   [20]*Group
)

func some(from, n int32) []*Product {
	list := make([]*Product, min(100, max(0, n)))
	for i := range list {
		list[i] = products[(int(from)+i)%100]
	}
	return list
}

func init() {
	for i := range products {
		description, status := fmt.Sprintf("What number %d is for", i), StatusAvailable
		if i%7 == 0 {
			status = StatusSoldOut
		}
		products[i] = &Product{number: int32(i), ID: fmt.Sprintf("product-%d", i),
			Name: fmt.Sprintf("Product number %d", i), Currency: "EUR", Price: float64(199+i*10) / 100,
			Stock: int32(i), Description: &description, Status: status}
	}
	for i := range groups {
		groups[i] = &Group{int32(i), products[i].ID, products[i].ID}
	}
}

type (
	root  struct{}
	query struct{}
	below struct{}
)

func (root) Query() QueryResolver     { return query{} }
func (root) Product() ProductResolver { return below{} }
func (root) Group() GroupResolver     { return below{} }

func (query) Products(_ context.Context, first *int32) ([]*Product, error) {
	return some(0, *first), nil
}
func (query) Groups(context.Context) ([]*Group, error) { return groups[:], nil }
func (query) Product(_ context.Context, id string) (*Product, error) {
	for _, p := range products {
		if p.ID == id {
			return p, nil
		}
	}
	return nil, nil
}
func (below) Similar(_ context.Context, p *Product, first *int32) ([]*Product, error) {
	return some(p.number+1, *first), nil
}
func (below) Items(_ context.Context, g *Group) ([]*Product, error) { return some(g.number, 49), nil }

func main() {
	server := handler.New(NewExecutableSchema(Config{Resolvers: root{}}))
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	server.Use(extension.Introspection{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Handle("/graphql", server)
	log.Fatal(http.Serve(listener, nil))
}
