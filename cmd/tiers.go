package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote"
)

// TierList is the URLs of tiers. They may hold secrets, and are shown without them.
type TierList []string

// String shows the tiers without their secrets.
func (l TierList) String() string {
	shown := make([]string, len(l))
	for i, text := range l {
		shown[i] = redactTier(text)
	}
	return strings.Join(shown, " ")
}

func redactTier(text string) string {
	c, _, err := remote.Parse(text, noEnvironment)
	if err != nil || c.URL == nil {
		return "(not a URL)"
	}
	return c.Redacted()
}

func noEnvironment(string) (string, bool) { return "", false }

// Algorithm is how results are signed; empty: not at all.
type Algorithm string

// String is the word for it.
func (a Algorithm) String() string {
	if a == "" {
		return "none"
	}
	return string(a)
}

func parseAlgorithm(src source, text string) (Algorithm, error) {
	switch remote.Algorithm(text) {
	case remote.Ed25519, remote.HMAC:
		return Algorithm(text), nil
	}
	return "", src.bad(text, "not one of the choices", "write ed25519 or hmac")
}

// parseTiers checks URLs of tiers. A wrong one is shown without what may be a secret in it.
func parseTiers(src source, texts []string) (TierList, error) {
	var list TierList
	for _, text := range texts {
		isSpace := func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }
		list = append(list, strings.FieldsFunc(text, isSpace)...)
	}
	seen := map[string]bool{}
	for _, text := range list {
		c, _, err := remote.Parse(text, noEnvironment)
		if err != nil {
			return nil, &usageError{Err: fmt.Errorf("%s: %w", src.name, err), Hint: tierHint}
		}
		place := c.URL.Scheme + c.URL.Host + c.URL.Path + c.Prefix
		if seen[place] {
			return nil, &BadValue{
				Name: src.name, Value: c.Redacted(), Why: "named twice", Hint: "leave one of the two out",
			}
		}
		seen[place] = true
	}
	return list, nil
}

const tierHint = "write a URL such as redis://host:6379, memcached://host1,host2, s3://bucket/prefix, " +
	"https://host/path or file:///shared/dir"

// lookupEnv is os.LookupEnv over the environment that a process was given.
type lookupEnv func(name string) (value string, set bool)

// tiersOf makes the tiers of the settings ready for the engine. Nothing is connected to. What their URLs leave out may
// stand in the environment.
func tiersOf(s Settings, env lookupEnv) ([]fleet.Tier, error) {
	if len(s.Remote) == 0 {
		return nil, nil
	}
	sealer, err := sealerOf(s)
	if err != nil {
		return nil, err
	}
	var tiers []fleet.Tier
	for _, text := range s.Remote {
		c, o, err := remote.Parse(text, env)
		if err != nil {
			return nil, err
		}
		tiers = append(tiers, fleet.Tier{
			Name: c.Redacted(), Open: func() (remote.Tier, error) { return remote.Open(c) },
			Read: o.Mode != remote.ModeWrite, Write: o.Mode != remote.ModeRead, Life: o.Life,
			Background: o.Upload == remote.UploadBackground, Sealer: sealer, Servers: c.Servers(),
		})
	}
	return tiers, nil
}

// plainTiers warns of servers that are talked to in the clear, and of what they are told without a secret, once a day:
// to say it with every run would be in the way. A hit tells a server nothing that it has not been told.
func plainTiers(s Settings, env lookupEnv, spec *hashing.Spec, dir *cachedir.Dir, hit bool) []Warning {
	if len(s.Remote) == 0 {
		return nil
	}
	for _, text := range s.Remote {
		c, _, err := remote.Parse(text, env)
		if err == nil && c.Plain() != "" && dir.OncePerDay("plain-connection") {
			const text = "the connection to %s is not encrypted: use %s"
			return []Warning{Warning(fmt.Sprintf(text, c.Plain(), secureScheme(c.URL.Scheme)))}
		}
	}
	if hit {
		return nil
	}
	if what := guessable(spec); what != "" && dir.OncePerDay("guessable-digests") {
		const hint = "set secret-file to the same secret everywhere"
		return []Warning{Warning(what + " can be guessed from digests on the server if it is short: " + hint)}
	}
	return nil
}

