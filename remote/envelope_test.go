package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

const (
	sealName    = "entry/0123abcd"
	sealContext = "format 1, key 0123abcd"
	sealMax     = 64 << 20
)

// fixedKey is a key that is the same in each run: of one kind, told apart by a number.
func fixedKey(kind keyKind, number byte) Key {
	return newKey(kind, bytes.Repeat([]byte{number, 0x5a}, keySize/2))
}

func ring(keys ...Key) Keyring { return Keyring{keys} }

func allKeys() Keyring {
	return ring(fixedKey(privateKind, 1), fixedKey(hmacKind, 2), fixedKey(cipherKind, 3))
}

// modes is every combination of what a sealer can do.
func modes() map[string]Policy {
	all := map[string]Policy{}
	for _, sign := range []Algorithm{"", Ed25519, HMAC} {
		for _, encrypt := range []bool{false, true} {
			for _, compress := range []bool{false, true} {
				if testing.Short() && compress != encrypt {
					continue // the full run tries all
				}
				name := fmt.Sprintf("sign=%s,encrypt=%t,compress=%t", sign, encrypt, compress)
				all[name] = Policy{
					Sign: sign, RequireSignature: sign != "", Encrypt: encrypt, Keys: allKeys(), Compress: compress,
				}
			}
		}
	}
	return all
}

func newSealer(t testing.TB, p Policy) *Sealer {
	t.Helper()
	s, err := NewSealer(p)
	require.NoError(t, err)
	return s
}

func seal(t testing.TB, s *Sealer, value []byte) []byte {
	t.Helper()
	return sealAs(t, s, sealName, value)
}

func sealAs(t testing.TB, s *Sealer, name string, value []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	require.NoError(t, s.Seal(&sealed, name, []byte(sealContext), bytes.NewReader(value), int64(len(value))))
	return sealed.Bytes()
}

func open(s *Sealer, sealed []byte) ([]byte, error) {
	var out bytes.Buffer
	n, err := s.Open(&out, sealName, []byte(sealContext), bytes.NewReader(sealed), sealMax)
	if err == nil && n != int64(out.Len()) {
		err = fmt.Errorf("%d bytes written, %d reported", out.Len(), n)
	}
	return out.Bytes(), err
}

// textual shrinks, noise does not.
func textual(size int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "line %d says %x\n", b.Len(), random.IntN(1000))
	}
	return b.Bytes()[:size]
}

func noise(size int) []byte {
	b := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	random.Read(b)
	return b
}

func TestSealThenOpen(t *testing.T) {
	sizes := []int{0, 1, 511, 4096, sealChunk - 1, sealChunk, sealChunk + 1, 3 * sealChunk, 3*compressWindow + 7}
	text, random := textual(sizes[len(sizes)-1]), noise(sizes[len(sizes)-1])
	for mode, policy := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newSealer(t, policy)
			for _, size := range sizes {
				for what, value := range map[string][]byte{"text": text[:size], "noise": random[:size]} {
					sealed := seal(t, s, value)
					got, err := open(s, sealed)
					require.NoError(t, err, "%s of %d bytes", what, size)
					require.True(t, bytes.Equal(value, got), "%s of %d bytes", what, size)
					shrinks := policy.Compress && what == "text" && size >= 4096
					require.Equal(t, shrinks, len(sealed) < size/10*9, "%s of %d bytes became %d", what, size,
						len(sealed))
					require.LessOrEqual(t, len(sealed), size+size/1000+headSize+200)
				}
			}
		})
	}
}

// A beginning that shrinks and a rest that does not must not be taken for a bomb by the one who opens.
func TestSealWhatStopsShrinking(t *testing.T) {
	s := newSealer(t, Policy{Compress: true})
	value := append(textual(sealChunk), noise(5<<20)...)
	got, err := open(s, seal(t, s, value))
	require.NoError(t, err)
	require.True(t, bytes.Equal(value, got))
}

