// Messages keeps sealed messages until they are fetched. It cannot read them.
package main

import (
	"embed"
	"net/http"
	"strconv"
	"time"

	"example.com/secumsg/internal/serve"
	"example.com/secumsg/internal/store"
	"example.com/secumsg/internal/trust"
	"github.com/jackc/pgx/v5"
)

//go:embed migrations
var migrations embed.FS

const (
	largest = 64 << 10
	page    = 100
)

type messages struct{ store *store.Store }

type message struct {
	ID int64 `json:"id"`
	// Who sent it.
	From string    `json:"from"`
	Sent time.Time `json:"sent"`
	// In JSON: base64.
	Sealed []byte `json:"sealed"`
}

func main() {
	store.Main(serve.Env("DATABASE_URL"), migrations, func(store *store.Store) {
		messages, secret := &messages{store}, serve.Env("SHARED_SECRET")
		mux := http.NewServeMux()
		mux.HandleFunc("POST /messages", trust.Required(secret, messages.put))
		mux.HandleFunc("GET /messages", trust.Required(secret, messages.list))
		serve.Run(mux, store.Healthy)
	})
}

func (m *messages) put(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		To     string `json:"to"`
		Sealed []byte `json:"sealed"`
	}
	if !serve.Read(w, r, &asked) {
		return
	}
	if asked.To == "" || len(asked.Sealed) == 0 || len(asked.Sealed) > largest {
		serve.Fail(w, http.StatusUnprocessableEntity, "to is a name, and sealed the base64 of 1 to 65536 bytes")
		return
	}
	var id int64
	err := m.store.QueryRow(r.Context(),
		"insert into messages (sender, recipient, sealed) values ($1, $2, $3) returning id",
		trust.Person(r), asked.To, asked.Sealed).Scan(&id)
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	serve.JSON(w, http.StatusCreated, map[string]int64{"id": id})
}

// The oldest first; ?after=ID goes on behind one.
func (m *messages) list(w http.ResponseWriter, r *http.Request) {
	var after int64
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			serve.Fail(w, http.StatusBadRequest, "after is the id of a message")
			return
		}
	}
	rows, err := m.store.Query(r.Context(),
		"select id, sender, sent, sealed from messages where recipient = $1 and id > $2 order by id limit $3",
		trust.Person(r), after, page)
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[message])
	if err != nil {
		serve.Broken(w, r, err)
		return
	}
	serve.JSON(w, http.StatusOK, map[string][]message{"messages": append([]message{}, found...)})
}
