package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

// A program runs a command twice; the second time its result is replayed.
func Example() {
	work, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(work)

	cache := &engine.Engine{Open: func() (*cachedir.Dir, error) {
		return cachedir.Open(filepath.Join(work, "cache"), cachedir.Options{MaxSize: 100 << 20})
	}}
	defer cache.Close()
	for range 2 {
		out, err := cache.Do(context.Background(), engine.Request{
			Spec:   hashing.Spec{Argv: []string{"sh", "-c", "echo slow; echo ran >&2"}},
			TTL:    time.Hour,
			Stdout: os.Stdout,
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(out.Served, "exit code", out.Code)
	}
	// Output:
	// slow
	// miss exit code 0
	// slow
	// hit exit code 0
}
