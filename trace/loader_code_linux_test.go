//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// Code is what is loaded and can be executed; a header that says more than there is says nothing.
func TestInCode(t *testing.T) {
	header := make([]byte, 64+2*56)
	copy(header, "\x7fELF\x02")
	binary.LittleEndian.PutUint64(header[32:], 64)
	binary.LittleEndian.PutUint16(header[56:], 2)
	for i, flags := range []uint32{4, 5} { // read; read and execute
		entry := header[64+56*i:]
		binary.LittleEndian.PutUint32(entry, 1)
		binary.LittleEndian.PutUint32(entry[4:], flags)
		binary.LittleEndian.PutUint64(entry[16:], uint64(i)*0x1000)
		binary.LittleEndian.PutUint64(entry[40:], 0x800)
	}
	for address, want := range map[uint64]bool{
		0: false, 0x7ff: false, 0xfff: false, 0x1000: true, 0x17ff: true, 0x1800: false, 1<<64 - 1: false,
	} {
		require.Equal(t, want, inCode(header, address), "%#x", address)
	}
	for n := range header {
		require.False(t, inCode(header[:n], 0x1000), "%d bytes", n)
	}
	binary.LittleEndian.PutUint64(header[32:], 1<<64-56)
	require.False(t, inCode(header, 0x1000))
	binary.LittleEndian.PutUint64(header[32:], 64)
	binary.LittleEndian.PutUint32(header[64+56:], 6) // not loaded
	require.False(t, inCode(header, 0x1000))
}
