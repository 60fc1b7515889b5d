package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// Memcached: one server or several, over which keys are spread by consistent hashing.
//
// Keys are <prefix>:<kind>:<name>; what is longer than 250 bytes is hashed. Memcached cannot list names, so each server
// has a generation, each value says in which it was stored, and Clear begins another: what is of an old one counts as
// absent and drops out. The generation is asked for together with the first value, and again after memcachedFresh. One
// that was evicted is replaced by a new one: then all that the server kept is missing.
//
// A server takes items up to 1 MiB. A larger value is chunks under names of their own, then an item that lists them
// with their SHA-256. So an overwritten value keeps its chunks, a reader never sees a mixture, and a chunk that was
// evicted, or is not the right one, makes the value absent. Chunks of a value that was replaced or deleted stay until
// their life ends or the server needs the space.
//
// Name, lease and fence are on one server (see tagOf). What memcached cannot do in one step is in memcached_lease.go.

const (
	memcachedItem  = 1<<20 - 4<<10 // bytes of the largest item; the rest is for the server's own header and the key
	memcachedMost  = 64 << 20      // bytes of the largest value
	memcachedFresh = 5 * time.Second

	memcachedPlain  = 0 // first byte of an item: its generation follows, and then the value
	memcachedChunks = 1 // the same with a list of chunks
	memcachedHead   = 1 + memcachedGeneration
)

type memcachedTier struct {
	place   string
	lead    string
	max     int64
	servers []*memcachedServer
	ring    memcachedRing
}

func checkMemcached(c Config) error {
	switch {
	case c.URL.User != nil:
		return errors.New("memcached takes no user and password")
	case strings.Trim(c.URL.Path, "/") != "":
		return errors.New("memcached has no path; use prefix=")
	}
	_, err := c.hosts("11211")
	return err
}

func openMemcached(c Config) (Tier, error) {
	hosts, err := c.hosts("11211")
	if err != nil {
		return nil, err
	}
	t := &memcachedTier{place: c.place(), lead: c.lead(), max: c.limit(memcachedMost), ring: newMemcachedRing(hosts)}
	for _, host := range hosts {
		t.servers = append(t.servers, &memcachedServer{
			addr: host, place: c.URL.Scheme + "://" + host, dialer: dialer{patience: c.patience()}, lead: t.lead,
		})
	}
	return t, nil
}

// Guard: that one of several servers is down is no reason not to ask the others.
func (t *memcachedTier) Guard(of func(server string) contract.Guard) bool {
	if len(t.servers) == 1 {
		return false
	}
	for _, s := range t.servers {
		s.guard = of(s.place)
	}
	return true
}

// server is the one that keeps a name.
func (t *memcachedTier) server(name string) *memcachedServer {
	return t.servers[t.ring.at(tagOf(name))]
}

// key is what the server calls a name of a kind.
func (t *memcachedTier) key(kind, name string) string {
	return memcachedKey(t.lead + ":" + kind + ":" + name)
}

