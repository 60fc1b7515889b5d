package remote

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const webUser = "cachex"

// startBuilt starts a server that scripts/servers builds, once for this machine: scripts/check has it do so beforehand.
func startBuilt(name string, args func(port, dir string) []string) (*server, error) {
	build := exec.Command(filepath.Join("..", "scripts", "servers"), name)
	var says strings.Builder
	build.Stderr = &says
	out, err := build.Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/servers %s: %w: %s", name, err, says.String())
	}
	return startServer(strings.TrimSpace(string(out)), args)
}

// startVersity starts an S3 server with the bucket "bucket", a directory below its own. The directory for temporary
// files must have extended attributes: kept beside the files instead (its --sidecar), the ETag and the content that it
// answers with may be of two writings.
func startVersity(flags ...string) (*server, error) {
	return startBuilt("versitygw", func(port, dir string) []string {
		if err := os.MkdirAll(filepath.Join(dir, "root", "bucket"), 0o700); err != nil {
			panic(err)
		}
		args := append([]string{"--access", webUser, "--secret", secret, "--port", "127.0.0.1:" + port, "--keep-alive"},
			flags...)
		return append(args, "posix", filepath.Join(dir, "root"))
	})
}

// bucketDir is where a server of startVersity keeps its objects.
func bucketDir(s *server) string { return filepath.Join(s.cmd.Dir, "root", "bucket") }

var versity once[*server] = sync.OnceValues(func() (*server, error) { return startVersity() })

// versityURL is a tier there.
func versityURL(s *server) string {
	return "s3://" + webUser + ":" + url.PathEscape(secret) + "@bucket/team/a%20b?endpoint=http://" + s.addr
}

var secureVersity once[*secured] = sync.OnceValues(func() (*secured, error) {
	c, err := certificates()
	if err != nil {
		return nil, err
	}
	s, err := startVersity("--cert", c.cert, "--key", c.key)
	return &secured{server: s, ca: c.ca}, err
})

// htpasswd writes a file with the one user.
func htpasswd(dir string) string {
	sum := sha1.Sum([]byte(secret))
	file := filepath.Join(dir, "htpasswd")
	line := webUser + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		panic(err)
	}
	return file
}

// nginxConf has /basic and /bearer, both over one directory, and two that redirect to /basic.
const nginxConf = `
daemon off; master_process off; pid %[1]s/pid;
events {}
http {
  log_format short '$request_method $request_uri $status $connection';
  access_log %[1]s/access.log short;
  client_max_body_size 200m;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  dav_methods PUT DELETE; create_full_put_path on;
  server {
    listen 127.0.0.1:%[2]s;
    %[4]s
    location /basic/ { alias %[1]s/www/; auth_basic cache; auth_basic_user_file %[3]s; }
    location /bearer/ { alias %[1]s/www/; if ($http_authorization != "Bearer t0ken") { return 401; } }
    location /moved/ { rewrite ^/moved/(.*) /basic/$1 redirect; }
    location ~ ^/kept/(.*) { return 307 /basic/$1; }
  }
}
`

// startNginx starts an nginx with WebDAV; ssl comes after its address, more goes into the server's block.
func startNginx(ssl, more string) (*server, error) {
	return startServer("nginx", func(port, dir string) []string {
		conf := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf(nginxConf, dir, port+ssl, htpasswd(dir), more)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			panic(err)
		}
		return []string{"-e", "stderr", "-p", dir, "-c", conf}
	})
}

var plainNginx once[*server] = sync.OnceValues(func() (*server, error) { return startNginx("", "") })

// startBazelRemote starts a cache server for Bazel.
func startBazelRemote(flags ...string) (*server, error) {
	return startBuilt("bazel-remote", func(port, dir string) []string {
		return append([]string{
			"--dir", filepath.Join(dir, "data"), "--max_size", "1", "--http_address", "127.0.0.1:" + port,
			"--grpc_address", "none", "--htpasswd_file", htpasswd(dir),
		}, flags...)
	})
}

var bazelRemote once[*server] = sync.OnceValues(func() (*server, error) {
	return startBazelRemote("--disable_http_ac_validation")
})

// tierConfig is a configuration for a URL with the user and the password of the servers here, and with patience.
func tierConfig(t *testing.T, text string) Config {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	u.User = url.UserPassword(webUser, secret)
	return Config{URL: u, Timeout: 30 * time.Second}
}

// openWeb makes a tier of one of the two protocols.
func openWeb(t *testing.T, cfg Config) Tier {
	t.Helper()
	tier, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tier.Close()) })
	return tier
}

// resolveToLoopback lets a tier find any host here.
func resolveToLoopback(w *web) {
	transport := w.client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
}
