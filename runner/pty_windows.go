package runner

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// terminal stands for pseudo-terminals, which are not made on this system.
type terminal struct{ master *os.File }

func openTerminal(Command) (*terminal, *os.File, error) {
	return nil, nil, fmt.Errorf("pseudo-terminal: %w", errors.ErrUnsupported)
}

func (c *Command) readsTerminal() bool { return false }

func (*terminal) begin()                                {}
func (*terminal) end()                                  {}
func (*terminal) resize()                               {}
func (*terminal) follow(syscall.Signal)                 {}
func (*terminal) inner(s syscall.Signal) syscall.Signal { return s }

func sizeOf(*os.File) (Size, bool) { return Size{}, false }
