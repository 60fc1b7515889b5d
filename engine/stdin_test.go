package engine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// TestInput: whatever its size, and also when reading ahead fails, the command gets every byte once.
func TestInput(t *testing.T) {
	broken := errors.New("broken")
	for _, size := range []int{0, 1, memoryInput, memoryInput + 1, 3*memoryInput + 7} {
		whole := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		in, err := readStdin(iotest.HalfReader(bytes.NewReader(whole)))
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(whole), [32]byte(in.digest))
		require.Equal(t, whole, fed(t, in))
		in.close()

		in, err = readStdin(io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken)
		in.close()
	}
}

// TestInputWithoutRoom: where no file can be made, what was read goes to the command, and then the rest.
func TestInputWithoutRoom(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/absent")
	whole := bytes.Repeat([]byte("x"), 3*memoryInput)
	in, err := readStdin(bytes.NewReader(whole))
	require.Error(t, err)
	require.True(t, bytes.Equal(whole, fed(t, in)))
}

func fed(t *testing.T, in *stdin) []byte {
	t.Helper()
	f, r := in.feed()
	if f != nil {
		r = f
	}
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return append([]byte{}, b...)
}
