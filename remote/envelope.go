package remote

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The envelope
//
// Every value goes to a tier and comes back from it in an envelope: a head (envelope_head.go), the payload in chunks
// (envelope_chunks.go), perhaps compressed first (envelope_zstd.go) and then encrypted, and a trailer. It knows names
// and bytes, not what an entry is. What it gives is this:
//
//   - Damage is found, whatever the policy. The trailer begins with the SHA-256 of the statement: a domain, the name,
//     the caller's context, the head, and the SHA-256 of the payload, each with its length before it. So a value that
//     is cut, changed, or stored under another name is damage. Anybody can compute that sum: it is no proof against
//     malice.
//   - A signature, if any, follows the sum and is over the same statement. Who holds no signing key cannot make a value
//     that a reader with RequireSignature takes, nor move one to another name, context or version. Without
//     RequireSignature a signature by a key that is not here is not looked at, because an attacker could as well have
//     left it out; one by a known key must be right.
//   - Encryption hides the bytes and ties each chunk to its place, its value, name, context and key. The server still
//     sees the length of the value (also how well it compresses), and when it is used. Names are hidden by BlobName.
//     The context goes into the statement by a keyed hash, because the server sees the sum and could try out contexts.
//     A reader that encrypts takes nothing in the clear.
//
// What it cannot give is freshness. Who may write can bring back an older value of the same name with its old, right
// signature: whether a value still holds is for the caller to judge, by what stands in it.
//
// All this takes one pass in each direction and constant memory. The price is that Open has written the bytes before it
// knows whether they are right.

const statementDomain = "cachex sealed value v1"

// Policy says how values are sealed, and what is asked of them when they come back.
type Policy struct {
	Sign             Algorithm // Ed25519, HMAC, or "" for not at all
	RequireSignature bool      // take only what one of the keys has signed
	Encrypt          bool      // and take only what is encrypted
	Keys             Keyring
	Compress         bool // where it pays
}

// Sealer wraps and unwraps values. It may be used from several goroutines.
type Sealer struct {
	policy         Policy
	signer, cipher Key // zero: not wanted
}

// NewSealer fails with a *KeyError if the policy asks for what its keys cannot do.
func NewSealer(p Policy) (*Sealer, error) {
	s := &Sealer{policy: p}
	var ok bool
	switch p.Sign {
	case "":
	case Ed25519:
		if s.signer, ok = p.Keys.first(privateKind); !ok {
			return nil, &KeyError{
				Why: "no ed25519-private key to sign with", Hint: "make one with cachex keygen ed25519, or do not sign",
			}
		}
	case HMAC:
		if s.signer, ok = p.Keys.first(hmacKind); !ok {
			return nil, &KeyError{
				Why: "no hmac key to sign with", Hint: "make one with cachex keygen hmac, or do not sign",
			}
		}
	default:
		return nil, &KeyError{Why: fmt.Sprintf("cannot sign with %q", p.Sign), Hint: "write ed25519 or hmac"}
	}
	if _, ok := p.Keys.first(privateKind, publicKind, hmacKind); p.RequireSignature && !ok {
		return nil, &KeyError{
			Why:  "signatures are required, and no key can verify one",
			Hint: "add the ed25519-public or hmac line of who writes",
		}
	}
	if p.Encrypt {
		if s.cipher, ok = p.Keys.first(cipherKind); !ok {
			return nil, &KeyError{
				Why: "no xchacha20 key to encrypt with", Hint: "make one with cachex keygen xchacha20",
			}
		}
	}
	return s, nil
}

// Names are the names on a tier of what is known here by sum. The first is for storing; a value that was stored before
// the encryption key changed is under one of the others. Without encryption there is one: sum in hex digits.
func (s *Sealer) Names(sum []byte) []string {
	if !s.policy.Encrypt {
		return []string{fmt.Sprintf("%x", sum)}
	}
	var names []string
	for _, k := range s.policy.Keys.keys {
		if k.kind == cipherKind {
			names = append(names, BlobName(k, sum))
		}
	}
	return names
}

// Seal writes the next size bytes of src to dst, in an envelope that only opens under the same name and context. An
// error that is not the writer's says that src could not be read, or not as far.
func (s *Sealer) Seal(dst io.Writer, name string, context []byte, src io.Reader, size int64) error {
	if size < 0 {
		return &bodyError{fmt.Errorf("%d bytes", size)}
	}
	sample, err := readBody(src, min(size, sealChunk))
	if err != nil {
		return err
	}
	var z *zstd.Encoder
	if s.policy.Compress {
		if z, err = compressorFor(sample); err != nil {
			return err
		}
	}
	h := s.newHead(size, z != nil)
	e := newEnvelope(h, h.encode(), name, context, s.cipher)
	if _, err := dst.Write(e.head); err != nil {
		return err
	}
	w := newChunkWriter(dst, e.chunkCipher)
	body := io.MultiReader(bytes.NewReader(sample), &bodyReader{src, size - int64(len(sample))})
	if z != nil {
		err = compress(z, w, body)
	} else {
		_, err = io.Copy(w, body)
	}
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = dst.Write(e.trailer(w.sum.Sum(nil), s.signer))
	return err
}

func (s *Sealer) newHead(size int64, compressed bool) head {
	h := head{plain: size, signer: s.signer.id, cipher: s.cipher.id}
	if compressed {
		h.flags |= flagCompressed
	}
	switch s.policy.Sign {
	case Ed25519:
		h.flags |= flagEd25519
	case HMAC:
		h.flags |= flagHMAC
	}
	if s.policy.Encrypt {
		h.flags |= flagEncrypted
		h.prefix = randomPrefix()
	}
	return h
}

