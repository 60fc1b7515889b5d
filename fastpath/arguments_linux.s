//go:build amd64 || arm64

// With this file here, Go functions without a body are allowed: see arguments.
