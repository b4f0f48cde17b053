// Package token makes and checks the signed tokens by which people are known: JWTs (RFC 7519) signed with Ed25519 (RFC 8037).
package token

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

const issuer = "secumsg"

// Lifetime of a token.
const Lifetime = time.Hour

var encoding = base64.RawURLEncoding

// Key is one of a key set (RFC 7517).
type Key struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

// Keys is a key set.
type Keys struct {
	Keys []Key `json:"keys"`
}

type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	Key       string `json:"kid"`
}

type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
}

// Signer holds the private key.
type Signer struct {
	key ed25519.PrivateKey
	id  string
}

// NewSigner makes the key of a secret text, the same each time.
func NewSigner(secret string) (*Signer, error) {
	if len(secret) < 32 {
		return nil, errors.New("the signing key is shorter than 32 characters")
	}
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, "secumsg token", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	return &Signer{key, encoding.EncodeToString(sum[:8])}, nil
}

// Keys is what others check tokens with.
func (s *Signer) Keys() Keys {
	public := s.key.Public().(ed25519.PublicKey)
	return Keys{[]Key{{"OKP", "Ed25519", "sig", "EdDSA", s.id, encoding.EncodeToString(public)}}}
}

// Sign makes a token for a person.
func (s *Signer) Sign(person string, now time.Time) (string, error) {
	head, err := part(header{"EdDSA", "JWT", s.id})
	if err != nil {
		return "", err
	}
	body, err := part(claims{issuer, person, now.Unix(), now.Add(Lifetime).Unix()})
	if err != nil {
		return "", err
	}
	signed := head + "." + body
	return signed + "." + encoding.EncodeToString(ed25519.Sign(s.key, []byte(signed))), nil
}

func part(value any) (string, error) {
	bytes, err := json.Marshal(value)
	return encoding.EncodeToString(bytes), err
}

// ErrUnknownKey: none of the keys signed it. There may be a newer set.
var ErrUnknownKey = errors.New("the token is signed with an unknown key")

var errBad = errors.New("the token is not valid")

// Check says whose token it is.
func (k Keys) Check(text string, now time.Time) (string, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return "", errBad
	}
	var head header
	if read(parts[0], &head) != nil || head.Algorithm != "EdDSA" {
		return "", errBad
	}
	public, err := k.find(head.Key)
	if err != nil {
		return "", err
	}
	signature, err := encoding.DecodeString(parts[2])
	if err != nil || !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		return "", errBad
	}
	var said claims
	if read(parts[1], &said) != nil || said.Issuer != issuer || said.Subject == "" {
		return "", errBad
	}
	if now.Unix() >= said.Expires {
		return "", errors.New("the token has expired")
	}
	return said.Subject, nil
}

func (k Keys) find(id string) (ed25519.PublicKey, error) {
	for _, key := range k.Keys {
		if key.ID != id || key.Type != "OKP" || key.Curve != "Ed25519" {
			continue
		}
		if bytes, err := encoding.DecodeString(key.X); err == nil && len(bytes) == ed25519.PublicKeySize {
			return bytes, nil
		}
	}
	return nil, ErrUnknownKey
}

func read(part string, into any) error {
	bytes, err := encoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes, into)
}
