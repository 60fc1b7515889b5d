package hashing

import _ "github.com/cachex-cli/cachex/late/all"
