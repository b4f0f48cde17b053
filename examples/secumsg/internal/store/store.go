// Package store is a service's own database: its connections, and its migrations.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Names the lock that keeps two migrations of one database apart.
const lock = 7316298

// Store is a database whose migrations are known.
type Store struct {
	*pgxpool.Pool
	migrations fs.FS
}

// Open makes no connection yet: the database may come later.
func Open(url string, migrations fs.FS) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be read")
	}
	config.ConnConfig.ConnectTimeout = 3 * time.Second
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	return &Store{pool, migrations}, nil
}

// Main is what a service's program does with its database: `migrate` and end, or serve.
func Main(url string, migrations fs.FS, serve func(*Store)) {
	store, err := Open(url, migrations)
	if err == nil && len(os.Args) > 1 && os.Args[1] == "migrate" {
		within, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = store.Migrate(within)
	} else if err == nil {
		serve(store)
	}
	if err != nil {
		slog.Error("failed", "error", err)
		os.Exit(1)
	}
}

// Migrate applies what was not applied yet, in the order of the files' names, all or nothing.
func (s *Store) Migrate(ctx context.Context) error {
	files, err := fs.Glob(s.migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", lock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "create table if not exists migrations (name text primary key, at timestamptz not null default now())"); err != nil {
			return err
		}
		for _, file := range files {
			added, err := tx.Exec(ctx, "insert into migrations (name) values ($1) on conflict do nothing", file)
			if err != nil {
				return err
			}
			if added.RowsAffected() == 0 {
				continue
			}
			text, err := fs.ReadFile(s.migrations, file)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			slog.Info("applied", "migration", file)
		}
		return nil
	})
}

// Healthy says that the database answers, and has all that this program was made for.
func (s *Store) Healthy(ctx context.Context) error {
	files, err := fs.Glob(s.migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	var applied int
	err = s.QueryRow(ctx, "select count(*) from migrations where name = any($1)", files).Scan(&applied)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("the database refuses: %s", refused.Code)
	case err != nil:
		return errors.New("the database does not answer")
	case applied < len(files):
		return fmt.Errorf("%d migrations are missing", len(files)-applied)
	}
	return nil
}

// Taken says whether a value that may be there only once was there.
func Taken(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23505"
}
