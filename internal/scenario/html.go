package scenario

import (
	"embed"
	"encoding/json"
	"html/template"
	"io"
)

// The page and the library that draws it: uPlot 1.6.32 (https://github.com/leeoniya/uPlot, MIT licence: page/uPlot-LICENSE).
//
//go:embed page
var page embed.FS

// WriteHTML writes one page that needs nothing else: for each scenario the tables and what must hold, and for each way of pacing what
// happened over time. The results must have been made with Options.Series.
func WriteHTML(w io.Writer, results []*Result) error {
	read := func(name string) string {
		data, err := page.ReadFile("page/" + name)
		if err != nil {
			panic(err) // it is in the binary
		}
		return string(data)
	}
	t, err := template.New("page").Parse(read("page.html"))
	if err != nil {
		return err
	}
	type way struct {
		Name   string
		Series *Series
	}
	type part struct {
		*Result
		Tables     [][][]string
		Plots      []way
		Neighbours bool // there are any
	}
	var parts []part
	for _, r := range results {
		p := part{Result: r}
		for i := range r.Ways[0].Workloads {
			p.Tables = append(p.Tables, r.titled(i))
			p.Neighbours = p.Neighbours || r.Ways[0].Workloads[i].Neighbour
		}
		for i := range r.Ways {
			p.Plots = append(p.Plots, way{r.Ways[i].title(), r.Ways[i].Series})
		}
		parts = append(parts, p)
	}
	data, err := json.Marshal(plots(results))
	if err != nil {
		return err
	}
	return t.Execute(w, map[string]any{
		"Parts":   parts,
		"Data":    template.JS(data),                                      //nolint:gosec // json.Marshal escapes what could end the script
		"Library": template.JS(read("uPlot.iife.min.js")),                 //nolint:gosec // ours
		"Style":   template.CSS(read("uPlot.min.css") + read("page.css")), //nolint:gosec // ours
		"Script":  template.JS(read("page.js")),                           //nolint:gosec // ours
		"Licence": read("uPlot-LICENSE"),
	})
}

// plots returns the series in the order of the page's plots.
func plots(results []*Result) []*Series {
	var all []*Series
	for _, r := range results {
		for i := range r.Ways {
			all = append(all, r.Ways[i].Series)
		}
	}
	return all
}
