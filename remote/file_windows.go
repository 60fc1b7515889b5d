package remote

import (
	"path/filepath"
	"strings"
)

// plainOnly has no counterpart here: making a link takes a privilege.
const plainOnly = 0

// localPath is the path of a file URL: /C:/dir is C:\dir.
func localPath(path string) string { return filepath.FromSlash(strings.TrimPrefix(path, "/")) }
