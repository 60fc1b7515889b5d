//go:build linux && (amd64.v2 || arm64)

package fastpath

// noTables is what narrow says of CRC-32C: nothing, for there is no such table on arm64.
const noTables = ""
