// A provider with an HTML login form for the tests of the OAuth2 proxy: Dex, on loopback, with everything in memory.
//
// Its people are a JSON file, read anew at each login and each refresh, so that a test removes somebody or takes a
// group away while the provider runs. Each password that is sent is a line of its output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/dexidp/dex/connector"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
)

// The client that the proxy is. Neither is secret: both end with the test.
const (
	clientID     = "proxy-of-a-test"
	clientSecret = "no-secret-of-anybody"
)

// A person of the file, by user name.
type person struct {
	Password string   `json:"password"`
	Groups   []string `json:"groups"`
}

// The login form's side of Dex: a file in the place of a directory.
type people struct {
	file string
}

func (p *people) find(name string) (person, bool, error) {
	text, err := os.ReadFile(p.file)
	if err != nil {
		return person{}, false, err
	}
	var all map[string]person
	if err := json.Unmarshal(text, &all); err != nil {
		return person{}, false, err
	}
	found, known := all[name]
	return found, known, nil
}

func (*people) Prompt() string { return "Username" }

func (p *people) Login(_ context.Context, _ connector.Scopes, name, password string) (connector.Identity, bool, error) {
	found, known, err := p.find(name)
	right := known && found.Password == password
	fmt.Printf("password name=%s right=%t\n", name, right)
	return identity(name, found), right, err
}

// Refresh is Dex's question, with each new token, whether somebody is still there.
func (p *people) Refresh(_ context.Context, _ connector.Scopes, old connector.Identity) (connector.Identity, error) {
	found, known, err := p.find(old.Username)
	if err == nil && !known {
		err = errors.New("this person is gone")
	}
	fmt.Printf("refresh name=%s granted=%t\n", old.Username, err == nil)
	return identity(old.Username, found), err
}

func identity(name string, found person) connector.Identity {
	return connector.Identity{
		UserID:            name,
		Username:          name,
		PreferredUsername: name,
		Email:             name + "@people.example",
		EmailVerified:     true,
		Groups:            found.Groups,
	}
}

// Open makes it a kind of connector.
func (p *people) Open(string, *slog.Logger) (connector.Connector, error) { return p, nil }

func main() {
	listen := flag.String("listen", "127.0.0.1:5556", "the address")
	issuer := flag.String("issuer", "", "the URL by which it is reached, if not http://LISTEN")
	file := flag.String("people", "people.json", "the file of people")
	callbacks := flag.String("callbacks", "http://127.0.0.1:4180/oauth2/callback,http://127.0.0.1:8000/oauth2/callback", "where it may lead back to")
	tokens := flag.Duration("tokens", 24*time.Hour, "how long its tokens are valid")
	approval := flag.Bool("approval", false, "whether it asks for consent after each login")
	flag.Parse()
	if *issuer == "" {
		*issuer = "http://" + *listen
	}

	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	server.ConnectorsConfig["people"] = func() server.ConnectorConfig { return &people{*file} }
	store := memory.New(logger)
	ctx := context.Background()
	must(store.CreateConnector(ctx, storage.Connector{ID: "people", Type: "people", Name: "people", Config: []byte("{}")}))
	must(store.CreateClient(ctx, storage.Client{
		ID:           clientID,
		Secret:       clientSecret,
		Name:         "The proxy of a test",
		RedirectURIs: strings.Split(*callbacks, ","),
	}))
	// Each refresh ends the token that it was asked with, as is Dex's default.
	rotation, err := server.NewRefreshTokenPolicy(logger, false, "", "", "")
	must(err)
	dex, err := server.NewServer(ctx, server.Config{
		Issuer:             *issuer,
		Storage:            store,
		SkipApprovalScreen: !*approval,
		RefreshTokenPolicy: rotation,
		// For a test that wants a token and no page.
		PasswordConnector: "people",
		IDTokensValidFor:  *tokens,
		Logger:            logger,
	})
	must(err)
	must(http.ListenAndServe(*listen, dex))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
