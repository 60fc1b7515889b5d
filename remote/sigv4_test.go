package remote

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// emptySHA256 is the digest of nothing.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestSignatures signs the four examples of "Authenticating Requests: Using the Authorization Header" in AWS's API
// reference of S3, whose signatures are printed there.
func TestSignatures(t *testing.T) {
	tests := []struct {
		name, method, path, query, payload string
		header                             map[string]string
		signed, signature                  string
	}{{
		name: "GET object", method: "GET", path: "/test.txt", payload: emptySHA256,
		header:    map[string]string{"Range": "bytes=0-9"},
		signed:    "host;range;x-amz-content-sha256;x-amz-date",
		signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
	}, {
		name: "PUT object", method: "PUT", path: "/test$file.text",
		payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
		header: map[string]string{
			"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
		},
		signed:    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
	}, {
		name: "GET bucket lifecycle", method: "GET", path: "/", query: awsQuery(url.Values{"lifecycle": {""}}),
		payload: emptySHA256, signed: "host;x-amz-content-sha256;x-amz-date",
		signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
	}, {
		name: "list objects", method: "GET", path: "/", query: awsQuery(url.Values{"prefix": {"J"}, "max-keys": {"2"}}),
		payload: emptySHA256, signed: "host;x-amz-content-sha256;x-amz-date",
		signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
	}}
	keys := credentials{id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{Method: test.method, Header: http.Header{}, URL: &url.URL{
				Scheme: "https", Host: "examplebucket.s3.amazonaws.com", Path: test.path,
				RawPath: awsEscape(test.path, true), RawQuery: test.query,
			}}
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			keys.sign(r, "us-east-1", test.payload, at)
			require.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"+
				"SignedHeaders="+test.signed+",Signature="+test.signature, r.Header.Get("Authorization"))
		})
	}
}

// TestTemporaryKeysShowTheirToken: the token is a header, and is signed too.
func TestTemporaryKeysShowTheirToken(t *testing.T) {
	r := &http.Request{Method: "GET", Header: http.Header{}, URL: &url.URL{Scheme: "https", Host: "h", Path: "/"}}
	credentials{id: "id", secret: "secret", token: "token"}.sign(r, "r", emptySHA256, time.Unix(0, 0))
	require.Equal(t, "token", r.Header.Get("X-Amz-Security-Token"))
	require.Contains(t, r.Header.Get("Authorization"),
		"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,")
}

func TestEscaping(t *testing.T) {
	require.Equal(t, "/a%20b/%2B%C3%BC~-._/c%25%3D", awsEscape("/a b/+ü~-._/c%=", true))
	require.Equal(t, "%2F", awsEscape("/", false))
	require.Equal(t, "a=%2F&a=1&b=", awsQuery(url.Values{"b": {""}, "a": {"/", "1"}}))
}

