// What Argo CD and Flux make of manifests, by their own code against the API server of $KUBECONFIG:
// for each question on stdin, a line of JSON, an answer on stdout. Their libraries log to stderr.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// An Application, a Kustomization or a HelmRelease, and what its source has.
type question struct {
	Object    json.RawMessage   `json:"object"`
	Manifests []json.RawMessage `json:"manifests"`
	Settings  string            `json:"settings"` // of Argo CD: the namespace of argocd-cm
	Apply     bool              `json:"apply"`    // in place of only looking
}

type answer struct {
	Error string `json:"error,omitempty"`
	// The status of an Application, the phase of its sync; of Flux what is done, or would be, to the
	// first manifest.
	Says string `json:"says,omitempty"`
	// How a HelmRelease would put it right.
	Patch any `json:"patch,omitempty"`
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err == nil {
		err = rest.LoadTLSFiles(config)
	}
	if err != nil {
		log.Fatal(err)
	}
	questions, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked question
		if err := questions.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		said, err := reply(context.Background(), rest.CopyConfig(config), asked)
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := answers.Encode(said); err != nil {
			log.Fatal(err)
		}
	}
}

func reply(ctx context.Context, config *rest.Config, asked question) (answer, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var kind struct{ Kind string }
	if err := json.Unmarshal(asked.Object, &kind); err != nil {
		return answer{}, err
	}
	switch kind.Kind {
	case "Application":
		return application(ctx, config, asked)
	case "Kustomization":
		return kustomization(ctx, config, asked)
	case "HelmRelease":
		return helmRelease(ctx, config, asked)
	}
	return answer{}, fmt.Errorf("neither Argo CD nor Flux has the kind %q", kind.Kind)
}
