package remote

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlain(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"redis://10.0.0.1", "10.0.0.1"},
		{"redis://user:secret@cache.example:6380", "cache.example:6380"},
		{"redis://127.0.0.1:1,10.0.0.1:2?cluster=1", "10.0.0.1:2"},
		{"redis://127.0.0.1", ""},
		{"redis://localhost:6379", ""},
		{"redis://[::1]:6379", ""},
		{"redis://[::ffff:127.0.0.1]", ""},
		{"redis://[fe80::1]:6379", "[fe80::1]:6379"},
		{"redis://localhost.example", "localhost.example"},
		{"rediss://10.0.0.1", ""},
		{"memcached://10.0.0.1,10.0.0.2", "10.0.0.1"},
		{"http://cache.example/x", "cache.example"},
		{"https://cache.example/x", ""},
		{"s3://bucket/x", ""},
		{"s3://bucket/x?endpoint=https://minio.example", ""},
		{"s3://bucket/x?endpoint=http://minio.example:9000", "minio.example:9000"},
		{"s3://bucket/x?endpoint=http://127.0.0.1:9000", ""},
		{"file:///shared", ""},
	} {
		config, _, err := Parse(c.url, func(string) (string, bool) { return "", false })
		require.NoError(t, err, c.url)
		require.Equal(t, c.want, config.Plain(), c.url)
	}
	config, _, err := Parse("s3://bucket/x", func(name string) (string, bool) {
		return "http://minio.example", name == "AWS_ENDPOINT_URL"
	})
	require.NoError(t, err)
	require.Equal(t, "minio.example", config.Plain())
}
