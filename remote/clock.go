package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Clock is a tier whose server tells the time. Nothing is decided by it here: it shows whether the clocks of hosts
// agree.
type Clock interface {
	// Now is the time of the server, cut to a second or finer. Of several servers it is that of the one which is
	// furthest from this machine's.
	Now(ctx context.Context) (time.Time, error)
}

func (t *redisTier) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := t.do(ctx, t.key("l", "clock"), t.patience, func(ctx context.Context, node *redis.Client) (err error) {
		now, err = node.Time(ctx).Result()
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return now, nil
}

func (t *memcachedTier) Now(ctx context.Context) (time.Time, error) {
	times, failures := make([]time.Time, len(t.servers)), make([]error, len(t.servers))
	var wg sync.WaitGroup
	for i, s := range t.servers {
		wg.Go(func() { times[i], failures[i] = s.now(ctx) })
	}
	wg.Wait()
	here, furthest := time.Now(), times[0]
	for i, err := range failures {
		if err != nil {
			return time.Time{}, err
		}
		if times[i].Sub(here).Abs() > furthest.Sub(here).Abs() {
			furthest = times[i]
		}
	}
	return furthest, nil
}

func (s *memcachedServer) now(ctx context.Context) (time.Time, error) {
	u, err := s.begin(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var seconds int64
	if err = u.turn(); err == nil {
		seconds, err = u.conn.clock()
	}
	return time.Unix(seconds, 0), u.end(err)
}

func (s *s3) Now(ctx context.Context) (time.Time, error) {
	resp, err := s.send(ctx, s3Call{method: http.MethodHead, key: objectKey(valuesFolder, "clock")})
	if errors.Is(err, ErrAbsent) {
		return s.web.date(resp)
	}
	if err != nil {
		return time.Time{}, err
	}
	finish(resp)
	return s.web.date(resp)
}

func (h *httpTier) Now(ctx context.Context) (time.Time, error) {
	resp, err := h.send(ctx, http.MethodHead, "clock", nil)
	if err != nil {
		return time.Time{}, err
	}
	finish(resp)
	return h.web.date(resp)
}

// date is the time at which an answer was made.
func (w *web) date(resp *http.Response) (time.Time, error) {
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w: it does not tell the time", w.place, ErrServer)
	}
	return now, nil
}

// Now is the time that the file system gives to a file that is written now: on a shared one, that of its server.
func (t *fileTier) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	err := beside(ctx, t.patience, func(context.Context) error {
		f, err := os.CreateTemp(t.base, fileComing)
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if _, err := f.WriteString("x"); err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			now = info.ModTime()
		}
		return err
	})
	if err != nil {
		return time.Time{}, t.fault(ctx, err)
	}
	return now, nil
}
