package remote

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
)

// s3Memory is what one run remembers of the objects that it has read and written, so that it need not read them again.
// What is remembered may be out of date, and is used only as the condition of a write, which the server then refuses.
type s3Memory struct {
	mu     sync.Mutex
	values map[string]s3Value   // by name
	leases map[string]s3Holding // by token
}

// s3Value is an object of a value as it was seen.
type s3Value struct {
	seen         // the zero value: there is none
	fence int64  // under which it was stored; 0: under none
	lease string // ETag of the lease that ended with it; empty: that is not known
}

// s3Holding is a lease of ours as it was written.
type s3Holding struct {
	lease s3Lease
	seen
}

const s3Remembered = 16 // values; a run reads few that it also writes

func valueSeen(resp *http.Response) s3Value {
	v := s3Value{seen: seen{tag: resp.Header.Get("Etag")}, lease: resp.Header.Get(metaLease)}
	v.fence, _ = strconv.ParseInt(resp.Header.Get(metaFence), 10, 64)
	return v
}

// sawValue keeps what a read has shown of a value.
func (m *s3Memory) sawValue(name string, resp *http.Response, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	absent := errors.Is(err, ErrAbsent)
	switch {
	case err != nil && !absent, !absent && resp.Header.Get("Etag") == "", len(m.values) >= s3Remembered:
		delete(m.values, name)
		return
	case m.values == nil:
		m.values = map[string]s3Value{}
	}
	m.values[name] = s3Value{}
	if !absent {
		m.values[name] = valueSeen(resp)
	}
}

// value returns what was seen last of a value, once: what is written over it is another one.
func (m *s3Memory) value(name string) (v s3Value, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, known = m.values[name]
	delete(m.values, name)
	return v, known
}

// leaseBehind returns what a lease is likely to be: the one that ended with the value that it guards, or none yet. last
// is the highest fence that was seen.
func (m *s3Memory) leaseBehind(name string) (likely seen, last int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for of, v := range m.values {
		if tagOf(of) != tagOf(name) {
			continue
		}
		if v.fence >= last {
			likely, last = seen{tag: v.lease}, v.fence
		}
	}
	return likely, last
}

// wroteLease keeps a lease as the server has it now. One whose writing failed may be anything, and one that is free is
// nobody's.
func (m *s3Memory) wroteLease(l s3Lease, tag string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || tag == "" || l.Token == "" {
		delete(m.leases, l.Token)
		return
	}
	if m.leases == nil {
		m.leases = map[string]s3Holding{}
	}
	m.leases[l.Token] = s3Holding{l, seen{tag: tag}}
}

func (m *s3Memory) lease(token string) (l s3Lease, at seen, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, known := m.leases[token]
	return h.lease, h.seen, known
}

func (m *s3Memory) forgetLease(token string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.leases, token)
}