// guessable names an input whose digest is that of something short, and keyed with nothing.
func guessable(spec *hashing.Spec) string {
	const short = 64 // bytes: as long as a secret may be
	switch {
	case spec.Secret != nil:
		return ""
	}
	for _, name := range spec.Env {
		if !strings.HasPrefix(name, toolMark) {
			return "the value of " + hashing.Show(name)
		}
	}
	if name, found := hashing.GuessableOfTools(*spec, short); found {
		return "the value of " + hashing.Show(name)
	}
	for _, f := range hashing.ArgFiles(spec) {
		if info, err := os.Stat(f.Name); err == nil && info.Mode().IsRegular() && info.Size() <= short {
			return "what " + f.Show() + " holds"
		}
	}
	return ""
}

// secureScheme says what to use instead.
func secureScheme(scheme string) string {
	switch scheme {
	case "redis":
		return "rediss://"
	case "memcached":
		return "a private network, and encrypt and sign"
	}
	return "https"
}

// sealerOf is what values are wrapped with on their way.
func sealerOf(s Settings) (*remote.Sealer, error) {
	p := remote.Policy{
		Sign: remote.Algorithm(s.Sign), RequireSignature: s.RequireSignature, Encrypt: s.Encrypt, Compress: true,
	}
	var err error
	if p.Keys, err = keysOf(s); err != nil {
		return nil, err
	}
	sealer, err := remote.NewSealer(p)
	if err != nil {
		return nil, keyError("sign, encrypt, require-signature", err)
	}
	return sealer, nil
}

// keysOf reads the key file.
func keysOf(s Settings) (keys remote.Keyring, err error) {
	if s.KeyFile == "" {
		return keys, nil
	}
	text, err := readSmall(s.KeyFile, maxSecret)
	if err != nil {
		return keys, &BadValue{
			Name: "key-file", Value: s.KeyFile, Why: reason(err), Hint: "name a file that cachex keygen made",
		}
	}
	if keys, err = remote.ParseKeys(string(text)); err != nil {
		return keys, keyError(s.KeyFile, err)
	}
	return keys, nil
}

// storeKeys are what entries of the cache directory are encrypted with.
func storeKeys(s Settings) (keys []cachedir.SealKey, err error) {
	ring, err := keysOf(s)
	if err != nil {
		return nil, err
	}
	for _, k := range ring.Subkeys("cachex cache directory v1") {
		keys = append(keys, cachedir.SealKey{ID: k.ID, Secret: k.Secret})
	}
	if s.Encrypt && len(keys) == 0 {
		return nil, keyError("encrypt", &remote.KeyError{
			Why:  "no xchacha20 key to encrypt with",
			Hint: "make one with cachex keygen xchacha20, and name its file with key-file",
		})
	}
	return keys, nil
}

func keyError(where string, err error) error {
	hint := "make keys with cachex keygen, and name their file with key-file"
	var bad *remote.KeyError
	if errors.As(err, &bad) && bad.Hint != "" {
		hint = bad.Hint
	}
	return &usageError{Err: fmt.Errorf("%s: %w", where, err), Hint: hint}
}

// eachTier opens each tier of the settings for a command that talks to it itself.
func eachTier(s Settings, env lookupEnv, do func(fleet.Tier, remote.Tier) error) error {
	tiers, err := tiersOf(s, env)
	if err != nil {
		return err
	}
	var all []error
	for _, t := range tiers {
		conn, err := t.Open()
		if err == nil {
			err = do(t, conn)
			_ = conn.Close()
		}
		if err != nil {
			all = append(all, t.Fault(err))
		}
	}
	return errors.Join(all...)
}

// purgeTiers makes a purge known to other hosts: of a tag by its count, of everything by removing what lies under the
// prefix of the tier.
func purgeTiers(s Settings, env lookupEnv, sel selector) error {
	const patience = time.Minute
	if !sel.all && sel.tag == "" {
		return nil
	}
	return eachTier(s, env, func(t fleet.Tier, conn remote.Tier) error {
		if !t.Write {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if sel.tag != "" {
			return fleet.PurgeTag(ctx, conn, sel.tag, sel.soft)
		}
		_, err := remote.Clear(ctx, conn)
		return err
	})
}
