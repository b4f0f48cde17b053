package token

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var now = time.Unix(1_700_000_000, 0)

func signer(t *testing.T, secret string) *Signer {
	t.Helper()
	signer, err := NewSigner(strings.Repeat(secret, 32))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestATokenSaysWhoseItIsUntilItExpires(t *testing.T) {
	signer := signer(t, "a")
	text, err := signer.Sign("ada", now)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := signer.Keys().Check(text, now.Add(Lifetime-time.Second)); who != "ada" || err != nil {
		t.Fatal(who, err)
	}
	if _, err := signer.Keys().Check(text, now.Add(Lifetime)); err == nil {
		t.Fatal("it has expired")
	}
}

func TestNothingElseIsTaken(t *testing.T) {
	signer, other := signer(t, "a"), signer(t, "b")
	text, _ := signer.Sign("ada", now)
	if _, err := other.Keys().Check(text, now); !errors.Is(err, ErrUnknownKey) {
		t.Fatal(err)
	}
	parts := strings.Split(text, ".")
	forged, _ := part(claims{issuer, "eve", now.Unix(), now.Add(Lifetime).Unix()})
	none, _ := part(header{"none", "JWT", signer.id})
	for _, bad := range []string{
		"", "a.b", parts[0] + "." + forged + "." + parts[2], none + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".",
	} {
		if who, err := signer.Keys().Check(bad, now); err == nil {
			t.Fatal(bad, who)
		}
	}
}
