// Pastes: GET / lists the texts, PUT /<name> stores one, GET /<name> returns it.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

//go:embed VERSION
var versionFile string
var version = strings.TrimSpace(versionFile)

// The container's stopLimit is 60 seconds; after that it would be killed.
const drainLimit = 50 * time.Second

func main() {
	log.SetFlags(0)
	run := map[string]func() error{"serve": serve, "migrate": migrate}[strings.Join(os.Args[1:], " ")]
	if run == nil {
		fmt.Fprintln(os.Stderr, "pastes serve | migrate")
		os.Exit(2)
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// serve runs until the engine passes SIGTERM on, then finishes the requests in flight.
func serve() error {
	stopped, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// The container has the network of the host, so 127.0.0.1 keeps the port private.
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("pastes %s listens on %s", version, server.Addr)
	select {
	case err := <-failed:
		return err
	case <-stopped.Done():
	}
	limited, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	if err := server.Shutdown(limited); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}
