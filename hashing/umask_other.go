//go:build !unix

package hashing

func umask() int { return 0 }
