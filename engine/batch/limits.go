package batch

// spare is room for what the system adds to the arguments and the environment of a process, in bytes.
const spare = 16 << 10

// argumentsSize is what texts take of the room for arguments and environment, in bytes: with their ends and a pointer
// each.
func argumentsSize(texts []string) (n int) {
	for _, text := range texts {
		n += argumentSize(text)
	}
	return n
}

func argumentSize(text string) int { return len(text) + 1 + 8 }

// wordsOfTiers is how many words one call has at most where each takes a connection to a server.
const wordsOfTiers = 256
