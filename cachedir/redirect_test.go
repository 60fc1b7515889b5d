package cachedir

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

func TestLearn(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("learns")
	store(t, d, r, part{0, "stored before"})
	require.Nil(t, d.Redirect(r.Key, r.Recipe))

	lang, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"LANG"}, Files: []string{"a", "\xff\n"}}, nil)
	require.NoError(t, err)
	require.Equal(t, &lang, d.Redirect(r.Key, r.Recipe))
	require.NotZero(t, lang.ID)

	same, err := d.Learn(r, metaNow(), hashing.Learned{Files: []string{"a"}}, nil)
	require.NoError(t, err)
	require.Equal(t, lang, same, "nothing new, so no new id")

	more, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"TZ"}}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"LANG", "TZ"}, more.Env)
	require.Equal(t, []string{"a", "\xff\n"}, more.Files)
	require.NotEqual(t, lang.ID, more.ID)

	_, err = d.PurgeAll()
	require.NoError(t, err)
	require.Nil(t, d.Redirect(r.Key, r.Recipe))
	again, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"LANG"}}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"LANG"}, again.Env)
	require.NotEqual(t, lang.ID, again.ID, "what was stored under the old id stays lost")
}

// Runs that learn different things at once lose nothing of it.
func TestLearnTogether(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("learns")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"V" + strconv.Itoa(i)}}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, d.Redirect(r.Key, r.Recipe).Env, 16)
}

// What is stored of a set before it is in force is there for whoever follows the redirect.
func TestLearnAfterStoring(t *testing.T) {
	d := newDir(t, Options{})
	r := runOf("learns")
	called := 0
	for range 2 { // also of a set that is known
		_, err := d.Learn(r, metaNow(), hashing.Learned{Env: []string{"LANG"}}, func(l hashing.Learned) {
			called++
			require.Equal(t, []string{"LANG"}, l.Env)
			require.Equal(t, called == 1, d.Redirect(r.Key, r.Recipe) == nil)
		})
		require.NoError(t, err)
	}
	require.Equal(t, 2, called)
}
