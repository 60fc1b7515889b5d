package fleet

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// memory is a tier that is a map: it lends leases and counts, by the clock of the test. What a test breaks in it is a
// field.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	lives  map[string]time.Duration
	counts map[string]int64
	leases map[string]lent
	fence  int64

	down       bool // every call fails
	countsDown bool // every call for counts fails
	deaf       bool // leases are not renewed
	refused    int  // values that were not stored for their fence
	asked      int  // calls
}

type lent struct {
	contract.Lease
	until time.Time
}

func newMemory() *memory {
	return &memory{
		values: map[string][]byte{}, lives: map[string]time.Duration{}, counts: map[string]int64{},
		leases: map[string]lent{},
	}
}

// begin is what each call begins with.
func (m *memory) begin() (end func(), err error) {
	m.mu.Lock()
	if m.asked++; m.down {
		err = contract.ErrUnreachable
	}
	return m.mu.Unlock, err
}

// askedSince returns how many calls there were since it was called last.
func (m *memory) askedSince() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, m.asked = m.asked, 0
	return n
}

func (m *memory) Get(_ context.Context, name string) (*contract.Value, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return nil, err
	}
	b, ok := m.values[name]
	if !ok {
		return nil, contract.ErrAbsent
	}
	return &contract.Value{ReadCloser: io.NopCloser(bytes.NewReader(b)), Size: int64(len(b))}, nil
}

func (m *memory) put(name string, body io.ReadSeeker, life time.Duration) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	if err == nil {
		m.values[name], m.lives[name] = b, life
	}
	return err
}

func (m *memory) Put(_ context.Context, name string, body io.ReadSeeker, _ int64, life time.Duration) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	return m.put(name, body, life)
}

func (m *memory) Close() error { return nil }

func (m *memory) Acquire(_ context.Context, name string, life time.Duration) (contract.Lease, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return contract.Lease{}, err
	}
	if l, ok := m.leases[name]; ok && time.Now().Before(l.until) {
		return contract.Lease{Fence: l.Fence, Left: time.Until(l.until)}, contract.ErrHeld
	}
	m.fence++
	l := contract.Lease{Name: name, Token: "t", Fence: m.fence}
	m.leases[name] = lent{l, time.Now().Add(life)}
	return l, nil
}

// holds says what is wrong with a lease.
func (m *memory) holds(l contract.Lease) error {
	if now, ok := m.leases[l.Name]; !ok || now.Fence != l.Fence || !time.Now().Before(now.until) {
		return contract.ErrFenced
	}
	return nil
}

func (m *memory) Renew(_ context.Context, l contract.Lease, life time.Duration) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	if err := m.holds(l); err != nil || m.deaf {
		return err
	}
	m.leases[l.Name] = lent{l, time.Now().Add(life)}
	return nil
}

func (m *memory) Release(_ context.Context, l contract.Lease) error {
	end, err := m.begin()
	defer end()
	if err == nil && m.holds(l) == nil {
		delete(m.leases, l.Name)
	}
	return err
}

func (m *memory) PutFenced(
	_ context.Context, l contract.Lease, name string, body io.ReadSeeker, _ int64, life time.Duration,
) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	if err := m.holds(l); err != nil {
		m.refused++
		return err
	}
	return m.put(name, body, life)
}

func (m *memory) PutLast(
	ctx context.Context, l contract.Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := m.PutFenced(ctx, l, name, body, size, life); err != nil {
		return err
	}
	return m.Release(ctx, l)
}

func (m *memory) Bump(_ context.Context, name string, by int64) (int64, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	if m.counts[name] == 0 {
		m.counts[name] = 5 * hardPurge // as a server's clock may begin
	}
	m.counts[name] += by
	return m.counts[name], nil
}

func (m *memory) Counts(_ context.Context, names ...string) (counts []int64, err error) {
	end, err := m.begin()
	defer end()
	if m.countsDown {
		err = contract.ErrUnreachable
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		counts = append(counts, m.counts[name])
	}
	return counts, nil
}

// openly is a sealer that changes nothing, but holds a value to the name that it is sealed under.
type openly struct{}

func (openly) Names(sum []byte) []string { return []string{string([]byte{'k', 'a' + sum[0]%26})} }

func (openly) Seal(dst io.Writer, name string, _ []byte, src io.Reader, size int64) error {
	if _, err := io.WriteString(dst, name+"\n"); err != nil {
		return err
	}
	_, err := io.CopyN(dst, src, size)
	return err
}

func (openly) Open(dst io.Writer, name string, _ []byte, src io.Reader, most int64) (int64, error) {
	b, err := io.ReadAll(src)
	if err != nil {
		return 0, err
	}
	plain, ok := bytes.CutPrefix(b, []byte(name+"\n"))
	switch {
	case !ok:
		return 0, contract.ErrDamaged
	case int64(len(plain)) > most:
		return 0, contract.ErrTooLarge
	}
	n, err := dst.Write(plain)
	return int64(n), err
}

// swapping is a memory that also replaces on a condition; the mark of a value is the value.
type swapping struct {
	*memory
	unable error // what Swap says
}

func (m swapping) Look(_ context.Context, name string, _ int64) ([]byte, contract.Mark, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return nil, "", err
	}
	b, ok := m.values[name]
	if !ok {
		return nil, "", contract.ErrAbsent
	}
	return b, contract.Mark(b), nil
}

func (m swapping) Swap(
	_ context.Context, name string, old contract.Mark, body io.ReadSeeker, _ int64, life time.Duration,
) error {
	end, err := m.begin()
	defer end()
	switch {
	case err != nil:
		return err
	case m.unable != nil:
		return m.unable
	case contract.Mark(m.values[name]) != old:
		return contract.ErrChanged
	}
	return m.put(name, body, life)
}
