// Keys holds the public key of each person, for others to seal messages with.
package main

import (
	"embed"
	"errors"
	"net/http"

	"example.com/secumsg/internal/serve"
	"example.com/secumsg/internal/store"
	"example.com/secumsg/internal/trust"
	"github.com/jackc/pgx/v5"
)

//go:embed migrations
var migrations embed.FS

// Of X25519 (RFC 7748).
const length = 32

type keys struct{ store *store.Store }

type publicKey struct {
	Name string `json:"name,omitempty"`
	// In JSON: base64.
	Key []byte `json:"public_key"`
}

func main() {
	store.Main(serve.Env("DATABASE_URL"), migrations, func(store *store.Store) {
		keys, secret := &keys{store}, serve.Env("SHARED_SECRET")
		mux := http.NewServeMux()
		mux.HandleFunc("PUT /keys/me", trust.Required(secret, keys.put))
		mux.HandleFunc("GET /keys/{name}", trust.Required(secret, keys.get))
		serve.Run(mux, store.Healthy)
	})
}

func (k *keys) put(w http.ResponseWriter, r *http.Request) {
	var asked publicKey
	if !serve.Read(w, r, &asked) {
		return
	}
	if asked.Name != "" || len(asked.Key) != length {
		serve.Fail(w, http.StatusUnprocessableEntity, "public_key is the base64 of 32 bytes, and the only field")
		return
	}
	_, err := k.store.Exec(r.Context(),
		"insert into keys (person, public_key) values ($1, $2) on conflict (person) do update set public_key = $2, changed = now()",
		trust.Person(r), asked.Key)
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	serve.JSON(w, http.StatusOK, publicKey{trust.Person(r), asked.Key})
}

func (k *keys) get(w http.ResponseWriter, r *http.Request) {
	found := publicKey{Name: r.PathValue("name")}
	if found.Name == "me" {
		found.Name = trust.Person(r)
	}
	err := k.store.QueryRow(r.Context(), "select public_key from keys where person = $1", found.Name).Scan(&found.Key)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		serve.Fail(w, http.StatusNotFound, "there is no key of that name")
	case err != nil:
		serve.Broken(w, r, err)
	default:
		serve.JSON(w, http.StatusOK, found)
	}
}
