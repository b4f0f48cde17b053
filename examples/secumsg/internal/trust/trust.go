// Package trust is how the services behind the gateway know that it has checked who asks: a header that it signs with the
// secret that they share (HMAC-SHA256), for one request and a short time.
package trust

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"example.com/secumsg/internal/serve"
)

const (
	// Header that says who asks.
	Header    = "X-Secumsg-Person"
	timeAt    = "X-Secumsg-Time"
	signature = "X-Secumsg-Signature"
	// Clocks of two machines may differ by this much.
	tolerance = 30 * time.Second
)

type key struct{}

// Vouch says in a request's headers who asks.
func Vouch(r *http.Request, secret, person string, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set(Header, person)
	r.Header.Set(timeAt, at)
	r.Header.Set(signature, sign(secret, r, person, at))
}

// Forget takes out what somebody outside says of who they are.
func Forget(r *http.Request) {
	for _, name := range []string{Header, timeAt, signature} {
		r.Header.Del(name)
	}
}

// Required lets only those requests through that the gateway vouches for.
func Required(secret string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		person, at := r.Header.Get(Header), r.Header.Get(timeAt)
		seconds, err := strconv.ParseInt(at, 10, 64)
		age := time.Since(time.Unix(seconds, 0)).Abs()
		good := hmac.Equal([]byte(r.Header.Get(signature)), []byte(sign(secret, r, person, at)))
		if err != nil || age > tolerance || person == "" || !good {
			serve.Fail(w, http.StatusForbidden, "only the gateway may ask")
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), key{}, person)))
	}
}

// Person says who asks, behind Required.
func Person(r *http.Request) string {
	person, _ := r.Context().Value(key{}).(string)
	return person
}

func sign(secret string, r *http.Request, person, at string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", r.Method, r.URL.Path, person, at)
	return hex.EncodeToString(mac.Sum(nil))
}