// Sources that give a byte at a time, and with the last bytes also the end.
func TestSealAndOpenAnyReader(t *testing.T) {
	value := textual(2*sealChunk + 5)
	for mode, policy := range modes() {
		s := newSealer(t, policy)
		for _, reader := range []func(io.Reader) io.Reader{
			iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader,
		} {
			var sealed, out bytes.Buffer
			require.NoError(t, s.Seal(&sealed, sealName, nil, reader(bytes.NewReader(value)), int64(len(value))), mode)
			_, err := s.Open(&out, sealName, nil, reader(&sealed), sealMax)
			require.NoError(t, err, mode)
			require.True(t, bytes.Equal(value, out.Bytes()), mode)
		}
	}
}

// Seal takes as many bytes as it was told, and says so when there are fewer.
func TestSealTakesWhatWasAnnounced(t *testing.T) {
	for mode, policy := range modes() {
		s := newSealer(t, policy)
		for _, size := range []int{0, 10, sealChunk, 3 * sealChunk} {
			value := textual(size + 1)
			var sealed bytes.Buffer
			src := bytes.NewReader(value)
			require.NoError(t, s.Seal(&sealed, sealName, []byte(sealContext), src, int64(size)), mode)
			require.Equal(t, 1, src.Len(), mode)
			got, err := open(s, sealed.Bytes())
			require.NoError(t, err, mode)
			require.True(t, bytes.Equal(value[:size], got), mode)

			err = s.Seal(io.Discard, sealName, nil, bytes.NewReader(value), int64(size+2))
			var body *bodyError
			require.ErrorAs(t, err, &body, mode)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, mode)
		}
		require.Error(t, s.Seal(io.Discard, sealName, nil, strings.NewReader(""), -1))
	}
}

// Errors of source and destination are what they were, and no damage.
func TestSealAndOpenPassErrorsOn(t *testing.T) {
	broken := errors.New("it broke")
	for mode, policy := range modes() {
		s := newSealer(t, policy)
		value := textual(3 * sealChunk)
		sealed := seal(t, s, value)
		for _, part := range []int{0, 10, headSize + 2, len(sealed) / 2, len(sealed) - 10, len(sealed)} {
			src := io.MultiReader(bytes.NewReader(sealed[:part]), iotest.ErrReader(broken))
			_, err := s.Open(io.Discard, sealName, []byte(sealContext), src, sealMax)
			require.ErrorIs(t, err, broken, "%s, source at %d", mode, part)
			require.NotErrorIs(t, err, ErrDamaged, mode)
			require.ErrorIs(t, s.Seal(&shortWriter{part, broken}, sealName, nil, bytes.NewReader(value),
				int64(len(value))), broken, mode)
		}
		_, err := s.Open(&shortWriter{sealChunk + 1, broken}, sealName, []byte(sealContext), bytes.NewReader(sealed),
			sealMax)
		require.ErrorIs(t, err, broken, mode)
		src := io.MultiReader(bytes.NewReader(value[:sealChunk+1]), iotest.ErrReader(broken))
		require.ErrorIs(t, s.Seal(io.Discard, sealName, nil, src, int64(len(value))), broken, mode)
	}
}

// shortWriter takes so many bytes, less than it is given in the end.
type shortWriter struct {
	left int
	err  error
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) >= w.left {
		return 0, w.err
	}
	w.left -= len(p)
	return len(p), nil
}

// A bit changed, a cut, and a byte left out: at each place of a short value, and at the borders in those of one chunk
// and of two.
func TestOpenNothingThatWasChanged(t *testing.T) {
	for mode, policy := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newSealer(t, policy)
			for _, value := range [][]byte{nil, []byte("x"), textual(700), textual(sealChunk + 100)} {
				sealed := seal(t, s, value)
				for _, i := range places(len(sealed)) {
					bad := bytes.Clone(sealed)
					bad[i] ^= 1 << (i % 8)
					requireMiss(t, s, bad, "byte %d of %d changed", i, len(sealed))
					requireMiss(t, s, sealed[:i], "cut at %d of %d", i, len(sealed))
					requireMiss(t, s, append(bytes.Clone(sealed[:i]), sealed[i+1:]...), "byte %d of %d left out", i,
						len(sealed))
				}
				requireMiss(t, s, append(bytes.Clone(sealed), 0), "a byte more")
				requireMiss(t, s, append(bytes.Clone(sealed), sealed...), "twice")
			}
		})
	}
}

