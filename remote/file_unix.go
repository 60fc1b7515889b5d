//go:build !windows

package remote

import "syscall"

// plainOnly makes opening fail on a link, and not wait for the other end of a pipe.
const plainOnly = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// localPath is the path of a file URL.
func localPath(path string) string { return path }
