package remote

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Algorithm is what a key is for.
type Algorithm string

const (
	Ed25519   Algorithm = "ed25519"   // signs; its public half verifies and cannot sign
	HMAC      Algorithm = "hmac"      // HMAC-SHA-256: signs and verifies with one secret
	XChaCha20 Algorithm = "xchacha20" // XChaCha20-Poly1305: encrypts and decrypts with one secret
)

// keyKind is the first word of a key's line.
type keyKind string

const (
	privateKind keyKind = "ed25519-private"
	publicKind  keyKind = "ed25519-public"
	hmacKind    keyKind = "hmac"
	cipherKind  keyKind = "xchacha20"
)

const keySize = 32 // of each kind, in bytes; of an Ed25519 private key it is the seed

func keyKinds() []keyKind { return []keyKind{privateKind, publicKind, hmacKind, cipherKind} }

// KeyID is how a value names the key that it was sealed with. It follows from the key and does not give it away.
type KeyID [8]byte

func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Key is one key. The zero Key is none. Its bytes are behind a function, the one thing that no verb of fmt and no dump
// of a struct looks into.
type Key struct {
	kind keyKind
	id   KeyID
	raw  func() []byte
}

// GenerateKey makes a new key from the system's random numbers.
func GenerateKey(a Algorithm) (Key, error) {
	kind, ok := map[Algorithm]keyKind{Ed25519: privateKind, HMAC: hmacKind, XChaCha20: cipherKind}[a]
	if !ok {
		return Key{}, &KeyError{
			Why: fmt.Sprintf("no kind of key is called %q", a), Hint: "write ed25519, hmac or xchacha20",
		}
	}
	raw := make([]byte, keySize)
	rand.Read(raw) // never fails
	return newKey(kind, raw), nil
}

// newKey wants keySize bytes.
func newKey(kind keyKind, raw []byte) Key {
	k := Key{kind: kind, raw: func() []byte { return raw }}
	switch kind {
	case privateKind, publicKind:
		sum := sha256.Sum256(k.public())
		copy(k.id[:], sum[:])
	default:
		copy(k.id[:], k.derive("cachex key id "+string(kind), nil))
	}
	return k
}

// Text is the key as a line of a key file, without a line end. It holds the secret.
func (k Key) Text() string {
	return fmt.Sprintf("%s %s %s", k.kind, k.id, base64.StdEncoding.EncodeToString(k.raw()))
}

// Public is the half of an Ed25519 key that verifies: for jobs that may read and must not write. False for other keys.
func (k Key) Public() (Key, bool) {
	if k.kind != privateKind && k.kind != publicKind {
		return Key{}, false
	}
	return newKey(publicKind, slices.Clone(k.public())), true
}

// String names the key and does not show it.
func (k Key) String() string { return string(k.kind) + " " + k.id.String() }

func (k Key) public() ed25519.PublicKey {
	if k.kind == publicKind {
		return k.raw()
	}
	return ed25519.NewKeyFromSeed(k.raw()).Public().(ed25519.PublicKey)
}

// derive is HMAC-SHA-256 of data under a secret key. The label keeps apart what the key is used for.
func (k Key) derive(label string, data []byte) []byte {
	mac := hmac.New(sha256.New, k.raw())
	mac.Write(appendField(nil, []byte(label)))
	mac.Write(data)
	return mac.Sum(nil)
}

// appendField adds a field with its length before it, so that no two lists of fields share their bytes.
func appendField(b, field []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(field)))
	return append(b, field...)
}

// BlobName is the name under which a value is kept that others know by sum (a content hash, the key of an entry): 64
// hex digits that tell nothing to who does not have the encryption key. One sum has one name, so equal blobs still are
// one.
func BlobName(k Key, sum []byte) string { return hex.EncodeToString(k.derive("cachex name v1", sum)) }

