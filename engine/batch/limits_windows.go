package batch

// argumentsLimit is the length of a command line, in characters (CreateProcessW); the environment has room of its own.
func argumentsLimit() int { return 32767 - spare }

// wordsLimit is how many words can wait for one call.
func wordsLimit(tiers bool) int {
	if tiers {
		return wordsOfTiers
	}
	return 4096
}
