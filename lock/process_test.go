package lock

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary, started again with a role, is the process that takes locks, waits and dies. It says on stdout what
// it has done, one line an event, and reads from stdin when to go on.
const roleVariable = "CACHEX_LOCK_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func play(role string, args []string) error {
	switch role {
	case "wait":
		return playWait(args[0])
	case "nest":
		return playNest(args)
	case "adopt":
		return playAdopt(args[0], args[1])
	case "compete":
		return playCompete(args[0], args[1])
	}
	return fmt.Errorf("no role %q", role)
}

func heldNow() Held { return ParseHeld(os.Getenv("CACHEX_HELD")) }

func goOn() { bufio.NewReader(os.Stdin).ReadString('\n') }

// playWait waits for the lock, says what it got, and finishes when told to.
func playWait(path string) error {
	l, note, err := Wait(context.Background(), FileAt(path), heldNow(), "wait")
	if err != nil {
		return err
	}
	if l == nil {
		fmt.Printf("note %s\n", note)
		return nil
	}
	fmt.Println("lead")
	goOn()
	return l.Finish([]byte("from a process"))
}

// playAdopt adopts the lock that it inherited as descriptor 3, says so, and finishes when told to.
func playAdopt(path, nonce string) error {
	l, err := Adopt(os.NewFile(3, path), FileAt(path), nonce, "adopted")
	if err != nil {
		return err
	}
	fmt.Println("adopted")
	goOn()
	return l.Finish([]byte("from the heir"))
}

// playNest is a small cachex: under the lock of its first path, or without it if that would be a deadlock, it runs
// itself for the other paths. The outermost one waits to be told before it goes inside.
func playNest(paths []string) error {
	if len(paths) == 0 {
		fmt.Println("innermost")
		return nil
	}
	held := heldNow()
	l, note, err := Wait(context.Background(), FileAt(paths[0]), held, "nest")
	if err != nil {
		fmt.Println("alone", err)
		return nest(held.value, paths)
	}
	if l == nil {
		fmt.Printf("note %s\n", note)
		return nil
	}
	fmt.Println("lead", filepath.Base(paths[0]))
	if held.value == "" {
		goOn()
	}
	if err := nest(held.With(l), paths); err != nil {
		return err
	}
	return l.Finish([]byte("nested"))
}

func nest(held string, paths []string) error {
	cmd := itself(context.Background(), paths[1:]...)
	cmd.Env = append(os.Environ(), "CACHEX_HELD="+held)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// process is a test binary in a role.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// hangGuard ends a test whose processes wait for ever. No test depends on its length.
const hangGuard = 2 * time.Minute

// itself is another process of this test. EMULATOR names the program that runs tests of another machine.
func itself(ctx context.Context, args ...string) *exec.Cmd {
	words := append([]string{os.Args[0]}, args...)
	if emulator := os.Getenv("EMULATOR"); emulator != "" {
		words = append([]string{emulator}, words...)
	}
	return exec.CommandContext(ctx, words[0], words[1:]...)
}

func start(t *testing.T, role, held string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, role, held, args...)
}

// startWith starts a process that inherits files as its descriptors 3 and so on.
func startWith(t *testing.T, files []*os.File, role, held string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	cmd := itself(ctx, args...)
	// The race detector would sleep for a second at the end of each process.
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "CACHEX_HELD="+held, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, files
	cmd.WaitDelay = time.Second // children of a killed process may keep its pipe
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	return &process{cmd, stdin, bufio.NewScanner(stdout)}
}

// says returns the next line: empty at the end.
func (p *process) says() string {
	if !p.lines.Scan() {
		return ""
	}
	return p.lines.Text()
}

// rest returns all lines to the end, and fails unless the process ended well.
func (p *process) rest(t *testing.T) []string {
	t.Helper()
	var lines []string
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	require.NoError(t, p.cmd.Wait(), strings.Join(lines, "\n"))
	return lines
}

func (p *process) goOn() { io.WriteString(p.stdin, "\n") }

// kill kills the process, and returns what it had said.
func (p *process) kill() []string {
	p.cmd.Process.Kill()
	var lines []string
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	p.cmd.Wait()
	return lines
}

func guarded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard)
	t.Cleanup(cancel)
	return ctx
}

func tempFile(t *testing.T) File { return FileAt(filepath.Join(t.TempDir(), "lock")) }

func mustTry(t *testing.T, p File) *Lock {
	t.Helper()
	l, err := Try(p, t.Name())
	require.NoError(t, err)
	t.Cleanup(func() { l.Abandon() })
	return l
}
