package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// The bill of materials of a binary, in the form of SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3): the program and
// each module that is linked into it, as the binary itself says, and Go's own library.
type spdxDocument struct {
	Version       string             `json:"spdxVersion"`
	License       string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID         string          `json:"SPDXID"`
	Name       string          `json:"name"`
	Version    string          `json:"versionInfo"`
	File       string          `json:"packageFileName,omitempty"`
	Location   string          `json:"downloadLocation"`
	Analyzed   bool            `json:"filesAnalyzed"`
	Checksums  []spdxChecksum  `json:"checksums,omitempty"`
	Concluded  string          `json:"licenseConcluded"`
	Declared   string          `json:"licenseDeclared"`
	Copyright  string          `json:"copyrightText"`
	Comment    string          `json:"comment,omitempty"`
	References []spdxReference `json:"externalRefs"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxReference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const (
	unsaid   = "NOASSERTION"
	document = "SPDXRef-DOCUMENT"
	program  = "SPDXRef-Package-cachex"
)

// bill writes that of a binary.
func (r *release) bill(p platform, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	d := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: document, Name: r.name(p),
		Namespace: "https://github.com/cachex-cli/cachex/spdx/" + r.name(p) + "-" + sum,
		Creation: spdxCreation{
			r.commit.when.Format(time.RFC3339), []string{"Organization: cachex", "Tool: scripts/release"},
		},
	}
	own := spdxModule(program, info.Main.Path, "v"+r.version)
	own.Name, own.File, own.Declared = "cachex", p.executable(), "MIT"
	own.Location = "git+https://github.com/cachex-cli/cachex@" + r.commit.id
	own.Checksums = []spdxChecksum{{"SHA256", sum}}
	library := spdxModule("SPDXRef-Package-stdlib", "stdlib", strings.TrimPrefix(info.GoVersion, "go"))
	library.Declared = "BSD-3-Clause"
	d.Packages = []spdxPackage{own, library}
	for i, m := range info.Deps {
		d.Packages = append(d.Packages, linked(fmt.Sprintf("SPDXRef-Package-%d", i+1), m))
	}
	d.Relationships = []spdxRelationship{{document, "DESCRIBES", program}}
	for _, m := range d.Packages[1:] {
		d.Relationships = append(d.Relationships, spdxRelationship{program, "DEPENDS_ON", m.ID})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.name(p)+".spdx.json"), append(text, '\n'), 0o644)
}

// linked is a module, with the sum that go.sum has of it.
func linked(id string, m *debug.Module) spdxPackage {
	if m.Replace != nil {
		m = m.Replace
	}
	p := spdxModule(id, m.Path, m.Version)
	p.Comment = m.Sum
	return p
}

func spdxModule(id, path, version string) spdxPackage {
	return spdxPackage{
		ID: id, Name: path, Version: version,
		Location: unsaid, Concluded: unsaid, Declared: unsaid, Copyright: unsaid,
		References: []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}},
	}
}