// places is where to attack: everywhere in what is short, else at the borders of all parts and here and there.
func places(size int) []int {
	step := 9973
	if size < 2000 {
		step = 9
	}
	var all []int
	for i := range size {
		if i < 100 || size-i < 130 || i%sealChunk < 90 && i%sealChunk > 50 || i%step == 0 {
			all = append(all, i)
		}
	}
	return all
}

// requireMiss wants one of the kinds of errors.
func requireMiss(t *testing.T, s *Sealer, sealed []byte, format string, args ...any) {
	t.Helper()
	_, err := s.Open(io.Discard, sealName, []byte(sealContext), bytes.NewReader(sealed), sealMax)
	if err == nil {
		require.Failf(t, "opened", format, args...)
	}
	kinds := 0
	for _, kind := range []error{
		ErrDamaged, ErrNewer, ErrUnsigned, ErrBadSignature, ErrNotEncrypted, ErrUnknownKey, ErrTooLarge,
	} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if kinds != 1 {
		require.Failf(t, "not one kind: "+err.Error(), format, args...)
	}
}

func TestOpenOnlyUnderItsNameAndContext(t *testing.T) {
	for mode, policy := range modes() {
		s := newSealer(t, policy)
		a, b := []byte("value a"), []byte("value b")
		sealedA, sealedB := sealAs(t, s, "blob/a", a), sealAs(t, s, "blob/b", b)
		for _, c := range []struct {
			name, context string
			sealed, want  []byte
		}{
			{"blob/a", sealContext, sealedA, a},
			{"blob/b", sealContext, sealedB, b},
			{"blob/a", sealContext, sealedB, nil},
			{"blob/b", sealContext, sealedA, nil},
			{"blob/a", sealContext + " ", sealedA, nil},
			{"blob/a" + sealContext[:1], sealContext[1:], sealedA, nil}, // fields have their lengths
			{"", "blob/a" + sealContext, sealedA, nil},
			{"blob/a", "", sealedA, nil},
		} {
			var out bytes.Buffer
			_, err := s.Open(&out, c.name, []byte(c.context), bytes.NewReader(c.sealed), sealMax)
			if c.want == nil {
				require.ErrorIs(t, err, ErrDamaged, "%s: %q %q", mode, c.name, c.context)
				continue
			}
			require.NoError(t, err, mode)
			require.Equal(t, c.want, out.Bytes(), mode)
		}
	}
}

// chunksOf takes a sealed value apart.
func chunksOf(sealed []byte) (head []byte, chunks [][]byte, trailer []byte) {
	head, rest := sealed[:headSize], sealed[headSize:]
	for {
		length := binary.LittleEndian.Uint32(rest)
		size := chunkHead + int(length&^lastChunk)
		chunks = append(chunks, rest[:size])
		if rest = rest[size:]; length&lastChunk != 0 {
			return head, chunks, rest
		}
	}
}

// forge puts parts together and makes the checksum right, as anybody can who knows the context. What is signed keeps
// its signature; what is encrypted has a sum that needs the key, which the test lends to the attacker.
func forge(head []byte, chunks [][]byte, signature []byte, cipher Key) []byte {
	h := head
	binary.LittleEndian.PutUint64(h[headSize-8:], xxhash.Sum64(h[:headSize-8]))
	decoded := headFlags(h)
	payload := bytes.Join(chunks, nil)
	sum := sha256.Sum256(payload)
	e := newEnvelope(decoded, h, sealName, []byte(sealContext), cipher)
	trailer := e.trailer(sum[:], Key{})
	return bytes.Join([][]byte{h, payload, trailer, signature}, nil)
}

// headFlags is a head read without judging it.
func headFlags(raw []byte) head {
	h := head{flags: raw[9]}
	copy(h.prefix[:], raw[40:])
	return h
}

