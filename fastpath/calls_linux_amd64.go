package fastpath

const (
	sysStatx     = 332
	sysGetrandom = 318
)
