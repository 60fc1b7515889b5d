package engine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// Whether a run had the same result as the last one decides nothing. It is counted, for who wants to know how long
// results are good. What the streams hold is compared one by one, for the order between them is chance.

// digests are those of what a command writes, by stream.
type digests [2]xxhash.Digest

func (d *digests) reset() {
	d[runner.Stdout].Reset()
	d[runner.Stderr].Reset()
}

// result is the digest of a result; 0: it cannot be told from the streams, for there are files, or not all of it was
// recorded.
func (rec *recording) result(res runner.Result) uint64 {
	if rec.pending == nil || res.SinkErr != nil || !res.Complete || rec.caller.makesFiles() {
		return 0
	}
	var b []byte
	for _, n := range [...]uint64{
		rec.written[runner.Stdout].Sum64(), rec.written[runner.Stderr].Sum64(), uint64(res.Code), uint64(res.Signal),
	} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return max(rec.dir.Blind(xxhash.Sum64(b)), 1)
}

// compare holds a result against the last one of the same recipe, or, if there is none, of the same command.
func compare(record cachedir.CommandRecord, key hashing.Key, result uint64) stats.Compared {
	if result == 0 {
		return stats.NotCompared
	}
	var last uint64
	for _, r := range record.Runs {
		if r.Key == key {
			last = r.Result
			break
		}
		if last == 0 {
			last = r.Result
		}
	}
	switch last {
	case 0:
		return stats.NotCompared
	case result:
		return stats.SameResult
	}
	return stats.OtherResult
}