// Chunks moved, left out, doubled, taken from another value or marked as the last, by somebody who makes the checksum
// right. Where nothing is signed or encrypted that is a forgery which passes, as it must: the checksum is against
// accident.
func TestOpenNoChunksOutOfPlace(t *testing.T) {
	one, other := noise(3*sealChunk+50), noise(3*sealChunk + 51)[:3*sealChunk+50]
	for mode, policy := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSealer(t, policy)
			head, c, trailer := chunksOf(seal(t, s, one))
			_, d, _ := chunksOf(seal(t, s, other))
			require.Len(t, c, 4)
			signature := trailer[sha256.Size:]
			last := bytes.Clone(c[2])
			last[3] |= 0x80
			shorter := bytes.Clone(head)
			binary.LittleEndian.PutUint64(shorter[32:], 3*sealChunk)
			for what, attack := range map[string]struct {
				head   []byte
				chunks [][]byte
			}{
				"moved":    {head, [][]byte{c[1], c[0], c[2], c[3]}},
				"doubled":  {head, [][]byte{c[0], c[0], c[2], c[3]}},
				"foreign":  {head, [][]byte{c[0], d[1], c[2], c[3]}},
				"last":     {shorter, [][]byte{c[0], c[1], last}},
				"left out": {shorter, [][]byte{c[0], c[1], c[3]}},
				"more":     {head, [][]byte{c[0], c[1], c[1], c[2], c[3]}},
			} {
				forged := forge(bytes.Clone(attack.head), attack.chunks, signature, fixedKey(cipherKind, 3))
				switch passes := what != "more" && what != "left out"; {
				case passes && policy.Sign == "" && !policy.Encrypt:
					_, err := open(s, forged)
					// so the forgery itself is sound, and what stops it elsewhere is the key
					require.NoError(t, err, what)
				case policy.Encrypt || !passes:
					requireMiss(t, s, forged, "%s", what)
				default:
					_, err := open(s, forged)
					require.ErrorIs(t, err, ErrBadSignature, what)
				}
			}
		})
	}
}

// An old value under its own name passes: who can write can bring it back. Whether it still holds is judged elsewhere,
// by what stands in the value.
func TestOpenAnOlderValueOfTheSameName(t *testing.T) {
	s := newSealer(t, Policy{Sign: Ed25519, RequireSignature: true, Encrypt: true, Keys: allKeys()})
	old := seal(t, s, []byte("old"))
	seal(t, s, []byte("new"))
	got, err := open(s, old)
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
}

// What a reader takes, by policy and by how the value was sealed:
//
//	reader          unsigned   ed25519 known/foreign   hmac known/foreign   signature wrong
//	requires        Unsigned   takes / UnknownKey      takes / UnknownKey   BadSignature
//	does not        takes      takes / takes           takes / takes        BadSignature
func TestOpenBySignature(t *testing.T) {
	ours := ring(fixedKey(privateKind, 1), fixedKey(hmacKind, 2))
	foreign := ring(fixedKey(privateKind, 11), fixedKey(hmacKind, 12))
	public, ok := fixedKey(privateKind, 1).Public()
	require.True(t, ok)
	verifier := ring(public, fixedKey(hmacKind, 2))
	value := textual(700)
	for _, c := range []struct {
		sign       Algorithm
		keys       Keyring
		break_     bool
		strict     error
		notStrict  error
		descriptor string
	}{
		{"", ours, false, ErrUnsigned, nil, "unsigned"},
		{Ed25519, ours, false, nil, nil, "ed25519"},
		{HMAC, ours, false, nil, nil, "hmac"},
		{Ed25519, foreign, false, ErrUnknownKey, nil, "foreign ed25519"},
		{HMAC, foreign, false, ErrUnknownKey, nil, "foreign hmac"},
		{Ed25519, ours, true, ErrBadSignature, ErrBadSignature, "wrong ed25519"},
		{HMAC, ours, true, ErrBadSignature, ErrBadSignature, "wrong hmac"},
	} {
		sealed := seal(t, newSealer(t, Policy{Sign: c.sign, Keys: c.keys}), value)
		if c.break_ {
			sealed[len(sealed)-1] ^= 1
		}
		for _, keys := range []Keyring{ours, verifier} {
			_, err := open(newSealer(t, Policy{RequireSignature: true, Keys: keys}), sealed)
			require.ErrorIs(t, err, c.strict, c.descriptor)
			_, err = open(newSealer(t, Policy{Keys: keys}), sealed)
			require.ErrorIs(t, err, c.notStrict, c.descriptor)
		}
		_, err := open(newSealer(t, Policy{}), sealed)
		require.NoError(t, err, c.descriptor)
	}
}

