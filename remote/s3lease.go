package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// A lease is one object: who holds it, for how long, and which fence that is. It is written only on the condition that
// it is still the one that was read (If-Match on its ETag, If-None-Match: * for the first), so of two hosts that take a
// lease at the same instant the server refuses one. It is never removed: its fence only rises. Each writing has other
// bytes than any before, so a server whose ETag is a digest of the content serves as well.
//
// Release writes it free, Renew writes it anew, which moves its Last-Modified; whether it is over, the server's clock
// says (see over). A server without conditional writes lets two hosts run the same command, and breaks nothing.
//
// Each request is a round trip here, so nothing is read that is known already (see s3Memory): a leader tries to write
// the lease as if nobody had ever held it, or over the one under which the value was stored that it found; only if that
// is refused it reads. And the last value of a leader costs no third writing of the lease: it is written once before
// the value, on the condition that it is still ours, with a life of a few seconds, and its ETag goes with the value. So
// who finds the value knows that this lease is over, and who finds the lease looks whether the value is there.

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
	Token string `json:"token"`          // the holder's; empty: nobody may store under it any more
	Life  int64  `json:"life_ms"`        // from Last-Modified; 0: it is free
	Beat  int64  `json:"beat"`           // counts the writings of one holding
	Last  string `json:"last,omitempty"` // the value with which it ends: if that names this writing, the lease is free
}

// s3Last is the life of a lease whose holder has nothing left to do but to store its result.
const s3Last = 4 * time.Second

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
func (s *s3) replace(ctx context.Context, key string, old seen, text []byte) (tag string, err error) {
	body := &upload{from: bytes.NewReader(text), size: int64(len(text))}
	return s.writeTagged(ctx, s3Call{method: http.MethodPut, key: key, header: old.condition(), body: body})
}

// lease reads the lease of a name, and whether it is held now.
func (s *s3) lease(ctx context.Context, name string) (l s3Lease, held bool, old seen, err error) {
	if err := contract.CheckName(name); err != nil {
		return l, false, old, err
	}
	old, err = s.look(ctx, objectKey(leasesFolder, name))
	if err != nil || old.tag == "" {
		return l, false, old, err
	}
	if l, err = parseLease(old.text); err != nil {
		return l, false, old, fmt.Errorf("%s: %w: %w", s.web.place, ErrServer, err)
	}
	if l.Life == 0 {
		return l, false, old, nil
	}
	if old.head.Get("Date") == "" || old.head.Get("Last-Modified") == "" {
		return l, false, old, fmt.Errorf("%s: %w: answers without a time: no lease would end", s.web.place, ErrServer)
	}
	return l, !over(old.head, time.Duration(l.Life)*time.Millisecond), old, nil
}

func parseLease(text []byte) (s3Lease, error) {
	var l s3Lease
	if err := json.Unmarshal(text, &l); err != nil || l.Fence < 1 || l.Life < 0 || l.Life > maxLife.Milliseconds() ||
		l.Last != "" && contract.CheckName(l.Last) != nil {
		return s3Lease{}, errors.New("a lease that makes no sense")
	}
	return l, nil
}

// maxLife is the longest lease believed.
const maxLife = 24 * time.Hour

// writeLease writes a lease over what was seen of it, and keeps in mind what stands there now. It returns the ETag of
// that, if the server tells it.
func (s *s3) writeLease(ctx context.Context, name string, old seen, l s3Lease) (tag string, err error) {
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	tag, err = s.replace(ctx, objectKey(leasesFolder, name), old, text)
	s.memory.wroteLease(l, tag, err)
	return tag, err
}

// Acquire takes a lease that nobody holds.
func (s *s3) Acquire(ctx context.Context, name string, life time.Duration) (Lease, error) {
	if err := contract.CheckName(name); err != nil {
		return Lease{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.web.timeout)
	defer cancel()
	old, last := s.memory.leaseBehind(name)
	l, err := s.acquire(ctx, name, old, last, life)
	if !errors.Is(err, errCondition) {
		return l, err
	}
	current, held, old, err := s.lease(ctx, name)
	if err != nil {
		return Lease{}, err
	}
	if held && !s.ended(ctx, current, old) {
		return Lease{Fence: current.Fence, Left: left(old.head, time.Duration(current.Life)*time.Millisecond)},
			fmt.Errorf("%s: %w", s.web.place, ErrHeld)
	}
	l, err = s.acquire(ctx, name, old, max(last, current.Fence), life)
	if errors.Is(err, errCondition) {
		return Lease{}, fmt.Errorf("%s: %w: since this instant", s.web.place, ErrHeld)
	}
	return l, err
}

// ended reports whether the last value of a lease is there. If it is not, or that cannot be told, its life decides.
func (s *s3) ended(ctx context.Context, l s3Lease, at seen) bool {
	if l.Last == "" {
		return false
	}
	v, err := s.stored(ctx, l.Last)
	return err == nil && v.lease == at.tag
}

// acquire writes a lease over what was seen of it; errCondition if it is another one by now. last is the highest fence
// known.
func (s *s3) acquire(ctx context.Context, name string, old seen, last int64, life time.Duration) (Lease, error) {
	token, err := newToken()
	if err != nil {
		return Lease{}, err
	}
	mine := s3Lease{Fence: last + 1, Token: token, Life: lifeMs(life)}
	tag, err := s.writeLease(ctx, name, old, mine)
	if err == nil && tag == "" {
		err = fmt.Errorf("%s: %w: an object without ETag", s.web.place, ErrServer)
	}
	if err != nil {
		return Lease{}, err
	}
	return Lease{Name: name, Token: token, Fence: mine.Fence}, nil
}

func lifeMs(life time.Duration) int64 {
	return min(max(life, time.Millisecond), maxLife).Milliseconds()
}

// Renew begins the life of a lease anew.
func (s *s3) Renew(ctx context.Context, l Lease, life time.Duration) error {
	_, err := s.change(ctx, l, func(mine *s3Lease) { mine.Life = lifeMs(life) })
	return err
}

// Release ends a lease. One that is not ours any more is left alone.
func (s *s3) Release(ctx context.Context, l Lease) error {
	_, err := s.change(ctx, l, func(mine *s3Lease) { mine.Token, mine.Life = "", 0 })
	if errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}

// change writes our lease anew, if it is ours. It returns the ETag of the new writing, if the server tells it.
func (s *s3) change(ctx context.Context, l Lease, edit func(*s3Lease)) (tag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.web.timeout)
	defer cancel()
	current, old, known := s.memory.lease(l.Token)
	if !known {
		var held bool
		if current, held, old, err = s.lease(ctx, l.Name); err != nil {
			return "", err
		}
		if !held || current.Token != l.Token {
			return "", s.fenced()
		}
	}
	current.Beat++
	edit(&current)
	s.memory.forgetLease(l.Token)
	tag, err = s.writeLease(ctx, l.Name, old, current)
	if errors.Is(err, errCondition) {
		err = s.fenced()
	}
	return tag, err
}

