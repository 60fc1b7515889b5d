package fastpath

const (
	sysStatx     = 291
	sysGetrandom = 278
)
