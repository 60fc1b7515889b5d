package hashing

// Guard returns a word as recipes show it: as it is, or, if it looks secret, its length and digest. It is for words of
// the command line that are stored elsewhere than in a recipe, such as tags.
func Guard(word string, secret []byte) string {
	if !isSecret(word, "") {
		return word
	}
	return string(appendWord(nil, word, "", secret))
}
