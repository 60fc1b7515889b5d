package remote

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func texts(r Keyring) []string {
	var all []string
	for _, k := range r.keys {
		all = append(all, k.Text())
	}
	return all
}

func TestGenerateKeys(t *testing.T) {
	for algorithm, kind := range map[Algorithm]keyKind{Ed25519: privateKind, HMAC: hmacKind, XChaCha20: cipherKind} {
		k, err := GenerateKey(algorithm)
		require.NoError(t, err)
		other, err := GenerateKey(algorithm)
		require.NoError(t, err)
		require.NotEqual(t, k.Text(), other.Text())
		require.NotEqual(t, k.id, other.id)
		require.Equal(t, string(kind)+" "+k.id.String(), k.String())

		ring, err := ParseKeys("# ours\n\n  " + k.Text() + "\r\n" + other.Text())
		require.NoError(t, err)
		require.Equal(t, []string{k.Text(), other.Text()}, texts(ring))

		public, ok := k.Public()
		require.Equal(t, algorithm == Ed25519, ok)
		if ok {
			require.Equal(t, k.id, public.id) // who verifies finds it by the id that the signer wrote
			again, err := ParseKeys(public.Text())
			require.NoError(t, err)
			require.Equal(t, []string{public.Text()}, texts(again))
			require.NotContains(t, public.Text(), strings.Fields(k.Text())[2])
		}
	}
	_, err := GenerateKey("rsa")
	require.ErrorContains(t, err, `"rsa"`)
}

// Ids and names are on servers and in key files: they must never change.
func TestKeyTextsStay(t *testing.T) {
	public, _ := fixedKey(privateKind, 1).Public()
	for _, c := range []struct {
		key  Key
		text string
	}{
		{fixedKey(privateKind, 1), "ed25519-private 5102d72f7f21d549 AVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVo="},
		{public, "ed25519-public 5102d72f7f21d549 roJfDh387KhTkEofwraO60qNQFGrLqiuwUF1eqGOu+k="},
		{fixedKey(hmacKind, 1), "hmac c53574fc2082c8e0 AVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVo="},
		{fixedKey(cipherKind, 1), "xchacha20 86374ad5817d321e AVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVoBWgFaAVo="},
	} {
		require.Equal(t, c.text, c.key.Text())
	}
	require.Equal(t, "46a7fb02569d583b402781e2dc95840a57faca660e4fc0291b48e2773cdafe3d",
		BlobName(fixedKey(cipherKind, 1), []byte("sum")))
}

func TestBadKeyLines(t *testing.T) {
	good := fixedKey(hmacKind, 1)
	private := fixedKey(privateKind, 2)
	public, _ := private.Public()
	words := strings.Fields(good.Text())
	short := base64.StdEncoding.EncodeToString(good.raw()[:31])
	long := base64.StdEncoding.EncodeToString(append(good.raw(), 0))
	for _, c := range []struct {
		text string
		line int
		why  string
	}{
		{"hmac " + words[1] + " " + short, 1, "a key of 31 bytes, and 32 are needed"},
		{"hmac " + words[1] + " " + long, 1, "a key of 33 bytes, and 32 are needed"},
		{"\n# x\nrsa " + words[1] + " " + words[2], 3, "unknown kind of key"},
		{words[2], 1, "unknown kind of key"},
		{"hmac " + words[2], 1, "2 words, and 3 are needed"},
		{good.Text() + " more", 1, "4 words, and 3 are needed"},
		{"hmac " + words[1] + " ?" + words[2][1:], 1, "not base64"},
		{"hmac " + words[1] + " " + strings.TrimRight(words[2], "="), 1, "not base64"},
		{"hmac 0123456789abcdef " + words[2], 1, "the id is not that of the key"},
		{"xchacha20 " + words[1] + " " + words[2], 1, "the id is not that of the key"},
		{"hmac " + strings.ToUpper(words[1]) + " " + words[2], 1, "the id is not that of the key"},
		{good.Text() + "\n\n" + good.Text() + "\n", 3, "stands in line 1 already"},
		{public.Text() + "\n" + private.Text(), 2, "stands in line 1 already"},
	} {
		_, err := ParseKeys(c.text)
		var bad *KeyError
		require.ErrorAs(t, err, &bad, c.text)
		require.Equal(t, c.line, bad.Line, c.text)
		require.ErrorContains(t, err, fmt.Sprintf("line %d: ", c.line))
		require.ErrorContains(t, err, c.why)
		require.NotEmpty(t, bad.Hint, c.text)
		require.NotContains(t, err.Error()+bad.Hint, words[2][1:20], "the secret is shown")
	}
}

// No way of printing shows a key, however deep it is in something else.
func TestKeysAreNotPrinted(t *testing.T) {
	k := fixedKey(cipherKind, 'k')
	policy := Policy{Encrypt: true, Keys: ring(k)}
	s, err := NewSealer(policy)
	require.NoError(t, err)
	secrets := []string{
		string(k.raw()[:8]), fmt.Sprintf("%x", k.raw()[:8]), fmt.Sprint(k.raw()[:8])[1:20],
		fmt.Sprintf("%#v", k.raw()[:4])[7:20],
	}
	for _, v := range []any{k, &k, policy.Keys, policy, &policy, s, *s, []any{map[string]any{"x": policy}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range secrets {
				require.NotContains(t, text, secret, verb)
			}
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(text), base64.StdEncoding.EncodeToString(k.raw())[:20])
	}
}

// A file of keys is what it is read as: what passes can be written and read again.
func FuzzParseKeys(f *testing.F) {
	f.Add(fixedKey(hmacKind, 1).Text() + "\n" + fixedKey(privateKind, 1).Text())
	f.Add("hmac 00 AAAA\n\n#\n")
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := ParseKeys(text)
		if err != nil {
			return
		}
		again, err := ParseKeys(strings.Join(texts(ring), "\n"))
		require.NoError(t, err)
		require.Equal(t, texts(ring), texts(again))
	})
}
