package cmd

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
)

// scopeInfo is what Python's functools.lru_cache calls cache_info.
type scopeInfo struct {
	Hits     int64 `json:"hits"`
	Misses   int64 `json:"misses"`
	MaxSize  *int  `json:"maxsize"` // nil: no limit
	CurrSize int   `json:"currsize"`
}

func (i scopeInfo) String() string {
	most := "None"
	if i.MaxSize != nil {
		most = fmt.Sprint(*i.MaxSize)
	}
	return fmt.Sprintf("CacheInfo(hits=%d, misses=%d, maxsize=%s, currsize=%d)", i.Hits, i.Misses, most, i.CurrSize)
}

// scopeStats prints what the limit of entries of one scope did.
func (a *App) scopeStats(c *cobra.Command, format string) error {
	if format != "text" && format != "json" {
		return &BadValue{Name: "--format", Value: format, Why: "not of a scope", Hint: "write text or json"}
	}
	if c.Flags().Changed("since") {
		return &usageError{
			Err:  errors.New("--since: what a scope is asked for is counted without times"),
			Hint: "leave out --since, or --scope",
		}
	}
	dir, s, err := a.openLooking(c)
	if errors.Is(err, cachedir.ErrAbsent) {
		return a.printScope(format, scopeInfo{})
	}
	if err != nil {
		return err
	}
	scope := engine.ScopeID(s.Namespace, s.Scope)
	counts, _, err := dir.ScopeCounts(scope)
	if err != nil {
		return err
	}
	info := scopeInfo{Hits: counts.Hits, Misses: counts.Misses, CurrSize: counts.Size}
	if counts.Most > 0 {
		info.MaxSize = &counts.Most
	} else {
		a.Warn("nothing is counted of a scope whose runs have no --max-entries")
		if info.CurrSize, err = a.scopeEntries(c, dir, s); err != nil {
			return err
		}
	}
	if err := a.printScope(format, info); err != nil {
		return err
	}
	if reset, _ := c.Flags().GetBool("reset"); !reset {
		return nil
	}
	if dir, err = a.openStore(s, false); err != nil {
		return err
	}
	return dir.ForgetCounts(scope)
}

// scopeEntries counts the entries of a scope, by looking at all that there are.
func (a *App) scopeEntries(c *cobra.Command, dir *cachedir.Dir, s Settings) (int, error) {
	sel, err := selectBy(c, dir, s, "scope")
	if err == nil && c.Flags().Changed("namespace") {
		var within selector
		within, err = selectBy(c, dir, s, "namespace")
		sel = sel.and(within)
	}
	if err != nil {
		return 0, err
	}
	return selected(cachedir.Pass{}, dir, sel)
}

func (a *App) printScope(format string, info scopeInfo) error {
	text := info.String()
	if format == "json" {
		b, err := json.Marshal(info)
		if err != nil {
			return err
		}
		text = string(b)
	}
	_, err := fmt.Fprintln(a.Stdout, text)
	return err
}
