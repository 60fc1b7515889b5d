package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	case lacksCommand(err):
		return fmt.Errorf("%s: %w: %s", t.place, ErrUnsupported, withoutSecrets(text, t.secrets))
	case errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("%s: %w: all connections are in use", t.place, ErrTimeout)
	case moved, ask, redis.IsReadOnlyError(err), redis.IsClusterDownError(err), redis.IsMasterDownError(err):
		return fmt.Errorf("%s: %w: %w: %s", t.place, ErrServer, errRedisMoved, withoutSecrets(text, t.secrets))
	}
	return fault(ctx, t.place, err, t.secrets...)
}

// Not every server that speaks this protocol knows every command, and not every user may give them all. What goes
// without the rarer ones is done without: a value of up to redisChunk needs GET and SET, and no more.

// lacksCommand tells the answer of a server that does not know a command, in the words of several.
func lacksCommand(err error) bool {
	if _, answered := err.(redis.Error); !answered {
		return false
	}
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc([]string{
		"unknown command", "unsupported", "not supported", "not implemented", "disabled", "not enabled",
	},
		func(words string) bool { return strings.Contains(text, words) })
}

// unsupported gives the error of a command that is unknown or forbidden, and that is not needed, its kind.
func unsupported(err error) error {
	if err != nil && (lacksCommand(err) || redis.IsPermissionError(err)) {
		return fmt.Errorf("%w: %s", ErrUnsupported, plainText(err.Error()))
	}
	return err
}

var errRedisLost = fmt.Errorf("%w: it forgot the beginning of a value before the end was there", ErrServer)
