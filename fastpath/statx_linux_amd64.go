package fastpath

const sysStatx = 332
