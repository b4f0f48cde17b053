// Package serve is what the four services have in common: an HTTP server that ends well, JSON, and health.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// What a body may be at most; a sealed message fits in.
const largestBody = 128 << 10

// Requests in progress get this long on SIGTERM: less than the 10 seconds after which containers are killed.
const ending = 8 * time.Second

// Env is a variable that has to be there.
func Env(name string) string {
	value := os.Getenv(name)
	if value == "" {
		slog.Error("the variable is not set", "name", name)
		os.Exit(2)
	}
	return value
}

// Run serves until SIGTERM or SIGINT. Health is asked at each /health; /health/live says only that the process lives.
func Run(mux *http.ServeMux, health func(context.Context) error) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		within, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := health(within); err != nil {
			JSON(w, http.StatusServiceUnavailable, map[string]string{"status": "down", "why": err.Error()})
			return
		}
		JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	server := &http.Server{
		Addr:              ":" + Env("PORT"),
		Handler:           logged(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-stop.Done()
		within, cancel := context.WithTimeout(context.Background(), ending)
		defer cancel()
		if err := server.Shutdown(within); err != nil {
			slog.Warn("requests were cut", "error", err)
		}
	}()
	slog.Info("listening", "address", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("cannot serve", "error", err)
		os.Exit(1)
	}
	<-done
}

// JSON answers.
func JSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("the answer was cut", "error", err)
	}
}

// Fail answers with a reason that the caller may read.
func Fail(w http.ResponseWriter, status int, why string) {
	JSON(w, status, map[string]string{"error": why})
}

// Broken answers that something of ours failed, and logs what.
func Broken(w http.ResponseWriter, r *http.Request, err error) {
	slog.Error("failed", "method", r.Method, "path", r.URL.Path, "error", err)
	Fail(w, http.StatusInternalServerError, "something failed here")
}

// Read takes the body as JSON; what it is not is answered, and false.
func Read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil && decoder.Decode(&struct{}{}) != io.EOF {
		err = errors.New("there is something behind it")
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		Fail(w, http.StatusRequestEntityTooLarge, "the body is too large")
	default:
		Fail(w, http.StatusBadRequest, "the body is not as it should be: "+err.Error())
	}
	return false
}

// The status that was answered, for the log.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		answer := &noted{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		// Probes come every few seconds, and say nothing as long as all is well.
		if answer.status == http.StatusOK && len(r.URL.Path) >= 7 && r.URL.Path[:7] == "/health" {
			return
		}
		slog.Info("answered", "method", r.Method, "path", r.URL.Path, "status", answer.status,
			"ms", time.Since(begun).Milliseconds())
	})
}
