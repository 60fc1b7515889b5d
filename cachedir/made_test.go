package cachedir

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

func digestOf(n int) hashing.Digest {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

// What runs have left is known, each once, the youngest first, up to a limit; a damaged record is not.
func TestMade(t *testing.T) {
	d, id := newDir(t, Options{}), [32]byte{7}
	require.Empty(t, d.Made(id))
	require.NoError(t, d.NoteMade(id, []hashing.Digest{digestOf(1), digestOf(2)}))
	require.NoError(t, d.NoteMade(id, []hashing.Digest{digestOf(2), digestOf(3)}))
	require.Equal(t, map[hashing.Digest]bool{digestOf(1): true, digestOf(2): true, digestOf(3): true}, d.Made(id))
	require.Empty(t, d.Made([32]byte{8}))

	path := d.v1.Path(scopeName(id) + madeSuffix)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, b, 3*scopeRecord)
	b[scopeRecord] ^= 1 // of digest 3
	require.NoError(t, os.WriteFile(path, b, 0o600))
	require.Equal(t, map[hashing.Digest]bool{digestOf(1): true, digestOf(2): true}, d.Made(id))

	var many []hashing.Digest
	for n := range mostMade/scopeRecord + 10 {
		many = append(many, digestOf(n))
	}
	require.NoError(t, d.NoteMade(id, many))
	require.Len(t, d.Made(id), mostMade/scopeRecord)
	require.True(t, d.Made(id)[digestOf(0)])
}
