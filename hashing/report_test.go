package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What an enclosing run is not told of forbids that it is stored.
func TestReportForbidsByDefault(t *testing.T) {
	_, spec := here(t)
	r := captured(t, spec)
	require.Empty(t, r.Report(spec).Refusal)
	for _, k := range kinds {
		report := k.report
		require.NotNil(t, report, k.name)
		k.report = nil
		with := Recipe{Exe: r.Exe, Text: []byte(header + k.name + " x\n")}
		require.Equal(t, "a nested run depends on its "+k.name, with.Report(spec).Refusal)
		k.report = report
	}
}

// What cannot be looked at from outside has to be a fact of the enclosing run, too, with the same words.
func TestReportLines(t *testing.T) {
	_, spec := here(t)
	spec.Vary = []Vary{{Text: "date", Output: Digest{1}}}
	r := captured(t, spec)
	lines := r.Report(spec).Lines
	require.Len(t, lines, 1)
	require.Subset(t, r.LineSums(), lines)
	spec.Vary[0].Output = Digest{2}
	other := captured(t, spec)
	require.NotContains(t, other.LineSums(), lines[0])
}
