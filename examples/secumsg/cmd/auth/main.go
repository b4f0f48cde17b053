// Auth knows people by name and password, and gives them signed tokens.
package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"time"

	"example.com/secumsg/internal/serve"
	"example.com/secumsg/internal/store"
	"example.com/secumsg/internal/token"
	"github.com/jackc/pgx/v5"
)

//go:embed migrations
var migrations embed.FS

// As OWASP's Password Storage Cheat Sheet has it for PBKDF2 with SHA-256.
const iterations = 600_000

const shortest, longest = 8, 256

var names = regexp.MustCompile(`^[a-z][a-z0-9_-]{1,31}$`)

type auth struct {
	store  *store.Store
	signer *token.Signer
	// Hashing a password takes all of a processor for a moment: only so many at once.
	turns chan struct{}
}

type person struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func main() {
	store.Main(serve.Env("DATABASE_URL"), migrations, func(store *store.Store) {
		signer, err := token.NewSigner(serve.Env("SIGNING_KEY"))
		if err != nil {
			slog.Error("failed", "error", err)
			os.Exit(2)
		}
		auth := &auth{store, signer, make(chan struct{}, 2)}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /users", auth.signUp)
		mux.HandleFunc("POST /tokens", auth.signIn)
		mux.HandleFunc("GET /.well-known/jwks.json", auth.keys)
		serve.Run(mux, store.Healthy)
	})
}

func (a *auth) signUp(w http.ResponseWriter, r *http.Request) {
	var asked person
	if !serve.Read(w, r, &asked) {
		return
	}
	// /keys/me is whoever asks.
	if !names.MatchString(asked.Name) || asked.Name == "me" {
		serve.Fail(w, http.StatusUnprocessableEntity, "a name has 2 to 32 of a-z, 0-9, - and _, begins with a letter, and is not me")
		return
	}
	if len(asked.Password) < shortest || len(asked.Password) > longest {
		serve.Fail(w, http.StatusUnprocessableEntity, "a password has 8 to 256 bytes")
		return
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	hash, err := a.hash(r, asked.Password, salt)
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	_, err = a.store.Exec(r.Context(), "insert into people (name, salt, hash) values ($1, $2, $3)", asked.Name, salt, hash)
	switch {
	case store.Taken(err):
		serve.Fail(w, http.StatusConflict, "the name is taken")
	case err != nil:
		serve.Broken(w, r, err)
	default:
		serve.JSON(w, http.StatusCreated, map[string]string{"name": asked.Name})
	}
}

func (a *auth) signIn(w http.ResponseWriter, r *http.Request) {
	var asked person
	if !serve.Read(w, r, &asked) {
		return
	}
	if len(asked.Password) > longest {
		serve.Fail(w, http.StatusUnauthorized, "name or password is wrong")
		return
	}
	// A name that nobody has takes as long as one that somebody has.
	salt, known := make([]byte, 16), make([]byte, sha256.Size)
	row := a.store.QueryRow(r.Context(), "select salt, hash from people where name = $1", asked.Name)
	err := row.Scan(&salt, &known)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		serve.Broken(w, r, err)
		return
	}
	hash, hashing := a.hash(r, asked.Password, salt)
	if hashing != nil {
		serve.Broken(w, r, hashing)
		return
	}
	if err != nil || subtle.ConstantTimeCompare(hash, known) != 1 {
		serve.Fail(w, http.StatusUnauthorized, "name or password is wrong")
		return
	}
	signed, err := a.signer.Sign(asked.Name, time.Now())
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	serve.JSON(w, http.StatusOK, map[string]any{"token": signed, "expires_in": int(token.Lifetime.Seconds())})
}

func (a *auth) hash(r *http.Request, password string, salt []byte) ([]byte, error) {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
		return pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (a *auth) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	serve.JSON(w, http.StatusOK, a.signer.Keys())
}
