package hashing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the kernel makes up has no size, and its times say nothing: it is read each time.
func TestPseudoFilesAreNotRemembered(t *testing.T) {
	_, spec := here(t)
	spec.Files, spec.Exe = []string{"/proc/version"}, ExePath
	m := newMemory()
	r, err := captureAt(spec, m, time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.Contains(t, string(r.Text), "file \"/proc/version\" plain 0 sha256:")
	require.Empty(t, m.known)
}
