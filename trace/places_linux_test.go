//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a name means changes with the directory of who uses it, whoever changes that. In the directory are d and e; each
// program uses the name x when its directory is known already, and then once more, as y.
func TestPlaces(t *testing.T) {
	cases := map[string]struct{ code, want string }{
		"nothing":         {`use("x"); use("y");`, "y"},
		"chdir":           {`use("x"); chdir("d"); use("y");`, "d/y"},
		"fchdir":          {`int d = open("d", O_RDONLY); use("x"); fchdir(d); use("y");`, "d/y"},
		"back":            {`chdir("d"); use("x"); chdir(".."); use("y");`, "y"},
		"other process":   {`use("x"); if (!fork()) { chdir("d"); _exit(0); } wait(0); use("y");`, "y"},
		"child":           {`chdir("d"); use("x"); if (!fork()) { use("y"); _exit(0); } wait(0);`, "d/y"},
		"thread":          {`use("x"); pthread_create(&t, 0, inThread, 0); pthread_join(t, 0); use("y");`, "d/y"},
		"of a thread":     {`chdir("d"); use("x"); pthread_create(&t, 0, uses, 0); pthread_join(t, 0);`, "d/y"},
		"shared":          {`use("x"); clone(enters, stack + sizeof stack, CLONE_FS | SIGCHLD, 0); wait(0); use("y");`, "d/y"},
		"renamed":         {`chdir("d"); use("x"); rename("../d", "../f"); use("y");`, "f/y"},
		"renamed above":   {`chdir("d/in"); use("x"); renameat(-100, "../../d", -100, "../../f"); use("y");`, "f/in/y"},
		"exchanged":       {`chdir("d"); use("x"); renameat2(-100, "../d", -100, "../e", RENAME_EXCHANGE); use("y");`, "e/y"},
		"renamed by else": {`chdir("d"); use("x"); if (!fork()) { rename("../d", "../f"); _exit(0); } wait(0); use("y");`, "f/y"},
		"removed":         {`chdir("e"); use("x"); rmdir("../e"); use("y");`, ""},
		"unlinked":        {`chdir("e"); use("x"); unlinkat(-100, "../e", AT_REMOVEDIR); use("y");`, ""},
	}
	source := `
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static char stack[65536];
static pthread_t t;
static void use(const char *name) { access(name, F_OK); }
static int enters(void *p) { chdir("d"); return 0; }
static void *inThread(void *p) { return enters(p), p; }
static void *uses(void *p) { use("y"); return p; }
int main(int argc, char **argv) {
`
	for name, c := range cases {
		source += fmt.Sprintf("if (!strcmp(argv[1], %q)) { %s }\n", name, c.code)
	}
	program := compile(t, "places.c", source+"return 0; }\n", "-w", "-pthread")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := workspace(t)
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "d/in"), 0o700))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "e"), 0o700))
			r := observe(t, dir, program, name)
			if c.want == "" {
				require.Equal(t, []string{"it uses a directory that was removed"}, r.reasons())
				return
			}
			require.Empty(t, r.reasons())
			require.NotZero(t, r.seen(filepath.Join(dir, c.want)).Use)
		})
	}
}
