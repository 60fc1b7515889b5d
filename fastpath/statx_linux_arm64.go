package fastpath

const sysStatx = 291
