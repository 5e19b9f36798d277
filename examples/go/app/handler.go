package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, map[string]string{"version": version})
	})
	// Slow responses and large bodies show that a switch or a stop loses nothing that is in flight.
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(body)
	})
	mux.HandleFunc("/", link)
	slot := os.Getenv("SWITCHYARD_SLOT")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("app-version", version)
		w.Header().Set("app-slot", slot)
		mux.ServeHTTP(w, r)
	})
}

func link(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1:]
	switch {
	case name == "" && r.Method == http.MethodGet:
		names, err := list()
		if err != nil {
			fail(w, r, err)
			return
		}
		respond(w, http.StatusOK, map[string][]string{"links": names})
	case !isName(name):
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		target, err := read(name)
		if err != nil {
			fail(w, r, err)
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
		target, invalid := url.ParseRequestURI(string(body))
		if err != nil || invalid != nil || (target.Scheme != "https" && target.Scheme != "http") {
			http.Error(w, "The body has to be a URL.", http.StatusBadRequest)
			return
		}
		if err := save(name, target.String()); err != nil {
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
	respond(w, http.StatusOK, map[string]bool{"slept": true})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, os.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
	w.WriteHeader(http.StatusInternalServerError)
}