// Open reads a sealed value to its end and writes its bytes to dst, at most max. NOTHING that was written to dst may be
// believed or used before Open has returned nil: the proof stands behind the bytes. So dst is a place of the caller's
// own, thrown away on any error. It returns how many bytes it wrote. Memory does not depend on what the value claims.
func (s *Sealer) Open(dst io.Writer, name string, context []byte, src io.Reader, max int64) (int64, error) {
	h, raw, err := readHead(src)
	if err != nil {
		return 0, err
	}
	if h.plain > max {
		return 0, tooLarge("sealed value", h.plain, max)
	}
	signer, cipher, err := s.keysFor(&h)
	if err != nil {
		return 0, err
	}
	e := newEnvelope(h, raw, name, context, cipher)
	out := &boundedWriter{dst: dst, left: h.plain}
	body := newChunkReader(src, e.chunkCipher, h.maxPayload())
	if h.has(flagCompressed) {
		err = decompress(out, body)
	} else {
		_, err = body.WriteTo(out)
	}
	if err == nil && out.left > 0 {
		err = damaged("shorter than it says")
	}
	if err == nil {
		err = e.checkTrailer(src, body.sum.Sum(nil), signer)
	}
	return h.plain - out.left, err
}

// keysFor judges a head by the policy, and finds the keys to verify and decrypt with; zero: no need of one.
func (s *Sealer) keysFor(h *head) (signer, cipher Key, err error) {
	switch {
	case h.has(flagEd25519):
		signer, _ = s.policy.Keys.find(h.signer, privateKind, publicKind)
	case h.has(flagHMAC):
		signer, _ = s.policy.Keys.find(h.signer, hmacKind)
	case s.policy.RequireSignature:
		return signer, cipher, ErrUnsigned
	}
	if s.policy.RequireSignature && signer.raw == nil {
		return signer, cipher, fmt.Errorf("%w: signed by %s", ErrUnknownKey, h.signer)
	}
	if !h.has(flagEncrypted) {
		if s.policy.Encrypt {
			err = ErrNotEncrypted
		}
		return signer, cipher, err
	}
	cipher, ok := s.policy.Keys.find(h.cipher, cipherKind)
	if !ok {
		err = fmt.Errorf("%w: encrypted by %s", ErrUnknownKey, h.cipher)
	}
	return signer, cipher, err
}

// envelope is what one value's parts are bound to.
type envelope struct {
	head        []byte
	flags       byte
	bound       []byte       // domain, name, context and head: the statement without the payload
	chunkCipher *chunkCipher // nil: in the clear
}

func newEnvelope(h head, raw []byte, name string, context []byte, cipher Key) *envelope {
	e := &envelope{head: raw, flags: h.flags}
	if h.has(flagEncrypted) {
		context = cipher.derive("cachex context v1", context)
	}
	for _, field := range [][]byte{[]byte(statementDomain), []byte(name), context, raw} {
		e.bound = appendField(e.bound, field)
	}
	if h.has(flagEncrypted) {
		e.chunkCipher = newChunkCipher(cipher, h.prefix, e.bound)
	}
	return e
}

// statement is what the sum and the signature are of.
func (e *envelope) statement(payload []byte) []byte {
	return appendField(bytes.Clone(e.bound), payload)
}

// trailer is the sum of the statement, and the signature if there is a signer.
func (e *envelope) trailer(payload []byte, signer Key) []byte {
	statement := e.statement(payload)
	sum := sha256.Sum256(statement)
	switch signer.kind {
	case privateKind:
		return append(sum[:], ed25519.Sign(ed25519.NewKeyFromSeed(signer.raw()), statement)...)
	case hmacKind:
		return append(sum[:], signer.derive("cachex signature v1", statement)...)
	}
	return sum[:]
}

// checkTrailer reads the trailer, behind which nothing may come. A signature that nobody here can check passes: keysFor
// has refused it where one is required.
func (e *envelope) checkTrailer(src io.Reader, payload []byte, signer Key) error {
	size := sha256.Size +
		map[byte]int{flagEd25519: ed25519.SignatureSize, flagHMAC: sha256.Size}[e.flags&(flagEd25519|flagHMAC)]
	trailer := make([]byte, size)
	if err := fillSealed(src, trailer); err != nil {
		return err
	}
	switch n, err := io.ReadFull(src, make([]byte, 1)); {
	case n > 0:
		return damaged("something follows it")
	case !errors.Is(err, io.EOF):
		return err
	}
	statement := e.statement(payload)
	sum := sha256.Sum256(statement)
	if !bytes.Equal(sum[:], trailer[:sha256.Size]) {
		return damaged("its checksum is wrong")
	}
	if signature := trailer[sha256.Size:]; signer.raw != nil && !signer.verify(statement, signature) {
		return fmt.Errorf("%w: it names %s", ErrBadSignature, signer)
	}
	return nil
}

func (k Key) verify(statement, signature []byte) bool {
	if k.kind == hmacKind {
		return hmac.Equal(k.derive("cachex signature v1", statement), signature)
	}
	return ed25519.Verify(k.public(), statement, signature)
}

// bodyReader reads the next left bytes. That there are fewer is an error.
type bodyReader struct {
	src  io.Reader
	left int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case r.left == 0:
		return n, nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = &bodyError{err}
	}
	return n, err
}

// boundedWriter takes no more bytes than were announced.
type boundedWriter struct {
	dst  io.Writer
	left int64
	err  error
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		w.err = damaged("longer than it says")
		return 0, w.err
	}
	n, err := w.dst.Write(p)
	w.left -= int64(n)
	w.err = err
	return n, err
}
