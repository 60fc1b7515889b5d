package hashing

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRepoRoot(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	put(t, top, "git/.git/HEAD", "")
	put(t, top, "git/a/b/x", "")
	put(t, top, "git/worktree/.git", "gitdir: elsewhere")
	put(t, top, "hg/.hg/store", "")
	put(t, top, "jj/.jj/repo", "")
	put(t, top, "svn/.svn/entries", "")
	put(t, top, "none/x", "")
	require.NoError(t, os.Symlink(filepath.Join(top, "git/a"), filepath.Join(top, "none/link")))

	cases := []struct {
		dir, root, below string
	}{
		{"git", "git", "."},
		{"git/a/b", "git", "a/b"},
		{"git/worktree", "git/worktree", "."},
		{"hg", "hg", "."},
		{"jj", "jj", "."},
		{"svn", "svn", "."},
		{"none/link/b", "git", "a/b"},
		{"none", "", ""},
		{"no/such", "", ""},
	}
	for _, c := range cases {
		t.Run(c.dir, func(t *testing.T) {
			dir := filepath.Join(top, c.dir)
			root, found := RepoRoot(dir, nil)
			text := string(appendDirectory(nil, &Spec{Dir: dir, Cwd: CwdRepo, Repo: "r"}))
			if c.root == "" {
				require.False(t, found)
				require.Equal(t, "directory path "+string(appendQuoted(nil, dir))+"\n", text)
				return
			}
			require.True(t, found)
			require.Equal(t, filepath.Join(top, c.root), root)
			require.Equal(t, "directory repo \""+c.below+"\" of \"r\"\n", text)
		})
	}
	require.Equal(t, "directory none\n", string(appendDirectory(nil, &Spec{Dir: top, Cwd: CwdNone})))
}
