package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// The mark of a value in S3 is its ETag.

// Look is one request.
func (s *s3) Look(ctx context.Context, name string, most int64) ([]byte, contract.Mark, error) {
	if err := contract.CheckName(name); err != nil {
		return nil, "", err
	}
	resp, err := s.send(ctx, s3Call{method: http.MethodGet, key: objectKey(valuesFolder, name)})
	s.memory.sawValue(name, resp, err)
	if err != nil {
		return nil, "", err
	}
	mark := contract.Mark(resp.Header.Get("Etag"))
	life, ends := lifeOf(resp)
	switch {
	case mark == "":
		resp.Body.Close()
		return nil, "", fmt.Errorf("%s: %w: an object without ETag", s.web.place, ErrServer)
	case ends && over(resp.Header, life):
		resp.Body.Close()
		return nil, mark, fmt.Errorf("%s: %w: its life is over", s.web.place, ErrAbsent)
	}
	value, err := s.web.value(resp, most)
	if err != nil {
		return nil, mark, err
	}
	defer value.Close()
	text, err := io.ReadAll(value)
	return text, mark, err
}

// Swap is a conditional write. A server that knows none of those would let two hosts win.
func (s *s3) Swap(
	ctx context.Context, name string, old contract.Mark, body io.ReadSeeker, size int64, life time.Duration,
) error {
	header := lifeHeader(life)
	for name, values := range (seen{tag: string(old)}).condition() {
		header[name] = values
	}
	err := s.put(ctx, name, body, size, header)
	if errors.Is(err, errCondition) {
		err = fmt.Errorf("%s: %w", s.web.place, ErrChanged)
	}
	return err
}
