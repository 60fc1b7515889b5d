package cmdline

import _ "github.com/cachex-cli/cachex/late/all"
