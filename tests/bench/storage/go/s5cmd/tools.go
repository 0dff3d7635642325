//go:build tools

// Package tools names a program that pruning is measured beside, so that go.mod and go.sum pin every module it needs.
package tools

import _ "github.com/peak/s5cmd/v2"
