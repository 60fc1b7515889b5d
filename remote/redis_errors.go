package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// errRedisMoved is an answer of a server that is not the one to ask, or not any more.
var errRedisMoved = errors.New("not the server to ask")

// fault gives an error of go-redis its kind.
func (t *redisTier) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	_, moved := redis.IsMovedError(err)
	_, ask := redis.IsAskError(err)
	text := err.Error()
	switch {
	case hasKind(err):
		return fmt.Errorf("%s: %w", t.place, err)
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s: %w", t.place, ErrAbsent)
	case redis.IsAuthError(err), redis.IsPermissionError(err), strings.HasPrefix(text, "DENIED"):
		return fmt.Errorf("%s: %w: %s", t.place, ErrDenied, withoutSecrets(text, t.secrets))
	case strings.Contains(text, "string exceeds maximum"), strings.Contains(text, "invalid bulk length"):
		return fmt.Errorf("%s: %w: %s", t.place, ErrTooLarge, withoutSecrets(text, t.secrets))
	case errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("%s: %w: all connections are in use", t.place, ErrTimeout)
	case moved, ask, redis.IsReadOnlyError(err), redis.IsClusterDownError(err), redis.IsMasterDownError(err):
		return fmt.Errorf("%s: %w: %w: %s", t.place, ErrServer, errRedisMoved, withoutSecrets(text, t.secrets))
	}
	return fault(ctx, t.place, err, t.secrets...)
}

var errRedisLost = fmt.Errorf("%w: it forgot the beginning of a value before the end was there", ErrServer)
