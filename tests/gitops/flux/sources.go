// What Flux's controllers read from in their test: git repositories over HTTP, and a registry of OCI artifacts that is
// gone with this program.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"

	"github.com/fluxcd/pkg/oci"
	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sources:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "serve":
		return serve(args[1], args[2])
	case len(args) == 3 && args[0] == "push":
		return push(args[1], args[2])
	}
	return errors.New("usage: sources serve ADDRESS FOLDER | sources push IMAGE FOLDER")
}

// serve answers below /git/ for the bare repositories in a folder, and elsewhere as a registry.
func serve(address, folder string) error {
	git, err := exec.LookPath("git")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/git/", &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Root: "/git",
		Env:  []string{"GIT_PROJECT_ROOT=" + folder, "GIT_HTTP_EXPORT_ALL=1"},
	})
	mux.Handle("/", registry.New())
	return http.ListenAndServe(address, mux)
}

// push makes an artifact of a folder and uploads it, as `flux push artifact` does.
func push(image, folder string) error {
	_, err := oci.NewClient(oci.DefaultOptions()).Push(context.Background(), image, folder)
	return err
}
