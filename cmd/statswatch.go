package cmd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/runner"
)

const (
	home      = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// watchStats draws the statistics over and over, each time in the place of the last ones, until it is interrupted.
func watchStats(a *App, c *cobra.Command, write func(io.Writer, statsReport) error) error {
	text, _ := c.Flags().GetString("watch")
	each, err := ParseDuration("--watch", text)
	if err != nil {
		return err
	}
	if each < 100*time.Millisecond {
		return &BadValue{Name: "--watch", Value: text, Why: "less than 100ms", Hint: "write a time such as 2s"}
	}
	if !runner.IsTerminal(a.Stdout) {
		return &usageError{
			Err:  errors.New("--watch: stdout is no terminal"),
			Hint: "leave it out, or write to a file each time: -o FILE",
		}
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt)
	defer signal.Stop(ended)
	ticks := time.NewTicker(each)
	defer ticks.Stop()
	for {
		err := statsOnce(a, c, func(w io.Writer, r statsReport) error { return redraw(w, r, write) })
		if err != nil {
			return err
		}
		select {
		case <-ended:
			return nil
		case <-ticks.C:
		}
	}
}

// redraw writes a report over the last one.
func redraw(to io.Writer, r statsReport, write func(io.Writer, statsReport) error) error {
	var b bytes.Buffer
	if err := write(&b, r); err != nil {
		return err
	}
	text := strings.ReplaceAll(b.String(), "\n", clearLine+"\n")
	_, err := io.WriteString(to, home+text+clearRest)
	return err
}

// writeStats writes to stdout, or to a file that others may read and that is at no time half-written.
func writeStats(p *call.Process, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(p.Stdout)
	}
	return writeWhole(name, 0o644, write)
}

// statsOpenMetrics writes what Prometheus gets in the form of OpenMetrics 1.0.0, in which the name of a counter's
// family does not end as its samples do (https://prometheus.io/docs/specs/om/open_metrics_spec/).
func statsOpenMetrics(w io.Writer, r statsReport) error {
	var b bytes.Buffer
	if err := statsPrometheus(&b, r); err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		words := strings.SplitN(line, " ", 4)
		if words[0] == "#" {
			words[2] = strings.TrimSuffix(words[2], "_total")
			line = strings.Join(words, " ")
		}
		out.WriteString(line)
	}
	_, err := io.WriteString(w, out.String()+"# EOF\n")
	return err
}
