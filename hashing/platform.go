package hashing

import "runtime"

// addPlatform: the same words do different things on another system.
func (c *capture) addPlatform() error {
	c.text = append(c.text, "platform "+runtime.GOOS+"/"+runtime.GOARCH+"\n"...)
	return nil
}
