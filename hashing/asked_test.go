package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A stored recipe, with what no recipe says, gives a spec that is captured as the same recipe again.
func TestAsked(t *testing.T) {
	given := Spec{Environ: []string{"A=1", "GOFLAGS=-v", "LANG=C"}, Secret: []byte("s")}
	with := func(change func(*Spec)) Spec {
		s := given
		s.Argv, s.Dir = []string{"go", "list", "two words"}, "/no-such/d"
		change(&s)
		return s
	}
	for _, s := range []Spec{
		with(func(*Spec) {}),
		with(func(s *Spec) { s.Namespace, s.Scope = "a/b", "v 2" }),
		with(func(s *Spec) { s.Exe = ExeDigest }),
		with(func(s *Spec) { s.Exe = ExePath }),
		with(func(s *Spec) { s.Exe = ExeNone }),
		with(func(s *Spec) { s.Env, s.StrictEnv = []string{"A", "B*", "@jq"}, true }),
		with(func(s *Spec) { s.Env = []string{"A", "@none"} }),
		with(func(s *Spec) { s.Argv[0] = "sh" }),
		with(func(s *Spec) { s.Env = []string{"@none", "@jq"} }),
		with(func(s *Spec) { s.Env = []string{"@known"} }),
		with(func(s *Spec) {
			s.Files = []string{"f", Except("**/*.go", []string{"x", "y z"}), Within("@list", "sub"), "./@git"}
		}),
		with(func(s *Spec) { s.Files = []string{Except(From("@list", "sub"), []string{"x"})} }),
		with(func(s *Spec) { s.Vary = []Vary{{Text: "date"}} }),
		with(func(s *Spec) { s.Trace = &Trace{} }),
		with(func(s *Spec) {
			s.Trace = &Trace{AnyTimes: true, Ignore: []string{"/x/*"}, Keep: []string{"/x/y"}, Except: []string{"B*"}}
		}),
		with(func(s *Spec) { s.Trace = &Trace{Only: []string{"A"}} }),
	} {
		text, err := closed(s)
		require.NoError(t, err)
		asked, err := given.Asked(text)
		require.NoError(t, err, string(text))
		again, err := closed(asked)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
	}

	for _, test := range []struct {
		spec Spec
		want error
	}{
		{with(func(s *Spec) { s.Argv = []string{"a", "--password", "x"} }), errHiddenWord},
		{with(func(s *Spec) { s.Name = "n" }), errUnnamed},
		{with(func(s *Spec) { s.Name, s.Fragment = "n", true }), errUnnamed},
		{with(func(s *Spec) { s.Item = &Item{Word: "x"} }), errUnnamed},
		{with(func(s *Spec) { s.Cwd = CwdNone }), errNoPlace},
		{with(func(s *Spec) { s.Stdin = &Digest{} }), errHanded},
		{with(func(s *Spec) { s.Pty = true }), errTerminal},
		{with(func(s *Spec) { s.Outputs = []string{"o"} }), errMakes},
		{with(func(s *Spec) { s.Vary = []Vary{{Text: "curl -u me:s3cret-word h.example"}} }), errHiddenWord},
	} {
		text, err := closed(test.spec)
		require.NoError(t, err)
		_, err = given.Asked(text)
		require.ErrorIs(t, err, test.want, string(text))
	}
	_, err := given.Asked([]byte(header + "nonsense\n"))
	require.ErrorIs(t, err, errNotAsked)
}