func memcachedKey(key string) string {
	if len(key) <= 250 {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "cachex:long:" + hex.EncodeToString(sum[:])
}

// Get is one round trip, and another one for the chunks of a large value.
func (t *memcachedTier) Get(ctx context.Context, name string) (*Value, error) {
	return getOne(ctx, t, name)
}

// value opens the value in an item.
func (t *memcachedTier) value(
	ctx context.Context, s *memcachedServer, it memcachedItemData, generation string,
) (*Value, error) {
	kind, body, whole := it.payload(generation)
	switch {
	case !whole:
		return nil, fmt.Errorf("%s: %w", s.place, ErrAbsent)
	case kind == memcachedChunks:
		return t.openChunks(ctx, s, body, generation)
	case int64(len(body)) > t.max:
		return nil, tooLarge(t.place, int64(len(body)), t.max)
	}
	return &Value{ReadCloser: io.NopCloser(bytes.NewReader(body)), Size: int64(len(body))}, nil
}

// payload is what an item holds; not whole: it is none of ours, or one of another generation.
func (it memcachedItemData) payload(generation string) (kind byte, body []byte, whole bool) {
	d := it.data
	if len(d) < memcachedHead || d[0] > memcachedChunks || generation == "" ||
		string(d[1:memcachedHead]) != generation {
		return 0, nil, false
	}
	return d[0], d[memcachedHead:], true
}

// openChunks asks for all chunks at once, and hands each out when it is whole and the right one.
func (t *memcachedTier) openChunks(
	ctx context.Context, s *memcachedServer, list []byte, generation string,
) (*Value, error) {
	m, err := decodeManifest(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s.place, ErrAbsent, err)
	}
	if m.size > t.max {
		return nil, tooLarge(t.place, m.size, t.max)
	}
	u, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := u.turn(); err != nil {
		return nil, u.end(err)
	}
	for i := range m.sums {
		u.conn.askGet(t.chunkKey(generation, m.id, i))
	}
	if err := u.conn.flush(); err != nil {
		return nil, u.end(err)
	}
	return &Value{ReadCloser: &memcachedValue{use: u, manifest: m}, Size: m.size}, nil
}

func (t *memcachedTier) chunkKey(generation, id string, i int) string {
	return memcachedKey(fmt.Sprintf("%s:c:%s:%s:%d", t.lead, generation, id, i))
}

// memcachedValue is a value of several chunks being read.
type memcachedValue struct {
	use      *memcachedUse
	manifest manifest
	next     int    // chunk
	data     []byte // of the one before, what is still to be read
	err      error
}

func (v *memcachedValue) Read(p []byte) (int, error) {
	if len(v.data) == 0 && v.err == nil {
		v.err = v.fetch()
	}
	if len(v.data) == 0 {
		return 0, v.err
	}
	n := copy(p, v.data)
	v.data = v.data[n:]
	return n, nil
}

func (v *memcachedValue) fetch() error {
	if v.next == len(v.manifest.sums) {
		if err := v.use.end(nil); err != nil {
			return err
		}
		return io.EOF
	}
	it, err := v.use.conn.readGet()
	if err == nil {
		switch {
		case !it.found:
			err = fmt.Errorf("%s: %w: chunk %d is gone", v.use.server.place, ErrAbsent, v.next)
		case int64(len(it.data)) != v.manifest.length(v.next), sha256.Sum256(it.data) != v.manifest.sums[v.next]:
			err = fmt.Errorf("%s: %w: chunk %d is not the right one", v.use.server.place, ErrAbsent, v.next)
		}
	}
	if err != nil {
		return v.use.server.told(v.use.abandon(err))
	}
	v.data = it.data
	v.next++
	return nil
}

func (v *memcachedValue) Close() error {
	if v.err == nil {
		v.err = v.use.abandon(errors.New("the value is closed"))
	}
	v.data = nil
	return nil
}

// manifest lists the chunks of a value. All are memcachedItem bytes long but the last.
type manifest struct {
	id   string // 32 hex digits
	size int64
	sums [][sha256.Size]byte
}

// length is the length of a chunk, in bytes.
func (m manifest) length(i int) int64 { return min(m.size-int64(i)*memcachedItem, memcachedItem) }

// encode: id (16 bytes), size, number of chunks, their sums, SHA-256 of all that.
func (m manifest) encode() []byte {
	b, _ := hex.DecodeString(m.id)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.sums)))
	for _, sum := range m.sums {
		b = append(b, sum[:]...)
	}
	own := sha256.Sum256(b)
	return append(b, own[:]...)
}

var errManifest = errors.New("the list of chunks is damaged")

func decodeManifest(b []byte) (manifest, error) {
	const head = 16 + 8 + 4
	if len(b) < head+sha256.Size {
		return manifest{}, errManifest
	}
	body, own := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(own) {
		return manifest{}, errManifest
	}
	size, count := binary.LittleEndian.Uint64(body[16:]), uint64(binary.LittleEndian.Uint32(body[24:]))
	sums := body[head:]
	if size == 0 || size > memcachedMost || count != (size+memcachedItem-1)/memcachedItem ||
		uint64(len(sums)) != count*sha256.Size {
		return manifest{}, errManifest
	}
	m := manifest{id: hex.EncodeToString(body[:16]), size: int64(size), sums: make([][sha256.Size]byte, count)}
	for i := range m.sums {
		copy(m.sums[i][:], sums[i*sha256.Size:])
	}
	return m, nil
}

