package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

const maxBody = 1 << 20

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, map[string]string{"version": version})
	})
	// Slow responses and large bodies show that a switch or a stop loses nothing that is in flight.
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(body)
	})
	mux.HandleFunc("/", paste)
	slot := os.Getenv("SWITCHYARD_SLOT")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("app-version", version)
		w.Header().Set("app-slot", slot)
		mux.ServeHTTP(w, r)
	})
}

func paste(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1:]
	switch {
	case name == "" && r.Method == http.MethodGet:
		names, err := list()
		if err != nil {
			fail(w, r, err)
			return
		}
		respond(w, map[string][]string{"pastes": names})
	case !isName(name):
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		text, err := os.ReadFile(pathOf(name))
		if err != nil {
			fail(w, r, err)
			return
		}
		w.Write(text)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := save(name, body); err != nil {
			fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func slow(w http.ResponseWriter, r *http.Request) {
	ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
	if err != nil || ms < 0 || ms > 10_000 {
		ms = 1500
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	respond(w, map[string]bool{"slept": true})
}

func respond(w http.ResponseWriter, value any) {
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, os.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
	w.WriteHeader(http.StatusInternalServerError)
}