// lookup reads an environment of pairs.
func lookup(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// TestAWSKeys: the URL, then the environment, then the shared file; the region in the same manner.
//
//	URL  environment  file of the profile   credentials
//	yes  yes          yes                   URL
//	     both         yes                   environment
//	     half         yes                   file
//	                  yes                   file
//	                  no such profile       none
func TestAWSKeys(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".aws"), 0o700))
	write := func(name, text string) string {
		file := filepath.Join(home, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	write(".aws/credentials", `# mine
[default]
aws_access_key_id = FILEID
; aws_access_key_id = COMMENT
aws_secret_access_key=file/secret=
[ci]
aws_access_key_id = CIID
aws_secret_access_key = cisecret
aws_session_token = citoken
[half]
aws_access_key_id = HALF
`)
	write(".aws/config", "[default]\nregion = eu-north-1\n[profile ci]\nregion=ap-south-1\n")
	other := write("other", "[default]\naws_access_key_id=OTHER\naws_secret_access_key=o\n")

	tests := []struct {
		name, url string
		env       []string
		keys      credentials
		region    string
	}{
		{
			"url", "s3://ID:sec%2Fret@bucket?region=r1",
			[]string{"AWS_ACCESS_KEY_ID", "E", "AWS_SECRET_ACCESS_KEY", "e"},
			credentials{"ID", "sec/ret", ""},
			"r1",
		},
		{"environment", "s3://bucket", []string{
			"AWS_ACCESS_KEY_ID", "E", "AWS_SECRET_ACCESS_KEY", "e",
			"AWS_SESSION_TOKEN", "t", "AWS_DEFAULT_REGION", "r2",
		}, credentials{"E", "e", "t"}, "r2"},
		{
			"half an environment", "s3://bucket",
			[]string{"AWS_ACCESS_KEY_ID", "E", "AWS_REGION", "r3", "AWS_DEFAULT_REGION", "r2"},
			credentials{"FILEID", "file/secret=", ""},
			"r3",
		},
		{"file", "s3://bucket", nil, credentials{"FILEID", "file/secret=", ""}, "eu-north-1"},
		{
			"profile", "s3://bucket",
			[]string{"AWS_PROFILE", "ci"},
			credentials{"CIID", "cisecret", "citoken"},
			"ap-south-1",
		},
		{"half a profile", "s3://bucket", []string{"AWS_PROFILE", "half"}, credentials{}, "us-east-1"},
		{"no such profile", "s3://bucket", []string{"AWS_PROFILE", "none"}, credentials{}, "us-east-1"},
		{
			"other file", "s3://bucket",
			[]string{"AWS_SHARED_CREDENTIALS_FILE", other},
			credentials{"OTHER", "o", ""},
			"eu-north-1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.Parse(test.url)
			require.NoError(t, err)
			cfg := Config{URL: u, Lookup: lookup(append(test.env, "HOME", home)...)}
			require.Equal(t, test.keys, awsKeys(cfg))
			require.Equal(t, test.region, awsRegion(cfg))
		})
	}
}

// TestS3Base: where the bucket is.
func TestS3Base(t *testing.T) {
	tests := []struct{ url, base string }{
		{"s3://bucket", "https://bucket.s3.eu-west-1.amazonaws.com"},
		{"s3://bucket?region=cn-north-1", "https://bucket.s3.cn-north-1.amazonaws.com.cn"},
		{"s3://my.bucket", "https://s3.eu-west-1.amazonaws.com/my.bucket"},
		{"s3://bucket?path-style=1", "https://s3.eu-west-1.amazonaws.com/bucket"},
		{"s3://bucket?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000/bucket"},
		{"s3://bucket?endpoint=https://r2.example.com/account/", "https://r2.example.com/account/bucket"},
		{"s3://bucket?endpoint=http://localhost:9000&path-style=0", "http://bucket.localhost:9000"},
		{"s3://bucket?endpoint=127.0.0.1:9000", ""},
		{"s3://bucket?endpoint=https://user:password@host", ""},
		{"s3://bucket?path-style=yes", ""},
		{"s3://", ""},
		{"s3://B_cket", ""},
		{"s3://bucket:9000/x", ""},
	}
	for _, test := range tests {
		t.Run(test.url, func(t *testing.T) {
			u, err := url.Parse(test.url)
			require.NoError(t, err)
			cfg := Config{URL: u, Lookup: lookup("AWS_REGION", "eu-west-1")}
			base, err := s3Base(cfg, awsRegion(cfg))
			if test.base == "" {
				require.Error(t, err)
				require.Error(t, checkS3(cfg))
				require.NotContains(t, err.Error(), "password")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.base, base.String())
		})
	}
}

// FuzzINISection: whatever the file, a value is a part of it, and a section that is not there has none.
func FuzzINISection(f *testing.F) {
	f.Add("[default]\na = b\n", "default")
	f.Add("[profile x]\n#a=b\n[", "profile x")
	f.Add("a=b\n[]\n=\n", "")
	f.Fuzz(func(t *testing.T, text, section string) {
		for name, value := range iniSection(text, section) {
			require.Contains(t, text, name)
			require.Contains(t, text, value)
			require.NotContains(t, value, "\n")
			require.True(t, strings.Contains(text, "["), "a value of no section")
		}
	})
}