func (t *memcachedTier) Put(
	ctx context.Context, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	return t.put(ctx, nil, name, body, size, life)
}

// put stores a value; under a lease, if there is one. One round trip for what fits into an item, two for more, and
// another one where the generation is not known or there is a lease.
func (t *memcachedTier) put(
	ctx context.Context, under *memcachedUnder, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := beginPut(t.place, name, body, size, t.max); err != nil {
		return err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return err
	}
	return u.end(t.putBy(u, under, name, body, size, memcachedExpiry(life)))
}

func (t *memcachedTier) putBy(
	u *memcachedUse, under *memcachedUnder, name string, body io.Reader, size, expiry int64,
) error {
	key := t.key("v", name)
	u.greet(true)
	if under != nil {
		under.ask(u.conn, t, key)
	}
	generation, err := u.greeted()
	if err != nil {
		return err
	}
	if under != nil {
		if err := under.read(u.conn); err != nil {
			return err
		}
	}
	u.conn.next()
	item, err := t.itemOf(u, generation, body, size, expiry)
	if err != nil {
		return err
	}
	if under != nil {
		return under.store(u.conn, t, key, item, expiry)
	}
	return u.conn.setOne(key, item, expiry)
}

// itemOf is the item that stands for a value: itself, or a list of chunks, which are then stored.
func (t *memcachedTier) itemOf(u *memcachedUse, generation string, body io.Reader, size, expiry int64) ([]byte, error) {
	if size < memcachedItem-memcachedGeneration {
		value, err := readBody(body, size)
		return slices.Concat([]byte{memcachedPlain}, []byte(generation), value), err
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	m := manifest{id: hex.EncodeToString(id[:]), size: size}
	for i := 0; int64(i)*memcachedItem < size; i++ {
		chunk, err := readBody(body, m.length(i))
		if err != nil {
			return nil, err
		}
		m.sums = append(m.sums, sha256.Sum256(chunk))
		u.conn.askStore("set", t.chunkKey(generation, m.id, i), chunk, expiry, 0)
	}
	if err := u.conn.flush(); err != nil {
		return nil, err
	}
	for range m.sums {
		if err := u.conn.readSet(); err != nil {
			return nil, err
		}
	}
	return slices.Concat([]byte{memcachedChunks}, []byte(generation), m.encode()), nil
}

// memcachedExpiry is a life as memcached wants it. It counts whole seconds, and begins to count before the value is
// there, hence one more. Above 30 days it takes a number for a date, and above 2^31 it does not take it.
func memcachedExpiry(life time.Duration) int64 {
	if life <= 0 {
		return 0
	}
	seconds := int64((life+time.Second-1)/time.Second) + 1
	if seconds > 30*24*3600 {
		seconds += time.Now().Unix()
	}
	return min(seconds, 1<<31-1)
}

func (t *memcachedTier) Delete(ctx context.Context, name string) error {
	if err := contract.CheckName(name); err != nil {
		return err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return err
	}
	err = u.turn()
	if err == nil {
		err = u.conn.deleteOne(t.key("v", name))
	}
	return u.end(err)
}

// Clear cannot tell how many values there were. Every server is tried, also after one has failed.
func (t *memcachedTier) Clear(ctx context.Context) (int, error) {
	failures := make([]error, len(t.servers))
	var wg sync.WaitGroup
	for i, s := range t.servers {
		wg.Go(func() { failures[i] = s.renew(ctx) })
	}
	wg.Wait()
	for _, err := range failures {
		if err != nil {
			return -1, err
		}
	}
	return -1, nil
}

func (t *memcachedTier) Close() error {
	for _, s := range t.servers {
		s.close()
	}
	return nil
}