// An attacker takes the signature away, or says that it is of another kind or key, and makes all checksums right.
func TestOpenNoStrippedSignature(t *testing.T) {
	for mode, policy := range modes() {
		if policy.Sign == "" {
			continue
		}
		s := newSealer(t, policy)
		cipher := fixedKey(cipherKind, 3)
		head, chunks, trailer := chunksOf(seal(t, s, textual(5000)))
		signature := trailer[sha256.Size:]
		change := func(flags byte, id KeyID) []byte {
			h := bytes.Clone(head)
			h[9] = h[9]&^(flagEd25519|flagHMAC) | flags
			copy(h[16:], id[:])
			return h
		}
		for _, c := range []struct {
			what string
			head []byte
			sig  []byte
			want error
		}{
			{"stripped", change(0, KeyID{}), nil, ErrUnsigned},
			{"stripped, signature left", change(0, KeyID{}), signature, ErrUnsigned},
			{"stripped, id left", change(0, fixedKey(privateKind, 1).id), nil, ErrDamaged},
			{"other kind", change(flagHMAC, fixedKey(privateKind, 1).id), signature[:32], ErrUnknownKey},
			{"both kinds", change(flagHMAC|flagEd25519, fixedKey(hmacKind, 2).id), signature, ErrDamaged},
			{"foreign key", change(flagEd25519, KeyID{1}), noise(64), ErrUnknownKey},
			{"hmac made up", change(flagHMAC, fixedKey(hmacKind, 2).id), noise(32), ErrBadSignature},
			{"ed25519 made up", change(flagEd25519, fixedKey(privateKind, 1).id), noise(64), ErrBadSignature},
		} {
			want := c.want
			if policy.Encrypt && errors.Is(want, ErrBadSignature) && !bytes.Equal(c.head, head) {
				want = ErrDamaged // the chunks are bound to the head too
			}
			_, err := open(s, forge(c.head, chunks, c.sig, cipher))
			require.ErrorIs(t, err, want, "%s: %s", mode, c.what)
		}
	}
}

// The signature covers every field that the payload is read by.
func TestSignatureCoversTheHead(t *testing.T) {
	s := newSealer(t, Policy{Sign: HMAC, RequireSignature: true, Keys: allKeys()})
	value := noise(500)
	head, chunks, trailer := chunksOf(seal(t, s, value))
	signature := trailer[sha256.Size:]
	shorter := [][]byte{append([]byte{byte(499 & 0xff), 499 >> 8, 0, 0x80}, value[:499]...)}
	h := bytes.Clone(head)
	binary.LittleEndian.PutUint64(h[32:], 499)
	_, err := open(s, forge(h, shorter, signature, Key{}))
	require.ErrorIs(t, err, ErrBadSignature)

	changed := [][]byte{bytes.Clone(chunks[0])}
	changed[0][50] ^= 1
	_, err = open(s, forge(bytes.Clone(head), changed, signature, Key{}))
	require.ErrorIs(t, err, ErrBadSignature)

	_, err = open(s, forge(bytes.Clone(head), chunks, signature, Key{}))
	require.NoError(t, err) // forging itself works
}

