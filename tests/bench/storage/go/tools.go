//go:build tools

// Package bench pins the programs that pruning is measured beside.
package bench

import (
	_ "github.com/peak/s5cmd/v2"
	_ "github.com/rclone/rclone"
)
