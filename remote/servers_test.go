package remote

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// The real servers, each started once, when the first test wants it, and killed at the end. A test fails where its
// server cannot be started: scripts/check installs them.

var (
	serversDir string
	processes  struct {
		sync.Mutex
		all []*exec.Cmd
	}
)

func TestMain(m *testing.M) {
	var err error
	if serversDir, err = os.MkdirTemp("", "remote-test-"); err != nil {
		panic(err)
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		// Tests wait more than they compute: for servers, and for lives to end.
		flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	}
	code := m.Run()
	processes.Lock()
	for _, cmd := range processes.all {
		cmd.Process.Kill()
	}
	processes.Unlock()
	os.RemoveAll(serversDir)
	os.Exit(code)
}

// server is a process that listens.
type server struct {
	addr string
	cmd  *exec.Cmd
	log  *lockedBuffer
	gone chan struct{} // closed when it has ended
}

type lockedBuffer struct {
	sync.Mutex
	text bytes.Buffer // not embedded: io.Copy would find its ReadFrom, which takes no lock
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.text.String()
}

// startServer runs a program that is told its port by args, until it accepts connections. A port that somebody else
// took in between is tried again with another.
func startServer(program string, args func(port, dir string) []string) (*server, error) {
	var failure error
	for range 5 {
		s, err := tryServer(program, args)
		if err == nil {
			return s, nil
		}
		failure = err
	}
	return nil, failure
}

func tryServer(program string, args func(port, dir string) []string) (*server, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	dir := filepath.Join(serversDir, filepath.Base(program)+"-"+port)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s := &server{
		addr: addr, cmd: exec.Command(program, args(port, dir)...), log: &lockedBuffer{}, gone: make(chan struct{}),
	}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, s.log, s.log
	dieWithUs(s.cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // it dies with the thread that started it
		started <- s.cmd.Start()
		s.cmd.Wait()
		close(s.gone)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	processes.Lock()
	processes.all = append(processes.all, s.cmd)
	processes.Unlock()
	return s, s.accepting()
}

// accepting waits until the server takes connections.
func (s *server) accepting() error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			c.Close()
			return nil
		}
		select {
		case <-s.gone:
			return fmt.Errorf("%s ended: %s", s.cmd.Path, s.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen: %s", s.cmd.Path, s.log)
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.gone
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// once is a server, or several, shared by all tests.
type once[T any] func() (T, error)

func (o once[T]) get(t *testing.T) T {
	t.Helper()
	if testing.Short() {
		t.Skip("asks a real server")
	}
	v, err := o()
	require.NoError(t, err, "a server of the tests does not start; scripts/check installs them")
	return v
}

func startRedis(more ...string) (*server, error) {
	return startServer("redis-server", func(port, dir string) []string {
		return append([]string{
			"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
			"--enable-debug-command", "yes",
		}, more...)
	})
}

var plainRedis once[*server] = sync.OnceValues(func() (*server, error) { return startRedis() })

// secureRedis takes TLS only, and lets in one user only, who may touch no keys but those of tests.
var secureRedis once[*secured] = sync.OnceValues(func() (*secured, error) {
	c, err := certificates()
	if err != nil {
		return nil, err
	}
	s, err := startServer("redis-server", func(port, dir string) []string {
		conf := filepath.Join(dir, "redis.conf")
		text := "port 0\ntls-port " + port + "\nbind 127.0.0.1\ndir " + dir + "\nsave \"\"\ntls-auth-clients no\n" +
			"tls-cert-file " + c.cert + "\ntls-key-file " + c.key + "\ntls-ca-cert-file " + c.ca + "\n" +
			"user default off\nuser runner on >" + secret + " ~t* +@all -@dangerous\n"
		os.WriteFile(conf, []byte(text), 0o600)
		return []string{conf}
	})
	return &secured{server: s, ca: c.ca}, err
})

const secret = "s3cr3t@/?word"

type secured struct {
	*server
	ca string
}

// files of certificates: of an authority, and of a server with its key.
type certificateFiles struct{ ca, cert, key string }

// certificates are those of all servers here that take TLS.
var certificates = sync.OnceValues(func() (c certificateFiles, err error) {
	c.ca, c.cert, c.key, err = writeCertificates(serversDir)
	return c, err
})

// writeCertificates makes an authority, and a certificate by it for localhost and 127.0.0.1.
func writeCertificates(dir string) (ca, cert, key string, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", "", err
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &own.PublicKey, own)
	if err != nil {
		return "", "", "", err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &own.PublicKey, own)
	if err != nil {
		return "", "", "", err
	}
	keyDER, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		return "", "", "", err
	}
	ca, cert, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		ca: {Type: "CERTIFICATE", Bytes: rootDER}, cert: {Type: "CERTIFICATE", Bytes: leafDER},
		key: {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return "", "", "", err
		}
	}
	return ca, cert, key, nil
}

