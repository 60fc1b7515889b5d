package probe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrail(t *testing.T) {
	var r Trail
	r.Note("f", File, true)
	r.Note("bin/tool", Passed, false)
	looks, whole := r.Looks()
	require.True(t, whole)
	require.Equal(t, []Look{{"f", File, true}, {"bin/tool", Passed, false}}, looks)
	r.NoteBeyond()
	_, whole = r.Looks()
	require.False(t, whole)
}

// Who wants no trail gives none.
func TestNoTrail(t *testing.T) {
	var none *Trail
	none.Note("f", File, true)
	none.NoteBeyond()
	looks, whole := none.Looks()
	require.Empty(t, looks)
	require.True(t, whole)
}
