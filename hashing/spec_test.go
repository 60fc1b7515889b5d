package hashing

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// elsewhere says of fields of a Spec how another value shows, if not in the recipe of this test.
var elsewhere = map[string]string{
	"Environ":     "values of Env, and where programs are found",
	"Past":        "where programs are found",
	"Repo":        "in a repository",
	"ProjectRepo": "under CwdRepo",
	"IgnoreWords": "where a word names a file",
	"Variant":     "in a fragment",
}

// What a spec has and Capture forgets would be served to those who asked for something else.
func TestEachFieldIsInTheRecipe(t *testing.T) {
	spec := func() Spec {
		return Spec{
			Argv: []string{"a", "--password", "x"}, Dir: "/no-such/d", Env: []string{"A"}, Environ: []string{"A=1"}, Pty: true,
			Files: []string{"f"},
		}
	}
	base, err := closed(spec())
	require.NoError(t, err)
	for i := range reflect.TypeFor[Spec]().NumField() {
		s := spec()
		field, name := reflect.ValueOf(&s).Elem().Field(i), reflect.TypeFor[Spec]().Field(i).Name
		another(t, field)
		text, err := closed(s)
		require.NoError(t, err)
		require.Equal(t, elsewhere[name] != "", string(text) == string(base), "%s (%s)", name, elsewhere[name])
	}
}

// another gives a field another value.
func another(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Uint8, reflect.Uint16:
		field.SetUint(field.Uint() + 2)
	case reflect.Slice:
		element := reflect.New(field.Type().Elem()).Elem()
		if element.Kind() != reflect.Struct {
			another(t, element)
		}
		field.Set(reflect.Append(field, element))
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	case reflect.Struct:
		another(t, field.Field(0))
	default:
		require.Fail(t, "a kind of field that this test cannot set", field.Type())
	}
}
