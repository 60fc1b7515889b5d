package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A lease is one object: who holds it, for how long, and which fence that is. It is written only on the condition that it
// is still the one that was read (If-Match on its ETag, If-None-Match: * for the first), so of two hosts that take a lease
// at the same instant the server refuses one. It is never removed: its fence only rises. Each writing has other bytes
// than any before, so a server whose ETag is a digest of the content serves as well.
//
// Release writes it free, Renew writes it anew, which moves its Last-Modified; whether it is over, the server's clock says
// (see over). A server without conditional writes lets two hosts run the same command, and breaks nothing.

const (
	leasesFolder = "leases/"
	countsFolder = "counts/"

	// maxTries bounds how often a count is tried again because somebody else raised it: of so many at once, one gets
	// through each time. The tier's timeout bounds it too.
	maxTries = 100
)

// s3Lease is the content of a lease's object.
type s3Lease struct {
	Fence int64  `json:"fence"`
	Token string `json:"token"`   // the holder's; empty: free
	Life  int64  `json:"life_ms"` // from Last-Modified
	Beat  int64  `json:"beat"`    // counts the writings of one holding
}

// seen is a small object as it was read; a tag of "" means that there is none.
type seen struct {
	text []byte
	tag  string
	head http.Header
}

// condition lets a write succeed only if nobody wrote since.
func (o seen) condition() http.Header {
	if o.tag == "" {
		return http.Header{"If-None-Match": {"*"}}
	}
	return http.Header{"If-Match": {o.tag}}
}

// look reads a small object. That there is none is no error.
func (s *s3) look(ctx context.Context, key string) (seen, error) {
	resp, err := s.send(ctx, s3Call{method: http.MethodGet, key: key})
	if errors.Is(err, ErrAbsent) {
		return seen{head: resp.Header}, nil
	}
	if err != nil {
		return seen{}, err
	}
	defer finish(resp)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSmall))
	if err != nil {
		return seen{}, err
	}
	tag := resp.Header.Get("Etag")
	if tag == "" {
		return seen{}, fmt.Errorf("%s: %w: an object without ETag", s.web.place, ErrServer)
	}
	return seen{text, tag, resp.Header}, nil
}

// replace writes a small object if it is still what was seen, else fails with errCondition.
func (s *s3) replace(ctx context.Context, key string, old seen, text []byte) error {
	body := &upload{from: bytes.NewReader(text), size: int64(len(text))}
	return s.write(ctx, s3Call{method: http.MethodPut, key: key, header: old.condition(), body: body})
}

// lease reads the lease of a name, and whether it is held now.
func (s *s3) lease(ctx context.Context, name string) (l s3Lease, held bool, old seen, err error) {
	if err := checkName(name); err != nil {
		return l, false, old, err
	}
	old, err = s.look(ctx, objectKey(leasesFolder, name))
	if err != nil || old.tag == "" {
		return l, false, old, err
	}
	if l, err = parseLease(old.text); err != nil {
		return l, false, old, fmt.Errorf("%s: %w: %w", s.web.place, ErrServer, err)
	}
	if l.Token == "" {
		return l, false, old, nil
	}
	if old.head.Get("Date") == "" || old.head.Get("Last-Modified") == "" {
		return l, false, old, fmt.Errorf("%s: %w: answers without a time: no lease would end", s.web.place, ErrServer)
	}
	return l, !over(old.head, time.Duration(l.Life)*time.Millisecond), old, nil
}

func parseLease(text []byte) (s3Lease, error) {
	var l s3Lease
	if err := json.Unmarshal(text, &l); err != nil || l.Fence < 1 || l.Life < 0 || l.Life > maxLife.Milliseconds() {
		return s3Lease{}, errors.New("a lease that makes no sense")
	}
	return l, nil
}

// maxLife is the longest lease believed.
const maxLife = 24 * time.Hour

func (s *s3) writeLease(ctx context.Context, name string, old seen, l s3Lease) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.replace(ctx, objectKey(leasesFolder, name), old, text)
}

// Acquire takes a lease that nobody holds.
func (s *s3) Acquire(ctx context.Context, name string, life time.Duration) (Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, s.web.timeout)
	defer cancel()
	current, held, old, err := s.lease(ctx, name)
	if err != nil {
		return Lease{}, err
	}
	if held {
		return Lease{}, fmt.Errorf("%s: %w", s.web.place, ErrHeld)
	}
	var random [16]byte
	rand.Read(random[:])
	mine := s3Lease{Fence: current.Fence + 1, Token: hex.EncodeToString(random[:]), Life: lifeMs(life)}
	switch err := s.writeLease(ctx, name, old, mine); {
	case errors.Is(err, errCondition):
		return Lease{}, fmt.Errorf("%s: %w: since this instant", s.web.place, ErrHeld)
	case err != nil:
		return Lease{}, err
	}
	return Lease{Name: name, Token: mine.Token, Fence: mine.Fence}, nil
}

func lifeMs(life time.Duration) int64 {
	return min(max(life, time.Millisecond), maxLife).Milliseconds()
}

// Renew begins the life of a lease anew.
func (s *s3) Renew(ctx context.Context, l Lease, life time.Duration) error {
	return s.change(ctx, l, func(mine *s3Lease) { mine.Life = lifeMs(life) })
}

