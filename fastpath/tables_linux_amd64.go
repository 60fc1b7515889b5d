//go:build !amd64.v2

package fastpath

// noTables is what narrow says of CRC-32C. A program that is built for later processors takes the instruction for
// granted, and would print that it does not know this word.
const noTables = debugVariable + "=cpu.sse42=off\x00"
