package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func handle(context.Context, any) (any, error) { return nil, nil }

func main() { lambda.Start(handle) }
