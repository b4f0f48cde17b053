// Gateway is the one door: it checks tokens, says to the services behind it who asks, and lets browsers of known origins in.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/secumsg/internal/serve"
	"example.com/secumsg/internal/trust"
)

func main() {
	secret := serve.Env("SHARED_SECRET")
	known := &keys{url: serve.Env("AUTH_URL") + "/.well-known/jwks.json"}
	auth, people := to("AUTH_URL"), to("KEYS_URL")
	messages := to("MESSAGES_URL")
	mux := http.NewServeMux()
	for _, open := range []string{"POST /users", "POST /tokens", "GET /.well-known/jwks.json"} {
		mux.Handle(open, forgetting(auth))
	}
	checked := func(next http.Handler) http.Handler { return checked(known, secret, next) }
	mux.Handle("/keys/", checked(people))
	mux.Handle("/messages", checked(messages))

	outer := http.NewServeMux()
	outer.Handle("/", cors(strings.Fields(strings.ReplaceAll(os.Getenv("CORS_ORIGINS"), ",", " ")), mux))
	serve.Run(outer, func(ctx context.Context) error {
		_, err := known.get(ctx, time.Now())
		return err
	})
}

// Passes requests on, as they are.
func to(variable string) http.Handler {
	target, err := url.Parse(serve.Env(variable))
	if err != nil || target.Host == "" {
		slog.Error("the variable is no URL", "name", variable)
		os.Exit(2)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				return
			}
			slog.Error("cannot pass it on", "path", r.URL.Path, "to", target.Host, "error", err)
			serve.Fail(w, http.StatusBadGateway, "a service behind the gateway does not answer")
		},
	}
}

func forgetting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trust.Forget(r)
		next.ServeHTTP(w, r)
	})
}

func checked(known *keys, secret string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trust.Forget(r)
		text, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			refuse(w, "a token is needed: Authorization: Bearer TOKEN")
			return
		}
		person, err := known.check(r.Context(), text)
		switch {
		case errors.Is(err, errAway):
			serve.Fail(w, http.StatusServiceUnavailable, err.Error())
			return
		case err != nil:
			refuse(w, err.Error())
			return
		}
		r.Header.Del("Authorization")
		trust.Vouch(r, secret, person, time.Now())
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="secumsg"`)
	serve.Fail(w, http.StatusUnauthorized, why)
}
