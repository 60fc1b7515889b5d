package memo

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

var someArgs = []string{"run", "--ttl", "5m", "--env", "LANG", "--", "psql", "-c", "select 'password=hunter2'"}

func someCall() *call.Call {
	return &call.Call{
		Request: engine.Request{
			Spec: hashing.Spec{
				Argv: someArgs[6:], Dir: "/d", Env: []string{"LANG"}, Files: []string{"a/**", "/b"},
				Cwd: hashing.CwdNone, Exe: hashing.ExePath,
			},
			TTL: 5 * time.Minute, TTLFail: engine.Forever, Wait: engine.Forever, Jitter: 0.25, MaxEntries: 3,
			Refresh: true,
		},
		CacheExit: call.ExitZero(), CacheDir: "/c", Explain: true,
		Store: cachedir.Options{MaxSize: 1 << 30, Keep: time.Hour},
	}
}

func TestResolvedThereAndBack(t *testing.T) {
	c := someCall()
	b := resolved(c, someArgs)
	require.NotNil(t, b)
	require.NotContains(t, string(b), "hunter2")
	require.NotContains(t, string(b), "psql")
	require.Equal(t, c, resolvedCall(b, someArgs, "/d", "/c"))

	c.CacheDir = ""
	b = resolved(c, someArgs)
	require.Equal(t, c, resolvedCall(b, someArgs, "/d", "/c"))
	for i := range b {
		require.Nil(t, resolvedCall(b[:i], someArgs, "/d", "/c"), "%d bytes", i)
	}
	require.Nil(t, resolvedCall(append(b, 0), someArgs, "/d", "/c"))
	require.Nil(t, resolvedCall(b, someArgs[:7], "/d", "/c"), "a shorter command line")
}

// A call that is observed comes back with all that is said of that.
func TestResolvedTrace(t *testing.T) {
	for _, trace := range []hashing.Trace{
		{},
		{AnyTimes: true},
		{Ignore: []string{"/var/**"}, Keep: []string{"/var/lib/*", "/x"}, Except: []string{"@ci", "BUILD_*"}},
		{Only: []string{"HOME", "LI*"}},
	} {
		c := someCall()
		c.Request.Spec.Trace, c.Request.Network = &trace, true
		b := resolved(c, someArgs)
		require.NotNil(t, b)
		require.Equal(t, c, resolvedCall(b, someArgs, "/d", "/c"))
	}
}

// Words are found where they stand, however -c was written.
func TestResolvedWords(t *testing.T) {
	for _, args := range [][]string{
		{"run", "-c", "a | b", "x"},
		{"run", "-ca | b", "x"},
		{"run", "--shell=a | b", "--", "x"},
		{"run", "-qc", "a | b", "--", "x"},
	} {
		c := someCall()
		c.Request.Spec.Argv = []string{"sh", "-c", "a | b", "x"}
		b := resolved(c, args)
		require.NotNil(t, b, args)
		require.Equal(t, c, resolvedCall(b, args, "/d", "/c"), args)
	}
	c := someCall()
	c.Request.Spec.Argv = []string{"elsewhere"}
	require.Nil(t, resolved(c, someArgs), "a word that is not in the command line")
	many := strings.Fields(strings.Repeat("w ", fastpath.MaxCall))
	c.Request.Spec.Argv = many
	require.Nil(t, resolved(c, many), "more words than a memo takes")
	c.Request.Spec.Argv = many[:100]
	require.NotNil(t, resolved(c, many))
	for what, say := range map[string]func(*call.Call){
		"tag":       func(c *call.Call) { c.Request.Tags = []string{"hunter2'", "LANG"} },
		"scope":     func(c *call.Call) { c.Request.Spec.Scope = "LANG" },
		"namespace": func(c *call.Call) { c.Request.Spec.Namespace = "psql" },
		"key":       func(c *call.Call) { c.Request.Spec.Name = "5m" },
		"vary":      func(c *call.Call) { c.Request.Vary = []string{someArgs[8]} },
		"only-if":   func(c *call.Call) { c.Request.OnlyIf = []string{someArgs[8]} },
	} {
		c := someCall()
		say(c)
		b := resolved(c, someArgs)
		require.NotContains(t, string(b), "hunter2")
		require.Equal(t, c, resolvedCall(b, someArgs, "/d", "/c"), what)
	}
}

// Whatever else a call says is never lost: it has no resolved form then, or comes back the same.
func TestResolvedLosesNothing(t *testing.T) {
	kept := 0
	var each func(path string, v reflect.Value, of *call.Call)
	each = func(path string, v reflect.Value, of *call.Call) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+v.Type().Field(i).Name
			if !field.CanSet() || name == "Request.Spec.Dir" || name == "Request.Spec.Environ" ||
				name == "PlainTiers" || name == "Configuration" || name == "Places" || name == "AnyCommand" {
				continue // given by who asks, or no setting
			}
			if field.Kind() == reflect.Struct {
				each(name+".", field, of)
				continue
			}
			old := reflect.New(field.Type()).Elem()
			old.Set(field)
			change(field)
			b := resolved(of, someArgs)
			if b != nil {
				kept++
				require.Equal(t, of, resolvedCall(b, someArgs, "/d", of.CacheDir), name)
			}
			field.Set(old)
		}
	}
	c := someCall()
	each("", reflect.ValueOf(c).Elem(), c)
	require.Equal(t, someCall(), c)
	require.Greater(t, kept, 25)

	for name, secret := range map[string]func(*call.Call){
		"secret":    func(c *call.Call) { c.Request.Spec.Secret = []byte("s") },
		"keys":      func(c *call.Call) { c.Store.Keys = []cachedir.SealKey{{}} },
		"tiers":     func(c *call.Call) { c.Request.Tiers = []fleet.Tier{{}} },
		"scope":     func(c *call.Call) { c.Request.Spec.Scope = "of a file" },
		"tag":       func(c *call.Call) { c.Request.Tags = []string{"of a file"} },
		"ttl-until": func(c *call.Call) { c.Request.Until = func(t time.Time) time.Time { return t } },
		"vary":      func(c *call.Call) { c.Request.Vary = []string{"of a file"} },
		"only-if":   func(c *call.Call) { c.Request.OnlyIf = []string{"of a file"} },
		"purge-tag": func(c *call.Call) { c.Request.PurgeTags = []string{"psql"} },
	} {
		c := someCall()
		secret(c)
		require.Nil(t, resolved(c, someArgs), name)
	}
}

// change gives a field another value.
func change(field reflect.Value) {
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		field.SetInt(field.Int() + 77)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		field.SetUint(field.Uint() + 1)
	case reflect.Float64:
		field.SetFloat(field.Float() + 0.5)
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Slice:
		field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
	case reflect.Array:
		change(field.Index(2))
	case reflect.Interface:
		for _, value := range []any{errors.New("changed"), io.Discard} {
			if reflect.TypeOf(value).Implements(field.Type()) {
				field.Set(reflect.ValueOf(value))
			}
		}
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	}
}

// Whatever bytes a memo holds: no panic, and no more memory than they have a use for.
func FuzzResolvedCall(f *testing.F) {
	f.Add(resolved(someCall(), someArgs))
	f.Add([]byte{1, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := resolvedCall(b, someArgs, "/d", "/c")
		if c == nil {
			return
		}
		require.NotEmpty(t, c.Request.Spec.Argv)
		for _, word := range c.Request.Spec.Argv {
			_, ok := placeOf(word, someArgs)
			require.True(t, ok)
		}
	})
}
