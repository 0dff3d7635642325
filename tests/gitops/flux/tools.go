//go:build tools

package main

// The programs that ./programs compiles, so that go.mod and go.sum pin every module that they need.
import (
	_ "github.com/fluxcd/helm-controller"
	_ "github.com/fluxcd/kustomize-controller"
	_ "github.com/fluxcd/source-controller"
)