// redisCluster is three masters.
var redisCluster once[[]*server] = sync.OnceValues(func() ([]*server, error) {
	var nodes []*server
	for range 3 {
		s, err := startRedis("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for i, s := range nodes {
		if err := joinCluster(ctx, s, i, nodes); err != nil {
			return nil, err
		}
	}
	for _, s := range nodes {
		if err := untilRedis(ctx, s, "cluster info", func(answer string) bool {
			return strings.Contains(answer, "cluster_state:ok") && strings.Contains(answer, "cluster_known_nodes:3")
		}); err != nil {
			return nil, err
		}
	}
	return nodes, nil
})

func joinCluster(ctx context.Context, s *server, i int, all []*server) error {
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	first, last := i*16384/len(all), (i+1)*16384/len(all)-1
	if err := c.ClusterAddSlotsRange(ctx, first, last).Err(); err != nil {
		return err
	}
	if err := c.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
		return err
	}
	for _, other := range all[:i] {
		host, port, _ := net.SplitHostPort(other.addr)
		if err := c.ClusterMeet(ctx, host, port).Err(); err != nil {
			return err
		}
	}
	return nil
}

// untilRedis asks until the answer is right.
func untilRedis(ctx context.Context, s *server, command string, right func(string) bool) error {
	c := redis.NewClient(&redis.Options{Addr: s.addr})
	defer c.Close()
	var args []any
	for _, word := range strings.Fields(command) {
		args = append(args, word)
	}
	for {
		answer, err := c.Do(ctx, args...).Result()
		if err == nil && right(fmt.Sprint(answer)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %v, %w", command, answer, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// watched is a master with a replica, and three sentinels that watch over them. They are patient, since a busy machine
// must not look like a dead master: see failOver.
type watched struct {
	master, replica *server
	sentinels       []*server
}

func (w *watched) hosts() string {
	var all []string
	for _, s := range w.sentinels {
		all = append(all, s.addr)
	}
	return strings.Join(all, ",")
}

var redisSentinel once[*watched] = sync.OnceValues(func() (*watched, error) {
	w := &watched{}
	var err error
	if w.master, err = startRedis(); err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(w.master.addr)
	if w.replica, err = startRedis("--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := untilRedis(ctx, w.replica, "info replication", func(s string) bool {
		return strings.Contains(s, "master_link_status:up")
	}); err != nil {
		return nil, err
	}
	for range 3 {
		s, err := startServer("redis-sentinel", func(own, dir string) []string {
			conf := filepath.Join(dir, "sentinel.conf")
			text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor main %s %s 2\n"+
				"sentinel down-after-milliseconds main 60000\n", own, dir, host, port)
			os.WriteFile(conf, []byte(text), 0o600)
			return []string{conf}
		})
		if err != nil {
			return nil, err
		}
		w.sentinels = append(w.sentinels, s)
	}
	for _, s := range w.sentinels {
		if err := untilRedis(ctx, s, "sentinel master main", func(answer string) bool {
			return strings.Contains(answer, "num-other-sentinels:2") && strings.Contains(answer, "num-slaves:1")
		}); err != nil {
			return nil, err
		}
	}
	return w, nil
})

// failOver has the first sentinel alone take a dead master for dead, and at once. The others give it their votes, so no
// two of them ask for votes at the same time.
func (w *watched) failOver(ctx context.Context) error {
	c := redis.NewSentinelClient(&redis.Options{Addr: w.sentinels[0].addr})
	defer c.Close()
	for option, value := range map[string]string{"quorum": "1", "down-after-milliseconds": "1000"} {
		if err := c.Set(ctx, "main", option, value).Err(); err != nil {
			return err
		}
	}
	return nil
}

func startMemcached() (*server, error) {
	return startServer("memcached", func(port, dir string) []string {
		return []string{"-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "root", "-m", "256"}
	})
}

var twoMemcached once[[2]*server] = sync.OnceValues(func() (two [2]*server, err error) {
	for i := range two {
		if two[i], err = startMemcached(); err != nil {
			return two, err
		}
	}
	return two, nil
})

var prefixes struct {
	sync.Mutex
	n int
}

// freshPrefix is one that no other test uses.
func freshPrefix() string {
	prefixes.Lock()
	defer prefixes.Unlock()
	prefixes.n++
	return "t" + strconv.Itoa(prefixes.n)
}

// openTier opens a URL, to which the prefix is added, and a timeout that is never reached if it has none.
func openTier(t *testing.T, url, prefix string) Tier {
	t.Helper()
	mark := "?"
	if strings.Contains(url, "?") {
		mark = "&"
	}
	if !strings.Contains(url, "timeout=") {
		prefix += "&timeout=30s"
	}
	c, _, err := Parse(url+mark+"prefix="+prefix, noLookup)
	require.NoError(t, err)
	tier, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { tier.Close() })
	return tier
}

func noLookup(string) (string, bool) { return "", false }
