package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"example.com/secumsg/internal/token"
)

const (
	// A set of keys is asked for again after this time,
	fresh = 5 * time.Minute
	// and for an unknown key not more often than this: anybody can name one.
	pause = 5 * time.Second
)

var errAway = errors.New("the keys that tokens are checked with cannot be had")

// The keys that auth signs with, as it last said.
type keys struct {
	url   string
	mutex sync.Mutex
	last  token.Keys
	at    time.Time
}

func (k *keys) check(ctx context.Context, text string) (string, error) {
	now := time.Now()
	known, err := k.get(ctx, now)
	if err != nil {
		return "", err
	}
	person, err := known.Check(text, now)
	if errors.Is(err, token.ErrUnknownKey) {
		if known, err = k.newer(ctx, now, pause); err != nil {
			return "", err
		}
		person, err = known.Check(text, now)
	}
	return person, err
}

func (k *keys) get(ctx context.Context, now time.Time) (token.Keys, error) {
	return k.newer(ctx, now, fresh)
}

// Those that are not older than age. Where auth is away, the last ones go on.
func (k *keys) newer(ctx context.Context, now time.Time, age time.Duration) (token.Keys, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if len(k.last.Keys) > 0 && now.Sub(k.at) < age {
		return k.last, nil
	}
	asked, err := ask(ctx, k.url)
	switch {
	case err == nil:
		k.last, k.at = asked, now
	case len(k.last.Keys) == 0:
		return token.Keys{}, errAway
	}
	return k.last, nil
}

func ask(ctx context.Context, url string) (token.Keys, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return token.Keys{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return token.Keys{}, err
	}
	defer answer.Body.Close()
	var found token.Keys
	if answer.StatusCode != http.StatusOK {
		return found, errAway
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&found)
	if err == nil && len(found.Keys) == 0 {
		err = errAway
	}
	return found, err
}
