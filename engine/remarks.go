package engine

// remarks are what there is to be said of a run besides its result.
type remarks struct {
	warning error // the first thing that went wrong: one warning a run
	doubt   error // nothing did, but what the key leaves out may make a later hit a wrong one
}

func (m *remarks) warn(err error) {
	if m.warning == nil && err != nil {
		m.warning = err
	}
}
