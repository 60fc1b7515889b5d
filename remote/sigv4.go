package remote

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Signature Version 4 of AWS, in headers, for the service s3: "Authenticating Requests (AWS Signature Version 4)" in
// the API reference of Amazon S3. It differs from other services' in that a path is encoded once.

// credentials are an access key; token belongs to a temporary one.
type credentials struct{ id, secret, token string }

// sign adds the time, the digest of the body and the signature over both, the method, the host, the path, the query and
// every header that is set so far. Payload is the SHA-256 of the body in hex.
func (c credentials) sign(r *http.Request, region, payload string, at time.Time) {
	stamp := at.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	if c.token != "" {
		r.Header.Set("X-Amz-Security-Token", c.token)
	}
	names, headers := canonicalHeaders(r)
	request := sha256.Sum256([]byte(strings.Join([]string{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers, names, payload,
	}, "\n")))

	scope := stamp[:8] + "/" + region + "/s3/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(request[:])
	key := []byte("AWS4" + c.secret)
	for _, part := range []string{stamp[:8], region, "s3", "aws4_request", text} {
		key = keyed(key, part)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%x",
		c.id, scope, names, key))
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalHeaders are the names, joined by semicolons, and the lines of headers to sign.
func canonicalHeaders(r *http.Request) (names, lines string) {
	values := map[string]string{"host": r.URL.Host}
	order := []string{"host"}
	for name, all := range r.Header {
		low := strings.ToLower(name)
		values[low] = strings.Join(strings.Fields(strings.Join(all, ",")), " ")
		order = append(order, low)
	}
	slices.Sort(order)
	var b strings.Builder
	for _, name := range order {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(order, ";"), b.String()
}

// awsEscape encodes all but unreserved characters and, in a path, slashes.
func awsEscape(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0,
			path && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// awsQuery is a query in the order and the encoding that are signed.
func awsQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, awsEscape(name, false)+"="+awsEscape(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}
