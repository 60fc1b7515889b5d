package remote

import (
	"context"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// getOne, countAll and acquireOne are calls of a tier that answers questions.

func getOne(ctx context.Context, t contract.Asker, name string) (*Value, error) {
	q := Question{Values: []string{name}}
	if err := q.Check(); err != nil {
		return nil, err
	}
	a := t.Ask(ctx, q)
	return a.Values[0].Value, a.Values[0].Err
}

func countAll(ctx context.Context, t contract.Asker, names []string) ([]int64, error) {
	q := Question{Counts: names}
	if err := q.Check(); err != nil || len(names) == 0 {
		return nil, err
	}
	a := t.Ask(ctx, q)
	return a.Counts, a.CountErr
}

func acquireOne(ctx context.Context, t contract.Asker, name string, life time.Duration) (Lease, error) {
	if err := contract.CheckName(name); err != nil {
		return Lease{}, err
	}
	a := t.Ask(ctx, Question{Lease: name, Life: life})
	return a.Lease, a.LeaseErr
}
