package main

import (
	"log"
	"os"
	"path/filepath"
	"regexp"
)

// `/data` is a volume that outlives the containers, so both slots have the same texts: one file each.
const pastes = "/data/pastes"

var isName = regexp.MustCompile(`^[a-z0-9-]{1,60}$`).MatchString

func pathOf(name string) string { return filepath.Join(pastes, name) }

func list() ([]string, error) {
	entries, err := os.ReadDir(pastes)
	names := []string{}
	for _, entry := range entries {
		if isName(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// save gives the file its name once it is complete, because the other slot may read it at any time.
func save(name string, text []byte) error {
	file, err := os.CreateTemp(pastes, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), pathOf(name))
}

// migrate may run any number of times. The previous version must still work after it.
func migrate() error {
	if err := os.MkdirAll(pastes, 0o750); err != nil {
		return err
	}
	log.Print("The pastes are up to date.")
	return nil
}