// Release ends a lease. One that is not ours any more is left alone.
func (s *s3) Release(ctx context.Context, l Lease) error {
	err := s.change(ctx, l, func(mine *s3Lease) { mine.Token, mine.Life = "", 0 })
	if errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}

// change writes our lease anew, if it is ours.
func (s *s3) change(ctx context.Context, l Lease, edit func(*s3Lease)) error {
	ctx, cancel := context.WithTimeout(ctx, s.web.timeout)
	defer cancel()
	current, held, old, err := s.lease(ctx, l.Name)
	if err != nil {
		return err
	}
	if !held || current.Token != l.Token {
		return s.fenced()
	}
	current.Beat++
	edit(&current)
	if err := s.writeLease(ctx, l.Name, old, current); !errors.Is(err, errCondition) {
		return err
	}
	return s.fenced()
}

func (s *s3) fenced() error { return fmt.Errorf("%s: %w", s.web.place, ErrFenced) }

// State tells the highest fence of a name.
func (s *s3) State(ctx context.Context, name string) (int64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.web.timeout)
	defer cancel()
	l, held, _, err := s.lease(ctx, name)
	return l.Fence, held, err
}

// PutFenced stores a value if nobody has led since. The object carries the fence that it was stored under and is replaced
// only by its like or a higher one, on the condition that it is still the one that was looked at: what an earlier leader
// stores never replaces what a later one stored. There is no transaction over two objects here: a leader that begins
// between the look at the lease and the end of the upload has a result of its predecessor replaced by its own.
func (s *s3) PutFenced(ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64,
	life time.Duration,
) error {
	if err := cmp.Or(checkName(name), checkGuarded(l, name)); err != nil {
		return err
	}
	var (
		wait    sync.WaitGroup
		stored  seen
		fence   int64
		lookErr error
	)
	wait.Go(func() { stored, fence, lookErr = s.fenceOf(ctx, name) })
	current, _, _, err := s.lease(ctx, l.Name)
	wait.Wait()
	if err := cmp.Or(err, lookErr); err != nil {
		return err
	}
	if current.Fence != l.Fence || current.Token != l.Token || fence > l.Fence {
		return s.fenced()
	}
	header := lifeHeader(life)
	header.Set(metaFence, strconv.FormatInt(l.Fence, 10))
	for name, values := range stored.condition() {
		header[name] = values
	}
	if err := s.put(ctx, name, body, size, header); !errors.Is(err, errCondition) {
		return err
	}
	return s.fenced()
}

// fenceOf is the fence that a value was stored under; 0: none, or by Put.
func (s *s3) fenceOf(ctx context.Context, name string) (seen, int64, error) {
	resp, err := s.send(ctx, s3Call{method: http.MethodHead, key: objectKey(valuesFolder, name)})
	if errors.Is(err, ErrAbsent) {
		return seen{}, 0, nil
	}
	if err != nil {
		return seen{}, 0, err
	}
	finish(resp)
	fence, _ := strconv.ParseInt(resp.Header.Get(metaFence), 10, 64)
	return seen{tag: resp.Header.Get("Etag")}, fence, nil
}

// Bump raises a count. Whoever loses a race looks again, after a random wait that grows.
func (s *s3) Bump(ctx context.Context, name string) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	for try := range maxTries {
		old, err := s.look(ctx, objectKey(countsFolder, name))
		if err != nil {
			return 0, err
		}
		n, err := s.count(old)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			if n, err = s.beginning(old); err != nil {
				return 0, err
			}
		}
		err = s.replace(ctx, objectKey(countsFolder, name), old, strconv.AppendInt(nil, n+1, 10))
		switch {
		case err == nil:
			return n + 1, nil
		case !errors.Is(err, errCondition):
			return 0, err
		}
		select {
		case <-time.After(randv2.N(time.Duration(min(try+1, 20)) * 5 * time.Millisecond)):
		case <-ctx.Done():
			return 0, fmt.Errorf("%s: %w: %w", s.web.place, ErrTimeout, ctx.Err())
		}
	}
	return 0, fmt.Errorf("%s: %w: a count that others raise all the time", s.web.place, ErrTimeout)
}

// beginning is where a count starts: the server's time in milliseconds, which a count that the server has forgotten cannot
// have reached, as each of its steps took longer.
func (s *s3) beginning(absent seen) (int64, error) {
	now, err := http.ParseTime(absent.head.Get("Date"))
	if err != nil || now.Unix() <= 0 {
		return 0, fmt.Errorf("%s: %w: an answer without a time, from which a count could start", s.web.place, ErrServer)
	}
	return now.UnixMilli(), nil
}

// count reads the object of a count; none: 0.
func (s *s3) count(o seen) (int64, error) {
	if o.tag == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(o.text), 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s: %w: a count that makes no sense", s.web.place, ErrServer)
	}
	return n, nil
}

// Counts reads counts side by side: the protocol has no call for several objects.
func (s *s3) Counts(ctx context.Context, names ...string) ([]int64, error) {
	for _, name := range names {
		if err := checkName(name); err != nil {
			return nil, err
		}
	}
	counts := make([]int64, len(names))
	failures := make([]error, len(names))
	slots := make(chan struct{}, 8)
	var wait sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			var o seen
			if o, failures[i] = s.look(ctx, objectKey(countsFolder, name)); failures[i] == nil {
				counts[i], failures[i] = s.count(o)
			}
		})
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}