// Keyring is the keys that a host has, the newest first: the first that can sign signs, the first that can encrypt
// encrypts, and all of them verify and decrypt. To rotate: append the new key everywhere, then move it to the top where
// values are written, and remove the old one once the values under it are no longer wanted.
type Keyring struct{ keys []Key }

// KeyError is a fault of key files or of what is asked of keys. It never shows a key.
type KeyError struct {
	Line int // counted from 1; 0: no line in particular
	Why  string
	Hint string // what to do instead
}

func (e *KeyError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Why)
	}
	return e.Why
}

// holds reports whether a key of this kind and id is there.
func (r Keyring) holds(kind keyKind, id KeyID) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool { return k.kind == kind && k.id == id })
}

// ParseKeys reads keys, one a line: its kind, its id and its bytes in base64. Empty lines and those that begin with #
// do not count, nor does a public key below the private one that it belongs to. Errors are a *KeyError.
func ParseKeys(text string) (Keyring, error) {
	var ring Keyring
	at := map[KeyID]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, bad := parseKey(line)
		if bad == nil && k.kind == publicKind && ring.holds(privateKind, k.id) {
			continue // its public half, as keygen prints it
		}
		if first := at[k.id]; bad == nil && first > 0 {
			bad = &KeyError{
				Why:  fmt.Sprintf("key %s stands in line %d already", k.id, first),
				Hint: "remove one of the two; an ed25519-private key holds its public half",
			}
		}
		if bad != nil {
			bad.Line = number
			return Keyring{}, bad
		}
		at[k.id] = number
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

func parseKey(line string) (Key, *KeyError) {
	words := strings.Fields(line)
	kind := keyKind(words[0])
	if !slices.Contains(keyKinds(), kind) { // not shown: it may be a key that stands alone
		return Key{}, &KeyError{
			Why: "unknown kind of key", Hint: fmt.Sprintf("the line begins with one of %q", keyKinds()),
		}
	}
	if len(words) != 3 {
		return Key{}, &KeyError{
			Why:  fmt.Sprintf("%s: %d words, and 3 are needed", kind, len(words)),
			Hint: "write KIND ID BASE64, as cachex keygen does",
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(words[2])
	if err != nil {
		return Key{}, &KeyError{
			Why: string(kind) + ": not base64", Hint: "copy the whole line that cachex keygen wrote",
		}
	}
	if len(raw) != keySize {
		return Key{}, &KeyError{
			Why:  fmt.Sprintf("%s: a key of %d bytes, and %d are needed", kind, len(raw), keySize),
			Hint: "copy the whole line that cachex keygen wrote",
		}
	}
	k := newKey(kind, raw)
	if words[1] != k.id.String() {
		return Key{}, &KeyError{
			Why:  fmt.Sprintf("%s: the id is not that of the key", kind),
			Hint: "a character was changed, or the key belongs to another line: make a new one with cachex keygen",
		}
	}
	return k, nil
}

// first is the key of a kind to write with.
func (r Keyring) first(kinds ...keyKind) (Key, bool) {
	for _, k := range r.keys {
		if slices.Contains(kinds, k.kind) {
			return k, true
		}
	}
	return Key{}, false
}

// Subkey is a secret derived from an encryption key for another purpose.
type Subkey struct {
	ID     KeyID // of the key that it comes from
	Secret [sha256.Size]byte
}

// Subkeys derives one from each encryption key, the newest first. The label keeps purposes apart.
func (r Keyring) Subkeys(label string) (subkeys []Subkey) {
	for _, k := range r.keys {
		if k.kind == cipherKind {
			subkeys = append(subkeys, Subkey{k.id, [sha256.Size]byte(k.derive(label, nil))})
		}
	}
	return subkeys
}

// find is the key of one of some kinds to read with.
func (r Keyring) find(id KeyID, kinds ...keyKind) (Key, bool) {
	for _, k := range r.keys {
		if k.id == id && slices.Contains(kinds, k.kind) {
			return k, true
		}
	}
	return Key{}, false
}
