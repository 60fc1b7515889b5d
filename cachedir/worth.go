package cachedir

import "github.com/cachex-cli/cachex/cachedir/choice"

// LeastSaved is what the shortest run saves, and the record of a command.
const LeastSaved = choice.LeastSaved
