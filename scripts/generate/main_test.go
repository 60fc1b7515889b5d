package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	require.NoError(t, run("../..", true))
}