func TestRotateKeys(t *testing.T) {
	for _, a := range []Algorithm{Ed25519, HMAC} {
		kind := map[Algorithm]keyKind{Ed25519: privateKind, HMAC: hmacKind}[a]
		older, newer := fixedKey(kind, 1), fixedKey(kind, 2)
		oldCipher, newCipher := fixedKey(cipherKind, 3), fixedKey(cipherKind, 4)
		policy := func(keys ...Key) *Sealer {
			return newSealer(t, Policy{Sign: a, RequireSignature: true, Encrypt: true, Keys: ring(keys...)})
		}
		before, both, after := policy(older, oldCipher), policy(newer, older, newCipher, oldCipher),
			policy(newer, newCipher)
		value := []byte("value")
		oldValue, newValue := seal(t, before, value), seal(t, both, value)
		for _, c := range []struct {
			reader *Sealer
			sealed []byte
			want   error
		}{
			{both, oldValue, nil},
			{both, newValue, nil},
			{before, newValue, ErrUnknownKey},
			{after, oldValue, ErrUnknownKey},
			{after, newValue, nil},
		} {
			_, err := open(c.reader, c.sealed)
			require.ErrorIs(t, err, c.want)
		}
		sum := sha256.Sum256(value)
		require.Equal(t, []string{BlobName(newCipher, sum[:]), BlobName(oldCipher, sum[:])}, both.Names(sum[:]))
		require.Equal(t, after.Names(sum[:])[0], both.Names(sum[:])[0])
	}
}

// With encryption neither the bytes nor what the context says are on the server, and nobody can try out a guess of
// them.
func TestEncryptionHides(t *testing.T) {
	const secret = "token-0123456789abcdef"
	value := []byte(strings.Repeat(secret+"\n", 1000))
	for mode, policy := range modes() {
		if !policy.Encrypt {
			continue
		}
		s := newSealer(t, policy)
		sealed := seal(t, s, value)
		require.NotContains(t, string(sealed), secret[:8], mode)
		require.NotContains(t, string(sealed), sealContext[:8], mode)
		require.NotEqual(t, sealed, seal(t, s, value), mode)

		head, chunks, trailer := chunksOf(sealed)
		payload := sha256.Sum256(bytes.Join(chunks, nil))
		var guess []byte
		for _, field := range [][]byte{
			[]byte(statementDomain), []byte(sealName), []byte(sealContext), head, payload[:],
		} {
			guess = appendField(guess, field)
		}
		sum := sha256.Sum256(guess)
		require.NotEqual(t, sum[:], trailer[:sha256.Size], mode)

		policy.Keys = ring(fixedKey(privateKind, 1), fixedKey(hmacKind, 2), fixedKey(cipherKind, 9))
		_, err := open(newSealer(t, policy), sealed)
		require.ErrorIs(t, err, ErrUnknownKey, mode)
	}
	sum := sha256.Sum256(value)
	plain := newSealer(t, Policy{}).Names(sum[:])
	hidden := newSealer(t, Policy{Encrypt: true, Keys: allKeys()}).Names(sum[:])
	require.Equal(t, []string{fmt.Sprintf("%x", sum)}, plain)
	require.Len(t, hidden, 1)
	require.Regexp(t, "^[0-9a-f]{64}$", hidden[0])
	require.NotEqual(t, plain, hidden)
}

// A reader that encrypts takes nothing that anybody could have written; one that does not still reads what it has the
// key to.
func TestOpenNothingInTheClearWhereEncryptionIsOn(t *testing.T) {
	encrypting := newSealer(t, Policy{Encrypt: true, Keys: allKeys()})
	plain := newSealer(t, Policy{Keys: allKeys()})
	_, err := open(encrypting, seal(t, plain, []byte("value")))
	require.ErrorIs(t, err, ErrNotEncrypted)
	_, err = open(plain, seal(t, encrypting, []byte("value")))
	require.NoError(t, err)
}

