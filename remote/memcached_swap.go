package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// The mark of a value in memcached is the number for cas of its item. What is of an old generation, or no value of
// ours, is absent and has a mark all the same: it has to be replaced, and not added.

// Look is one round trip.
func (t *memcachedTier) Look(ctx context.Context, name string, most int64) ([]byte, contract.Mark, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, "", err
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return nil, "", err
	}
	u.greet(true)
	u.conn.askGet(t.key("v", name))
	generation, err := u.greeted()
	var it memcachedItemData
	if err == nil {
		it, err = u.conn.readGet()
	}
	if err = u.end(err); err != nil {
		return nil, "", err
	}
	if !it.found {
		return nil, "", fmt.Errorf("%s: %w", u.server.place, ErrAbsent)
	}
	mark := contract.Mark(strconv.FormatUint(it.cas, 10))
	kind, body, whole := it.payload(generation)
	switch {
	case !whole:
		return nil, mark, fmt.Errorf("%s: %w", u.server.place, ErrAbsent)
	case kind == memcachedChunks, int64(len(body)) > most:
		return nil, mark, tooLarge(t.place, int64(len(body)), most)
	}
	return bytes.Clone(body), mark, nil
}

// Swap stores by cas, or by add where nothing was.
func (t *memcachedTier) Swap(
	ctx context.Context, name string, old contract.Mark, body io.ReadSeeker, size int64, life time.Duration,
) error {
	if err := beginPut(t.place, name, body, size, min(t.max, memcachedItem-memcachedHead)); err != nil {
		return err
	}
	value, err := readBody(body, size)
	if err != nil {
		return err
	}
	verb, cas := "add", uint64(0)
	if old != "" {
		if cas, err = strconv.ParseUint(string(old), 10, 64); err != nil {
			return fmt.Errorf("%s: %w: a mark of another tier", t.place, ErrServer)
		}
		verb = "cas"
	}
	u, err := t.server(name).begin(ctx)
	if err != nil {
		return err
	}
	return u.end(t.swapBy(u, verb, name, value, memcachedExpiry(life), cas))
}

func (t *memcachedTier) swapBy(u *memcachedUse, verb, name string, value []byte, expiry int64, cas uint64) error {
	u.greet(true)
	generation, err := u.greeted()
	if err != nil {
		return err
	}
	u.conn.next()
	item := slices.Concat([]byte{memcachedPlain}, []byte(generation), value)
	stored, err := u.conn.storeOne(verb, t.key("v", name), item, expiry, cas)
	if err == nil && stored != memcachedStored {
		err = fmt.Errorf("%s: %w", u.server.place, ErrChanged)
	}
	return err
}