func (s *s3) fenced() error { return fmt.Errorf("%s: %w", s.web.place, ErrFenced) }

// PutFenced stores a value if nobody has led since. The object carries the fence that it was stored under and is
// replaced only by its like or a higher one, on the condition that it is still the one that was looked at: what an
// earlier leader stores never replaces what a later one stored. There is no transaction over two objects here: a leader
// that begins between the look at the lease and the end of the upload has a result of its predecessor replaced by its
// own.
func (s *s3) PutFenced(ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64,
	life time.Duration,
) error {
	if err := cmp.Or(contract.CheckName(name), checkGuarded(l, name)); err != nil {
		return err
	}
	var (
		wait    sync.WaitGroup
		stored  s3Value
		lookErr error
	)
	wait.Go(func() { stored, lookErr = s.stored(ctx, name) })
	current, _, _, err := s.lease(ctx, l.Name)
	wait.Wait()
	if err := cmp.Or(err, lookErr); err != nil {
		return err
	}
	if current.Fence != l.Fence || current.Token != l.Token {
		return s.fenced()
	}
	return s.putOver(ctx, l, name, stored, body, size, lifeHeader(life))
}

// PutLast is a request for the lease and one for the value, if both are as they are remembered.
func (s *s3) PutLast(
	ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := cmp.Or(contract.CheckName(name), checkGuarded(l, name)); err != nil {
		return err
	}
	tag, err := s.change(ctx, l, func(mine *s3Lease) {
		mine.Token, mine.Life, mine.Last = "", lifeMs(s3Last), name
	})
	if err != nil {
		return err
	}
	err = s.putLast(ctx, l, tag, name, body, size, life)
	if tag != "" && err != nil && !errors.Is(err, ErrFenced) { // nobody shall wait for those seconds
		_, _ = s.writeLease(ctx, l.Name, seen{tag: tag}, s3Lease{Fence: l.Fence})
	}
	return err
}

// putLast stores the value of a lease that is written with an ETag for the last time.
func (s *s3) putLast(
	ctx context.Context, l Lease, tag, name string, body io.ReadSeeker, size int64, life time.Duration,
) (err error) {
	header := lifeHeader(life)
	if tag != "" {
		header.Set(metaLease, tag)
	}
	stored, known := s.memory.value(name)
	if !known {
		if stored, err = s.stored(ctx, name); err != nil {
			return err
		}
	}
	err = s.putOver(ctx, l, name, stored, body, size, header)
	if errors.Is(err, ErrFenced) && known { // it is another one by now, perhaps of an earlier leader
		if stored, err = s.stored(ctx, name); err == nil {
			err = s.putOver(ctx, l, name, stored, body, size, header)
		}
	}
	return err
}

// putOver stores a value over what was seen, unless that was stored under a higher fence.
func (s *s3) putOver(ctx context.Context, l Lease, name string, old s3Value, body io.ReadSeeker, size int64,
	header http.Header,
) error {
	if old.fence > l.Fence {
		return s.fenced()
	}
	header = header.Clone()
	header.Set(metaFence, strconv.FormatInt(l.Fence, 10))
	for name, values := range old.condition() {
		header[name] = values
	}
	err := s.put(ctx, name, body, size, header)
	if errors.Is(err, errCondition) {
		return s.fenced()
	}
	return err
}

// stored is what is kept of a value now.
func (s *s3) stored(ctx context.Context, name string) (s3Value, error) {
	resp, err := s.send(ctx, s3Call{method: http.MethodHead, key: objectKey(valuesFolder, name)})
	if errors.Is(err, ErrAbsent) {
		return s3Value{}, nil
	}
	if err != nil {
		return s3Value{}, err
	}
	finish(resp)
	return valueSeen(resp), nil
}

// Bump raises a count. Whoever loses a race looks again, after a random wait that grows.
func (s *s3) Bump(ctx context.Context, name string, by int64) (int64, error) {
	if err := contract.CheckName(name); err != nil {
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
		_, err = s.replace(ctx, objectKey(countsFolder, name), old, strconv.AppendInt(nil, n+by, 10))
		switch {
		case err == nil:
			return n + by, nil
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

// beginning is where a count starts: the server's time in milliseconds, which a count that the server has forgotten
// cannot have reached, as each of its steps took longer.
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
		if err := contract.CheckName(name); err != nil {
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