// The domain of a head: its own checksum first, then the version, then the rest.
func TestHeads(t *testing.T) {
	sealed := seal(t, newSealer(t, Policy{}), []byte("value"))
	for _, c := range []struct {
		what  string
		at    int
		bytes []byte
		fixed bool // the checksum is made right
		want  error
	}{
		{"newer", 8, []byte{headVersion + 1}, true, ErrNewer},
		{"newer, all else unknown", 8, []byte{255, 255, 255}, true, ErrNewer},
		{"newer without checksum", 8, []byte{headVersion + 1}, false, ErrDamaged},
		{"version 0", 8, []byte{0}, true, ErrDamaged},
		{"unknown flag", 9, []byte{flagEnd}, true, ErrDamaged},
		{"not zero", 12, []byte{1}, true, ErrDamaged},
		{"key of nothing", 16, []byte{1}, true, ErrDamaged},
		{"nonce of nothing", 40, []byte{1}, true, ErrDamaged},
		{"2^60 bytes", 32, binary.LittleEndian.AppendUint64(nil, 1<<60), true, ErrTooLarge},
		{"2^63 bytes", 32, binary.LittleEndian.AppendUint64(nil, 1<<63), true, ErrDamaged},
		{"another magic", 0, []byte("HTTP/1.1"), true, ErrDamaged},
	} {
		bad := bytes.Clone(sealed)
		copy(bad[c.at:], c.bytes)
		if c.fixed {
			binary.LittleEndian.PutUint64(bad[headSize-8:], xxhash.Sum64(bad[:headSize-8]))
		}
		_, err := open(newSealer(t, Policy{}), bad)
		require.ErrorIs(t, err, c.want, c.what)
	}
}

// 2^60 bytes are believed by nobody, also where the caller sets no limit: there is no memory in it, and no time.
func TestClaimsCostNothing(t *testing.T) {
	h := head{plain: 1 << 60}
	for _, flags := range []byte{0, flagCompressed} {
		h.flags = flags
		claim := append(h.encode(), 0, 0, 1, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := newSealer(t, Policy{}).Open(io.Discard, sealName, nil, bytes.NewReader(claim), math.MaxInt64)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, ErrDamaged)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
	}
}

// compressed makes a value with a payload of the attacker's own, checksum and all.
func compressed(plain int64, payload []byte) []byte {
	h := head{plain: plain, flags: flagCompressed}
	e := newEnvelope(h, h.encode(), sealName, []byte(sealContext), Key{})
	var b bytes.Buffer
	w := newChunkWriter(&b, nil)
	_, _ = w.Write(payload) // a buffer takes all
	_ = w.Close()
	return bytes.Join([][]byte{e.head, b.Bytes(), e.trailer(w.sum.Sum(nil), Key{})}, nil)
}

func encode(t *testing.T, value []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, options...)
	require.NoError(t, err)
	_, err = z.Write(value)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestOpenNoBombs(t *testing.T) {
	zeros := encode(t, make([]byte, 8<<20))
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 2, 0}, make([]byte, 2<<16)...)
	empty := encode(t, nil, zstd.WithZeroFrames(true))
	value := textual(1000)
	good := encode(t, value)
	for _, c := range []struct {
		what    string
		plain   int64
		payload []byte
		want    error
		most    int64 // bytes written
	}{
		{"honest", 1000, good, nil, 1000},
		{"two frames", 2000, append(bytes.Clone(good), good...), nil, 2000},
		{"bomb", 1000, zeros, ErrDamaged, 1000},
		{"bomb at the limit", 8<<20 - 1, zeros, ErrDamaged, 8 << 20},
		{"shorter than it says", 1001, good, ErrDamaged, 1000},
		{"window of 16 MiB", 1 << 20, encode(t, noise(1<<20), zstd.WithWindowSize(16<<20)), ErrDamaged, 0},
		{"empty frames without end", 1000, bytes.Repeat(empty, 1<<20), ErrDamaged, 0},
		{"padding without end", 1000, bytes.Repeat(skippable, 20), ErrDamaged, 0},
		{"not zstd", 1000, noise(900), ErrDamaged, 0},
		{"nothing", 1000, nil, ErrDamaged, 0},
		{"rubbish behind it", 1000, append(bytes.Clone(good), "rubbish"...), ErrDamaged, 1000},
		{"cut", 1000, good[:len(good)-1], ErrDamaged, 1000},
	} {
		var out byteCount
		sealed := compressed(c.plain, c.payload)
		n, err := newSealer(t, Policy{}).Open(&out, sealName, []byte(sealContext), bytes.NewReader(sealed), sealMax)
		require.ErrorIs(t, err, c.want, c.what)
		require.Equal(t, int64(out), n, c.what)
		require.LessOrEqual(t, n, c.most, c.what)
	}
}

