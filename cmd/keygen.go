package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/remote"
)

func newKeygenCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "keygen ed25519|hmac|xchacha20",
		Short: "make a key for signing what other machines keep, or for encrypting what is stored",
		Long: `Keygen prints a new key as a line of a key file, and for ed25519 the public key as a second line: who has
only that line can check signatures and make none. Put the lines into a file that only you can read, and name it with
key-file in your own configuration. The first key of a kind is used for writing, all of them for reading: so keys are
changed.

    key-file = "~/.config/cachex/keys"
    sign = "ed25519"            # or hmac: sign what goes to the servers of --remote
    require-signature = true    # take from them only what one of the keys has signed
    encrypt = true              # with an xchacha20 key: what goes to them, and the cache directory

A command line, its output and the names of its tags are encrypted; digests, times and sizes are not. For who does not
have the key, what is encrypted is a miss.` + exitCodes(
			"0    printed", "125  no such kind of key"),
		Example:   "  (umask 077; cachex keygen ed25519 >>~/.config/cachex/keys)",
		Args:      oneArgument("KIND", "write ed25519, hmac or xchacha20"),
		ValidArgs: []string{string(remote.Ed25519), string(remote.HMAC), string(remote.XChaCha20)},
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := remote.GenerateKey(remote.Algorithm(args[0]))
			if err != nil {
				return &usageError{
					Err:  fmt.Errorf("no key of kind %q", args[0]),
					Hint: "write ed25519, hmac or xchacha20",
				}
			}
			text := key.Text() + "\n"
			if public, ok := key.Public(); ok {
				text += public.Text() + "\n"
			}
			_, err = app.Stdout.WriteString(text)
			return err
		},
	}
}
