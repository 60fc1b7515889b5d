package engine

// moment is an instant on the clock that no one can set: nanoseconds since this boot of this machine. Two moments are
// only compared within one boot, which bootID names.
type moment int64