// zeroReader is as many zeros as one likes to read.
type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Sealing and opening 128 MiB through a pipe allocates no more than 32 MiB in all: memory does not grow with the value.
func TestSealInConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("seals 128 MiB")
	}
	const size = 128 << 20
	for mode, policy := range modes() {
		if policy.Sign != "" {
			continue // costs the same for any size
		}
		s := newSealer(t, policy)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, w := io.Pipe()
		go func() { w.CloseWithError(s.Seal(w, sealName, nil, zeroReader{}, size)) }()
		n, err := s.Open(io.Discard, sealName, nil, r, size)
		runtime.ReadMemStats(&after)
		require.NoError(t, err, mode)
		require.EqualValues(t, size, n, mode)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), mode)
	}
}

func TestSealerRefusesWhatItsKeysCannotDo(t *testing.T) {
	public, _ := fixedKey(privateKind, 1).Public()
	for _, c := range []struct {
		policy Policy
		why    string
	}{
		{Policy{Sign: Ed25519}, "no ed25519-private key"},
		{Policy{Sign: Ed25519, Keys: ring(public)}, "no ed25519-private key"}, // who can only verify cannot sign
		{Policy{Sign: HMAC, Keys: ring(public)}, "no hmac key"},
		{Policy{Sign: "rsa", Keys: allKeys()}, `cannot sign with "rsa"`},
		{Policy{RequireSignature: true}, "no key can verify"},
		{Policy{RequireSignature: true, Keys: ring(fixedKey(cipherKind, 1))}, "no key can verify"},
		{Policy{Encrypt: true, Keys: ring(fixedKey(hmacKind, 1))}, "no xchacha20 key"},
	} {
		_, err := NewSealer(c.policy)
		var bad *KeyError
		require.ErrorAs(t, err, &bad)
		require.Contains(t, err.Error(), c.why)
		require.NotEmpty(t, bad.Hint)
	}
}

// Whatever bytes come, with the checksum of the head made right or not: an error of one kind, or the value that was
// sealed.
func FuzzOpen(f *testing.F) {
	value := textual(1500)
	var sealers []*Sealer
	for _, policy := range modes() {
		policy.RequireSignature = false
		s := newSealer(f, policy)
		sealers = append(sealers, s)
		f.Add(seal(f, s, value), false)
	}
	f.Add(compressed(1500, nil), true)
	f.Fuzz(func(t *testing.T, sealed []byte, mend bool) {
		if mend && len(sealed) >= headSize {
			sealed = bytes.Clone(sealed)
			binary.LittleEndian.PutUint64(sealed[headSize-8:], xxhash.Sum64(sealed[:headSize-8]))
		}
		for _, s := range sealers {
			if got, err := open(s, sealed); err == nil {
				require.Equal(t, value, got)
				continue
			}
			requireMiss(t, s, sealed, "fuzzed")
		}
	})
}

// BenchmarkSeal beside io.Copy through the same kind of buffers.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 20} {
		for what, value := range map[string][]byte{"text": textual(size), "noise": noise(size)} {
			b.Run(fmt.Sprintf("%s/%d/copy", what, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					_, err := io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{bytes.NewReader(value)})
					require.NoError(b, err)
				}
			})
			for mode, policy := range modes() {
				s := newSealer(b, policy)
				sealed := seal(b, s, value)
				b.Run(fmt.Sprintf("%s/%d/%s/seal", what, size, mode), func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						require.NoError(b, s.Seal(io.Discard, sealName, nil, bytes.NewReader(value), int64(size)))
					}
				})
				b.Run(fmt.Sprintf("%s/%d/%s/open", what, size, mode), func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						_, err := s.Open(io.Discard, sealName, []byte(sealContext), bytes.NewReader(sealed), sealMax)
						require.NoError(b, err)
					}
				})
			}
		}
	}
}
