package main

import (
	"log"
	"os"
	"path/filepath"
	"regexp"
)

// `data` is a link to a shared folder that outlives this release, so both slots have the same links: one file each, with the URL.
const links = "data/links"

var isName = regexp.MustCompile(`^[a-z0-9-]{1,60}$`).MatchString

func list() ([]string, error) {
	entries, err := os.ReadDir(links)
	names := []string{}
	for _, entry := range entries {
		if isName(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func read(name string) (string, error) {
	target, err := os.ReadFile(filepath.Join(links, name))
	return string(target), err
}

// save gives the file its name once it is complete, because the other slot may read it at any time.
func save(name, target string) error {
	file, err := os.CreateTemp(links, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(target)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(links, name))
}

// migrate may run any number of times. The previous version must still work after it.
func migrate() error {
	if err := os.MkdirAll(links, 0o750); err != nil {
		return err
	}
	log.Print("The links are up to date.")
	return nil
}
